"""Submissions to the competition scored by RMSLE, whose rows are paired by position."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import ROWS, no_finite_numbers
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    written_otherwise,
)

FORMATION, BANDGAP = "formation_energy_ev_natom", "bandgap_energy_ev"


def suites() -> Iterator[Suite]:
    rng = np.random.default_rng(11)
    formation = np.round(rng.uniform(0, 0.6, ROWS), 4)
    bandgap = np.round(rng.uniform(0, 5, ROWS), 4)
    answers = pd.DataFrame(
        {
            "id": range(1, ROWS + 1),
            "spacegroup": rng.choice([12, 33, 167, 194, 206, 227], ROWS),
            "number_of_total_atoms": 80,
            "lattice_vector_1_ang": rng.uniform(5, 25, ROWS),
            FORMATION: formation,
            BANDGAP: bandgap,
        }
    )

    def table(first: Sequence[object], second: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({"id": range(1, ROWS + 1), FORMATION: first, BANDGAP: second})

    def score(first: Sequence[float], second: Sequence[float]) -> float:
        return (rmsle(formation.tolist(), first) + rmsle(bandgap.tolist(), second)) / 2

    noisy = [
        (
            np.abs(formation + rng.normal(scale=s / 5, size=ROWS)).tolist(),
            np.abs(bandgap + rng.normal(scale=s, size=ROWS)).tolist(),
        )
        for s in (0.01, 0.1, 0.5, 1, 3, 20)
    ]
    first, second = noisy[2]
    good, value = table(first, second), score(first, second)
    turned = score(first[::-1], second[::-1])
    shared = [case for case in written_otherwise(good, value) if case.kind != "shuffled"]
    # what breaks an id breaks nothing here, as long as the number of rows stays
    other_length = ("one row less", "first half only", "one row twice", "all rows twice", "an unknown id more")
    ids = [
        Case("broken" if case.name in other_length else "noisy", case.name, case.content, INVALID)
        for case in broken_rows(good, "id")
        if case.name in other_length
    ]
    exponential = [math.e - 1] * ROWS
    cases = [
        Case("perfect", "the answers themselves", answers, 0.0),
        Case("perfect", "no id", table(formation.tolist(), bandgap.tolist()).drop(columns="id"), 0.0),
        Case(
            "sample",
            "the official constants",
            table([0.1779] * ROWS, [1.8892] * ROWS),
            score([0.1779] * ROWS, [1.8892] * ROWS),
        ),
        Case("sample", "zeros", table([0.0] * ROWS, [0.0] * ROWS), score([0.0] * ROWS, [0.0] * ROWS)),
        *(Case("noisy", f"noise {number}", table(*each), score(*each)) for number, each in enumerate(noisy)),
        Case("noisy", "e less one", table(exponential, exponential), constant_one(formation, bandgap)),
        Case("noisy", "slightly negative", table([-0.001] * ROWS, second), score([-0.001] * ROWS, second)),
        Case("noisy", "nearly -1", table([-0.999] * ROWS, second), score([-0.999] * ROWS, second)),
        Case(
            "noisy",
            "an underscore among digits",
            table(with_text(first, "1_0"), second),
            score([10.0, *first[1:]], second),
        ),
        Case("noisy", "flags", table([True] * ROWS, second), score([1.0] * ROWS, second)),
        Case("noisy", "ids of other rows", good.assign(id=range(900, 900 + ROWS)), value),
        Case("noisy", "ids that are words", good.assign(id="unknown"), value),
        Case("noisy", "no ids", good.assign(id=None), value),
        Case("shuffled", "turned round", good.iloc[::-1], turned),
        Case("shuffled", "turned round, with ids in order", table(first[::-1], second[::-1]), turned),
        *shared,
        *columns_otherwise(good, value),
        Case("broken", "-1", table([-1.0, *first[1:]], second), INVALID),
        Case("broken", "below -1", table(first, [-1.5, *second[1:]]), INVALID),
        Case("broken", "all negative", table([-3.0] * ROWS, second), INVALID),
        *ids,
        *no_finite_numbers(good, FORMATION),
        *no_finite_numbers(good, BANDGAP),
        *broken_columns(good, FORMATION, BANDGAP),
        *broken_files(good),
    ]
    yield Suite(
        "nomad2018-predict-transparent-conductors",
        answers,
        cases,
        "Differences of math.log(1 + x), squared and summed over rows in plain Python; one case in closed form; negative "
        "predictions above -1 count, as by scikit-learn from 1.6 on.",
        pairs_by="position",
    )


def rmsle(truth: Sequence[float], predicted: Sequence[float]) -> float:
    squares = [(math.log(1 + p) - math.log(1 + t)) ** 2 for t, p in zip(truth, predicted, strict=True)]
    return math.sqrt(math.fsum(squares) / len(squares))


def constant_one(formation: np.ndarray, bandgap: np.ndarray) -> float:
    """Return the score where ln(1 + prediction) is 1: the mean square is 1 less twice a mean, and a mean of squares more."""
    parts = []
    for truth in (formation, bandgap):
        logs = [math.log(1 + each) for each in truth.tolist()]
        parts.append(math.sqrt(1 - 2 * sum(logs) / len(logs) + sum(each * each for each in logs) / len(logs)))
    return sum(parts) / 2


def with_text(values: Sequence[float], text: str) -> list[object]:
    return [text, *values[1:]]
