"""Whether prepared files are the official ones, by MD5: the tables at the top of `public` and `private`, and Kaggle's zip.

Images and archives have no official checksums, but for the zip they come in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mlmaster.errors import DataError
from mlmaster.mlebench.registry import Checksums

CHECKED = frozenset({".csv", ".json", ".jsonl", ".parquet", ".bson"})
"""Files at the top of `public` and `private` that have official checksums."""

_CHUNK_BYTES = 1 << 20


class State(StrEnum):
    """How a file compares with the official one."""

    EQUAL = "equal"
    DIFFERS = "differs"
    MISSING = "missing"
    EXTRA = "extra"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file, compared.

    Attributes:
        name: `public/train.csv`, or the name of the zip.
        state: How it compares.
        md5: Of the file; None for one that is missing.
        official: As MLE-bench has it; None for a file it has not.
    """

    name: str
    state: State
    md5: str | None
    official: str | None


class UnofficialError(DataError):
    """Files are not the official ones.

    Attributes:
        checks: Of all files, those that are equal among them.
    """

    def __init__(self, message: str, checks: tuple[FileCheck, ...]) -> None:
        super().__init__(message)
        self.checks = checks


def md5_of(path: Path) -> str:
    """Return the MD5 of a file in hexadecimal."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def check_zip(path: Path, official: Checksums) -> FileCheck:
    """Compare the zip of Kaggle's files."""
    return _compare(path.name, md5_of(path), official.zip)


def check_prepared(prepared: Path, official: Checksums) -> tuple[FileCheck, ...]:
    """Compare the tables of a prepared competition; `prepared` holds `public` and `private`."""
    return tuple(
        check
        for part, sums in (("public", official.public), ("private", official.private))
        for check in _check_folder(prepared / part, part, sums)
    )


def _check_folder(folder: Path, part: str, official: Mapping[str, str]) -> Iterator[FileCheck]:
    found = {path.name: path for path in folder.iterdir() if path.suffix in CHECKED and path.is_file()}
    for name in sorted(found.keys() | official.keys()):
        yield _compare(f"{part}/{name}", md5_of(found[name]) if name in found else None, official.get(name))


def _compare(name: str, md5: str | None, official: str | None) -> FileCheck:
    if md5 is None:
        state = State.MISSING
    elif official is None:
        state = State.EXTRA
    else:
        state = State.EQUAL if md5 == official else State.DIFFERS
    return FileCheck(name, state, md5, official)
