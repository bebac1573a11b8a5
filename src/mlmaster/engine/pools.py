"""Where proposals and evaluations run, beside the single thread that owns the run's state.

`ThreadPool` is the real one: jobs wait for subprocesses and providers, so threads do. `InlinePool` runs the job of
lowest key when somebody waits: deterministic, for tests and replays.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol


class Work(IntEnum):
    """What a job does; lower is run first by `InlinePool`."""

    PROPOSE = 0
    EVALUATE = 1
    PREDICT = 2


Key = tuple[Work, int]
"""(what, node): at most one job of a key is in a pool."""


@dataclass(frozen=True, slots=True)
class Done:
    """A finished job: its key and what it returned or raised."""

    key: Key
    value: Any = None
    error: BaseException | None = None


class Pool(Protocol):
    """Runs jobs; the run loop is its only client."""

    def submit(self, key: Key, job: Callable[[], Any]) -> None:
        """Start or queue a job."""
        ...

    def wait(self, timeout_s: float) -> Done | None:
        """Return the next finished job, or None after the timeout."""
        ...

    def close(self) -> None:
        """Wait for the jobs that run and drop those that do not."""
        ...


class ThreadPool:
    """Two bounded groups of threads: one for proposals, one for evaluations."""

    def __init__(self, proposals: int, evaluations: int) -> None:
        evaluate = ThreadPoolExecutor(evaluations, thread_name_prefix="evaluate")
        propose = ThreadPoolExecutor(proposals, thread_name_prefix="propose")
        self._groups = {Work.PROPOSE: propose, Work.EVALUATE: evaluate, Work.PREDICT: evaluate}
        self._done: queue.SimpleQueue[Done] = queue.SimpleQueue()

    def submit(self, key: Key, job: Callable[[], Any]) -> None:
        """Start or queue a job."""

        def work() -> None:
            try:
                self._done.put(Done(key, value=job()))
            except BaseException as error:  # noqa: BLE001 - the boundary of a worker: the loop decides whose fault it is
                self._done.put(Done(key, error=error))

        self._groups[key[0]].submit(work)

    def wait(self, timeout_s: float) -> Done | None:
        """Return the next finished job, or None after the timeout."""
        try:
            return self._done.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Wait for the jobs that run and drop those that do not."""
        for group in self._groups.values():
            group.shutdown(wait=True, cancel_futures=True)


class InlinePool:
    """Runs the waiting job of lowest key on `wait`: proposals first, then older nodes; all in one thread."""

    def __init__(self) -> None:
        self._jobs: dict[Key, Callable[[], Any]] = {}

    def submit(self, key: Key, job: Callable[[], Any]) -> None:
        """Queue a job."""
        self._jobs[key] = job

    def wait(self, timeout_s: float) -> Done | None:  # noqa: ARG002 - the protocol's argument
        """Run the job of lowest key and return its end; None when there is none."""
        if not self._jobs:
            return None
        key = min(self._jobs)
        job = self._jobs.pop(key)
        try:
            return Done(key, value=job())
        except Exception as error:  # noqa: BLE001 - as in ThreadPool
            return Done(key, error=error)

    def close(self) -> None:
        """Drop what waits."""
        self._jobs.clear()
