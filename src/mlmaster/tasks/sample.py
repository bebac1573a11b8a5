"""The sample submission held against the test table: it must name the rows that are there, each as often as it is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from mlmaster.errors import DataError, TaskError
from mlmaster.tasks.table import read_columns


def check_sample(sample: Path, test: Path, id_column: str, delimiter: str) -> tuple[bool, tuple[str, ...]]:
    """Compare the ids of a sample submission with those of the test table.

    Returns:
        Whether ids repeat in the test table, and notes.

    Raises:
        DataError: The sample has unknown or repeated ids, or none of the test table's.
        TaskError: The sample asks for one answer where the test table has several rows.
    """
    theirs = read_columns(sample, [id_column])[id_column]
    ours = read_columns(test, [id_column], delimiter)[id_column]
    wanted, given = Counter(ours), Counter(theirs)
    unknown = [(row, key) for row, key in enumerate(theirs, start=1) if key not in wanted]
    if len(unknown) == len(theirs):
        raise DataError(
            f"{sample}: none of its {len(theirs)} ids (column {id_column!r}, first {theirs[0]!r}) is in {test.name} "
            f"(first {ours[0]!r}); give the sample submission that belongs to this test table"
        )
    if unknown:
        row, key = unknown[0]
        raise DataError(
            f"{sample}: row {row} has the id {key!r}, which {test.name} does not have ({len(unknown)} such rows); "
            "take them out, or add them to the test table"
        )
    for key, count in given.items():
        if count > wanted[key]:
            raise DataError(
                f"{sample}: the id {key!r} occurs {count} times, but {wanted[key]} times in {test.name}; "
                "keep one row for every test row"
            )
    if len(given) == len(theirs) == len(wanted) < len(ours):
        key, count = wanted.most_common(1)[0]
        raise TaskError(
            f"{sample}: has one row for each {id_column}, but {test.name} has several ({key!r} stands in {count} of its "
            f"{len(ours)} rows), so one answer is asked for what many rows describe; give train and test tables with one "
            f"row for each {id_column}, and the many rows of both as one further table with the column {id_column!r}"
        )
    lacking = len(ours) - len(theirs)
    notes = (f"{sample.name} lacks {lacking} of the {len(ours)} test rows; all of them are predicted",)
    return len(wanted) < len(ours), notes if lacking else ()
