"""Further tables of a folder: by which column their rows belong to rows of train and test, and which must stay out.

A table is used only when the keys of its rows are found among the rows' (or the other way round) and when nothing in it
tells the target. Reads samples and streams; memory is bounded whatever the tables' size. How views show side tables, and
which of their rows, is `plan`'s and `rebuild`'s.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from mlmaster.core.task import SideTable
from mlmaster.errors import DataError, TaskError
from mlmaster.tasks.cells import FEWEST_WORDS, MISSING, count_words, is_id_name, is_integer, is_number
from mlmaster.tasks.evidence import Evidence
from mlmaster.tasks.find import DELIMITED
from mlmaster.tasks.survey import Survey, survey
from mlmaster.tasks.table import iterate_rows, read_header, sniff

MOST_TABLES = 20
KEYS_SAMPLED = 5_000
MOST_CELLS_JOINED = 1_000_000
FEWEST_COVERED = 0.8
"""Share of one side's keys that must be found on the other for a table to belong to the rows."""

SURELY_COVERED = 0.5
"""Both shares (their harmonic mean) where the same small numbers could be found in any two tables by chance."""

FEWEST_DISTINCT = 10
FEWEST_ROWS = 20
SAME, TELLING = 0.99, 0.95
_GENERIC = frozenset(
    {"id", "ids", "index", "idx", "key", "row", "rowid", "rownumber", "no", "nr", "number", "unnamed: 0"}
)


@dataclass(slots=True)
class _Join:
    """A way to join a table to the rows: its key columns, theirs, and what was found of it so far.

    Attributes:
        keys, columns: Of the table, of train and test.
        wanted: Sampled keys of train (True) and test (False).
        side_keys: Sampled keys of the table.
        known: Those of them that some row of train or test has.
        rows: The first row of the table for each wanted key.
    """

    keys: tuple[str, ...]
    columns: tuple[str, ...]
    wanted: Mapping[bool, frozenset[str]]
    side_keys: frozenset[str] = frozenset()
    known: set[str] = field(default_factory=set)
    rows: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def share(self, *, of_train: bool) -> float:
        """Return the share of the sampled keys of train, or of test, that the table has."""
        wanted = self.wanted[of_train]
        return len(wanted & self.rows.keys()) / len(wanted) if wanted else 0.0

    @property
    def coverage(self) -> tuple[float, float]:
        """Return the share of the table's keys that rows have, and that of the rows' keys that the table has."""
        ours = len(self.known) / len(self.side_keys) if self.side_keys else 0.0
        return ours, max(self.share(of_train=True), self.share(of_train=False))

    @property
    def agreement(self) -> float:
        """Return the harmonic mean of both shares."""
        ours, theirs = self.coverage
        return 2 * ours * theirs / (ours + theirs) if ours + theirs else 0.0

    @property
    def has_test(self) -> bool:
        """Return True when keys of test are in the table about as often as keys of train."""
        return self.share(of_train=False) >= SURELY_COVERED * self.share(of_train=True) > 0


def find_side_tables(evidence: Evidence, paths: Iterable[str]) -> tuple[tuple[SideTable, ...], dict[str, str]]:
    """Find the side tables among files that nothing else explains (paths relative to the task folder).

    Returns:
        The side tables; and by path, what speaks against the tables that must stay out ("has a column …").
    """
    candidates = [path for path in paths if path.lower().endswith(DELIMITED)]
    refused: dict[str, str] = {}
    looked_at: list[tuple[str, Survey, list[_Join]]] = []
    for path in candidates[:MOST_TABLES]:
        try:
            table = survey(evidence.directory / path, sniff(evidence.directory / path).delimiter)
        except DataError as error:
            refused[path] = f"cannot be read ({str(error).removeprefix(f'{evidence.directory / path}: ')})"
            continue
        named = _find_target(evidence, table.header)
        if named is not None:
            refused[path] = f"has a column {named!r}, which is to be predicted"
        else:
            looked_at.append((path, table, _ways(evidence, table)))
    _look_up_keys(evidence, [join for _, _, joins in looked_at for join in joins])
    tables = []
    for path, table, joins in looked_at:
        _collect(table, joins)
        settled = _settle(evidence, path, table, [join for join in joins if len(join.keys) == 1], joins)
        if isinstance(settled, SideTable):
            tables.append(settled)
        elif settled is not None:
            refused[path] = settled
    return tuple(tables), refused


def check_side_tables(evidence: Evidence, tables: Sequence[SideTable]) -> None:
    """Refuse side tables the user named that cannot be joined.

    Raises:
        DataError: There is no such table, or it lacks its key.
        TaskError: Train or test lacks the column.
    """
    for table in tables:
        path = evidence.directory / table.path
        if not path.is_file():
            raise DataError(f"{evidence.directory}: has no file {table.path!r} of side_tables; correct task.yaml")
        header = read_header(path)
        if table.key not in header:
            raise DataError(
                f"{path}: has no column {table.key!r} (side_tables); its columns are {', '.join(header[:20])}"
            )
        for rows in (evidence.train, evidence.test):
            if rows is not None and table.column not in rows.header:
                raise TaskError(
                    f"side_tables: {table.path}: {rows.path.name} has no column {table.column!r}; name another"
                )


