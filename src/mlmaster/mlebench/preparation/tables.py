"""Tables read and written to the byte as pandas 2 does it, with which the official checksums were made."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd
from pandas.api.types import is_object_dtype

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
    """Write a table without its index, as pandas 2 does on Linux, whatever the system and the Python."""
    texts = [
        name for name, dtype in table.dtypes.items() if is_object_dtype(dtype) or isinstance(dtype, pd.StringDtype)
    ]
    texts = [name for name in texts if table[name].map(_has_return).any()]
    if texts:
        table = table.assign(**{str(name): table[name].map(_without_return) for name in texts})
    kind = _BareReturns if texts else io.TextIOWrapper
    with path.open("wb") as packed, kind(packed, encoding="utf-8", newline="") as file:
        table.to_csv(file, index=False, sep=sep, float_format=float_format, quoting=quoting, lineterminator="\n")


_RETURN = "\ufdd0"
"""Stands for a carriage return; Unicode has no such character, and never will."""


class _BareReturns(io.TextIOWrapper):
    """A file in which a carriage return is no reason to quote a cell, as it is none for the csv module before Python 3.13."""

    def write(self, text: str) -> int:
        return super().write(text.replace(_RETURN, "\r"))


def _has_return(cell: object) -> bool:
    return isinstance(cell, str) and "\r" in cell


def _without_return(cell: object) -> object:
    return cell.replace("\r", _RETURN) if isinstance(cell, str) else cell
