"""Which columns are what: the targets, the id, and what a submission copies and predicts.

Works from the headers and the samples of the surveys; asks the user where they leave two answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.errors import DataError, TaskError
from mlmaster.tasks.cells import MISSING, is_id_name, is_integer, is_number
from mlmaster.tasks.loaded import NONE, Overrides
from mlmaster.tasks.survey import Survey
from mlmaster.tasks.table import read_columns

LONGEST_ID = 64
_TARGET_NAMES = ("target", "label", "class", "y", "outcome", "response", "output", "category")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a task, as far as the tables and the sample submission settle them.

    Attributes:
        targets: Target columns of train.
        id_column: Column that names rows, or None.
        echo: Columns of the submission that are copied from the test table.
        submission: All columns of the sample in order, or () without a sample.
        predicted: Its prediction columns, or () without a sample.
        class_labels: Class label of every prediction column where these are the classes of one target, else ().
        why_target, why_id: Reasons in words.
    """

    targets: tuple[str, ...]
    id_column: str | None
    echo: tuple[str, ...]
    submission: tuple[str, ...]
    predicted: tuple[str, ...]
    class_labels: tuple[str, ...]
    why_target: str
    why_id: str

    def prediction_kinds(self, kind: TaskKind) -> tuple[PredictionKind, ...]:
        """Return what may stand in the prediction columns, the most usual first."""
        if kind is TaskKind.REGRESSION:
            return (PredictionKind.NUMBER,)
        if kind is TaskKind.MULTILABEL:
            return PredictionKind.PROBABILITY, PredictionKind.LABEL
        if self.class_labels:
            return (PredictionKind.CLASS_PROBABILITIES,)
        if kind is TaskKind.BINARY:
            return PredictionKind.PROBABILITY, PredictionKind.LABEL
        if self.predicted:
            return PredictionKind.LABEL, PredictionKind.RANKING
        return PredictionKind.CLASS_PROBABILITIES, PredictionKind.LABEL, PredictionKind.RANKING


def find_columns(train: Survey, test: Survey | None, sample: Survey | None, overrides: Overrides, text: str) -> Columns:
    """Settle targets, id and submission columns; `text` is the goal and the description.

    Raises:
        TaskError: They cannot be told, or the user named a column that does not exist.
        DataError: The tables disagree.
    """
    _check_named(train, test, overrides)
    if test is not None:
        _check_agreement(train, test, sample, overrides)
    if test is None or sample is None:
        targets, why = _targets_without_sample(train, test, overrides, text)
        id_column, why_id = _find_id(test or train, targets, overrides)
        return Columns(targets, id_column, (id_column,) if id_column else (), (), (), (), why, why_id)
    echo = tuple(name for name in sample.header if name in test.header)
    predicted = tuple(name for name in sample.header if name not in test.header)
    if not predicted:
        raise TaskError(
            f"{sample.path}: every column of the sample submission is in {test.path.name} too, so none is left to "
            "predict; give a sample with the predicted columns, or take the target out of the test table"
        )
    if not echo and (sample.rows != test.rows or not set(predicted) <= set(train.header)):
        raise DataError(
            f"{sample.path}: shares no column with {test.path.name} ({sample.rows} and {test.rows} rows), so its rows "
            f"cannot be told; name the id alike in both, or add the column {sample.header[0]!r} to {test.path.name}"
        )
    targets, labels, why = _targets_of_sample(train, test, predicted, overrides)
    id_column, why_id = _id_of_sample(test, echo, overrides)
    return Columns(targets, id_column, echo, sample.header, predicted, labels, why, why_id)


def _check_named(train: Survey, test: Survey | None, overrides: Overrides) -> None:
    for name in overrides.target:
        if name not in train.header:
            raise TaskError(f"{train.path}: has no column {name!r} for --target; {_near(name, train.header)}")
        if test is not None and name in test.header:
            raise TaskError(
                f"the target {name!r} is a column of the test table {test.path.name} too; "
                "take it out there, or name another with --target"
            )
    table = test or train
    if overrides.id is not None and overrides.id.lower() != NONE and overrides.id not in table.header:
        raise TaskError(f"{table.path}: has no column {overrides.id!r} for --id; {_near(overrides.id, table.header)}")


def _check_agreement(train: Survey, test: Survey, sample: Survey | None, overrides: Overrides) -> None:
    strange = [name for name in test.header if name not in train.header]
    # An id may stand in the test table alone: it names rows of the submission and is no feature.
    if len(strange) == 1 and (
        strange[0] == overrides.id
        or (sample is not None and strange[0] in sample.header)
        or (sample is None and is_id_name(strange[0]))
    ):
        return
    if strange:
        hints = []
        for name in strange[:5]:
            best = get_close_matches(name, train.header, n=1)
            hints.append(f"{name!r}" + (f" (train has {best[0]!r})" if best else ""))
        raise DataError(
            f"{test.path.name} has {len(strange)} column(s) that {train.path.name} lacks: {', '.join(hints)}; "
            "name columns alike in both tables, or take them out of the test table"
        )


