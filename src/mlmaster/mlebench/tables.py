"""Reading submissions and answers as MLE-bench reads them, so that the same cells mean the same.

Source: openai/mle-bench, `mlebench/utils.py`: pandas, every float to its nearest double, an empty file as a table
without columns, cells of text as Python objects (as pandas before version 3 had them). Two things differ, where the
original gives no verdict at all: a file that is no CSV is an invalid submission here, and one far too large or wide to be
one is not read.
"""

from __future__ import annotations

import json
import re
import warnings
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.types import is_object_dtype

from mlmaster.errors import DataError, SubmissionError

Answers: TypeAlias = "pd.DataFrame | list[dict[str, Any]]"
"""The private answers: a table, or for one competition a list of records."""

LEAST_LIMIT_BYTES = 2**30
"""A submission up to this size is always read."""
MOST_TIMES_ANSWERS = 50
"""A larger one is read up to so many times the size of the answers."""
MOST_COLUMNS = 10_000
"""One with more commas in its header, or in its first row, is not read."""
_LONGEST_HEADER_BYTES = 2**24
_QUOTED = re.compile(rb'"[^"]*("|$)')

# pandas 3.1 reads every float to its nearest double, and warns where it is asked to
_PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])
EXACT_FLOATS: dict[str, Any] = {} if _PANDAS >= (3, 1) else {"float_precision": "round_trip"}
"""Options of `pandas.read_csv` for floats read to their nearest double."""


def read_csv(path: Path) -> pd.DataFrame:
    """Return a CSV file as MLE-bench reads it. An empty file gives a table without rows and columns.

    Raises:
        pandas.errors.ParserError, UnicodeDecodeError, OSError: As pandas raises them.
    """
    try:
        table = _read(path, **EXACT_FLOATS)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    return with_overflow_as_text(with_plain_text(table), path)


def with_overflow_as_text(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return a table whose columns with a number beyond all doubles, such as 1e400, are text, as they were before pandas 3.

    Args:
        table: As pandas reads it now: with infinities there.
        path: The file it was read from; it is read again where an infinity stands in the table.
    """
    infinite = {name: np.isinf(cells.to_numpy()) for name, cells in table.items() if cells.dtype == np.float64}
    infinite = {name: cells for name, cells in infinite.items() if cells.any()}
    if not infinite:
        return table
    texts = with_plain_text(_read(path, dtype=dict.fromkeys(infinite, str)))
    spelled = {name: texts[name][cells].str.contains("inf", case=False) for name, cells in infinite.items()}
    return table.assign(**{str(name): texts[name] for name, cells in spelled.items() if not cells.all()})


def with_plain_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns of text, and whose column names, are Python objects, as before pandas 3."""
    kinds = table.dtypes.to_dict()
    plain = table.copy(deep=False)
    for name in (name for name, dtype in kinds.items() if isinstance(dtype, pd.StringDtype)):
        plain[name] = plain[name].astype(object)
    for name in (name for name, dtype in kinds.items() if is_object_dtype(dtype)):
        # whole numbers too large for 64 bits are Python's since pandas 3.1; before, they left the column as text
        if any(isinstance(cell, int) and not -(2**63) <= cell < 2**64 for cell in plain[name]):
            plain[name] = plain[name].map(str, na_action="ignore").astype(object)
    plain.columns = plain.columns.astype(object)
    return plain


def _read(path: Path, **options: Any) -> pd.DataFrame:
    with warnings.catch_warnings():
        # a large column that holds numbers here and text there; graders say what is wrong with it
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        table: pd.DataFrame = pd.read_csv(path, **options)
    return table


def most_bytes(answers_bytes: int) -> int:
    """Return the size up to which a submission is read, from the size of the answers."""
    return max(LEAST_LIMIT_BYTES, MOST_TIMES_ANSWERS * answers_bytes)


def read_submission(path: Path, answers: Path) -> pd.DataFrame:
    """Return a submission as a table.

    Args:
        path: The submission.
        answers: The answers, whose size bounds what is read.

    Raises:
        SubmissionError: It is no CSV file, or far too large or wide.
    """
    try:
        limit = most_bytes(answers.stat().st_size)
        size = path.stat().st_size
        if size > limit:
            raise SubmissionError(
                f"{path.name} has {size:,} bytes; at most {limit:,} are read for this competition; write one row for each "
                "row of the test set"
            )
        if _columns(path) > MOST_COLUMNS:
            raise SubmissionError(
                f"{path.name} has more than {MOST_COLUMNS:,} columns; write those of the sample submission"
            )
        return read_csv(path)
    except UnicodeDecodeError as error:
        raise SubmissionError(f"{path.name} is not UTF-8 text ({error.reason}); write it with to_csv()") from None
    except (pd.errors.ParserError, ValueError, OverflowError) as error:
        why = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise SubmissionError(f"{path.name} is no CSV file that can be read: {why}; write it with to_csv()") from None
    except MemoryError:
        raise SubmissionError(f"{path.name} takes more memory to read than there is; is it far too large?") from None
    except OSError as error:
        raise SubmissionError(f"{path.name} cannot be read: {error.strerror}") from None


def _columns(path: Path) -> int:
    # pandas takes minutes over a million columns; the first row can make more of them than the header
    with path.open("rb") as file:
        lines = iter(lambda: file.readline(_LONGEST_HEADER_BYTES), b"")
        return max(
            (_QUOTED.sub(b"", line).count(b",") + 1 for line in islice(filter(bytes.strip, islice(lines, 1000)), 2)),
            default=0,
        )


def read_answers(path: Path) -> Answers:
    """Return the answers of a competition.

    Raises:
        DataError: They cannot be read.
    """
    try:
        if path.suffix == ".jsonl":
            with path.open(encoding="utf-8") as lines:
                return [json.loads(line) for line in lines]
        return read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(f"answers {path} cannot be read: {error}; prepare the competition again") from error
