"""Raw reading of delimited tables: every cell as the exact string in the file, streamed, with errors that say where.

Does not interpret cells: no types, no missing values. Everything that must copy a cell unchanged (views, submissions,
ids) reads through here; what columns hold is in `cells` and `profile`, encodings are in `encoding`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from mlmaster.errors import DataError
from mlmaster.tasks.encoding import find_encoding, open_bytes

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_CHARACTERS = 256 * 1024
LARGEST_CELL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written: `encoding` is `utf-8-sig` (UTF-8, with or without a mark) or `cp1252`."""

    delimiter: str
    encoding: str


def sniff(path: Path) -> Dialect:
    """Find out how a table is written, reading the whole file once for its encoding.

    Raises:
        DataError: Missing, empty, unreadable, an archive, binary, or in no plausible encoding.
    """
    encoding = find_encoding(path)
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        sample = text.read(SAMPLE_CHARACTERS)
        is_cut = bool(text.read(1))
    return Dialect(_find_delimiter(sample, is_cut=is_cut, is_tsv=path.suffix.lower() in (".tsv", ".tab")), encoding)


def read_header(path: Path, delimiter: str | None = None) -> tuple[str, ...]:
    """Return the column names. An unnamed column is called `Unnamed: <position>`, as pandas calls it.

    Raises:
        DataError: As `sniff`; or a column name occurs twice.
    """
    with _read(path, delimiter) as (_, records):
        return _take_header(path, records.rows)


def iterate_rows(path: Path, delimiter: str | None = None) -> Iterator[list[str]]:
    """Yield the rows below the header, each with exactly as many cells as the header. Blank lines are skipped.

    Raises:
        DataError: As `read_header`; or a row is ragged, a quote is never closed, or there is no row at all.
    """
    with _read(path, delimiter) as (dialect, records):
        header = _take_header(path, records.rows)
        width = len(header)
        row = 0
        for row, cells in enumerate(records.rows, start=1):
            if len(cells) != width:
                raise DataError(
                    f"{path}: row {row} (line {records.line}) has {len(cells)} cells, but the header has {width}; "
                    f"mend the row, or quote cells that contain {dialect.delimiter!r}"
                )
            yield cells
        if row == 0:
            raise DataError(f"{path}: has a header ({width} columns) but no rows; give a table with rows")


def read_columns(path: Path, names: Sequence[str], delimiter: str | None = None) -> dict[str, list[str]]:
    """Return whole columns by name, all in memory.

    Raises:
        DataError: As `iterate_rows`; or a column is not in the table.
    """
    header = read_header(path, delimiter)
    for name in names:
        if name not in header:
            raise DataError(f"{path}: has no column {name!r}; its columns are {', '.join(map(repr, header[:30]))}")
    places = [header.index(name) for name in names]
    columns: list[list[str]] = [[] for _ in names]
    for cells in iterate_rows(path, delimiter):
        for column, place in zip(columns, places, strict=True):
            column.append(cells[place])
    return dict(zip(names, columns, strict=True))


def count_rows(path: Path, delimiter: str | None = None) -> int:
    """Return the number of rows below the header.

    Raises:
        DataError: As `iterate_rows`.
    """
    return sum(1 for _ in iterate_rows(path, delimiter))


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str = ",") -> int:
    r"""Write a UTF-8 table with `\n` line ends, quoting where needed, and return the number of rows written."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        plain = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        # Before Python 3.13 a lone carriage return is not quoted by itself, yet read as a line's end.
        quoting = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        plain.writerow(header)
        for row in rows:
            (quoting if any("\r" in cell for cell in row) else plain).writerow(row)
            count += 1
    return count


class _Records:
    """The records of an open table, blank lines left out; knows its line and notices a quote that is never closed."""

    def __init__(self, path: Path, text: TextIO, delimiter: str) -> None:
        # One very long text cell is legal; the csv module's own limit of 128 KiB is not ours.
        csv.field_size_limit(LARGEST_CELL)
        self._path = path
        self._has_ended = False
        self._reader = csv.reader(self._lines(text), delimiter=delimiter)
        self.rows = self._iterate()

    @property
    def line(self) -> int:
        return self._reader.line_num

    def _iterate(self) -> Iterator[list[str]]:
        reader, start = self._reader, 1
        try:
            for cells in reader:
                # A closed record is complete at its line's end; only an open quote makes the reader look for more.
                if self._has_ended:
                    raise DataError(
                        f"{self._path}: a quote opened in the row at line {start} is never closed; "
                        'close it, or write "" for a quote within a cell'
                    )
                start = reader.line_num + 1
                # As pandas: a line of nothing but white space is no row, a quoted empty cell is one.
                if len(cells) > 1 or (cells and (not cells[0] or cells[0].strip())):
                    yield cells
        except csv.Error as error:
            raise DataError(f"{self._path}: line {self.line}: {error}; mend the line") from error

    def _lines(self, text: TextIO) -> Iterator[str]:
        yield from text
        self._has_ended = True


@contextmanager
def _read(path: Path, delimiter: str | None) -> Iterator[tuple[Dialect, _Records]]:
    dialect = sniff(path) if delimiter is None else Dialect(delimiter, find_encoding(path))
    # newline="" leaves line ends within quoted cells as they are.
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding=dialect.encoding, newline="") as text:
        yield dialect, _Records(path, text, dialect.delimiter)


def _take_header(path: Path, records: Iterator[list[str]]) -> tuple[str, ...]:
    first = next(records, None)
    if first is None:
        raise DataError(f"{path}: holds only blank lines; give a table with a header and rows")
    header = tuple(name or f"Unnamed: {place}" for place, name in enumerate(first))
    for name, count in Counter(header).items():
        if count > 1:
            raise DataError(f"{path}: the column name {name!r} occurs {count} times; rename all but one")
    return header


def _find_delimiter(sample: str, *, is_cut: bool, is_tsv: bool) -> str:
    """Return the delimiter that splits most rows like the header; of equals, the one that makes more columns."""

    def merit(delimiter: str) -> tuple[float, bool, int]:
        rows = [row for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row]
        rows = rows[:-1] if is_cut and len(rows) > 1 else rows
        if not rows or len(rows[0]) < 2:
            return 0.0, False, 0
        agreeing = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
        return agreeing, is_tsv and delimiter == "\t", len(rows[0])

    csv.field_size_limit(LARGEST_CELL)
    return max(DELIMITERS, key=merit)
