from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlmaster.core.encoding import canonical_label, encode_truth
from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import TaskError


def make_task(kind: TaskKind, prediction_kind: PredictionKind, **changes: Any) -> Task:
    values: dict[str, Any] = {
        "prediction_columns": ("y",),
        "submission_columns": ("id", "y"),
        "targets": ("y",),
        "metric": "rmse",
        "direction": Direction.MINIMIZE,
    } | changes
    return Task(
        name="toy", directory=Path("/nowhere"), train="train.csv", kind=kind, prediction_kind=prediction_kind, **values
    )


BINARY = make_task(TaskKind.BINARY, PredictionKind.PROBABILITY, classes=("no", "yes"))
AUTHORS = make_task(
    TaskKind.MULTICLASS,
    PredictionKind.CLASS_PROBABILITIES,
    classes=("EAP", "HPL", "MWS"),
    prediction_columns=("EAP", "HPL", "MWS"),
    targets=("author",),
)
TOXIC = make_task(
    TaskKind.MULTILABEL,
    PredictionKind.PROBABILITY,
    classes=("toxic", "insult"),
    prediction_columns=("toxic", "insult"),
    targets=("toxic", "insult"),
)


def test_numbers_keep_the_order_of_the_targets() -> None:
    task = make_task(TaskKind.REGRESSION, PredictionKind.NUMBER, targets=("b", "a"), prediction_columns=("b", "a"))
    truth = encode_truth(task, {"a": ["1", "2"], "b": ["3.5", "-4"], "other": ["x", ""]})
    assert truth.dtype == np.float64
    assert truth.tolist() == [[3.5, 1.0], [-4.0, 2.0]]


def test_the_second_class_is_the_positive_one() -> None:
    truth = encode_truth(BINARY, {"y": ["yes", "no", "yes"]})
    assert truth.dtype == np.float64
    assert truth.tolist() == [[1.0], [0.0], [1.0]]


def test_class_probabilities_are_compared_with_indices_of_classes() -> None:
    truth = encode_truth(AUTHORS, {"author": ["MWS", "EAP"]})
    assert truth.dtype == np.int64
    assert truth.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (AUTHORS, [1, 2]),
        (
            make_task(TaskKind.MULTICLASS, PredictionKind.LABEL, classes=("EAP", "HPL", "MWS"), targets=("author",)),
            [["HPL"], ["MWS"]],
        ),
        (make_task(TaskKind.BINARY, PredictionKind.PROBABILITY, classes=("HPL", "MWS")), [[0.0], [1.0]]),
    ],
)
def test_answers_may_be_one_column_for_each_class(task: Task, expected: list[Any]) -> None:
    columns = {"id": ["7", "8"], "EAP": ["0", "0"], "HPL": ["1", "0.0"], "MWS": ["0", "1"]}
    assert encode_truth(task, columns).tolist() == expected


def test_targets_that_are_flags_of_the_classes_are_one_hot() -> None:
    task = AUTHORS.model_copy(update={"targets": ("EAP", "HPL", "MWS")})
    assert encode_truth(task, {"EAP": ["0", "1"], "HPL": ["0", "0"], "MWS": ["1", "0"]}).tolist() == [2, 0]


@pytest.mark.parametrize("row", [("1", "1", "0"), ("0", "0", "0")])
def test_a_row_with_not_exactly_one_class_is_an_error(row: tuple[str, ...]) -> None:
    columns = {name: ["1" if name == "EAP" else "0", cell] for name, cell in zip(AUTHORS.classes, row, strict=True)}
    with pytest.raises(TaskError, match=r"row 2: \d classes are marked 1"):
        encode_truth(AUTHORS, columns)


def test_labels_become_canonical() -> None:
    task = make_task(TaskKind.BINARY, PredictionKind.LABEL, classes=("False", "True"))
    truth = encode_truth(task, {"y": ["TRUE", "false", "1"]})
    assert truth.tolist() == [["True"], ["False"], ["True"]]


def test_labels_of_several_answers_a_row_are_flags_or_one_cell() -> None:
    columns = {"toxic": ["1", "0"], "insult": ["1.0", "0"]}
    assert encode_truth(TOXIC, columns).tolist() == [[1.0, 1.0], [0.0, 0.0]]
    flags = TOXIC.model_copy(update={"prediction_kind": PredictionKind.LABEL})
    assert encode_truth(flags, columns).tolist() == [["1", "1"], ["0", "0"]]
    cell = flags.model_copy(update={"prediction_columns": ("labels",), "targets": ("labels",)})
    assert encode_truth(cell, columns).tolist() == [["toxic insult"], [""]]
    assert encode_truth(cell, {"labels": ["insult toxic", "toxic"]}).tolist() == [["toxic insult"], ["toxic"]]
    packed = TOXIC.model_copy(update={"targets": ("labels",)})
    assert encode_truth(packed, {"labels": ["insult", ""]}).tolist() == [[0.0, 1.0], [0.0, 0.0]]


def test_rankings_and_texts_stay_as_they_are() -> None:
    for kind in (PredictionKind.RANKING, PredictionKind.TEXT):
        task = make_task(TaskKind.MULTICLASS, kind)
        assert encode_truth(task, {"y": [" b a", ""]}).tolist() == [[" b a"], [""]]


def test_answers_may_be_named_like_the_predictions() -> None:
    task = make_task(TaskKind.REGRESSION, PredictionKind.NUMBER, targets=("price",), prediction_columns=("prediction",))
    assert encode_truth(task, {"prediction": ["2"]}).tolist() == [[2.0]]


def test_errors_name_column_row_and_value() -> None:
    with pytest.raises(TaskError, match="column 'y', row 2: 'maybe' is not one of the classes no, yes"):
        encode_truth(BINARY, {"y": ["yes", "maybe"]})
    number = make_task(TaskKind.REGRESSION, PredictionKind.NUMBER)
    with pytest.raises(TaskError, match="column 'y', row 3: '' is empty"):
        encode_truth(number, {"y": ["1", "2", ""]})
    with pytest.raises(TaskError, match="'y' is not in the table, which has id, x"):
        encode_truth(number, {"id": [], "x": []})


def test_a_label_the_task_does_not_know_is_named_with_those_it_does() -> None:
    assert canonical_label(BINARY, "yes") == "yes"
    with pytest.raises(TaskError, match="'Yes' is not one of the task's classes: no, yes"):
        canonical_label(BINARY, "Yes")
