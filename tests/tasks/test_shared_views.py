"""Views with many files, end to end: one copy of each, renamed by links, built anew when a script changed one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import FileRule, PredictionKind, Task, TaskKind
from mlmaster.tasks.media import SHARED_FROM_FILES, is_intact
from mlmaster.tasks.table import write_rows
from mlmaster.tasks.views import Views

ROWS = SHARED_FROM_FILES


@pytest.fixture
def task(tmp_path: Path) -> Task:
    folder = tmp_path / "task"
    (folder / "train").mkdir(parents=True)
    (folder / "test").mkdir()
    write_rows(folder / "train.csv", ["id", "y"], [[str(i), str(i % 2)] for i in range(ROWS)])
    write_rows(folder / "test.csv", ["id"], [[str(i)] for i in range(20)])
    for i in range(ROWS):
        (folder / "train" / f"{i}.txt").write_text(f"train {i}", encoding="utf-8")
    for i in range(20):
        (folder / "test" / f"{i}.txt").write_text(f"test {i}", encoding="utf-8")
    return Task(
        name="t",
        directory=folder,
        train="train.csv",
        test="test.csv",
        id_column="id",
        file_rules=(FileRule(train="train/{key}.txt", test="test/{key}.txt", key="id"),),
        echo_columns=("id",),
        submission_columns=("id", "y"),
        prediction_columns=("y",),
        targets=("y",),
        kind=TaskKind.BINARY,
        prediction_kind=PredictionKind.LABEL,
        classes=("0", "1"),
        metric="accuracy",
        direction=Direction.MAXIMIZE,
    )


def test_all_views_hold_one_copy_and_a_forgotten_view_brings_clean_files(task: Task, tmp_path: Path) -> None:
    views = Views(task, tmp_path / "pool", seed=0)
    first, second = views.fold(0), views.fold(1)
    assert views.disk_need_bytes < 3 * ROWS * 4096
    position, row = next((p, r) for p, r in enumerate(first.rows.tolist()) if r >= 0)
    assert first.keys is not None
    hidden, visible = first.directory / f"test/{first.keys[position]}.txt", second.directory / f"train/{row}.txt"
    assert hidden.read_text(encoding="utf-8") == f"train {row}"
    assert hidden.stat().st_ino == visible.stat().st_ino
    assert hidden.stat().st_ino != (task.directory / f"train/{row}.txt").stat().st_ino
    assert is_intact(first.directory)

    views.forget(first)  # nothing was changed: the other view stays
    assert views.fold(1) is second
    assert second.directory.exists()
    first = views.fold(0)

    status = visible.stat()
    visible.chmod(0o644)
    visible.write_text(f"TRAIN {row}", encoding="utf-8")
    visible.chmod(0o444)
    os.utime(visible, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not is_intact(first.directory)
    views.forget(second)
    assert not first.directory.exists()
    for view in (views.fold(0), views.fold(1)):
        assert is_intact(view.directory)
    assert hidden.read_text(encoding="utf-8") == f"train {row}"
