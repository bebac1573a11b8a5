"""Lay out a view from its plan and the task's own files. Standard library only, and imports nothing of ML-Master.

The harness builds its views with this file, and the very same file lies in a finished run's `best/` folder: so the views
a solution was scored on can be rebuilt, byte for byte, without ML-Master. A plan is pure data that says exactly what goes
in; what it does not name stays out. Which rows are hidden is decided in `plan` and `views`, never here.

    python rebuild.py PLAN.json SOURCE DESTINATION
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import sys
import tempfile
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypedDict

FORMAT = 2
VISIBLE, HIDDEN, ABSENT = "v", "h", "-"
LARGEST_CELL = 2**31 - 1
WRITTEN_AT = 946_684_800
"""Every file and folder of a view bears this time (2000-01-01): modification times tell nothing."""


class PlanError(ValueError):
    """The plan and the files it names do not fit together."""


class Source(TypedDict):
    """A table to read: path (relative to the task folder, or absolute), text encoding and delimiter."""

    path: str
    encoding: str
    delimiter: str


class SampleColumn(TypedDict):
    """A column of the sample submission: `copy` the view's test column `value`, `fill` with it, or `count` from it."""

    name: str
    rule: str
    value: str


class RowFiles(TypedDict):
    """Files of rows: pattern in train, pattern in test, and the column that fills ``{key}``."""

    train: str
    test: str
    key: str


class SideRows(TypedDict):
    """A further table whose rows belong to rows of train and test: its `key` holds values of their `column`.

    `withheld` names its columns that are empty for every real test row: they are empty for the view's test rows too.
    """

    table: Source
    key: str
    column: str
    has_test: bool
    withheld: list[str]


class Renumber(TypedDict):
    """The test table's id column is replaced by numbers from `start` on, in the order of the view's rows.

    A new id is `prefix`, the number with at least `width` digits, `suffix`: as the real test's ids are written.
    """

    column: str
    start: int
    prefix: str
    suffix: str
    width: int


class Plan(TypedDict):
    """Exactly how a view is made.

    `sides` has one character for every train row: `v` is in the view's train table, `h` hidden in its test table, `-` in
    neither. `test_rows` is the number of rows of the real test table, all of which are in the view's, or 0 for none of them.
    `rows`, where not empty, are the test table's rows in their order, as `row_numbers` returns them. Else `order_key`
    (hexadecimal) shuffles them; empty keeps hidden rows first, each kind in file order.
    """

    format: int
    name: str
    train: Source
    train_path: str
    train_columns: list[str]
    test: Source | None
    test_path: str
    test_columns: list[str]
    test_files: str
    delimiter: str
    sides: str
    test_rows: int
    order_key: str
    rows: list[int]
    renumber: Renumber | None
    sample_path: str
    sample_delimiter: str
    sample: list[SampleColumn]
    files: list[RowFiles]
    side_tables: list[SideRows]
    copies: list[str]


Place = Callable[[str, str], object]
"""(origin, destination): puts a file's content where no file is yet. The folder is there."""


def materialise(plan: Plan, source: Path, destination: Path, place: Place | None = None) -> list[int]:
    """Build the view in a new folder `destination` and return its rows as `row_numbers` does.

    The tables are streamed; the rows of the view's test table are held in memory once, as lines.

    Args:
        plan: What goes in.
        source: The task's folder.
        destination: A folder that is not there yet.
        place: How files of rows come into the view, where not as copies: links to what the caller keeps.

    Raises:
        PlanError: A table has other columns or another number of rows than the plan says, or a path leads outside.
        OSError: A file cannot be read or written.
    """
    if plan["format"] != FORMAT:
        raise PlanError(f"the plan has format {plan['format']}, this file builds format {FORMAT}")
    rows = row_numbers(plan)
    destination.mkdir(parents=True)
    files = _FilesOfRows(place or shutil.copyfile)
    sides = [_SideTable(side, plan["renumber"]) for side in plan["side_tables"]]
    test = _TestTable(plan, rows, sides)
    _write_train(plan, source, destination, test, files)
    if plan["test_rows"]:
        _take_real_test(plan, source, test)
    test.write(_inside(destination, plan["test_path"]))
    _write_sample(plan, destination)
    test.copy_files(source, destination, files)
    for side in sides:
        side.write(source, destination)
    for path in plan["copies"]:
        _copy(_inside(source, path), _inside(destination, path))
    _flatten_times(destination)
    return rows


