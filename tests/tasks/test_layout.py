"""The frame of a submission: the sample's order and cells where it can be followed, test order otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import TaskError
from mlmaster.tasks.layout import out_of_fold_layout, submission_layout
from mlmaster.tasks.table import write_rows


def make_task(directory: Path, **changes: Any) -> Task:
    fields: dict[str, Any] = {
        "name": "t",
        "directory": directory,
        "train": "train.csv",
        "test": "test.csv",
        "sample": "sample.csv",
        "id_column": "id",
        "echo_columns": ("id",),
        "submission_columns": ("id", "y"),
        "prediction_columns": ("y",),
        "targets": ("y",),
        "kind": TaskKind.REGRESSION,
        "prediction_kind": PredictionKind.NUMBER,
        "metric": "rmse",
        "direction": Direction.MINIMIZE,
    }
    return Task(**{**fields, **changes})


def write(folder: Path, test: list[str], sample: list[str]) -> Task:
    write_rows(folder / "test.csv", ["x", "id"], [["1", key] for key in test])
    write_rows(folder / "sample.csv", ["id", "y"], [[key, "0"] for key in sample])
    return make_task(folder)


def test_the_sample_orders_rows_by_id(tmp_path: Path) -> None:
    layout = submission_layout(write(tmp_path, ["a", "b", "c"], ["c", "a", "b"]))
    assert layout.order.tolist() == [2, 0, 1]
    assert layout.echo == {"id": ["c", "a", "b"]}


@pytest.mark.parametrize("sample", [["a", "b", "q"], ["a", "b"], ["b", "b", "a"]])
def test_a_sample_that_does_not_match_is_not_followed(tmp_path: Path, sample: list[str]) -> None:
    layout = submission_layout(write(tmp_path, ["c", "a", "b"], sample))
    assert layout.order.tolist() == [0, 1, 2]
    assert layout.echo == {"id": ["c", "a", "b"]}


def test_repeated_ids_in_the_same_order_go_by_position(tmp_path: Path) -> None:
    layout = submission_layout(write(tmp_path, ["a", "a", "b"], ["a", "a", "b"]))
    assert layout.order.tolist() == [0, 1, 2]


def test_without_an_id_cells_come_from_the_sample_exactly(tmp_path: Path) -> None:
    write_rows(tmp_path / "test.csv", ["date", "text"], [["", "same"], ["", 'say "no"\nnow']])
    write_rows(tmp_path / "sample.csv", ["y", "date", "text"], [["0", " ", "same"], ["0", "", "shown otherwise"]])
    columns = {"id_column": None, "echo_columns": ("date", "text"), "submission_columns": ("y", "date", "text")}
    layout = submission_layout(make_task(tmp_path, **columns))
    assert layout.order.tolist() == [0, 1]
    assert layout.echo == {"date": [" ", ""], "text": ["same", "shown otherwise"]}


def test_without_a_sample_rows_stand_in_test_order(tmp_path: Path) -> None:
    task = write(tmp_path, ["c", "a"], ["a"]).model_copy(update={"sample": None})
    layout = submission_layout(task)
    assert (layout.order.tolist(), layout.echo) == ([0, 1], {"id": ["c", "a"]})


def test_a_number_only_the_sample_has_is_kept_or_counted_on(tmp_path: Path) -> None:
    write_rows(tmp_path / "test.csv", ["p"], [["1"], ["2"], ["3"]])
    columns = {"id_column": None, "echo_columns": ("ImageId",), "submission_columns": ("ImageId", "y")}
    for given in (["1", "2", "3"], ["1"]):
        write_rows(tmp_path / "sample.csv", ["ImageId", "y"], [[key, "0"] for key in given])
        assert submission_layout(make_task(tmp_path, **columns)).echo == {"ImageId": ["1", "2", "3"]}


def test_a_sample_of_predictions_alone_goes_by_position(tmp_path: Path) -> None:
    write_rows(tmp_path / "test.csv", ["p"], [["1"], ["2"]])
    write_rows(tmp_path / "sample.csv", ["y"], [["0"], ["0"]])
    columns: dict[str, Any] = {"id_column": None, "echo_columns": (), "submission_columns": ("y",)}
    layout = submission_layout(make_task(tmp_path, **columns))
    assert (layout.order.tolist(), layout.echo) == ([0, 1], {})


def test_out_of_fold_rows_stand_in_train_order_and_are_numbered_without_an_id(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.csv", ["key", "y"], [["k0", "1"], ["k1", "2"]])
    task = make_task(tmp_path, test=None, sample=None, id_column=None, submission_columns=("row", "key", "y"))
    layout = out_of_fold_layout(task)
    assert layout.order.tolist() == [0, 1]
    assert layout.echo == {"row": ["0", "1"], "key": ["k0", "k1"]}
    with pytest.raises(TaskError, match="has no test file"):
        submission_layout(task)
