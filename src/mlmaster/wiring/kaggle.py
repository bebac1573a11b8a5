"""`kaggle:SLUG` as a source: the files of a competition the user has joined, fetched once and kept in the user's cache."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from mlmaster.errors import DataError
from mlmaster.kaggle.client import Load, import_client
from mlmaster.kaggle.downloading import download
from mlmaster.mlebench.places import user_cache
from mlmaster.tasks.archives import extract_file

PREFIX = "kaggle:"
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")


def is_kaggle(source: str | Path) -> bool:
    """Return True for a source that names a competition of Kaggle."""
    return isinstance(source, str) and source.startswith(PREFIX)


def fetch(source: str, root: Path | None = None, load: Load = import_client) -> Path:
    """Return the folder of a competition's files, named after it; what was fetched before is not fetched again.

    Args:
        source: `kaggle:SLUG`.
        root: Where such folders are kept; in the user's cache by default.
        load: Gives Kaggle's client.

    Raises:
        DataError: That is no slug, or Kaggle gives no files, or they cannot be unpacked.
    """
    slug = source.removeprefix(PREFIX)
    if not _SLUG.fullmatch(slug):
        raise DataError(f"{source!r}: a competition is named by its address at Kaggle: kaggle:titanic for /c/titanic")
    root = root or user_cache() / "ml-master" / "kaggle"
    folder, staging = root / slug, root / ".fetching" / slug
    if folder.is_dir():
        return folder
    archive = download(slug, staging, f"download its files by hand and name their folder: mlmaster run {slug}/", load)
    shutil.rmtree(staging / "files", ignore_errors=True)
    extract_file(archive, staging / "files")
    (staging / "files").rename(folder)
    shutil.rmtree(staging)
    return folder
