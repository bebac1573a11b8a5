"""Tables read and written to the byte as pandas 2 does it, with which the official checksums were made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd

from mlmaster.mlebench.tables import EXACT_FLOATS, with_plain_text

Quoting: TypeAlias = Literal[0, 1, 2, 3]
"""A constant of the csv module, `csv.QUOTE_MINIMAL` and so on."""


def read_csv(path: Path, **options: Any) -> pd.DataFrame:
    """Return a CSV file as MLE-bench reads it: every float to its nearest double, text as Python objects.

    Args:
        path: The file.
        options: More of `pandas.read_csv`: `sep`, `dtype`, `usecols`, …
    """
    table: pd.DataFrame = pd.read_csv(path, **EXACT_FLOATS, **options)
    return with_plain_text(table)


def write_csv(
    table: pd.DataFrame,
    path: Path,
    *,
    sep: str = ",",
    float_format: str | None = None,
    quoting: Quoting = 0,
) -> None:
    """Write a table without its index, lines ended by a line feed on every system."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table.to_csv(file, index=False, sep=sep, float_format=float_format, quoting=quoting, lineterminator="\n")
