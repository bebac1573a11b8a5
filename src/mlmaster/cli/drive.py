"""Carries a run out in front of a person: shows it, obeys Ctrl-C, says at the end what there is and where.

Knows a run only by `Drivable`, so that tests bring their own. Read next: `live.py` and `lines.py`.
"""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TextIO

from mlmaster.cli.lines import event_line
from mlmaster.core.budget import Budget
from mlmaster.core.events import Record
from mlmaster.core.task import Task
from mlmaster.core.tree import Tree
from mlmaster.engine.run import Running

Observer = Callable[[Record, Tree], None]


class Drivable(Protocol):
    """What is asked of a run to show and steer it."""

    task: Task
    tree: Tree
    observers: list[Observer]

    @property
    def directory(self) -> Path:
        """Return the run directory."""
        ...

    def budget(self) -> Budget:
        """Return limits and spending now."""
        ...

    def running(self) -> Sequence[Running]:
        """Return what the slots are doing."""
        ...

    def execute(self) -> object:
        """Search and select, to the end."""
        ...

    def stop(self) -> None:
        """Start nothing more and go on to the final selection."""
        ...

    def abort(self) -> None:
        """Stop at once; the run can be resumed."""
        ...


class Screen(Protocol):
    """Where progress is shown, from entering it to leaving it."""

    def __enter__(self) -> object:
        """Begin to show."""
        ...

    def __exit__(self, *_: object) -> None:
        """Leave the last picture."""
        ...

    def observe(self, record: Record, tree: Tree) -> None:
        """Take in one event."""
        ...

    def say(self, message: str) -> None:
        """Show a message about the run that is no event."""
        ...


class PlainScreen:
    """One line an event."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.flush()

    def observe(self, record: Record, tree: Tree) -> None:
        """Print the event's line when it has one."""
        line = event_line(record, tree)
        if line is not None:
            self.say(line)

    def say(self, message: str) -> None:
        """Print a line."""
        print(message, file=self._stream, flush=True)


def carry_out(run: Drivable, screen: Screen) -> None:
    """Execute the run in front of the screen, obeying Ctrl-C."""
    run.observers.append(screen.observe)
    with Interruptions(run, screen).installed(), screen:
        run.execute()


class Interruptions:
    """What Ctrl-C does: the first time stop, the second time abort, from then on what it does everywhere.

    The handler itself only starts a thread, so that it can never wait for a lock that the interrupted code holds.
    """

    def __init__(self, run: Drivable, screen: Screen) -> None:
        self._run, self._screen = run, screen
        self.count = 0

    def __call__(self, *_: object) -> None:
        """Take one Ctrl-C."""
        self.count += 1
        if self.count > 2:
            raise KeyboardInterrupt
        threading.Thread(target=self._obey, args=(self.count,), name=f"interruption-{self.count}", daemon=True).start()

    def _obey(self, count: int) -> None:
        if count == 1:
            self._run.stop()
            self._screen.say("stopping: finishing the selection; Ctrl-C again to stop at once")
        else:
            self._run.abort()
            self._screen.say(
                f"stopping at once; go on later with: mlmaster resume {shlex.quote(str(self._run.directory))}"
            )

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Obey SIGINT while the block runs."""
        before = signal.signal(signal.SIGINT, self)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