def row_numbers(plan: Plan) -> list[int]:
    """Return one number for each row of the view's test table: a hidden train row's, or -1 - k for real test row k."""
    rows = [number for number, side in enumerate(plan["sides"]) if side == HIDDEN]
    rows.extend(-1 - number for number in range(plan["test_rows"]))
    if plan["rows"]:
        if sorted(plan["rows"]) != sorted(rows):
            raise PlanError(f"the plan {plan['name']} orders other rows than it hides")
        return list(plan["rows"])
    if not plan["order_key"]:
        return rows
    key = bytes.fromhex(plan["order_key"])
    return sorted(rows, key=lambda row: hashlib.blake2b(b"%d" % row, key=key, digest_size=8).digest())


def new_id(renumber: Renumber, position: int) -> str:
    """Return the id of the row at a position of the view's test table."""
    return f"{renumber['prefix']}{renumber['start'] + position:0{renumber['width']}d}{renumber['suffix']}"


class _SideTable:
    """A side table while its keys are gathered, then filtered: deny by default.

    Rows of visible keys stay where they are. Rows of the view's test rows follow, in the order of the test table, so that
    the file's order tells nothing; a key that train rows share with them (a store) is visible already. Where the table
    knows nothing of the real test, a key of a hidden row is in no view, even when a visible row has it too.
    """

    def __init__(self, side: SideRows, renumber: Renumber | None) -> None:
        self.column = side["column"]
        self._side = side
        self._renumber = renumber if renumber and renumber["column"] == side["column"] else None
        self._visible: set[str] = set()
        self._shown: dict[str, list[int]] = {}

    def see(self, key: str) -> None:
        """Take in the key of a visible row."""
        self._visible.add(key)

    def show(self, key: str, position: int) -> None:
        """Take in the key of a row of the view's test table."""
        places = self._shown.setdefault(key, [])
        if self._renumber or not places:
            places.append(position)
        else:
            places[0] = min(places[0], position)

    def write(self, source: Path, destination: Path) -> None:
        side, table = self._side, self._side["table"]
        records = _records(source, table)
        header = next(records)
        key = _find(header, side["key"], table["path"])
        withheld = [_find(header, name, table["path"]) for name in side["withheld"]]
        path = _inside(destination, table["path"])
        path.parent.mkdir(parents=True, exist_ok=True)
        positions, ends = array("q"), array("q", [0])
        with path.open("w", encoding="utf-8", newline="") as file, tempfile.TemporaryFile(dir=destination) as later:
            file.write(encode(header, table["delimiter"]))
            for cells in records:
                value = cells[key]
                places = self._shown.get(value, [])
                if not value or (places and not side["has_test"]):
                    continue
                if value in self._visible:
                    file.write(encode(cells, table["delimiter"]))
                    continue
                for place in withheld if places else ():
                    cells[place] = ""
                for position in places:
                    if self._renumber:
                        cells[key] = new_id(self._renumber, position)
                    later.write(encode(cells, table["delimiter"]).encode("utf-8", "surrogatepass"))
                    positions.append(position)
                    ends.append(later.tell())
            for number in sorted(range(len(positions)), key=positions.__getitem__):
                later.seek(ends[number])
                file.write(later.read(ends[number + 1] - ends[number]).decode("utf-8", "surrogatepass"))


