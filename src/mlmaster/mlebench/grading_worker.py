"""The server's side of the program that grades: starts it, asks it, starts it again when it is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from mlmaster.errors import DataError
from mlmaster.mlebench.limits import Limits
from mlmaster.mlebench.places import Place

MARGIN_S = 30.0
"""Seconds the program has to say that its own limit was reached."""


class Ungraded(Exception):
    """There is no verdict; the text says why and holds nothing of the answers."""


class GradingWorker:
    """Asks the program that grades.

    Args:
        place: Of the competition.
        limits: What grading may take.
        program: Another program that speaks as `grading_child` does.
        margin_s: Seconds beyond the limit after which the program itself is given up.
    """

    def __init__(
        self, place: Place, limits: Limits, program: Sequence[str] | None = None, margin_s: float = MARGIN_S
    ) -> None:
        facts = (place.competition.id, str(place.data_dir.absolute()), str(limits.grading_s), str(limits.memory_bytes))
        self._command = program or (sys.executable, "-m", "mlmaster.mlebench.grading_child", *facts)
        self._patience_s = limits.grading_s + margin_s
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        """Start the program.

        Raises:
            DataError: It cannot grade: the answers are not there, or a library is not.
        """
        try:
            await self._start()
        except Ungraded as error:
            raise DataError(str(error)) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def validate(self, submission: Path) -> tuple[bool, str]:
        """Return whether a submission is valid, and the message for whoever handed it in. Never ask for two at a time.

        Raises:
            Ungraded: There is no verdict.
        """
        process = self._process or await self._start()
        found = await self._ask(process, json.dumps(str(submission)))
        return bool(found["is_valid"]), str(found["message"])

    async def _start(self) -> Process:
        # one thread for each library: what is forked must not have more
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, env={**os.environ, **threads}, start_new_session=True
        )
        self._process = process
        await self._ask(process, None)
        return process

    async def _ask(self, process: Process, line: str | None) -> dict[str, Any]:
        """Put a question, if any, and return the answer; a program that does not give one is ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if line is not None:
                process.stdin.write(f"{line}\n".encode())
                await process.stdin.drain()
            reply = await asyncio.wait_for(process.stdout.readline(), self._patience_s)
            found: dict[str, Any] = json.loads(reply)
        except (OSError, ValueError, TimeoutError):
            await self._stop()
            raise Ungraded("the program that grades was lost; it is started again for the next submission") from None
        except BaseException:
            await self._stop()
            raise
        if "failure" in found:
            if line is None:
                await self._stop()
            raise Ungraded(str(found["failure"]))
        return found

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with what it has forked
        process.stdin.close()
        await process.wait()
