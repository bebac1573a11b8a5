"""Submissions to the competition scored by weighted log loss; weighted means are taken patient by patient."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import flags, no_finite_numbers, noisy_probabilities, out_of_range
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

PARTS = ("patient_overall", *(f"C{number}" for number in range(1, 8)))
PATIENTS = [f"1.2.826.0.1.3680043.{number}" for number in (10001, 5876, 999, 28025, 3882)]
ROWS = len(PARTS) * len(PATIENTS)
EPSILON = 1e-15


def suites() -> Iterator[Suite]:
    keys = [(patient, part) for part in PARTS for patient in PATIENTS]
    ids = [f"{patient}_{part}" for patient, part in keys]
    truth = flags(90, ROWS)
    answers = pd.DataFrame(
        {
            "StudyInstanceUID": [patient for patient, _ in keys],
            "prediction_type": [part for _, part in keys],
            "fractured": truth,
            "row_id": ids,
        }
    )

    def table(chances: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({"row_id": ids, "fractured": chances})

    def score(chances: Sequence[float]) -> float:
        means = []
        for patient in PATIENTS:
            weights, losses = 0.0, 0.0
            for (owner, part), flag, chance in zip(keys, truth, chances, strict=True):
                if owner == patient:
                    held = min(max(chance, EPSILON), 1 - EPSILON)
                    weight = (14 if flag else 7) if part == "patient_overall" else (2 if flag else 1)
                    weights += weight
                    losses -= weight * math.log(held if flag else 1 - held)
            means.append(losses / weights)
        return sum(means) / len(means)

    noisy = noisy_probabilities(90, truth, 6)
    first = noisy[1]
    good, value = table(first), score(first)
    half_certain = [float(flag) if place % 2 else 0.5 for place, flag in enumerate(truth)]
    cases = [
        Case("perfect", "the answers themselves", answers, 0.0),
        Case("perfect", "flags", table([bool(flag) for flag in truth]), 0.0),
        Case("sample", "one half for all", table([0.5] * ROWS), math.log(2)),
        Case("sample", "zero for all", table([0] * ROWS), score([0.0] * ROWS)),
        *(Case("noisy", f"noise {k}", table(each), score(each)) for k, each in enumerate(noisy)),
        Case("noisy", "certain in half the rows", table(half_certain), score(half_certain)),
        Case("noisy", "all wrong", table([1 - flag for flag in truth]), score([1 - flag for flag in truth])),
        Case("shuffled", "by patient", good.sort_values("row_id"), value),
        *written_otherwise(good, value),
        *columns_otherwise(good, value),
        Case("perfect", "with the columns of the test set", good.assign(StudyInstanceUID="x", variable="y"), value),
        Case("broken", "an underscore among digits", with_cell(good, "fractured", "0_1"), INVALID),
        Case("broken", "one row to a patient", wide(good, keys), INVALID),
        *out_of_range(good, "fractured", 0, 1),
        *no_finite_numbers(good, "fractured"),
        *broken_rows(good, "row_id"),
        *broken_columns(good, "row_id", "fractured"),
        *broken_files(good),
    ]
    yield Suite(
        "rsna-2022-cervical-spine-fracture-detection",
        answers,
        cases,
        "Weights of 14, 7, 2 and 1 are written out row by row, and a patient's losses divided by their sum; one half for all "
        "gives ln 2.",
    )


def wide(good: pd.DataFrame, keys: Sequence[tuple[str, str]]) -> pd.DataFrame:
    chances = np.array(good["fractured"]).reshape(len(PARTS), len(PATIENTS))
    return pd.DataFrame({"StudyInstanceUID": PATIENTS} | {part: chances[k] for k, part in enumerate(PARTS)})
