"""Whether the ids of a view's hidden rows stay or are counted anew: by rule, from the ids and labels alone.

Ids stay where the real test's ids lie among train's as if drawn at random: whatever a hidden row's id tells (its place in
a sorted file, its neighbours), a real test row's tells as well. They are replaced, as the real test's ids are written,

- where train has none, where one stands for several rows or is in both tables, and where answers are matched by order;
- where the test's are numbered apart (all above or below, or in another form): hidden rows among the visible ones would
  show what no real test row shows, such as the order of a file sorted by its target. Ids of several parts
  (`0004_01`) stay even so: a script that takes them to pieces must find the pieces;
- where ids of train contain the row's own label (`cat.0012`) and those of the test do not;
- where there is no test, and neighbours by id have like targets: ids of new rows will lie outside.

Dates stay in any case: they are features. Ids of visible rows always stay.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from mlmaster.core.task import Task
from mlmaster.tasks.rebuild import Renumber

IDS_LOOKED_AT = 20_000
"""So many ids of a table, evenly spread, show how they lie; more would only cost."""
FEWEST_RUNS = 0.05
"""Ids lie apart when they change from train's to the test's less often than this share of what chance would give."""
FEWEST_LABELLED = 0.9
MOST_CLASSES = 1_000
FEWEST_NEIGHBOURS = 30
TELLING_NEIGHBOURS = 0.5
_DATE = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T\s].*)?"
    r"|\s*(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(T?\d*Z?)"
)


def decide_numbering(
    task: Task, train: Sequence[str] | None, test: Sequence[str], labels: Sequence[str] | None
) -> Renumber | None:
    """Return how a view numbers the ids of its test rows, or None when ids stay as they are.

    Args:
        task: Has an id column.
        train: Ids of all train rows, or None where train has none.
        test: Ids of all real test rows; empty without a test table.
        labels: Cells of the first target column, or None where not known.
    """
    found = _form_of(test)
    form = found or _Form()
    if train is None:
        return _renumber(task, form, start=1)
    if are_dates(train):
        return None
    known = set(train)
    is_in_both = not known.isdisjoint(test)
    has_reason = (
        len(known) < len(train)
        or is_in_both
        or len(set(test)) < len(test)
        or task.reads_order
        or (found is not None and _lie_apart(train, test))
        or (labels is not None and _hold_labels(train, labels) and not _hold_labels_of(test, labels))
        or (labels is not None and not test and _neighbours_tell(train, labels))
    )
    if not has_reason:
        return None
    is_folder_shared = any(rule.key == task.id_column and rule.train == rule.test for rule in task.file_rules)
    if is_in_both and not is_folder_shared:
        return _renumber(task, form, start=1)  # the real test's ids are train's as well
    return _renumber(task, form, start=1 + max(form.numbers(known), default=0))


def are_dates(ids: Sequence[str]) -> bool:
    """Return True when ids are points in time."""
    return bool(ids) and all(_DATE.fullmatch(cell) for cell in islice(ids, 100))


@dataclass(frozen=True, slots=True)
class _Form:
    prefix: str = ""
    suffix: str = ""
    width: int = 1

    def numbers(self, ids: set[str]) -> Iterator[int]:
        """Yield the numbers of the ids that are written in this form."""
        pattern = re.compile(f"{re.escape(self.prefix)}([0-9]+){re.escape(self.suffix)}")
        return (int(match.group(1)) for match in map(pattern.fullmatch, ids) if match)


def _form_of(ids: Sequence[str]) -> _Form | None:
    """Return what all ids have before and after their one number, or None where they are written otherwise."""
    if not ids:
        return None
    prefix = _shared_start(min(ids), max(ids)).rstrip("0123456789")
    rests = [cell[len(prefix) :] for cell in ids]
    backwards = [rest[::-1] for rest in rests]
    suffix = _shared_start(min(backwards), max(backwards)).rstrip("0123456789")[::-1]
    numbers = [rest[: len(rest) - len(suffix)] for rest in rests]
    if not all(number.isascii() and number.isdecimal() for number in numbers):
        return None
    if any(mark.isdigit() for mark in prefix + suffix):
        return None  # of several parts
    widths = {len(number) for number in numbers}
    has_zeros = len(widths) == 1 and any(number[0] == "0" for number in numbers)
    return _Form(prefix, suffix, widths.pop() if has_zeros else 1)


def _shared_start(first: str, last: str) -> str:
    same = next((place for place, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), None)
    return first[:same] if same is not None else min(first, last, key=len)


def _renumber(task: Task, form: _Form, start: int) -> Renumber:
    assert task.id_column is not None
    return Renumber(column=task.id_column, start=start, prefix=form.prefix, suffix=form.suffix, width=form.width)


def _natural(cell: str) -> tuple[str | int, ...]:
    """Return a key that sorts text by its words and its numbers."""
    return tuple(int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", cell)))


def _spread(cells: Sequence[str]) -> Sequence[str]:
    return cells[:: max(1, -(-len(cells) // IDS_LOOKED_AT))]


def _lie_apart(train: Sequence[str], test: Sequence[str]) -> bool:
    """Return True when, in their natural order, ids of the two tables hardly alternate (too few runs, Wald-Wolfowitz)."""
    ours, theirs = _spread(train), _spread(test)
    merged = sorted([*((_natural(cell), False) for cell in ours), *((_natural(cell), True) for cell in theirs)])
    runs = 1 + sum(a[1] != b[1] for a, b in pairwise(merged))
    expected = 1 + 2 * len(ours) * len(theirs) / len(merged)
    return runs <= 2 or runs < FEWEST_RUNS * expected


def _words(cell: str) -> set[str]:
    return set(re.split(r"[^0-9a-z]+|(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])", cell.casefold()))


def _hold_labels(ids: Sequence[str], labels: Sequence[str]) -> bool:
    """Return True when nearly every id contains its own row's label as a word, in every class."""
    ids, labels = _spread(ids), _spread(labels)
    counts, held = Counter(labels), Counter[str]()
    if not 2 <= len(counts) <= MOST_CLASSES:
        return False
    for cell, label in zip(ids, labels, strict=True):
        held[label] += label.casefold() in _words(cell)
    return all(held[label] >= FEWEST_LABELLED * count for label, count in counts.items())


