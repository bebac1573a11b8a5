"""Which row of a submission answers which row of the test table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError


def are_unique(keys: Sequence[str]) -> bool:
    """Return True when no key occurs twice."""
    return len(set(keys)) == len(keys)


def order_by_key(found: Sequence[str], keys: Sequence[str], where: str) -> NDArray[np.int64]:
    """Return, for every key, the position in `found` that has it. `keys` are unique.

    Where the texts do not match they are compared as numbers, as table readers do: `7`, `7.0` and `007` are then one key.

    Args:
        found: Keys of the submission, in its order.
        keys: Keys of the test table.
        where: File and column, for messages.

    Raises:
        SubmissionError: An unknown, missing or repeated key; the first of its kind is named.
    """
    try:
        return _ordered(found, keys, found, where)
    except SubmissionError:
        numbers, wanted = _as_numbers(found), _as_numbers(keys)
        if numbers is None or wanted is None or len(set(wanted)) != len(wanted):
            raise
        return _ordered(numbers, wanted, found, where, keys)


def require_order(found: Sequence[str], keys: Sequence[str], where: str) -> None:
    """Check that the keys agree position by position: the only way where keys repeat.

    Raises:
        SubmissionError: They differ; the first row that does is named.
    """
    for row, (each, key) in enumerate(zip(found, keys, strict=True), start=1):
        if each != key and _as_numbers([each, key]) is None:
            raise SubmissionError(
                f"{where}, row {row}: found {shown(each)}, expected {shown(key)}; "
                "ids repeat here, so rows must stand in the order of the test file"
            )
        if each != key and len(set(_as_numbers([each, key]) or ())) > 1:
            raise SubmissionError(f"{where}, row {row}: found {shown(each)}, expected {shown(key)}")


def _ordered(
    found: Sequence[object],
    keys: Sequence[object],
    spelled: Sequence[str],
    where: str,
    spelled_keys: Sequence[str] | None = None,
) -> NDArray[np.int64]:
    index = {key: position for position, key in enumerate(keys)}
    order = np.full(len(keys), -1, dtype=np.int64)
    for position, each in enumerate(found):
        place = index.get(each)
        if place is None:
            raise SubmissionError(f"{where}, row {position + 1}: unknown id {shown(spelled[position])}")
        if order[place] >= 0:
            raise SubmissionError(
                f"{where}, row {position + 1}: id {shown(spelled[position])} is there twice, first in row {order[place] + 1}"
            )
        order[place] = position
    missing = np.flatnonzero(order < 0)
    if len(missing):
        first = (spelled_keys or keys)[int(missing[0])]
        raise SubmissionError(f"{where}: {len(missing)} of {len(keys)} ids are missing, first {shown(str(first))}")
    return order


def _as_numbers(keys: Sequence[str]) -> list[int | float] | None:
    numbers: list[int | float] = []
    for key in keys:
        try:
            numbers.append(int(key))
        except ValueError:
            try:
                numbers.append(float(key))
            except ValueError:
                return None
    return numbers