def _find_target(evidence: Evidence, header: Sequence[str]) -> str | None:
    plain = {_plain(name): name for name in header}
    targets = [plain[_plain(name)] for name in evidence.columns.targets if _plain(name) in plain]
    predicted = evidence.columns.predicted
    if not targets and predicted and all(_plain(name) in plain for name in predicted):
        targets = [plain[_plain(predicted[0])]]
    return targets[0] if targets else None


def _plain(name: str) -> str:
    return "".join(mark for mark in name.casefold() if mark not in " _-.")


# --- in which ways a table could be joined


def _ways(evidence: Evidence, table: Survey) -> list[_Join]:
    """Return the joins by one column that names and values allow, and the one by all columns named alike."""
    size = max(200, min(KEYS_SAMPLED, MOST_CELLS_JOINED // len(table.header)))
    joins, alike = [], []
    for column in evidence.features:
        theirs = [*evidence.train.column(column), *(evidence.test.column(column) if evidence.test else ())]
        if not _can_be_key(theirs):
            continue
        for key in table.header:
            is_alike = _plain(key) == _plain(column)
            if is_alike or _may_mean(evidence, column, theirs, key, table.column(key)):
                joins.append(_join(evidence, table, (key,), (column,), size))
            if is_alike:
                alike.append((key, column))
    if len(alike) > 1:
        keys, columns = zip(*alike, strict=True)
        joins.append(_join(evidence, table, keys, columns, size))
    return joins


def _can_be_key(cells: Sequence[str]) -> bool:
    present = {cell for cell in cells if cell not in MISSING}
    # All of them: an id in hexadecimal digits such as 42237475e1 reads as a number, too.
    if len(present) < 3 or (all(map(is_number, present)) and not all(map(is_integer, present))):
        return False
    return sum(map(count_words, present)) / len(present) < FEWEST_WORDS


def _may_mean(evidence: Evidence, column: str, theirs: Sequence[str], key: str, ours: Sequence[str]) -> bool:
    """Return True when a column of another name could hold the same keys."""
    is_id = is_id_name(key) and (is_id_name(column) or column == evidence.columns.id_column)
    if not is_id and (_is_dense(theirs) or _is_dense(ours)):
        return False
    return len({*theirs} & {*ours} - MISSING) >= FEWEST_DISTINCT


def _is_dense(cells: Sequence[str]) -> bool:
    """Return True for whole numbers that lie so close that any two tables may share them."""
    present = {cell for cell in cells if cell not in MISSING}
    if not present or not all(map(is_integer, present)):
        return False
    numbers = [float(cell) for cell in present]
    return max(numbers) - min(numbers) < 20 * len(numbers)


def _join(evidence: Evidence, table: Survey, keys: tuple[str, ...], columns: tuple[str, ...], size: int) -> _Join:
    test = frozenset[str]() if evidence.test is None else _sample(evidence.test, columns, size)
    train = _sample(evidence.train, columns, size)
    return _Join(keys, columns, {True: train, False: test}, _sample(table, keys, size))


def _sample(table: Survey, columns: Sequence[str], size: int) -> frozenset[str]:
    distinct = list(dict.fromkeys(_cells(table.sample, [table.header.index(name) for name in columns])))
    return frozenset(distinct[:: max(1, len(distinct) // size)][:size])


def _cells(rows: Iterable[Sequence[str]], places: Sequence[int]) -> Iterable[str]:
    """Yield the key of every row that has one."""
    for row in rows:
        cells = [row[place] for place in places]
        if MISSING.isdisjoint(cells):
            yield "\0".join(cells)


# --- what is found


def _look_up_keys(evidence: Evidence, joins: Sequence[_Join]) -> None:
    """Find out which of the tables' sampled keys any row of train or test has: one pass over each."""
    for rows in (evidence.train, evidence.test):
        if rows is None or not joins:
            continue
        places = [[rows.header.index(name) for name in join.columns] for join in joins]
        every = rows.sample if rows.is_whole else iterate_rows(rows.path, rows.delimiter)
        for cells in every:
            for join, place in zip(joins, places, strict=True):
                key = cells[place[0]] if len(place) == 1 else "\0".join([cells[each] for each in place])
                if key in join.side_keys:
                    join.known.add(key)


def _collect(table: Survey, joins: Sequence[_Join]) -> None:
    """Take the first row of the table for every wanted key: one pass."""
    if not joins:
        return
    places = [[table.header.index(name) for name in join.keys] for join in joins]
    wanted = [join.wanted[True] | join.wanted[False] for join in joins]
    for cells in table.sample if table.is_whole else iterate_rows(table.path, table.delimiter):
        for join, place, keys in zip(joins, places, wanted, strict=True):
            key = cells[place[0]] if len(place) == 1 else "\0".join([cells[each] for each in place])
            if key in keys and key not in join.rows:
                join.rows[key] = tuple(cells)


def _settle(
    evidence: Evidence, path: str, table: Survey, singles: Sequence[_Join], joins: Sequence[_Join]
) -> SideTable | str | None:
    """Return the side table, or why it must stay out, or None when nothing joins it."""
    good = [join for join in singles if _belongs(join)]
    if not good:
        return None
    # A column of a few values covers everything and tells nothing apart: of keys alike in number, the better covered.
    most = max(len(join.wanted[True] & join.rows.keys()) for join in good)
    fine = [join for join in good if 2 * len(join.wanted[True] & join.rows.keys()) >= most]
    best = max(fine, key=lambda join: (join.columns[0] == evidence.columns.id_column, join.agreement))
    if best.share(of_train=True) == 0:
        return "holds rows of the test table alone"
    for join in joins:
        if join in good or len(join.keys) > 1:
            told = _tells_target(evidence, table, join)
            if told is not None:
                return told
    has_test = evidence.test is not None and all(join.has_test for join in good)
    for join in joins:
        is_finer = len(join.keys) > 1 and len(join.wanted[True]) > len(best.wanted[True])
        if is_finer and evidence.test is not None and join.share(of_train=True) > SURELY_COVERED and not join.has_test:
            return f"tells of train rows, by {' and '.join(join.columns)} together, what is not known of test rows"
    return SideTable(path=path, key=best.keys[0], column=best.columns[0], has_test=has_test)


def _belongs(join: _Join) -> bool:
    if max(join.coverage) < FEWEST_COVERED:
        return False
    key, column = join.keys[0], join.columns[0]
    if not _is_dense(tuple(islice(join.side_keys, KEYS_SAMPLED))):
        return True
    if _plain(key) == _plain(column):
        if column.casefold() not in _GENERIC:
            return True
        # Another table's own numbers go on beyond the rows', or end long before them.
        return join.coverage[0] >= FEWEST_COVERED and join.agreement >= SURELY_COVERED
    return join.agreement >= FEWEST_COVERED


# --- what a table tells of the target


def _tells_target(evidence: Evidence, table: Survey, join: _Join) -> str | None:
    """Return in words which column of a table is a target, or gives it away for train keys alone; or None."""
    train = evidence.train
    places = [train.header.index(name) for name in join.columns]
    rows = [(row, "\0".join([row[place] for place in places])) for row in train.sample]
    joined = [(row, join.rows[key]) for row, key in rows if key in join.rows]
    if len(joined) < FEWEST_ROWS:
        return None
    test = [join.rows[key] for key in join.wanted[False] if key in join.rows]
    for place, name in enumerate(table.header):
        if name in join.keys:
            continue
        known = sum(cells[place] not in MISSING for cells in test) / max(1, len(join.wanted[False]))
        for target in evidence.columns.targets:
            where = train.header.index(target)
            pairs = [(row[where], cells[place]) for row, cells in joined if cells[place] not in MISSING]
            if len(pairs) < max(FEWEST_ROWS, 0.3 * len(joined)):
                continue
            if _is_same(pairs):
                return f"has a column {name!r}, which is the target {target!r} again"
            if known < SURELY_COVERED * len(pairs) / len(rows) and _gives_away(pairs):
                return f"has a column {name!r}, which gives the target {target!r} away and is not known of test rows"
    return None


def _is_same(pairs: Sequence[tuple[str, str]]) -> bool:
    if Counter(label for label, _ in pairs).most_common(1)[0][1] > SAME * len(pairs):
        return False
    same = sum(
        label == cell or (is_number(label) and is_number(cell) and float(label) == float(cell)) for label, cell in pairs
    )
    return same >= SAME * len(pairs)


def _gives_away(pairs: Sequence[tuple[str, str]]) -> bool:
    """Return True when a value names its label nearly always, or when both are numbers on one line."""
    labels = Counter(label for label, _ in pairs)
    by_value: dict[str, Counter[str]] = defaultdict(Counter)
    for label, cell in pairs:
        by_value[cell][label] += 1
    wrong = len(pairs) - labels.most_common(1)[0][1]
    missed = len(pairs) - sum(count.most_common(1)[0][1] for count in by_value.values())
    if 4 * len(by_value) <= len(pairs) and wrong and missed <= (1 - TELLING) * wrong:
        return True
    numbers = [(float(label), float(cell)) for label, cell in pairs if is_number(label) and is_number(cell)]
    return len(labels) > 2 and len(numbers) == len(pairs) and abs(_correlation(numbers)) > 0.999


def _correlation(pairs: Sequence[tuple[float, float]]) -> float:
    count = len(pairs)
    left, right = (sum(values) / count for values in zip(*pairs, strict=True))
    both = sum((a - left) * (b - right) for a, b in pairs)
    spread = sum((a - left) ** 2 for a, _ in pairs) * sum((b - right) ** 2 for _, b in pairs)
    return both / spread**0.5 if spread > 0 else 0.0


def name_tables(tables: Sequence[SideTable]) -> str:
    """Return side tables in words, for display."""
    told = (f"{t.path} by {t.column}" + ("" if t.has_test else " (train rows alone)") for t in tables)
    return ", ".join(told)
