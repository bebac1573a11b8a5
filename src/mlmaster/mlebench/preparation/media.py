"""Images, sounds and scans: files of raw folders found by suffix, copied and packed by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.archives import copy, write_zip


def names_in(folder: Path, suffix: str) -> list[str]:
    """Return the sorted names of the files of a folder that end in `suffix`.

    Raises:
        DataError: There is none.
    """
    names = sorted(path.name for path in folder.iterdir() if path.name.endswith(suffix))
    if not names:
        raise DataError(f"{folder.name}/ holds no {suffix} file; fetch the raw files again")
    return names


def copy_named(names: Iterable[str], source: Path, target: Path, *, is_optional: bool = False) -> None:
    """Copy files of one folder to another, under the names they have.

    Args:
        names: Of the files.
        source: Where they lie.
        target: Where they go; made where it is missing.
        is_optional: Whether to copy none from an empty folder: the raw files lack it, and the user goes without.

    Raises:
        DataError: One of them is missing.
    """
    if is_optional and not any(source.iterdir()):
        return
    for name in names:
        copy(source / name, target / name)


def copy_folder(source: Path, target: Path) -> None:
    """Copy every file below a folder to the same place below another.

    Raises:
        DataError: There is none.
    """
    files = [path for path in source.rglob("*") if path.is_file()]
    if not files:
        raise DataError(f"{source.parent.name}/{source.name}/ is missing from the raw files or empty; fetch them again")
    for path in files:
        copy(path, target / path.relative_to(source))


def zip_named(names: Iterable[str], source: Path, target: Path) -> None:
    """Write an archive of files of one folder, under the names they have and without the folder's own.

    Raises:
        DataError: One of them is missing.
    """
    write_zip(target, _members(names, source))


def _members(names: Iterable[str], source: Path) -> Iterator[tuple[str, Path]]:
    for name in names:
        path = source / name
        if not path.is_file():
            raise DataError(f"{source.name}/{name} is missing from the raw files; fetch them again")
        yield name, path
