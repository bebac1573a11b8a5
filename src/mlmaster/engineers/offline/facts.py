"""What the offline engineer reads from a task and its profile, worked out once: goal, roles of columns, sizes, files.

Nothing here is keyed to a task's name, and no data is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from mlmaster.core.task import ColumnKind, ColumnProfile, FileRule, Modality, PredictionKind, Profile, Task, TaskKind

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"})
SIDE_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".dat", ".xyz", ".json", ".cif", ".log"})
_DATE_WORDS = ("date", "time", "timestamp")
_PACKED_SEPARATORS = "/_|;-:"


REQUIRED = ("numpy", "pandas")
"""Distributions that every script needs."""

DISTRIBUTIONS: Mapping[str, tuple[str, ...]] = {
    "scipy": ("scipy",),
    "sklearn": ("scikit-learn",),
    "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "catboost": ("catboost",),
    "PIL": ("pillow", "pillow-simd"),
}
"""What scripts may import beside those, and the distributions that bring it."""


class Goal(StrEnum):
    """What a model is fitted to: decides objective and shape of the answer."""

    NUMBERS = "numbers"
    BINARY = "binary"
    CLASSES = "classes"
    LABELS = "labels"
    WORDS = "words"
    """Free text: nothing is fitted."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The task as the offline engineer sees it.

    Attributes:
        dates, packed, texts, names, amounts: Roles of feature columns: dates; columns to split with their separator;
            free text; name-like text; non-negative amounts that may be summed.
        id_separator: Separator of an id that holds a group and a member, or None.
        left_out: Columns never used as features.
        image_rule, side_rule: Files of rows that are pictures, or small text files.
        lacking: Names in `DISTRIBUTIONS` that the interpreter of the scripts cannot import.
    """

    task: Task
    profile: Profile
    goal: Goal
    dates: tuple[str, ...]
    packed: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]
    names: tuple[str, ...]
    amounts: tuple[str, ...]
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    id_separator: str | None
    left_out: tuple[str, ...]
    image_rule: FileRule | None
    side_rule: FileRule | None
    lacking: frozenset[str] = frozenset()

    @classmethod
    def of(cls, task: Task, profile: Profile, packages: Mapping[str, str] | None = None) -> Facts:
        """Return the facts of a task; `packages` are those of `Context`, nothing known of them when empty."""
        features = [c for c in profile.columns if c.is_in_test and not c.is_target]
        features = [c for c in features if c.name not in (*task.targets, *task.train_only)]
        images = _first_rule(task, profile, IMAGE_SUFFIXES)
        sides = _first_rule(task, profile, SIDE_SUFFIXES)
        keys = {rule.key for rule in task.file_rules}
        dates = tuple(c.name for c in features if c.kind is ColumnKind.DATE or (_is_id(c, task) and _sounds_dated(c)))
        taken = set(dates) | (keys - {task.id_column})
        id_separator = None
        packed: list[tuple[str, str]] = []
        for column in features:
            separator = next((s for s in _PACKED_SEPARATORS if s in column.separators), None)
            if separator is None or column.name in taken:
                continue
            if column.name == task.id_column:
                id_separator = separator
            elif column.kind in (ColumnKind.CATEGORY, ColumnKind.IDENTIFIER, ColumnKind.TEXT) and not _is_prose(column):
                packed.append((column.name, separator))
        taken |= {name for name, _ in packed} | ({task.id_column} if task.id_column else set())
        texts = tuple(c.name for c in features if c.name not in taken and _is_prose(c))
        if task.modality is Modality.TEXT and not texts:
            texts = tuple(c.name for c in features if c.name not in taken and c.kind is ColumnKind.TEXT)
        wordy = (ColumnKind.TEXT, ColumnKind.IDENTIFIER, ColumnKind.CATEGORY)
        names = tuple(
            c.name
            for c in features
            if c.name not in {*taken, *texts, task.id_column}
            and c.kind in wordy
            and (c.mean_words or 0) >= 1.5
            and c.distinct > 50
        )
        idle = {c.name for c in features if c.kind in (ColumnKind.IDENTIFIER, ColumnKind.CONSTANT)} - taken
        left_out = (idle | keys | ({task.id_column} if task.id_column else set())) - {*dates, *texts, *names}
        if id_separator is not None and task.id_column is not None:
            left_out.discard(task.id_column)
        left = [c for c in features if c.name not in {*left_out, *taken, *texts, *names}]
        return cls(
            task=task,
            profile=profile,
            goal=_goal(task),
            dates=dates,
            packed=tuple(packed),
            texts=texts,
            names=names,
            amounts=tuple(c.name for c in left if _is_amount(c)),
            numbers=tuple(c.name for c in left if c.kind is ColumnKind.NUMBER),
            categories=tuple(c.name for c in left if c.kind in (ColumnKind.CATEGORY, ColumnKind.BOOLEAN)),
            id_separator=id_separator,
            left_out=tuple(c.name for c in features if c.name in left_out),
            image_rule=images,
            side_rule=sides,
            lacking=frozenset(
                name for name, ways in DISTRIBUTIONS.items() if packages and not packages.keys() & set(ways)
            ),
        )

    def has(self, needs: Iterable[str]) -> bool:
        """Return True when scripts can import all of these, as far as is known."""
        return self.lacking.isdisjoint(needs)

    @property
    def outputs(self) -> int:
        """Return the number of columns a fitted answer has."""
        match self.goal:
            case Goal.CLASSES:
                return len(self.task.classes)
            case Goal.LABELS:
                return max(len(self.task.classes), len(self.task.targets))
            case Goal.NUMBERS:
                return len(self.task.targets)
            case _:
                return 1

    @property
    def rows(self) -> int:
        """Return the train rows."""
        return max(1, self.profile.train_rows)

    @property
    def width(self) -> int:
        """Return about how many feature columns a table has."""
        return max(1, len(self.numbers) + len(self.categories) + 6 * len(self.dates) + 3 * len(self.packed))

    @property
    def texts_or_names(self) -> tuple[str, ...]:
        """Return columns whose text an answer in words may repeat, the likeliest first."""
        return (*self.texts, *self.names, *self.profile.of_kind(ColumnKind.TEXT))

    @property
    def has_table(self) -> bool:
        """Return True when there are columns a table model can use."""
        return bool(self.numbers or self.categories or self.dates or self.packed or self.names or self.side_rule)

    @property
    def is_hard_label(self) -> bool:
        """Return True when the submission holds one hard label."""
        return self.task.prediction_kind is PredictionKind.LABEL

    def metric_is(self, *names: str) -> bool:
        """Return True when the metric's name is, or contains as a word, one of the names."""
        metric = f"_{self.task.metric.lower()}_"
        return any(f"_{name}_" in metric for name in names)