def _targets_without_sample(
    train: Survey, test: Survey | None, overrides: Overrides, text: str
) -> tuple[tuple[str, ...], str]:
    if overrides.target:
        return overrides.target, "as you said"
    candidates = [name for name in train.header if test is None or name not in test.header]
    if test is not None and len(candidates) == 1:
        return (candidates[0],), "the only column of train that test lacks"
    if not candidates:
        raise TaskError(
            f"{train.path.name} and {test.path.name if test else 'test'} have the same columns, so nothing is left to "
            "predict; name the target with --target and take it out of the test table"
        )
    named = [name for name in candidates if name.lower() in _TARGET_NAMES]
    if len(named) == 1:
        return (named[0],), "by its name"
    called = [name for name in candidates if _is_called_target(name, text)]
    if len(called) == 1:
        return (called[0],), "the description calls it the target"
    raise TaskError(
        f"{train.path}: cannot tell which column is to be predicted; name it with --target, one of "
        f"{', '.join(candidates[:20])}" + (", …" if len(candidates) > 20 else "")
    )


def _is_called_target(name: str, text: str) -> bool:
    quoted = rf"[`'\"]{re.escape(name)}[`'\"]"
    return (
        re.search(rf"(?i:predict|target)[^.,;)`\n]{{0,40}}{quoted}|{quoted}[^.\n`]{{0,10}}(?i:target)", text)
        is not None
    )


def _targets_of_sample(
    train: Survey, test: Survey, predicted: tuple[str, ...], overrides: Overrides
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Return the targets, the class labels where the predicted columns are classes, and why."""
    rest = [name for name in train.header if name not in test.header]
    if set(predicted) <= set(train.header) and (not overrides.target or set(overrides.target) == set(predicted)):
        if overrides.kind is TaskKind.MULTICLASS and len(predicted) > 1:
            return predicted, predicted, "a column of 0 and 1 for each class, in the sample submission and in train"
        return predicted, (), "predicted in the sample submission, and in train"
    for name in overrides.target or rest:
        labels = _match_classes(train, name, predicted)
        if labels:
            why = "as you said" if overrides.target else "its values are the columns of the sample submission"
            return (name,), labels, why
    if overrides.target:
        if len(overrides.target) != len(predicted):
            raise TaskError(
                f"the sample submission predicts {', '.join(predicted[:8])}, which are neither the target(s) "
                f"{', '.join(overrides.target)} nor classes of it; correct --target, or the sample"
            )
        return overrides.target, (), "as you said"
    if len(predicted) == len(rest) == 1:
        return (rest[0],), (), f"the only column of train that test lacks; called {predicted[0]!r} in the sample"
    raise TaskError(
        f"the sample submission predicts {', '.join(predicted[:8])}, which {train.path.name} does not have; "
        f"name the target with --target: {_near(predicted[0], rest or train.header)}"
    )


def _match_classes(train: Survey, name: str, predicted: Sequence[str]) -> tuple[str, ...]:
    """Return the class of every predicted column when these are the values of a train column, else ()."""
    if len(predicted) < 2:
        return ()
    values = set(train.column(name)) - MISSING
    if not values or len(values) > len(predicted):
        return ()
    if not train.is_whole:
        values = set(read_columns(train.path, [name], train.delimiter)[name]) - MISSING
    if values <= set(predicted):
        return tuple(predicted)
    # `Class_1`, `Class_2`: the labels with one prefix for all.
    value = max(values, key=len)
    for column in predicted:
        prefix = column.removesuffix(value)
        if prefix != column and all(each.startswith(prefix) for each in predicted):
            stripped = tuple(each[len(prefix) :] for each in predicted)
            if values <= set(stripped):
                return stripped
    return ()


def _id_of_sample(test: Survey, echo: Sequence[str], overrides: Overrides) -> tuple[str | None, str]:
    if overrides.id is not None:
        return (None if overrides.id.lower() == NONE else overrides.id), "as you said"
    if len(echo) == 1:
        return echo[0], "copied in the sample submission from the test table"
    for name in echo:
        if _is_unique(test, name):
            return name, "copied in the sample submission, and different in every row of the test table"
    if echo:
        return None, f"none of {', '.join(echo)} is different in every row of the test table"
    return None, "the sample submission copies no column of the test table"


def _find_id(table: Survey, targets: Sequence[str], overrides: Overrides) -> tuple[str | None, str]:
    if overrides.id is not None:
        return (None if overrides.id.lower() == NONE else overrides.id), "as you said"
    for place, name in enumerate(table.header):
        if name not in targets and _could_name_rows(table, name, is_first=place == 0) and _is_unique(table, name):
            return name, f"different in every row of {table.path.name}"
    return None, f"no id-like column is different in every row of {table.path.name}"


def _could_name_rows(table: Survey, name: str, *, is_first: bool) -> bool:
    if is_id_name(name):
        return True
    cells = table.column(name)
    if not is_first or max(map(len, cells)) > LONGEST_ID:
        return False
    if all(map(is_integer, cells)):
        numbers = [float(cell) for cell in cells]
        return all(left < right for left, right in pairwise(numbers))
    return not any(map(is_number, cells))


def _is_unique(table: Survey, name: str) -> bool:
    cells: Sequence[str] = table.column(name)
    if len(set(cells)) < len(cells) or any(cell in MISSING for cell in cells):
        return False
    if not table.is_whole:
        cells = read_columns(table.path, [name], table.delimiter)[name]
    return len(set(cells)) == len(cells) and MISSING.isdisjoint(cells)


def _near(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    lower = [each for each in names if each.lower() == name.lower()]
    found = list(dict.fromkeys([*lower, *near]))
    if found:
        return f"did you mean {', '.join(map(repr, found))}?"
    return f"it has {', '.join(names[:20])}" + (", …" if len(names) > 20 else "")
