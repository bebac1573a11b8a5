"""Kendall's tau over many orderings at once: the inversions of all of them against the most there could be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import pair_by_id, require_columns
from mlmaster.mlebench.graders.texts import as_texts


def kendall_tau(id_column: str, target: str) -> Grader:
    """Return the grader of a competition whose target lists the same items in another order, with blanks between them.

    One minus four times the inversions of all rows, over the sum of n(n - 1) for rows of n items.
    """

    def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
        require_columns(submission, (id_column, target))
        submission, answers = pair_by_id(submission, answers, id_column)
        inversions = most = 0
        rows = zip(submission[id_column], as_texts(submission[target]), as_texts(answers[target]), strict=True)
        for name, found, expected in rows:
            ranks = _ranks(f"{target} of {id_column} {shown(str(name))}", found.split(), expected.split())
            inversions += count_inversions(ranks)
            most += len(ranks) * (len(ranks) - 1)
        return 1 - 4 * inversions / most

    return grade


def count_inversions(ranks: Sequence[int]) -> int:
    """Return the number of pairs that stand in falling order."""
    values = np.asarray(ranks)
    return int(np.count_nonzero(np.triu(values[:, None] > values)))


def _ranks(where: str, found: list[str], expected: list[str]) -> list[int]:
    """Return the true position of every item found."""
    if len(found) != len(expected):
        raise SubmissionError(f"{where}: {len(found)} items, and there must be {len(expected)}")
    rank = {item: position for position, item in enumerate(expected)}
    foreign = [item for item in found if item not in rank]
    if foreign:
        raise SubmissionError(f"{where}: {shown(foreign[0])} is none of its items")
    if len(set(found)) < len(set(expected)):
        twice = next(item for item in found if found.count(item) > 1)
        raise SubmissionError(f"{where}: {shown(twice)} stands twice")
    return [rank[item] for item in found]


GRADERS: Mapping[str, Grader] = {
    "AI4Code": kendall_tau("id", "cell_order"),
}