class _FilesOfRows:
    """Puts files of rows into the view: content of one file each, never a folder. Rows may share a file."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._folders: set[str] = set()

    def put(self, origin_root: str, origin: str, root: str, path: str) -> None:
        for each in (origin, path):
            _check_inside(each)
        origin, path = f"{origin_root}/{origin}", f"{root}/{path}"
        if os.path.lexists(path) or not Path(origin).is_file():  # an empty key would bring in a whole folder
            return
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        self._place(origin, path)


class _TestTable:
    """The view's test table while it is gathered: lines by position, and where the files of each row come from."""

    def __init__(self, plan: Plan, rows: Sequence[int], sides: Sequence[_SideTable]) -> None:
        self._plan = plan
        self._rows = rows
        self.sides = sides
        self._lines = [""] * len(rows)
        self._keys: list[list[str]] = [[] for _ in rows] if plan["files"] else []
        self._hidden_at = array("q", bytes(8 * len(plan["sides"])))
        self._real_at = array("q", bytes(8 * plan["test_rows"]))
        for position, row in enumerate(rows):
            if row >= 0:
                self._hidden_at[row] = position
            else:
                self._real_at[-1 - row] = position
        renumbered = plan["renumber"]
        self._new = plan["test_columns"].index(renumbered["column"]) if renumbered else -1

    def columns_in(self, header: Sequence[str], path: str) -> tuple[list[int], list[int], list[int]]:
        """Return where the test table's columns, the files' keys and the side tables' keys stand in a source.

        What may be absent (an id that is made anew, a key that only train has) stands at -1.
        """
        renumbered = self._plan["renumber"]
        made = renumbered["column"] if renumbered else None
        wanted = [_find(header, name, path, may_be_absent=name == made) for name in self._plan["test_columns"]]
        sides = [_find(header, side.column, path, may_be_absent=True) for side in self.sides]
        return wanted, [_find(header, rule["key"], path) for rule in self._plan["files"]], sides

    def put(
        self, number: int, cells: Sequence[str], places: tuple[list[int], list[int], list[int]], *, is_hidden: bool
    ) -> None:
        """Take in a row of a source table."""
        position = (self._hidden_at if is_hidden else self._real_at)[number]
        picked = [cells[place] if place >= 0 else "" for place in places[0]]
        renumbered = self._plan["renumber"]
        if renumbered:
            picked[self._new] = new_id(renumbered, position)
        self._lines[position] = encode(picked, self._plan["delimiter"])
        if self._plan["files"]:
            self._keys[position] = [cells[place] for place in places[1]]
        for side, place in zip(self.sides, places[2], strict=True):
            if place >= 0:
                side.show(cells[place], position)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(encode(self._plan["test_columns"], self._plan["delimiter"]))
            file.writelines(self._lines)
        self._lines.clear()

    def copy_files(self, source: Path, destination: Path, files: _FilesOfRows) -> None:
        """Copy the files of the rows in the table's own order, so that nothing tells hidden rows from real ones."""
        if not self._plan["files"]:
            return
        renumbered = self._plan["renumber"]
        of_train, of_test, root = str(source), str(source / self._plan["test_files"]), str(destination)
        for position, (row, keys) in enumerate(zip(self._rows, self._keys, strict=True)):
            for rule, key in zip(self._plan["files"], keys, strict=True):
                shown = key
                if renumbered and renumbered["column"] == rule["key"]:
                    shown = new_id(renumbered, position)
                origin_root, pattern = (of_train, rule["train"]) if row >= 0 else (of_test, rule["test"])
                files.put(origin_root, _fill(pattern, key), root, _fill(rule["test"], shown))


