"""A task's own split in the views and in a run: its folds, its clusters, its words; and no label on the test side."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mlmaster.core.events import RunStarted
from mlmaster.core.scheme import SchemeKind
from mlmaster.core.task import Profile, Task
from mlmaster.engine.pools import InlinePool
from mlmaster.engine.run import Run
from mlmaster.errors import RunDirectoryError, SettingsError, TaskError
from mlmaster.store.run_directory import RunDirectory
from mlmaster.tasks.custom_split import Split, read_split
from mlmaster.tasks.scheme import Asked
from mlmaster.tasks.views import Views
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.fake_sandbox import FakeSandbox, Outcome
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import ROWS, TEST_ROWS, make_settings, play, tinker, write_task
from mlmaster.wiring import assemble

MANY = 600
METRIC = "greater_is_better = False\ndef score(truth, predictions):\n    return abs(truth - predictions).mean()\n"


def make_split(rows: int, folds: int = 3, cluster: int = 4) -> Split:
    lines = "".join(f"{row // cluster % folds},{row // cluster}\n" for row in range(rows))
    return read_split(b"fold,cluster\n" + lines.encode(), rows, "split.py", "0" * 64)


def test_views_hide_what_the_split_says_and_show_no_label(tmp_path: Path) -> None:
    task, split = write_task(tmp_path / "data", MANY), make_split(MANY)
    views = Views(task, tmp_path / "pool", 1, split=split)
    assert (views.folds, views.scheme.kind, views.scheme.is_users) == (3, SchemeKind.GROUPED, True)
    assert views.scheme.has_judge
    assert "split.py" in views.scheme.reason
    hidden = [np.sort(views.fold(fold).hidden) for fold in range(3)]
    assert [rows.tolist() for rows in hidden] == [np.flatnonzero(split.folds == fold).tolist() for fold in range(3)]
    with (views.fold(0).directory / "test.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"id", "x"}
    with (views.fold(0).directory / "train.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == MANY - len(hidden[0])
    for cluster in np.unique(views.clusters):
        assert len(set(views.guide[views.clusters == cluster].tolist())) == 1


def test_settings_that_contradict_the_split_are_refused(tmp_path: Path) -> None:
    task = write_task(tmp_path / "data", MANY)
    for asked in (Asked(folds=5), Asked(kind=SchemeKind.ROW), Asked(repeats=2)):
        with pytest.raises(SettingsError, match=r"split\.py, which makes 3 folds"):
            Views(task, tmp_path / "pool", 1, asked=asked, split=make_split(MANY))
    assert Views(task, tmp_path / "pool", 1, asked=Asked(folds=3), split=make_split(MANY)).folds == 3


def test_a_fold_that_the_metric_cannot_score_is_refused(tmp_path: Path) -> None:
    task = write_task(tmp_path / "data", MANY)
    with pytest.raises(TaskError, match=r"split\.py: the guide rows of fold 0 are too few to score: no way"):
        Views(task, tmp_path / "pool", 1, split=make_split(MANY), complain=lambda _: "no way")


def make_run(tmp_path: Path, split: str = "first", metric: str = METRIC, **changes: object) -> Run:
    out, data = tmp_path / "run", tmp_path / "data"
    settings = make_settings(budget__nodes=2, engine__folds=None, **changes)
    if (out / "journal.db").exists():
        store = RunDirectory.open_for_writing(out)
    else:
        RunDirectory.reserve(out)
        task: Task = write_task(data).model_copy(
            update={"split_file": "split.py", "metric_file": "metric.py", "metric": "own"}
        )
        store = RunDirectory.create(
            out, settings.dump(), task, Profile(train_rows=ROWS, test_rows=TEST_ROWS, columns=())
        )
    (data / "split.py").write_text(split)
    (data / "metric.py").write_text(metric)

    def behave(code: str, view: Path) -> Outcome:
        if code in ("first", "second"):
            return Outcome(files={"split.csv": "fold\n" + "".join(f"{row % 2}\n" for row in range(ROWS))})
        return play(code, view)

    sandbox = FakeSandbox(out / "work", behave)
    try:
        return assemble(
            store, settings, engineer=ScriptedEngineer(tinker), sandbox=sandbox, pool=InlinePool(), clock=FakeClock()
        )
    except BaseException:
        store.close()
        raise


def test_a_run_is_scored_by_the_task_s_own_split_and_metric(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert run.execute() is not None
    store = RunDirectory.open_for_reading(run.directory)
    start = store.read()[0].event
    store.close()
    assert isinstance(start, RunStarted)
    assert start.scheme is not None
    assert (start.folds, start.metric) == (2, "own")
    assert start.scheme.reason.startswith("split.py (sha256 ")
    assert sorted(path.name for path in (tmp_path / "run" / "frozen").iterdir()) == [
        "metric.py",
        "split.csv",
        "split.py",
    ]


def test_a_resumed_run_refuses_another_split_or_metric(tmp_path: Path) -> None:
    make_run(tmp_path).execute()
    with pytest.raises(RunDirectoryError, match=r"split\.py has changed since the run began"):
        make_run(tmp_path, split="second")
    with pytest.raises(RunDirectoryError, match=r"metric\.py has changed since the run began"):
        make_run(tmp_path, metric=METRIC + "# another\n")
    make_run(tmp_path).store.close()


def test_a_metric_that_prefers_a_constant_starts_no_run(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="a perfect answer must score best"):
        make_run(tmp_path, metric=METRIC.replace("abs(truth - predictions).mean()", "predictions.std()"))
