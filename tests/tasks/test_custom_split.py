"""A task's own split: proven before use, run in the sandbox, and kept as it was."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event as Flag

import numpy as np
import pytest

from mlmaster.core.execution import Execution, Fault, Limits
from mlmaster.core.scheme import SchemeKind
from mlmaster.core.task import Task
from mlmaster.errors import RunDirectoryError, TaskError
from mlmaster.tasks.custom_split import propose_split, read_split, settle_split
from mlmaster.testing.fake_sandbox import FakeSandbox, Outcome
from mlmaster.testing.sandboxes import open_sandbox
from mlmaster.testing.toy_run import write_task

ROWS = 12
LIMITS = Limits(wall_s=20, memory_bytes=2**30, disk_bytes=2**28)
GOOD = """
import csv
rows = list(csv.DictReader(open("input/train.csv", newline="")))
with open("split.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["fold", "cluster"])
    out.writerows([i // 2 % 3 - (i // 2 % 3 == 2) * 3, i // 2] for i, row in enumerate(rows))
"""


def lines(folds: Sequence[object], clusters: Sequence[object] | None = None) -> bytes:
    if clusters is None:
        return "\n".join(["fold", *map(str, folds)]).encode()
    return "\n".join(["fold,cluster", *(f"{f},{c}" for f, c in zip(folds, clusters, strict=True))]).encode()


@pytest.fixture
def task(tmp_path: Path) -> Task:
    made = write_task(tmp_path / "data", ROWS)
    return made.model_copy(update={"split_file": "split.py"})


def fake(tmp_path: Path, *answers: Outcome) -> FakeSandbox:
    left = list(answers)
    return FakeSandbox(tmp_path / "work", lambda _code, _view: left.pop(0) if len(left) > 1 else left[0])


def propose(task: Task, tmp_path: Path, *answers: Outcome) -> None:
    propose_split("code", task, fake(tmp_path, *answers), LIMITS, tmp_path)


def test_a_real_script_in_the_real_sandbox(task: Task, tmp_path: Path) -> None:
    sandbox = open_sandbox(tmp_path / "work")
    split, written = propose_split(GOOD, task, sandbox, LIMITS, tmp_path)
    assert split.folds.tolist() == [0, 0, 1, 1, -1, -1] * 2
    assert split.clusters.tolist() == [i // 2 for i in range(ROWS)]
    assert (split.scheme.kind, split.scheme.folds, split.scheme.is_users) == (SchemeKind.GROUPED, 2, True)
    assert split.scheme.reason == f"split.py (sha256 {split.digest[:12]}) hides 8 of 12 rows in 6 clusters, in 2 folds"
    assert read_split(written, ROWS, "split.py", split.digest).folds.tolist() == split.folds.tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["data", "work"]
    assert list((tmp_path / "work").iterdir()) == []


def test_the_script_sees_the_folder_and_cannot_change_it(task: Task, tmp_path: Path) -> None:
    seen: list[set[str]] = []

    def behave(_code: str, view: Path) -> Outcome:
        seen.append({path.name for path in view.iterdir()})
        return Outcome(files={"split.csv": lines([0, 1] * 6)})

    (task.directory / "private").mkdir()
    (task.directory / "private" / "answers.csv").write_text("id,y\n")
    propose_split("code", task, FakeSandbox(tmp_path / "work", behave), LIMITS, tmp_path)
    assert seen == [{"train.csv", "test.csv", "sample_submission.csv"}] * 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lines([0, 1] * 5), "has 10 lines for 12 train rows"),
        (lines([0, 1] * 7), "has 14 lines for 12 train rows"),
        (lines([0, 1] * 5 + [0, 0.5]), "line 12 of its split.csv is '0.5', and must be a whole number"),
        (lines([0, 1] * 5 + [0, ""]).replace(b"\n\n", b'\n""\n') + b'""', "line 12 of its split.csv is ''"),
        (lines([0, 1] * 5 + [0, 20]), "from 0 to 19"),
        (lines([0, 1] * 5 + [0, -2]), "or -1 for a row that is never hidden"),
        (lines([0, 2] * 6), "fold 1 is empty"),
        (lines([-1] * 12), "hides no row"),
        (lines([0] * 12), "hides every row in one fold"),
        (lines([0, 1] * 6, ["a"] * 12), "tears 1 cluster.s. apart: 'a' has rows in fold 0 and in fold 1"),
        (lines([0, -1] * 6, [i // 2 for i in range(12)]), "in fold 0 and in fold -1"),
        (b"part\n" + b"0\n1\n" * 6, "has the columns part"),
        (b"fold,fold\n" + b"0,0\n1,1\n" * 6, "has the columns fold, fold"),
        (b"fold,cluster\n" + b"0\n1\n" * 6, "line 1 of its split.csv has 1 cells"),
        (b"", "has the columns none"),
        (b"\xff\xfe", "no CSV in UTF-8"),
    ],
)
def test_what_is_no_split_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        read_split(content, ROWS, "split.py", "0" * 64)


def test_one_fold_that_leaves_rows_to_learn_from_is_a_split() -> None:
    split = read_split(lines([0, -1, -1] * 4), ROWS, "split.py", "0" * 64)
    assert (split.count, split.scheme.kind) == (1, SchemeKind.ROW)
    assert np.array_equal(split.clusters, np.arange(ROWS))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (
            [Outcome(fault=Fault.ERROR, detail="ValueError: x", log="Traceback: deep")],
            "ValueError: x.*\n.*Traceback: deep",
        ),
        ([Outcome(wall_s=99)], "did not run through .timeout."),
        ([Outcome()], "wrote no split.csv"),
        (
            [Outcome(files={"split.csv": lines([0, 1] * 6)}), Outcome(files={"split.csv": lines([1, 0] * 6)})],
            "wrote another split.csv when it was run again",
        ),
    ],
)
def test_a_script_that_fails_or_wavers_is_refused(
    task: Task, tmp_path: Path, answers: list[Outcome], message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        propose(task, tmp_path, *answers)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_link_in_the_place_of_the_answer_is_not_followed(task: Task, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(lines([0, 1] * 6))

    class Linking(FakeSandbox):
        def run(self, code: str, view: Path, limits: Limits, cancel: Flag) -> Execution:
            execution = super().run(code, view, limits, cancel)
            (execution.directory / "split.csv").symlink_to(secret)
            return execution

    sandbox = Linking(tmp_path / "work", lambda _code, _view: Outcome())
    with pytest.raises(TaskError, match=r"wrote no split\.csv"):
        propose_split("code", task, sandbox, LIMITS, tmp_path)


def settler(task: Task, tmp_path: Path) -> tuple[FakeSandbox, Callable[[], object]]:
    (task.directory / "split.py").write_text("first\n")
    sandbox = fake(tmp_path, Outcome(files={"split.csv": lines([0, 1] * 6)}))
    return sandbox, lambda: settle_split(task, tmp_path / "frozen", sandbox, LIMITS)


def test_a_split_is_made_once_and_read_back_when_the_run_goes_on(task: Task, tmp_path: Path) -> None:
    sandbox, settle = settler(task, tmp_path)
    first, second = settle(), settle()
    assert getattr(first, "digest", 1) == getattr(second, "digest", 2)
    assert len(sandbox.calls) == 2
    assert sandbox.calls[0].code == "first\n"


def test_a_changed_script_ends_the_run(task: Task, tmp_path: Path) -> None:
    _, settle = settler(task, tmp_path)
    settle()
    (task.directory / "split.py").write_text("second\n")
    with pytest.raises(RunDirectoryError, match=r"split\.py has changed since the run began .*put the old file back"):
        settle()


def test_without_a_script_there_is_no_split(task: Task, tmp_path: Path) -> None:
    plain = task.model_copy(update={"split_file": None})
    assert settle_split(plain, tmp_path / "frozen", fake(tmp_path, Outcome()), LIMITS) is None