def _goal(task: Task) -> Goal:
    if task.prediction_kind is PredictionKind.TEXT:
        return Goal.WORDS
    match task.kind:
        case TaskKind.REGRESSION:
            return Goal.NUMBERS
        case TaskKind.MULTILABEL:
            return Goal.LABELS
        case TaskKind.BINARY:
            return Goal.BINARY
        case TaskKind.MULTICLASS:
            return Goal.BINARY if len(task.classes) == 2 else Goal.CLASSES


def _first_rule(task: Task, profile: Profile, suffixes: frozenset[str]) -> FileRule | None:
    """Return the first rule whose files have such a suffix, by the profile, else by the pattern."""
    known = [*profile.file_extensions, *("" for _ in task.file_rules)]
    for rule, suffix in zip(task.file_rules, known, strict=False):
        if (suffix or PurePosixPath(rule.train).suffix).lower() in suffixes:
            return rule
    return None


def _is_id(column: ColumnProfile, task: Task) -> bool:
    return column.name == task.id_column and column.kind is not ColumnKind.NUMBER


def _sounds_dated(column: ColumnProfile) -> bool:
    name = column.name.lower()
    return column.mean is None and any(word in name for word in _DATE_WORDS)


def _is_prose(column: ColumnProfile) -> bool:
    return column.kind is ColumnKind.TEXT and (column.mean_words or 0.0) >= 3.0


def _is_amount(column: ColumnProfile) -> bool:
    """Return True for numbers from zero up with a long tail: money spent, counts of things."""
    if column.kind is not ColumnKind.NUMBER or column.minimum != 0.0 or column.mean is None or column.maximum is None:
        return False
    return column.distinct > 20 and column.maximum > 8 * column.mean > 0
