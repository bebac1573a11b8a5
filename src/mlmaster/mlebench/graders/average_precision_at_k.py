"""Mean average precision of the first k guesses of every row.

Guesses stand with one blank between them; two blanks in a row are an empty guess, which takes a place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.columns import require_only
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns
from mlmaster.mlebench.graders.texts import as_texts


def mean_average_precision(id_column: str, target: str, k: int, *, takes_other_columns: bool) -> Grader:
    """Return the grader of a competition with k guesses for each id."""

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require = require_columns if takes_other_columns else require_only
        require(submission, (id_column, target))
        submission, answers = pair_by_id(submission, answers, id_column)
        return _mean(submission[target], answers[target], k)

    return grade


def mean_average_precision_of_some(id_column: str, target: str, k: int) -> Grader:
    """Return the grader of a competition that scores some ids only, and does not say which.

    Rows are sorted by id and paired by position: an id that stands twice moves all after it.
    """

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_only(submission, (id_column, target))
        scored = submission[id_column].isin(answers[id_column])
        if not set(answers[id_column]) <= set(submission.loc[scored, id_column]):
            raise SubmissionError(f"ids are missing in {id_column}; write a row for every id of the sample submission")
        submission, answers = submission[scored].sort_values(id_column), answers.sort_values(id_column)
        return _mean(submission[target], answers[target], k)

    return grade


def average_precision_at_k(guesses: Sequence[str], truth: Collection[str], k: int) -> float:
    """Return the sum of the precision at every place of a hit among the first k, over the most hits there could be.

    A guess that was made before is no hit again.
    """
    left = set(truth)
    most, hits, total = min(len(left), k), 0, 0.0
    for place, guess in enumerate(guesses[:k], start=1):
        if guess in left:
            left.remove(guess)
            hits += 1
            total += hits / place
    return total / most


def _mean(found: pd.Series, expected: pd.Series, k: int) -> float:
    rows = zip(as_texts(found), as_texts(expected), strict=False)
    return float(np.mean([average_precision_at_k(guesses.split(" "), truth.split(" "), k) for guesses, truth in rows]))


GRADERS: Mapping[str, Grader] = {
    "h-and-m-personalized-fashion-recommendations": mean_average_precision_of_some("customer_id", "prediction", 12),
    "hotel-id-2021-fgvc8": mean_average_precision("image", "hotel_id", 5, takes_other_columns=True),
    "whale-categorization-playground": mean_average_precision("Image", "Id", 5, takes_other_columns=False),
}

FAULTS: Mapping[str, str] = {
    "h-and-m-personalized-fashion-recommendations": (
        "The answers lost the leading zeros of article ids: 0706016001 is never a hit where 706016001 is, though the sample "
        "submission has the zeros. A customer who stands twice shifts the rows of all customers after it."
    ),
}
