"""What the target columns of a train table are: usable at all, of which kind, with which classes.

Every label is looked at, not a sample: a class that occurs once is a class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlmaster.core.task import TaskKind
from mlmaster.errors import DataError, TaskError
from mlmaster.tasks.cells import MISSING, TRUTH_PAIRS, is_integer, is_number
from mlmaster.tasks.table import iterate_rows, read_header

MOST_CLASSES_OF_NUMBERS = 20
"""Whole numbers with at most this many values are taken for classes, unless something speaks for a quantity."""

FEWEST_ROWS_PER_CLASS = 5
MOST_DISTINCT = 100_000


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """Every label of one target column.

    Attributes:
        name: The column.
        rows: Number of labels.
        counts: Rows by label; no more labels are counted once there are `MOST_DISTINCT` different ones.
        is_numeric, is_whole: Whether every label is a number, a whole number.
    """

    name: str
    rows: int
    counts: Mapping[str, int]
    is_numeric: bool
    is_whole: bool
    odd: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the distinct labels, numbers in their order, others sorted."""
        return tuple(sorted(self.counts, key=(lambda x: (float(x), x)) if self.is_numeric else (lambda x: (0.0, x))))

    @property
    def looks_countable(self) -> bool:
        """Return True when the labels could be classes written as whole numbers, and could as well be a quantity."""
        return self.is_whole and 2 < len(self.counts) <= MOST_CLASSES_OF_NUMBERS


def read_targets(
    path: Path, names: Sequence[str], delimiter: str, *, may_be_empty: bool = False
) -> tuple[TargetColumn, ...]:
    """Read all labels; of free text, an empty one is a label as well.

    Raises:
        DataError: Some rows have no label.
        TaskError: A target is constant or holds no label at all.
    """
    header = read_header(path, delimiter)
    places = [header.index(name) for name in names]
    counts: list[Counter[str]] = [Counter() for _ in names]
    missing: list[list[int]] = [[0, 0] for _ in names]
    odd: list[dict[str, str]] = [{} for _ in names]
    rows = 0
    for rows, cells in enumerate(iterate_rows(path, delimiter), start=1):
        for place, count, gap, strange in zip(places, counts, missing, odd, strict=True):
            cell = cells[place]
            if cell in count:
                count[cell] += 1
            elif cell in MISSING:
                gap[0] += 1
                gap[1] = gap[1] or rows
            else:
                if not is_number(cell):
                    strange.setdefault("number", cell)
                if not is_integer(cell):
                    strange.setdefault("whole", cell)
                if len(count) < MOST_DISTINCT:
                    count[cell] = 1
    result = []
    for name, count, (gaps, first), strange in zip(names, counts, missing, odd, strict=True):
        if not count:
            raise TaskError(f"{path}: the target {name!r} is missing in all {rows} rows; name another with --target")
        if gaps and not may_be_empty:
            raise DataError(
                f"{path}: {gaps} of {rows} rows have no value in the target {name!r} (first: row {first}); "
                "take these rows out of the train table, or put them into a test table"
            )
        # One constant label among several is merely rare; a task of constants is none.
        if len(count) == 1 and all(len(each) < 2 for each in counts):
            raise TaskError(
                f"{path}: the target {name!r} is {next(iter(count))!r} in all {rows} rows, so there is nothing to "
                "learn; name another with --target"
            )
        result.append(
            TargetColumn(
                name, rows, dict(count), "number" not in strange, "whole" not in strange, strange.get("number", "")
            )
        )
    return tuple(result)


def find_kind(targets: Sequence[TargetColumn]) -> TaskKind:
    """Return the kind of task that the labels alone suggest.

    Raises:
        TaskError: The labels are neither numbers nor classes, or several targets are neither.
    """
    if len(targets) > 1:
        if all(is_truth_pair(target.labels) for target in targets):
            return TaskKind.MULTILABEL
        if all(target.is_numeric for target in targets):
            return TaskKind.REGRESSION
        worst = next(target for target in targets if not target.is_numeric)
        raise TaskError(
            f"the targets {', '.join(target.name for target in targets)} are neither all numbers nor all 0/1 "
            f"({worst.name!r} holds {worst.odd!r}); name one target with --target"
        )
    (target,) = targets
    distinct = len(target.counts)
    if distinct == 2:
        return TaskKind.BINARY
    if target.is_numeric:
        is_classes = target.looks_countable and target.rows >= FEWEST_ROWS_PER_CLASS * distinct
        return TaskKind.MULTICLASS if is_classes else TaskKind.REGRESSION
    if distinct > target.rows / 2 or distinct > 5000:
        raise TaskError(
            f"the target {target.name!r} has {distinct} different values in {target.rows} rows and is no number "
            f"({target.odd!r}): neither classes nor a quantity; name another with --target, mend these values, or say "
            "prediction_kind: text in task.yaml where answers are free text"
        )
    return TaskKind.MULTICLASS


def check_kind(targets: Sequence[TargetColumn], kind: TaskKind) -> None:
    """Refuse a kind that the labels cannot have.

    Raises:
        TaskError: With the value that disagrees.
    """
    for target in targets:
        distinct = len(target.counts)
        if kind is TaskKind.REGRESSION and not target.is_numeric:
            raise TaskError(
                f"kind regression needs numbers, but the target {target.name!r} holds {target.odd!r}; "
                "mend it, or say --kind multiclass"
            )
        if kind is TaskKind.BINARY and (distinct != 2 or len(targets) != 1):
            raise TaskError(
                f"kind binary needs one target with two values, but {target.name!r} has {distinct}"
                + (f" of {len(targets)} targets" if len(targets) > 1 else "")
                + f" ({_some(target.labels)}); say --kind multiclass or --kind regression"
            )
        if kind is TaskKind.MULTICLASS and (len(targets) != 1 or distinct > max(50, target.rows / 2)):
            raise TaskError(
                f"kind multiclass needs one target with fewer values than rows, but {target.name!r} has {distinct} in "
                f"{target.rows} rows" + (f" and there are {len(targets)} targets" if len(targets) > 1 else "")
            )
        if kind is TaskKind.MULTILABEL and not is_truth_pair(target.labels):
            raise TaskError(
                f"kind multilabel needs 0/1 in every target, but {target.name!r} holds {_some(target.labels)}; "
                "say --kind regression, or name one --target"
            )


def order_binary(labels: Sequence[str], positive: str | None) -> tuple[tuple[str, str], str]:
    """Return (negative, positive) and why.

    Raises:
        TaskError: `positive` is none of the two labels.
    """
    first, second = labels
    if positive is not None:
        if positive not in labels:
            raise TaskError(f"the positive class {positive!r} is none of {first!r} and {second!r}; say one of these")
        return (second if positive == first else first, positive), "as you said"
    lower = (first.strip().lower(), second.strip().lower())
    if lower in TRUTH_PAIRS:
        return (first, second), "the second is the usual yes"
    if lower[::-1] in TRUTH_PAIRS:
        return (second, first), "the second is the usual yes"
    return (first, second), "in sorted order; the other way with --positive"


def is_truth_pair(labels: Iterable[str]) -> bool:
    """Return True for 0 and 1 and the like, or one of the two."""
    pair = {label.strip().lower() for label in labels}
    return any(pair <= set(each) for each in TRUTH_PAIRS[:4])


def _some(labels: Sequence[str]) -> str:
    return ", ".join(map(repr, labels[:4])) + (", …" if len(labels) > 4 else "")
