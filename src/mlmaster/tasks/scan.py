"""The proof after the build: what stands in a finished view, read again from the disk and held against the task's files.

The builder is not trusted: nothing of `rebuild` is called but the law of row numbers. Proven are

- *files*: every one is named by the plan or belongs to a row the view shows; nothing is writable, no time differs;
- *train table*: exactly the visible rows, cell by cell;
- *test table*: exactly the hidden and the real rows where the plan puts them, without a column that tells the answer;
- *sample*: the same answer for every row;
- *side tables*: rows of shown keys only, the test side's in the test table's order;
- *texts*: no key of a hidden or absent row;
- *names*: those of hidden and of real rows cannot be told apart by their form.

Tables are streamed: one more read of each. An error names view, file and key, never a label.
"""

from __future__ import annotations

import csv
import os
import stat
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path

from mlmaster.errors import InfrastructureError
from mlmaster.tasks.numbering import are_dates
from mlmaster.tasks.rebuild import HIDDEN, LARGEST_CELL, VISIBLE, WRITTEN_AT, Plan, SideRows, Source, row_numbers
from mlmaster.tasks.traces import differ_in_form, find_words


def scan_view(folder: Path, plan: Plan, source: Path, withheld: Collection[str], keys: Collection[str]) -> None:
    """Prove that a finished, protected view holds what its plan says and nothing else.

    Args:
        folder: What a script would see as `./input/`.
        plan: What it should hold.
        source: The task's folder.
        withheld: Columns that no test table may have: targets and what only train knows.
        keys: Columns of train that name rows.

    Raises:
        InfrastructureError: It does not.
        OSError: A file cannot be read.
    """
    _Scan(folder, plan, source, withheld, keys).run()


