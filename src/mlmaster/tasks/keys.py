"""The keys that may tie rows together, found in the tables and not declared: entities, parts of ids and paths, times, twins.

Candidates are picked from a sample of each table; their cells are then read in one pass over it, as one number a row and key:
memory is 8 bytes for each, whatever the cells hold. What a key means for the folds is measured in `relation`.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.task import ColumnKind, Task
from mlmaster.tasks.cells import find_kind, is_id_name, is_integer, is_missing
from mlmaster.tasks.survey import Survey, survey
from mlmaster.tasks.table import iterate_rows
from mlmaster.tasks.times import (
    date_reader,
    find_calendar,
    is_all_dates,
    is_clock,
    read_calendar,
    read_number,
)

DUPLICATES = "duplicates"
"""The name of the key that equal rows share."""

NO_KEY = -1
"""The code of a row without a value: it is tied to no other row."""

MOST_CANDIDATES = 16
FEWEST_NAMED, FEWEST_UNNAMED, MANY_UNNAMED = 10, 20, 50
"""So many values at least has an entity: with a name or place that says so, and without. A column without such a name and
with fewer than many is listed only where the test's values are not train's."""
ROWS_A_VALUE = 1.15
"""Fewer rows than that to a value on average, and hardly any row has a mate."""
_NO_HASH = -(2**63)
_MARKS = "/_-:|# ."
_NO_PARTS = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-|[0-9a-fA-F]{32}")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_ENTITY = re.compile(
    r"user|customer|client|patient|subject|person|participant|household|family|group|store|shop|site|session|device|machine"
    r"|sensor|station|account|member|player|team|driver|author|writer|speaker|school|hospital|doctor|product|item|sku|well"
    r"|engine|unit|vehicle|video|song|artist|company|recording|case|study|location|plot|field|farm|animal"
)
_FILE_WORDS = frozenset(("file", "filename", "path", "image", "img", "audio", "video"))
_NO_LETTERS = re.compile(r"[\W_]+")

Kind = Literal["group", "time", "duplicates", "files"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key over all rows of the tables.

    Attributes:
        name: A column, `<column>_<part>`, `year+month+day`, or `duplicates`.
        kind: As in `core.scheme.Relation`.
        train, test: One entry a row. Time: float64, NaN where there is none. Others: int64 codes from 0, equal where the
            key is equal in either table, `NO_KEY` where there is none. `test` is None without a test file.
        is_plain: True when the name or place of the key says that it names something; else it is only shaped like it.
        is_seconds: True for times in seconds.
        by_chance: Duplicates only: the share of rows that would have a twin if columns were independent.
        is_measure: True for whole numbers and few categories without a telling name: rather features, unless the tables say
            otherwise.
    """

    name: str
    kind: Kind
    train: NDArray[np.int64] | NDArray[np.float64]
    test: NDArray[np.int64] | NDArray[np.float64] | None
    is_plain: bool = True
    is_seconds: bool = False
    by_chance: float = 0.0
    is_measure: bool = False


@dataclass(frozen=True, slots=True)
class _Candidate:
    name: str
    kind: Kind
    columns: tuple[str, ...]
    read: Callable[..., float] | Callable[..., int]
    is_plain: bool = True
    is_seconds: bool = False
    by_chance: float = 0.0
    is_measure: bool = False

    @property
    def is_time(self) -> bool:
        return self.kind == "time"


@dataclass(frozen=True, slots=True)
class Surveys:
    """Both tables at a glance."""

    train: Survey
    test: Survey | None

    def shared_columns(self, task: Task) -> tuple[str, ...]:
        """Return the columns that both tables have and that are no targets, the id included."""
        withheld = {*task.targets, *task.train_only}
        others = self.train.header if self.test is None else self.test.header
        return tuple(name for name in self.train.header if name in others and name not in withheld)


def survey_tables(task: Task) -> Surveys:
    """Read both tables once and keep samples.

    Raises:
        DataError: A table is broken.
    """
    train = survey(task.directory / task.train, task.delimiter)
    return Surveys(train, None if task.test is None else survey(task.directory / task.test, task.delimiter))