def _write_train(plan: Plan, source: Path, destination: Path, test: _TestTable, files: _FilesOfRows) -> None:
    """Stream the train table: visible rows and their files go out at once, hidden ones into the test table."""
    sides, rules, name = plan["sides"], plan["files"], plan["train"]["path"]
    records = _records(source, plan["train"])
    header = next(records)
    places = [_find(header, column, name) for column in plan["train_columns"]]
    keys = [_find(header, rule["key"], name) for rule in rules]
    side_keys = [_find(header, side.column, name) for side in test.sides]
    hidden = test.columns_in(header, name) if HIDDEN in sides else ([], [], [])
    is_whole = places == list(range(len(header)))
    path = _inside(destination, plan["train_path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    roots = str(source), str(destination)
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(encode(plan["train_columns"], plan["delimiter"]))
        for number, cells in enumerate(records):
            count += 1
            if count > len(sides):
                break
            if sides[number] == VISIBLE:
                file.write(encode(cells if is_whole else [cells[place] for place in places], plan["delimiter"]))
                for rule, key in zip(rules, keys, strict=True):
                    path_in = _fill(rule["train"], cells[key])
                    files.put(roots[0], path_in, roots[1], path_in)
                for side, key in zip(test.sides, side_keys, strict=True):
                    side.see(cells[key])
            elif sides[number] == HIDDEN:
                test.put(number, cells, hidden, is_hidden=True)
    if count != len(sides):
        raise PlanError(f"{name}: has {'more' if count > len(sides) else count} rows, the plan is for {len(sides)}")


def _take_real_test(plan: Plan, source: Path, test: _TestTable) -> None:
    if plan["test"] is None:
        raise PlanError(f"the plan {plan['name']} asks for real test rows but names no test table")
    records = _records(source, plan["test"])
    places = test.columns_in(next(records), plan["test"]["path"])
    count, wanted = 0, plan["test_rows"]
    for number, cells in enumerate(records):
        count += 1
        if count > wanted:
            break
        test.put(number, cells, places, is_hidden=False)
    if count != wanted:
        name = plan["test"]["path"]
        raise PlanError(f"{name}: has {'more' if count > wanted else count} rows, the plan is for {wanted}")


def _write_sample(plan: Plan, destination: Path) -> None:
    """Write the sample submission from the finished test table, so that its ids are the ones a script sees."""
    table = Source(path=plan["test_path"], encoding="utf-8", delimiter=plan["delimiter"])
    rows = _records(destination, table, is_ours=True)
    header = next(rows)
    copied = {c["name"]: header.index(c["value"]) for c in plan["sample"] if c["rule"] == "copy"}
    path = _inside(destination, plan["sample_path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(encode([column["name"] for column in plan["sample"]], plan["sample_delimiter"]))
        for position, cells in enumerate(rows):
            out = []
            for column in plan["sample"]:
                if column["rule"] == "copy":
                    out.append(cells[copied[column["name"]]])
                elif column["rule"] == "count":
                    out.append(str(int(column["value"]) + position))
                else:
                    out.append(column["value"])
            file.write(encode(out, plan["sample_delimiter"]))


def encode(cells: Sequence[str], delimiter: str) -> str:
    """Return a line of a table, quoting only where needed.

    Not by the csv module's writer: whether that quotes a lone carriage return depends on the version of Python.
    """
    line = delimiter.join(cells)
    if '"' in line or "\n" in line or "\r" in line or not line or line.count(delimiter) != len(cells) - 1:
        special = (delimiter, '"', "\n", "\r")
        quoted = ['"' + c.replace('"', '""') + '"' if any(s in c for s in special) else c for c in cells]
        line = delimiter.join(quoted) or '""'
    return line + "\n"


def _records(folder: Path, table: Source, *, is_ours: bool = False) -> Iterator[list[str]]:
    """Yield the header (unnamed columns named as pandas does), then the rows; blank lines are left out."""
    csv.field_size_limit(LARGEST_CELL)
    path = folder / table["path"]
    with path.open(encoding=table["encoding"], newline="") as file:
        width = 0
        for cells in csv.reader(file, delimiter=table["delimiter"]):
            # a line of nothing but white space is no row, a quoted empty cell is one
            if not cells or (not is_ours and len(cells) == 1 and cells[0] and not cells[0].strip()):
                continue
            if not width:
                width = len(cells)
                cells = [name or f"Unnamed: {place}" for place, name in enumerate(cells)]
            elif len(cells) != width:
                raise PlanError(f"{path}: a row has {len(cells)} cells, but the header has {width}")
            yield cells
        if not width:
            raise PlanError(f"{path}: holds no header")


def _find(header: Sequence[str], column: str, path: str, *, may_be_absent: bool = False) -> int:
    if column in header:
        return header.index(column)
    if may_be_absent:
        return -1
    raise PlanError(f"{path}: has no column {column!r}")


def _fill(pattern: str, key: str) -> str:
    return pattern.replace("{key}", key)


def _inside(folder: Path, path: str) -> Path:
    _check_inside(path)
    return folder / path


def _check_inside(path: str) -> None:
    """Refuse a path that leads out of its folder. A key read from a table is data: it must not lead anywhere else."""
    if not path or path.startswith("/") or "\0" in path or (".." in path and ".." in path.split("/")):
        raise PlanError(f"{path!r} leads outside of the task's folder")


def _copy(source: Path, destination: Path) -> None:
    if not destination.exists():
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, destination)


def _flatten_times(folder: Path) -> None:
    """Give every file and folder one time. A file that has it is not touched: it may be shared with other views."""
    for directory, _, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(directory, name)
            if path.stat().st_mtime_ns != WRITTEN_AT * 10**9:
                os.utime(path, (WRITTEN_AT, WRITTEN_AT))
        os.utime(directory, (WRITTEN_AT, WRITTEN_AT))


if __name__ == "__main__":
    materialise(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]), Path(sys.argv[3]))
