"""Tables too large to be held as pandas holds them: read in chunks, kept narrow, written into archives chunk by chunk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from mlmaster.mlebench.tables import EXACT_FLOATS, with_plain_text

CHUNK_ROWS = 200_000


def read_chunks(path: Path, rows: int = CHUNK_ROWS, **options: Any) -> Iterator[pd.DataFrame]:
    """Yield a CSV file, so many rows at a time, every float read to its nearest double.

    Types are found for each chunk, not for the file: name them in `dtype` where chunks could differ, or join by `pd.concat`.

    Args:
        path: The file.
        rows: Of a chunk; the last one may have fewer.
        options: More of `pandas.read_csv`: `dtype`, `usecols`, …
    """
    with pd.read_csv(path, chunksize=rows, **EXACT_FLOATS, **options) as reader:
        yield from map(with_plain_text, reader)


def read_narrow(path: Path, chunk_rows: int = CHUNK_ROWS) -> pd.DataFrame:
    """Return a CSV file with every column of integers in the fewest bytes that hold them; it is written the same."""
    return pd.concat(map(_narrow, read_chunks(path, chunk_rows)), ignore_index=True)


def _narrow(chunk: pd.DataFrame) -> pd.DataFrame:
    whole = chunk.select_dtypes("int64").columns
    return chunk.assign(**{name: pd.to_numeric(chunk[name], downcast="integer") for name in whole})


@contextmanager
def open_zipped(archive: Path) -> Iterator[TextIO]:
    """Open the one member of a new archive for writing text; `x.csv.zip` holds `x.csv`, stored and not compressed."""
    entry = zipfile.ZipInfo(archive.stem)
    entry.external_attr = 0o644 << 16
    with (
        zipfile.ZipFile(archive, "w") as whole,
        whole.open(entry, "w", force_zip64=True) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="") as text,
    ):
        yield text
