from collections.abc import Callable
from pathlib import Path

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Profile, Task, TaskKind
from mlmaster.errors import RunDirectoryError
from mlmaster.store.run_directory import RunDirectory


def make_task(directory: Path) -> Task:
    return Task(
        name="toy",
        directory=directory,
        train="train.csv",
        submission_columns=("y",),
        prediction_columns=("y",),
        targets=("y",),
        kind=TaskKind.REGRESSION,
        prediction_kind=PredictionKind.NUMBER,
        metric="rmse",
        direction=Direction.MINIMIZE,
    )


def writer(name: str, text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_text(text)

    return write


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    out = tmp_path / "run"
    RunDirectory.reserve(out)
    return RunDirectory.create(out, {"seed": 3}, make_task(tmp_path), Profile(train_rows=1, test_rows=0, columns=()))


def test_what_was_stored_is_read_again(run: RunDirectory, tmp_path: Path) -> None:
    run.close()
    again = RunDirectory.open_for_reading(run.directory)
    assert again.settings() == {"seed": 3}
    assert again.task() == make_task(tmp_path)
    assert again.profile().train_rows == 1
    again.close()


def test_best_is_replaced_in_one_step(run: RunDirectory) -> None:
    run.replace_best(writer("a.txt", "old"))
    run.replace_best(writer("b.txt", "new"))
    assert sorted(p.name for p in run.best.iterdir()) == ["b.txt"]
    assert len(list((run.directory / ".best").iterdir())) == 1
    run.close()


def test_a_failing_writer_keeps_the_old_best(run: RunDirectory) -> None:
    run.replace_best(writer("a.txt", "old"))

    def fail(folder: Path) -> None:
        (folder / "b.txt").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(RunDirectoryError, match="no space left"):
        run.replace_best(fail)
    assert (run.best / "a.txt").read_text() == "old"
    run.close()


def test_a_used_folder_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    run.close()
    with pytest.raises(RunDirectoryError, match="mlmaster resume"):
        RunDirectory.reserve(run.directory)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(RunDirectoryError, match="exists already"):
        RunDirectory.reserve(tmp_path / "other")


def test_no_run_there(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="no such folder"):
        RunDirectory.open_for_reading(tmp_path / "nothing")
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        RunDirectory.open_for_writing(tmp_path)


@pytest.mark.parametrize("name", ["run.yaml", "task.json", "profile.json"])
def test_a_damaged_file_is_named(run: RunDirectory, name: str) -> None:
    (run.directory / name).write_text("{ not: [valid")
    reading = {"run.yaml": run.settings, "task.json": run.task, "profile.json": run.profile}[name]
    with pytest.raises(RunDirectoryError, match=name):
        reading()
    run.close()
