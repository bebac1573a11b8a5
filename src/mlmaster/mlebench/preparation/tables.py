"""Tables read and written to the byte as pandas 2 does it, with which the official checksums were made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd

Quoting: TypeAlias = Literal[0, 1, 2, 3]
"""A constant of the csv module, `csv.QUOTE_MINIMAL` and so on."""


@contextmanager
def plain_strings() -> Iterator[None]:
    """Keep text in columns of Python objects, as before pandas 3; recipes run within this."""
    with pd.option_context("future.infer_string", False):
        yield


def read_csv(path: Path, *, is_exact: bool = True, **options: Any) -> pd.DataFrame:
    """Return a CSV file as MLE-bench reads it.

    Args:
        path: The file.
        is_exact: Whether every float is read to its nearest double; some recipes of MLE-bench use pandas' default instead.
        options: More of `pandas.read_csv`: `sep`, `dtype`, `usecols`, …
    """
    if is_exact:
        options["float_precision"] = "round_trip"
    with plain_strings():
        table: pd.DataFrame = pd.read_csv(path, **options)
    return table


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