def _hold_labels_of(ids: Sequence[str], labels: Sequence[str]) -> bool:
    """Return True when nearly every id contains some label: then labels can be read off the real test's as well."""
    known, ids = {label.casefold() for label in labels}, _spread(ids)
    return bool(ids) and sum(not known.isdisjoint(_words(cell)) for cell in ids) >= FEWEST_LABELLED * len(ids)


def _neighbours_tell(ids: Sequence[str], labels: Sequence[str]) -> bool:
    """Return True when rows with neighbouring ids have much the same target.

    Like targets among neighbours, corrected for chance (Cohen's kappa); ranks of numbers count as like within a tenth.
    """
    rows = sorted(zip(map(_natural, _spread(ids)), _spread(labels), strict=True), key=lambda row: row[0])
    cells = [label for _, label in rows]
    if len(cells) < FEWEST_NEIGHBOURS:
        return False
    try:
        ranked = sorted(range(len(cells)), key=lambda place: float(cells[place]))
        if len(set(cells)) > MOST_CLASSES or len(set(cells)) > len(cells) // 10:
            for rank, place in enumerate(ranked):
                cells[place] = str(rank * 10 // len(cells))
    except ValueError:
        pass  # labels are words
    chance = sum((count / len(cells)) ** 2 for count in Counter(cells).values())
    agreed = sum(a == b for a, b in pairwise(cells)) / (len(cells) - 1)
    return chance < 1 and (agreed - chance) / (1 - chance) > TELLING_NEIGHBOURS