class _Scan:
    def __init__(
        self, folder: Path, plan: Plan, source: Path, withheld: Collection[str], keys: Collection[str]
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._source = source
        self._withheld = withheld
        self._keys = keys
        self._rows = row_numbers(plan)
        self._unexplained: set[str] = set()
        self._seen: list[set[str]] = [set() for _ in plan["side_tables"]]
        self._hidden: list[set[str]] = [set() for _ in plan["side_tables"]]
        self._shown: list[dict[str, int]] = [{} for _ in plan["side_tables"]]
        """By side table: keys of visible rows, of hidden rows, and as the test table shows them with their first place."""
        self._test_rows = array("q", bytes(8 * len(self._rows)))
        """Hashes of what must stand in the test table, by position; a new id is left out."""

    def run(self) -> None:
        plan = self._plan
        self._look_at_files()
        tables = [plan["train_path"], plan["test_path"], plan["sample_path"]]
        named = [*tables, *plan["copies"], *(side["table"]["path"] for side in plan["side_tables"])]
        for name in named:
            if name not in self._unexplained:
                raise self._fail(name, "is not there")
        self._unexplained.difference_update(named)
        self._compare_train()
        self._expect_real_rows()
        self._compare_test()
        self._look_at_sample()
        for name in sorted(self._unexplained):
            raise self._fail(name, "is named by no rule, and by no row that the view shows")
        for number, side in enumerate(plan["side_tables"]):
            self._look_at_side_table(number, side)

    def _fail(self, name: str, what: str) -> InfrastructureError:
        return InfrastructureError(
            f"the view {self._plan['name']} was built wrongly and is not used: {name} {what}; please report this"
        )

    def _look_at_files(self) -> None:
        pending = [str(self._folder)]
        start = len(pending[0]) + 1
        while pending:
            path = pending.pop()
            with os.scandir(path) as entries:
                found = [(entry.path, entry.stat(follow_symlinks=False)) for entry in entries]
            for name, status in [(path, Path(path).lstat()), *found]:
                if status.st_mode & 0o222 or status.st_mtime_ns != WRITTEN_AT * 10**9:
                    raise self._fail(name[start:] or "its folder", "is writable or has a time of its own")
            for name, status in found:
                if stat.S_ISDIR(status.st_mode):
                    pending.append(name)
                elif stat.S_ISREG(status.st_mode):
                    self._unexplained.add(name[start:])
                else:
                    raise self._fail(name[start:], "is neither a file nor a folder")

    def _ours(self, name: str, delimiter: str) -> Iterator[list[str]]:
        """Yield the header and the rows of one of the view's tables."""
        try:
            yield from _records(self._folder / name, "utf-8", delimiter)
        except (csv.Error, UnicodeDecodeError) as error:
            raise self._fail(name, f"cannot be read ({error})") from error

    def _theirs(self, source: Source) -> tuple[list[str], Iterator[list[str]]]:
        """Return the header and the rows of one of the task's tables."""
        rows = _records(self._source / source["path"], source["encoding"], source["delimiter"])
        header = [name or f"Unnamed: {place}" for place, name in enumerate(next(rows, []))]
        # a line of nothing but white space is no row, a quoted empty cell is one
        return header, rows if len(header) > 1 else (cells for cells in rows if not cells[0] or cells[0].strip())

    def _compare_train(self) -> None:
        """Walk the task's train table and the view's side by side."""
        plan, name, sides = self._plan, self._plan["train_path"], self._plan["sides"]
        header, theirs = self._theirs(plan["train"])
        rows = self._ours(name, plan["delimiter"])
        if next(rows, None) != plan["train_columns"]:
            raise self._fail(name, "has other columns than planned")
        places = [header.index(column) for column in plan["train_columns"]]
        is_whole = places == list(range(len(header)))
        pick = self._picker(header) if HIDDEN in sides else bool
        side_places = [header.index(side["column"]) for side in plan["side_tables"]]
        files = [(rule["train"], header.index(rule["key"])) for rule in plan["files"]]
        where = self._places_of(len(sides), is_hidden=True)
        texts = _Texts(self._folder, plan["copies"], [header.index(key) for key in self._keys if key in header])
        number = -1
        for number, cells in enumerate(theirs):
            side = sides[number] if number < len(sides) else ""
            if side == VISIBLE:
                if next(rows, None) != (cells if is_whole else [cells[place] for place in places]):
                    raise self._fail(name, f"does not hold the visible rows: row {number + 1} of the task is amiss")
                for seen, place in zip(self._seen, side_places, strict=True):
                    seen.add(cells[place])
                for pattern, place in files:
                    self._unexplained.discard(pattern.replace("{key}", cells[place]))
            elif side == HIDDEN:
                self._test_rows[where[number]] = hash(pick(cells))
                for hidden, place in zip(self._hidden, side_places, strict=True):
                    hidden.add(cells[place])
            if texts.places:
                texts.look(cells, is_visible=side == VISIBLE)
        if number + 1 != len(sides):
            raise self._fail(name, f"was planned for {len(sides)} rows of the task, which has {number + 1}")
        if next(rows, None) is not None:
            raise self._fail(name, "holds more than the visible rows")
        for key, text in texts.found():
            raise self._fail(text, f"mentions {key!r}, the key of a row that is hidden or not in the view")

    def _places_of(self, rows: int, *, is_hidden: bool) -> array[int]:
        """Return where rows of a source table stand in the view's test table."""
        places = array("q", bytes(8 * rows))
        for position, row in enumerate(self._rows):
            if (row >= 0) == is_hidden:
                places[row if is_hidden else -1 - row] = position
        return places

    def _picker(self, header: Sequence[str]) -> Callable[[Sequence[str]], object]:
        """Return what takes the test table's cells out of a row, without an id that is made anew."""
        renumber = self._plan["renumber"]
        kept = [c for c in self._plan["test_columns"] if renumber is None or c != renumber["column"]]
        return itemgetter(*map(header.index, kept)) if kept else bool

    def _expect_real_rows(self) -> None:
        real = self._plan["test"]
        if not self._plan["test_rows"] or real is None:
            return
        header, theirs = self._theirs(real)
        pick = self._picker(header)
        where = self._places_of(self._plan["test_rows"], is_hidden=False)
        for number, cells in enumerate(theirs):
            if number < len(where):
                self._test_rows[where[number]] = hash(pick(cells))

    def _compare_test(self) -> None:
        plan, name = self._plan, self._plan["test_path"]
        rows = self._ours(name, plan["delimiter"])
        header = next(rows, [])
        if header != plan["test_columns"] or not set(header).isdisjoint(self._withheld):
            raise self._fail(name, f"has columns that a test table must not have, or lacks some: {', '.join(header)}")
        pick = self._picker(header)
        files = [(rule["test"], header.index(rule["key"])) for rule in plan["files"] if rule["key"] in header]
        sides = [header.index(s["column"]) if s["column"] in header else -1 for s in plan["side_tables"]]
        names: tuple[list[set[str]], list[set[str]]] = ([set() for _ in files], [set() for _ in files])
        position = -1
        for position, cells in enumerate(rows):
            if position >= len(self._rows) or len(cells) != len(header):
                raise self._fail(name, f"has more than {len(self._rows)} rows, or a ragged one")
            if hash(pick(cells)) != self._test_rows[position]:
                raise self._fail(name, f"has another row at place {position + 1} than planned")
            for shown, place in zip(self._shown, sides, strict=True):
                if place >= 0:
                    shown.setdefault(cells[place], position)
            for number, (pattern, place) in enumerate(files):
                path = pattern.replace("{key}", cells[place])
                self._unexplained.discard(path)
                names[self._rows[position] < 0][number].add(path)
        if position + 1 != len(self._rows):
            raise self._fail(name, f"has {position + 1} rows; {len(self._rows)} are planned")
        for ours, theirs in zip(*names, strict=True):
            if differ_in_form(ours, theirs):
                raise self._fail(min(ours), "tells by its name that it is no real test row's")

    def _look_at_sample(self) -> None:
        plan, name = self._plan, self._plan["sample_path"]
        rows = self._ours(name, plan["sample_delimiter"])
        if next(rows, None) != [column["name"] for column in plan["sample"]]:
            raise self._fail(name, "has other columns than planned")
        filled = [(place, c["value"]) for place, c in enumerate(plan["sample"]) if c["rule"] == "fill"]
        count = 0
        for count, cells in enumerate(rows, start=1):
            if any(cells[place] != value for place, value in filled):
                raise self._fail(name, f"does not say the same of every row: row {count}")
        if count != len(self._rows):
            raise self._fail(name, f"has {count} rows; the test table has {len(self._rows)}")

    def _look_at_side_table(self, number: int, side: SideRows) -> None:
        name, delimiter = side["table"]["path"], side["table"]["delimiter"]
        seen, shown = self._seen[number], self._shown[number] if side["has_test"] else {}
        if not side["has_test"]:
            seen = seen - self._hidden[number]
        rows = self._ours(name, delimiter)
        header = next(rows, [])
        if header != self._theirs(side["table"])[0]:
            raise self._fail(name, "has other columns than the task's own table")
        key = header.index(side["key"])
        withheld = [header.index(column) for column in side["withheld"]]
        latest = -1
        for cells in rows:
            value = cells[key]
            if value in seen and latest < 0:
                continue
            if value in seen or value not in shown or shown[value] < latest:
                raise self._fail(name, f"holds a row of {value!r}, which the view does not show, or not there")
            if any(cells[place] for place in withheld):
                raise self._fail(name, f"says more of {value!r} than is known of a real test row")
            latest = shown[value]


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(LARGEST_CELL)
    with path.open(encoding=encoding, newline="") as file:
        yield from filter(None, csv.reader(file, delimiter=delimiter))


class _Texts:
    """Looks for telling keys of rows that are not visible in the files that are copied unchanged."""

    def __init__(self, folder: Path, copies: Sequence[str], places: Sequence[int]) -> None:
        self._words = {path: find_words(folder / path) for path in copies}
        self._all = set(chain.from_iterable(self._words.values()))
        self.places = places if self._all else ()
        self._visible: set[str] = set()
        self._others: set[str] = set()

    def look(self, cells: Sequence[str], *, is_visible: bool) -> None:
        for place in self.places:
            if cells[place] in self._all:
                (self._visible if is_visible else self._others).add(cells[place])

    def found(self) -> Iterator[tuple[str, str]]:
        """Yield the keys found and the file each stands in."""
        for key in sorted(self._others - self._visible):
            if not are_dates([key]):
                yield from ((key, path) for path, words in self._words.items() if key in words)