def find_keys(task: Task, surveys: Surveys, wanted: str | None = None, as_time: bool | None = None) -> list[Key]:
    """Return the keys found, those first whose name says that they name something.

    Args:
        task: The task.
        surveys: Of its tables.
        wanted: A column that is read whatever its shape.
        as_time: Whether `wanted` is read as a time; None decides by its shape.

    Raises:
        DataError: A table is broken.
    """
    candidates = _find_candidates(task, surveys, wanted, as_time)
    columns = {name: place for place, name in enumerate(surveys.train.header)}
    train = _read(surveys.train.path, task.delimiter, columns, candidates)
    test: list[array[Any]] | None = None
    if surveys.test is not None:
        columns = {name: place for place, name in enumerate(surveys.test.header)}
        test = _read(surveys.test.path, task.delimiter, columns, candidates)
    keys = []
    for place, candidate in enumerate(candidates):
        key = _make_key(candidate, train[place], None if test is None else test[place])
        if candidate.name == wanted or _is_shared(key):
            keys.append(key)
    return sorted(keys, key=lambda key: not key.is_plain)


def _find_candidates(task: Task, surveys: Surveys, wanted: str | None, as_time: bool | None) -> list[_Candidate]:
    shared = surveys.shared_columns(task)
    file_keys = {rule.key for rule in task.file_rules}
    kinds = {name: find_kind(name, surveys.train.column(name)) for name in shared}
    found: list[_Candidate] = []
    calendar = find_calendar(shared)
    if calendar:
        found.append(_Candidate("+".join(calendar), "time", calendar, read_calendar, is_seconds=True))
    for name in shared:
        cells = [cell for cell in surveys.train.column(name) if not is_missing(cell)]
        as_group, as_clock = ((name == wanted and as_time is each) for each in (False, True))
        if is_all_dates(cells) and kinds[name] in (ColumnKind.DATE, ColumnKind.IDENTIFIER) and not as_group:
            found.append(_Candidate(name, "time", (name,), date_reader(cells), is_seconds=True))
        elif (is_clock(name, cells) and not as_group) or as_clock:
            found.append(_Candidate(name, "time", (name,), read_number))
        else:
            is_file = name in file_keys or not _FILE_WORDS.isdisjoint(_words(name))
            is_id = name == task.id_column or is_file or is_id_name(name)
            if name == wanted or (name not in calendar and _is_entity(name, cells, kinds[name], surveys.train)):
                is_plain = is_id or _is_entity_name(name)
                is_feature = kinds[name] is ColumnKind.NUMBER or len(set(cells)) < MANY_UNNAMED
                is_measure = not is_plain and is_feature and name != wanted
                kind: Kind = "files" if is_file else "group"
                found.append(_Candidate(name, kind, (name,), _hash, is_plain, is_measure=is_measure))
            if is_id or kinds[name] is ColumnKind.IDENTIFIER:
                found += _find_parts(name, cells, "files" if is_file else "group", is_plain=is_id)
    twins = _find_twins(task, surveys.train, kinds, file_keys)
    plain_first = sorted(found, key=lambda each: not each.is_plain)[:MOST_CANDIDATES]
    plain_first += [each for each in found if each.name == wanted and each not in plain_first]
    return [*plain_first, *([twins] if twins is not None else [])]


def _is_entity(name: str, cells: Sequence[str], kind: ColumnKind, table: Survey) -> bool:
    """Return True when a column may name something that several rows belong to, as far as a sample tells."""
    if kind not in (ColumnKind.NUMBER, ColumnKind.CATEGORY, ColumnKind.IDENTIFIER) or not cells:
        return False
    is_named = is_id_name(name) or _is_entity_name(name)
    if kind is ColumnKind.NUMBER and not all(map(is_integer, cells)):
        return False
    distinct = len(set(cells))
    if distinct < (FEWEST_NAMED if is_named else FEWEST_UNNAMED):
        return False
    # A sample of a long table hides how many rows a value has; a name is worth looking at all of them.
    return distinct * ROWS_A_VALUE <= len(cells) or (is_named and not table.is_whole)


def _find_parts(name: str, cells: Sequence[str], kind: Kind, *, is_plain: bool) -> list[_Candidate]:
    """Return the parts of an id that is split alike in every row: each part, and each prefix of two parts and more."""
    marks = "".join(mark for mark in _MARKS if len({cell.count(mark) for cell in cells}) == 1 and mark in cells[0])
    if not marks or any(_NO_PARTS.match(cell) for cell in cells[:100]):
        return []
    split = re.compile(f"[{re.escape(marks)}]").split
    parts = len(split(cells[0]))
    if parts > 6:
        return []
    slices = {f"{name}_{i}": (i, i + 1) for i in range(parts)}
    slices |= {f"{name}_0_{i}": (0, i + 1) for i in range(1, parts - 1)}
    found = []
    for label, (start, stop) in slices.items():
        read = _part_reader(split, parts, start, stop)
        distinct = len({read(cell) for cell in cells})
        if distinct >= FEWEST_NAMED and distinct * ROWS_A_VALUE <= len(cells):
            found.append(_Candidate(label, kind, (name,), read, is_plain))
    return found


