"""What an engineer may know of the data before looking: column kinds, missing shares, sizes, classes, images.

Aggregates only. Memory is bounded: columns are described by the sample of `survey` (at most a million cells and 32 million
characters, about 0.2 GB), and the target by running sums. Shares and distinct values of a longer table are estimates.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from statistics import median_low

from mlmaster.core.task import ColumnKind, ColumnProfile, FileRule, Profile, Task, TaskKind
from mlmaster.tasks.cells import MISSING, count_words, find_kind, is_number
from mlmaster.tasks.files import IMAGES
from mlmaster.tasks.survey import Survey, survey
from mlmaster.tasks.table import count_rows, read_header

IMAGES_LOOKED_AT = 64
_SEPARATORS = "/_-:|;,#. "
_CHANNELS = {"1": 1, "L": 1, "I": 1, "I;16": 1, "F": 1, "LA": 2, "P": 3, "RGB": 3, "YCbCr": 3, "RGBA": 4, "CMYK": 4}


def profile(task: Task) -> Profile:
    """Return the profile of a task's train table and files, after one pass over each table.

    Raises:
        DataError: A table is broken.
    """
    target = _TargetSums(task)
    train = survey(task.directory / task.train, task.delimiter, target.add)
    test = None if task.test is None else task.directory / task.test
    in_test = set(train.header) - set(task.targets) if test is None else set(read_header(test, task.delimiter))
    size, channels = _measure_images(task, train)
    return Profile(
        train_rows=train.rows,
        test_rows=0 if test is None else count_rows(test, task.delimiter),
        columns=tuple(_describe(task, name, train.column(name), is_in_test=name in in_test) for name in train.header),
        file_extensions=tuple(_extension(rule, train) for rule in task.file_rules),
        image_size=size,
        image_channels=channels,
        class_shares=target.shares(),
        target_skew=target.skew(),
        target_minimum=target.minimum(),
    )


def _describe(task: Task, name: str, cells: Sequence[str], *, is_in_test: bool) -> ColumnProfile:
    present = [cell for cell in cells if cell not in MISSING]
    kind = find_kind(name, cells)
    if name == task.id_column and kind in (ColumnKind.CATEGORY, ColumnKind.TEXT):
        kind = ColumnKind.IDENTIFIER
    numbers = [float(cell) for cell in present] if present and all(map(is_number, present)) else []
    is_packed = kind in (ColumnKind.CATEGORY, ColumnKind.IDENTIFIER) and not numbers
    return ColumnProfile(
        name=name,
        kind=kind,
        missing=(len(cells) - len(present)) / len(cells),
        distinct=len(set(present)),
        mean=_mean(numbers),
        minimum=min(numbers, default=None),
        maximum=max(numbers, default=None),
        mean_words=sum(map(count_words, present)) / len(present) if kind is ColumnKind.TEXT else None,
        separators=_find_separators(present) if is_packed else "",
        is_target=name in task.targets,
        is_in_test=is_in_test,
    )


def _mean(numbers: Sequence[float]) -> float | None:
    try:
        return math.fsum(numbers) / len(numbers) if numbers else None
    except OverflowError:  # of the sum alone: no mean is larger than the largest number
        return math.fsum(number / len(numbers) for number in numbers)


def _find_separators(cells: Sequence[str]) -> str:
    """Return the characters that occur equally often, at least once, in every value."""
    counts = {mark: {cell.count(mark) for cell in cells} for mark in _SEPARATORS}
    return "".join(mark for mark, found in counts.items() if len(found) == 1 and found != {0})


class _TargetSums:
    """Running sums over the targets: class counts, and the moments of a single numeric target."""

    def __init__(self, task: Task) -> None:
        header = read_header(task.directory / task.train, task.delimiter)
        self._task = task
        self._places = [header.index(name) for name in task.targets]
        self._counts = [Counter[str]() for _ in task.targets]
        self._is_numeric = task.kind is TaskKind.REGRESSION
        self._numbers = _Moments()
        self._minimum = math.inf

    def add(self, cells: Sequence[str]) -> None:
        if self._is_numeric:
            numbers = [float(cells[place]) for place in self._places]
            self._minimum = min(self._minimum, *numbers)
            if len(numbers) == 1:
                self._numbers.add(numbers[0])
            return
        for place, count in zip(self._places, self._counts, strict=True) if self._task.classes else ():
            count[cells[place]] += 1

    def shares(self) -> dict[str, float]:
        """Return the share of every class; of the positive value where each label or class has a column."""
        task = self._task
        if self._is_numeric or not task.classes:
            return {}
        if task.kind is TaskKind.MULTILABEL or len(self._counts) > 1:
            return {
                name: count[sorted(count)[-1]] / count.total()
                for name, count in zip(task.targets, self._counts, strict=True)
            }
        (count,) = self._counts
        return {label: count[label] / count.total() for label in task.classes}

    def skew(self) -> float | None:
        return self._numbers.skew() if self._numbers.count else None

    def minimum(self) -> float | None:
        return self._minimum if self._is_numeric else None


class _Moments:
    """The first three central moments, updated one number at a time (Welford; Terriberry 2007 for the third)."""

    def __init__(self) -> None:
        self.count = 0
        self._mean = self._second = self._third = 0.0

    def add(self, number: float) -> None:
        before = self.count
        self.count += 1
        delta = number - self._mean
        step = delta / self.count
        term = delta * step * before
        self._mean += step
        self._third += term * step * (self.count - 2) - 3 * step * self._second
        self._second += term

    def skew(self) -> float | None:
        """Return the skewness, or None when there is no spread."""
        if self._second <= 0:
            return None
        return float(math.sqrt(self.count) * self._third / self._second**1.5)


def _extension(rule: FileRule, train: Survey) -> str:
    return PurePosixPath(_path(rule, train.column(rule.key)[0])).suffix.lower()


def _path(rule: FileRule, key: str) -> str:
    return rule.train.replace("{key}", key)


def image_paths(task: Task, train: Survey) -> list[Path]:
    """Return the paths of an even sample of at most `IMAGES_LOOKED_AT` train images; [] where no files are images."""
    rules = [rule for rule in task.file_rules if _extension(rule, train) in IMAGES]
    if not rules:
        return []
    keys = [key for key in train.column(rules[0].key) if key not in MISSING]
    step = max(1, len(keys) // IMAGES_LOOKED_AT)
    return [task.directory / _path(rules[0], key) for key in keys[::step][:IMAGES_LOOKED_AT]]


def measure(path: Path) -> tuple[int, int, int] | None:
    """Return (width, height, channels) of an image, or None when it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            return *image.size, _CHANNELS.get(image.mode, len(image.getbands()))
    except OSError:
        return None


def _measure_images(task: Task, train: Survey) -> tuple[tuple[int, int] | None, int | None]:
    """Return the median size and the usual number of channels."""
    found = [size for path in image_paths(task, train) if (size := measure(path)) is not None]
    if not found:
        return None, None
    widths, heights, channels = zip(*found, strict=True)
    return (median_low(widths), median_low(heights)), Counter(channels).most_common(1)[0][0]
