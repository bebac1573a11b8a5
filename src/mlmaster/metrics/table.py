"""Reading a CSV file that a candidate script wrote: anything may lie there, and none of it may hurt the harness.

Only regular files are opened (no links, pipes, devices), of bounded size, line and cell length; reading stops one row after
the last that is wanted. Rows come in blocks, so memory is bounded by what is kept. What the cells mean is not known here.
"""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from mlmaster.core.cells import listed, shown
from mlmaster.errors import SubmissionError

MAX_FILE_BYTES = 2**30
"""Largest file that is read."""
MAX_CELL = 131_072
"""Longest cell, in characters: the csv module's own limit, kept here because another part of the process may lift that."""
MAX_LINE = 2**24
"""Longest line, in characters."""
BLOCK_ROWS = 2**16

_LIST_LIMIT = 5


def read_blocks(path: Path, columns: Sequence[str], rows: int) -> Iterator[dict[str, list[str]]]:
    """Yield blocks of rows as columns of text; at most `rows` + 1 rows, so that a row too many is seen.

    Args:
        path: The file, comma-separated, UTF-8.
        columns: Exactly the columns it must have, in any order.
        rows: How many rows are wanted.

    Raises:
        SubmissionError: The file is missing, is no regular file, is too large, is no CSV, or has other columns.
    """
    with _opened(path) as stream:
        reader = csv.reader(_lines(stream, path.name))
        try:
            header = next(reader, None)
            if not header:
                raise SubmissionError(f"{path.name} has no header; its first line must be: {','.join(columns)}")
            _require_columns(path.name, header, columns)
            records = (record for record in reader if record)
            done = 0
            while block := list(islice(records, min(BLOCK_ROWS, rows + 1 - done))):
                for index, record in enumerate(block):
                    if max(map(len, record)) > MAX_CELL:
                        raise csv.Error(f"field larger than field limit ({MAX_CELL})")
                    if len(record) != len(header):
                        raise SubmissionError(
                            f"{path.name}, row {done + index + 1}: {len(record)} cells, the header has {len(header)}"
                        )
                done += len(block)
                yield {name: list(cells) for name, cells in zip(header, zip(*block, strict=True), strict=True)}
        except UnicodeDecodeError as error:
            raise SubmissionError(f"{path.name} is not UTF-8 text ({error.reason}); write it with to_csv()") from None
        except csv.Error as error:
            raise SubmissionError(f"{path.name}, line {reader.line_num}: no valid CSV: {error}") from None
        except OSError as error:
            raise SubmissionError(f"{path.name} cannot be read: {error.strerror}") from error


def exists(path: Path) -> bool:
    """Return True when anything, a dangling link included, has this name."""
    return os.path.lexists(path)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    # NONBLOCK, so that a pipe put there between the two looks cannot hold the harness; NOFOLLOW likewise for links.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        _require_regular(path, path.lstat())
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise SubmissionError(
            f"{path.name} is missing: the script must write it for every row of the test file"
        ) from None
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read: {error.strerror}") from error
    with os.fdopen(descriptor, encoding="utf-8-sig", newline="") as stream:
        _require_regular(path, os.fstat(descriptor))
        yield stream


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SubmissionError(f"{path.name} is {_described(status.st_mode)}, and must be a regular file")
    if status.st_size == 0:
        raise SubmissionError(f"{path.name} is empty")
    if status.st_size > MAX_FILE_BYTES:
        raise SubmissionError(f"{path.name} has {status.st_size:,} bytes; at most {MAX_FILE_BYTES:,} are read")


def _described(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a named pipe" if stat.S_ISFIFO(mode) else "a device or socket"


def _lines(stream: TextIO, name: str) -> Iterator[str]:
    while line := stream.readline(MAX_LINE):
        if len(line) == MAX_LINE and not line.endswith("\n"):
            raise SubmissionError(f"{name}: a line is longer than {MAX_LINE:,} characters")
        yield line


def _require_columns(name: str, header: Sequence[str], columns: Sequence[str]) -> None:
    expected = f"its columns must be: {listed(columns)}"
    missing = [column for column in columns if column not in header]
    if missing:
        raise SubmissionError(
            f"{name} has no column {listed([shown(each) for each in missing], _LIST_LIMIT)}; {expected}"
        )
    extra = [column for column in header if column not in columns]
    if extra:
        hint = " (an index written by to_csv without index=False)" if extra[0] in ("", "Unnamed: 0") else ""
        raise SubmissionError(
            f"{name} has unexpected columns {listed([shown(each) for each in extra], _LIST_LIMIT)}{hint}; {expected}"
        )
    if len(header) != len(columns):
        twice = next(column for column in header if header.count(column) > 1)
        raise SubmissionError(f"{name} has column {shown(twice)} twice; {expected}")
