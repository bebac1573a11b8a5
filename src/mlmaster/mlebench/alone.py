"""Running a function in a process of its own, which may die, hang or ask for too much without harm to anybody else.

The process is a fork: what is loaded here is there at once, and what it takes is free again when it ends.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

Answer = Mapping[str, Any]
"""Plain data, as JSON has it."""


class Unanswered(Exception):
    """The function gave no answer; the text says what became of it, and nothing of what it worked on."""


class Abandoned(Exception):
    """Whoever wanted the answer has gone."""


def run_alone(
    function: Callable[[], Answer], *, seconds: float, memory_bytes: int, asker: int | None = None
) -> dict[str, Any]:
    """Return what a function answers in a process of its own. What it prints goes nowhere.

    Args:
        function: Takes nothing, returns plain data.
        seconds: It is killed after so long.
        memory_bytes: A larger allocation than leaves room within this fails in it.
        asker: File descriptor that becomes readable when the answer is not wanted any more.

    Raises:
        Unanswered: It raised, died, or was killed.
        Abandoned: The asker has gone; the process is gone too.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(function, memory_bytes, sender), daemon=True)
    process.start()
    sender.close()
    try:
        ready = wait([receiver, *([] if asker is None else [asker])], seconds)
        if asker is not None and asker in ready:
            raise Abandoned
        if not ready:
            raise Unanswered(f"grading took longer than {seconds:g} seconds and was stopped")
        try:
            found: dict[str, Any] = json.loads(receiver.recv_bytes())
        except EOFError:
            process.join()
            raise Unanswered(_end_of(process.exitcode)) from None
    finally:
        process.kill()
        process.join()
        process.close()
        receiver.close()
    if "failure" in found:
        raise Unanswered(found["failure"])
    return found


def _end_of(exit_code: int | None) -> str:
    how = f"was killed by signal {-exit_code}" if exit_code is not None and exit_code < 0 else "ended"
    return f"the grader {how} before it had an answer; it may have run out of memory"


def _answer(function: Callable[[], Answer], memory_bytes: int, sender: Connection) -> None:
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - no file, but what swallows everything
        sys.stdout = sys.stderr = nowhere
        for descriptor in (1, 2):
            os.dup2(nowhere.fileno(), descriptor)
        sender.send_bytes(json.dumps(_call(function, memory_bytes)).encode())


def _call(function: Callable[[], Answer], memory_bytes: int) -> Answer:
    # of what is allocated, not of addresses: libraries reserve those by the gigabyte. Not every system has such a limit
    with suppress(ValueError, OSError):
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        soft = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    try:
        return function()
    except MemoryError:
        return {"failure": "grading takes more memory than it may have"}
    except Exception as error:  # noqa: BLE001 - named boundary: whatever it is, only its kind leaves this process
        return {"failure": f"the grader failed ({type(error).__name__})"}
