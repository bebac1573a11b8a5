"""Files copied and packed for `public`, and archives of `raw` unpacked, safely (see `tasks/archives.py`)."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

from mlmaster.errors import DataError

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that the same files give the same archive."""
_STORED_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".zip", ".gz", ".7z"})


def copy(source: Path, target: Path) -> None:
    """Copy the content of a file; the folder of the copy is made where it is missing.

    Raises:
        DataError: There is no such file.
    """
    if not source.is_file():
        raise DataError(f"{source.parent.name}/{source.name} is missing from the raw files; fetch them again")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def write_zip(target: Path, members: Iterable[tuple[str, Path]], *, is_compressed: bool = True) -> None:
    """Write an archive of files under the names given; images and archives are stored as they are."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in members:
            is_stored = not is_compressed or path.suffix.lower() in _STORED_SUFFIXES
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as packed:
                shutil.copyfileobj(source, packed, 1 << 20)