def _part_reader(split: Callable[[str], list[str]], parts: int, start: int, stop: int) -> Callable[[str], int]:
    def read(cell: str) -> int:
        found = split(cell)
        return hash(tuple(found[start:stop])) if len(found) == parts else _NO_HASH

    return read


def _find_twins(task: Task, train: Survey, kinds: Mapping[str, ColumnKind], file_keys: set[str]) -> _Candidate | None:
    """Return the key that equal rows share: equal words in texts, else equal cells but for what names rows."""
    texts = tuple(name for name, kind in kinds.items() if kind is ColumnKind.TEXT)
    if texts:
        return _Candidate(DUPLICATES, "duplicates", texts, _hash_words)
    # A date tells rows apart as any feature does, an id without meaning does not.
    dates = {name for name in kinds if is_all_dates([cell for cell in train.column(name) if not is_missing(cell)])}
    nameless = {name for name, kind in kinds.items() if kind in (ColumnKind.CONSTANT, ColumnKind.IDENTIFIER)}
    features = tuple(name for name in kinds if name not in {task.id_column, *file_keys, *nameless} - dates)
    if len(features) < 3:
        return None
    meetings = []
    for name in features:
        cells = train.column(name)
        meetings.append(sum((count / len(cells)) ** 2 for count in Counter(cells).values()))
    by_chance = min(1.0, train.rows * prod(meetings))
    return _Candidate(DUPLICATES, "duplicates", features, _hash_cells, by_chance=by_chance)


def _hash(cell: str) -> int:
    return _NO_HASH if is_missing(cell) else hash(cell)


def _hash_words(*texts: str) -> int:
    """Return the hash of letters and digits: case, marks and spaces make no difference; short texts have none."""
    letters = _NO_LETTERS.sub("", " ".join(texts).lower())
    return hash(letters) if len(letters) >= 8 else _NO_HASH


def _hash_cells(*cells: str) -> int:
    return hash("\x1f".join(cells).lower())


def _is_entity_name(name: str) -> bool:
    return any(map(_ENTITY.fullmatch, _words(name)))


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)}


def _read(path: Path, delimiter: str, columns: Mapping[str, int], candidates: Sequence[_Candidate]) -> list[array[Any]]:
    """Return what each candidate reads from each row; nothing is read when there is no candidate."""
    found: list[array[Any]] = [array("d" if each.is_time else "q") for each in candidates]
    steps = [
        (numbers.append, each.read, [columns[name] for name in each.columns])
        for numbers, each in zip(found, candidates, strict=True)
    ]
    for cells in iterate_rows(path, delimiter) if candidates else ():
        for append, read, places in steps:
            append(read(*[cells[place] for place in places]))
    return found


def _make_key(candidate: _Candidate, train: array[Any], test: array[Any] | None) -> Key:
    in_train: NDArray[np.int64] | NDArray[np.float64]
    in_test: NDArray[np.int64] | NDArray[np.float64] | None
    if candidate.is_time:
        in_train = np.frombuffer(train, dtype=np.float64)
        in_test = None if test is None else np.frombuffer(test, dtype=np.float64)
    else:
        sides = [train] if test is None else [train, test]
        codes = _encode(np.concatenate([np.frombuffer(side, dtype=np.int64) for side in sides]))
        in_train, in_test = codes[: len(train)], None if test is None else codes[len(train) :]
    return Key(
        candidate.name,
        candidate.kind,
        in_train,
        in_test,
        candidate.is_plain,
        candidate.is_seconds,
        candidate.by_chance,
        candidate.is_measure,
    )


def _encode(hashes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return codes in the order of first appearance: hashes of strings differ from process to process, codes must not."""
    values, firsts, codes = np.unique(hashes, return_index=True, return_inverse=True)
    rank = np.empty(len(values), dtype=np.int64)
    present = values != _NO_HASH
    order = np.argsort(firsts[present])
    rank[np.flatnonzero(present)[order]] = np.arange(len(order))
    rank[~present] = NO_KEY
    encoded: NDArray[np.int64] = rank[codes.reshape(-1)]
    return encoded


def _is_shared(key: Key) -> bool:
    """Return True when rows do share values of a key: what a sample suggested, over all rows."""
    if key.kind == "time":
        return len(np.unique(key.train[~np.isnan(key.train)])) >= FEWEST_NAMED
    present = key.train[key.train != NO_KEY]
    groups = len(np.unique(present))
    if key.kind == "duplicates":
        return groups < len(present) or (key.test is not None and bool(np.isin(key.test, present).any()))
    return groups >= FEWEST_NAMED and groups * ROWS_A_VALUE <= len(present)
