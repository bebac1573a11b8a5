"""Submissions to the competition scored by weighted AUC; the area is integrated over true positive rates, in fractions."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import ROWS, flags, no_finite_numbers, noisy_probabilities
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

BEND = Fraction(2, 5)


def suites() -> Iterator[Suite]:
    truth = flags(70, share=0.5)
    ids = [f"{number:04d}.jpg" for number in range(1, ROWS + 1)]
    answers = pd.DataFrame({"Id": ids, "Label": truth})

    def table(scores: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({"Id": ids, "Label": scores})

    noisy = noisy_probabilities(70, truth, 7)
    first = noisy[2]
    good, value = table(first), weighted_area(truth, first)
    coarse = [round(each, 1) for each in first]
    half = [0.5 if flag and place % 2 else float(flag) for place, flag in enumerate(truth)]
    spelt = [10.0, *first[1:]]
    cases = [
        Case("perfect", "the answers themselves", answers, 1.0),
        Case("perfect", "flags", table([bool(flag) for flag in truth]), 1.0),
        Case("sample", "zero for all", table([0] * ROWS), 0.82 / 1.4),
        Case("sample", "one half for all", table([0.5] * ROWS), 0.82 / 1.4),
        *(Case("noisy", f"noise {k}", table(each), weighted_area(truth, each)) for k, each in enumerate(noisy)),
        Case("noisy", "one decimal", table(coarse), weighted_area(truth, coarse)),
        Case("noisy", "three values", table(half), weighted_area(truth, half)),
        Case(
            "noisy",
            "one value wrong",
            table([1 - truth[0], *truth[1:]]),
            weighted_area(truth, [1 - truth[0], *truth[1:]]),
        ),
        Case("noisy", "all wrong", table([1 - flag for flag in truth]), 0.0),
        Case("noisy", "in millions, below zero", table([1e6 * (each - 1) for each in first]), value),
        Case("noisy", "an underscore among digits", table(["1_0", *first[1:]]), weighted_area(truth, spelt)),
        *written_otherwise(good, value),
        *columns_otherwise(good, value),
        *no_finite_numbers(good, "Label"),
        Case("broken", "ids without .jpg", good.assign(Id=[each[:4] for each in ids]), INVALID),
        Case("broken", "ids without zeros", good.assign(Id=[each.lstrip("0") for each in ids]), INVALID),
        Case("broken", "an empty cell at the end", with_cell(good, "Label", None, -1), INVALID),
        *broken_rows(good, "Id"),
        *broken_columns(good, "Id", "Label"),
        *broken_files(good),
    ]
    yield Suite(
        "alaska2-image-steganalysis",
        answers,
        cases,
        "The curve is walked from tie to tie in fractions, and what lies to its right is integrated over the true positive "
        "rate, twice as much below 0.4; constant submissions in closed form: (2 * 0.32 + 0.18) / 1.4.",
    )


def weighted_area(truth: Sequence[int], scores: Sequence[float]) -> float:
    rows = sorted(zip(scores, truth, strict=True), reverse=True)
    positives = sum(truth)
    seen = {0: 0, 1: 0}
    area = Fraction(0)
    for _, tied in groupby(rows, key=lambda row: row[0]):
        before = dict(seen)
        for _, flag in tied:
            seen[flag] += 1
        low, high = Fraction(before[1], positives), Fraction(seen[1], positives)
        if high > low:
            left, right = (Fraction(each[0], len(truth) - positives) for each in (before, seen))
            for start, end, weight in ((low, min(high, BEND), 2), (max(low, BEND), high, 1)):
                if end > start:
                    middle = (start + end) / 2
                    area += weight * (end - start) * (1 - left - (right - left) * (middle - low) / (high - low))
    return float(area / (2 * BEND + (1 - BEND)))
