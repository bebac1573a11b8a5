"""Functions in processes of their own: every way in which one can fail to answer, and the program that is asked for them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.mlebench.calls import ANSWERS, READY
from tests.mlebench.planted import plant

from mlmaster.errors import DataError
from mlmaster.mlebench.alone import Abandoned, Answer, Unanswered, run_alone
from mlmaster.mlebench.grading_worker import GradingWorker, Ungraded
from mlmaster.mlebench.limits import Limits

MEMORY = 4 * 2**30


def answer() -> Answer:
    print("this goes nowhere")
    return {"pid": os.getpid()}


def fail() -> Answer:
    raise ValueError("wk9ju")


def take_too_much() -> Answer:
    return {"size": len(bytearray(MEMORY))}


def hang() -> Answer:
    while True:
        time.sleep(60)


def die() -> Answer:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def leave() -> Answer:
    os._exit(3)


def test_answer_comes_from_another_process(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_alone(answer, seconds=60, memory_bytes=MEMORY)["pid"] != os.getpid()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (fail, r"the grader failed \(ValueError\)$"),
        (take_too_much, "takes more memory than it may have"),
        (die, "killed by signal 9"),
        (leave, "ended before it had an answer"),
    ],
)
def test_whatever_happens_is_said(function: Callable[[], Answer], words: str) -> None:
    with pytest.raises(Unanswered, match=words):
        run_alone(function, seconds=60, memory_bytes=MEMORY)


def test_what_takes_too_long_is_stopped() -> None:
    with pytest.raises(Unanswered, match=r"longer than 0\.05 seconds"):
        run_alone(hang, seconds=0.05, memory_bytes=MEMORY)


def test_nobody_works_for_an_asker_who_has_gone() -> None:
    reader, writer = os.pipe()
    os.close(writer)
    try:
        with pytest.raises(Abandoned):
            run_alone(hang, seconds=60, memory_bytes=MEMORY, asker=reader)
    finally:
        os.close(reader)


def with_program(program: str, tmp_path: Path, use: Callable[[GradingWorker], Awaitable[None]]) -> None:
    async def run() -> None:
        limits = Limits(grading_s=0.0)
        async with GradingWorker(plant(tmp_path).place, limits, [sys.executable, "-c", program], 2.0) as worker:
            await use(worker)

    asyncio.run(run())


def test_worker_asks_and_is_answered(tmp_path: Path) -> None:
    async def use(worker: GradingWorker) -> None:
        for name in ("a.csv", "zwölf\nlines.csv"):
            assert await worker.validate(Path(name)) == (True, name)

    with_program(ANSWERS, tmp_path, use)


@pytest.mark.parametrize(
    "once", ["sys.exit()", "time.sleep(60)", "print('nonsense', flush=True)", "os.kill(os.getpid(), 9)"]
)
def test_program_that_is_lost_is_started_again(once: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    first = f"    sys.stdin.readline(); open({str(mark)!r}, 'w').close(); {once}\n"
    program = f"{READY}if not os.path.exists({str(mark)!r}):\n{first}{ANSWERS.removeprefix(READY)}"

    async def use(worker: GradingWorker) -> None:
        with pytest.raises(Ungraded, match="was lost"):
            await worker.validate(Path("a.csv"))
        assert await worker.validate(Path("b.csv")) == (True, "b.csv")

    with_program(program, tmp_path / "data", use)


def test_failure_is_passed_on_and_the_program_kept(tmp_path: Path) -> None:
    program = READY + "for line in sys.stdin: print(json.dumps({'failure': str(os.getpid())}), flush=True)"

    async def use(worker: GradingWorker) -> None:
        said = set()
        for _ in range(2):
            with pytest.raises(Ungraded) as caught:
                await worker.validate(Path("a.csv"))
            said.add(str(caught.value))
        assert len(said) == 1

    with_program(program, tmp_path, use)


def test_program_that_cannot_grade_is_the_users_to_mend(tmp_path: Path) -> None:
    async def use(worker: GradingWorker) -> None:
        raise AssertionError("it was never ready")

    with pytest.raises(DataError, match="no answers here"):
        with_program('print(\'{"failure": "no answers here"}\')', tmp_path, use)


def test_cancelled_question_ends_the_program(tmp_path: Path) -> None:
    program = ANSWERS.replace("for line in sys.stdin:", "for line in sys.stdin: 'slow' in line and time.sleep(60);")

    async def use(worker: GradingWorker) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(worker.validate(Path("slow.csv")), 0.05)
        assert await worker.validate(Path("b.csv")) == (True, "b.csv")

    with_program(program, tmp_path, use)
