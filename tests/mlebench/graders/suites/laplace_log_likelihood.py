"""Submissions to the competition scored by the Laplace log likelihood of the last three measured weeks of each patient."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, UNDEFINED, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import no_numbers
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

PATIENTS = {
    "ID00014637202177757139317": (-4, 12),
    "ID00421637202311550012437": (0, 9),
    "ID00077637202218223444512": (5, 30),
}
VALID_ROWS = ("one row less", "first half only", "all ids the same")
"""A submission may lack rows; those it has are scored."""


def suites() -> Iterator[Suite]:
    rng = np.random.default_rng(180)
    weeks = [(patient, week) for patient, (first, last) in PATIENTS.items() for week in range(first, last + 1)]
    measured = {
        (patient, week): int(rng.integers(900, 4500))
        for patient, (first, last) in PATIENTS.items()
        for week in [first, *sorted(rng.permutation(range(first + 1, last)).tolist()[:4]), last]
    }
    scored = {
        key: measured[key]
        for patient in PATIENTS
        for key in sorted((key for key in measured if key[0] == patient), key=lambda key: key[1])[-3:]
    }
    ids = [f"{patient}_{week}" for patient, week in weeks]
    answers = pd.DataFrame(
        {
            "Patient": [patient for patient, _ in weeks],
            "Weeks": [week for _, week in weeks],
            "FVC": [measured.get(key) for key in weeks],
            "Patient_Week": ids,
            "Confidence": 100,
        }
    )
    rows = len(weeks)

    def table(values: Sequence[object], sigmas: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({"Patient_Week": ids, "FVC": values, "Confidence": sigmas})

    def score(values: Sequence[float], sigmas: Sequence[float]) -> float:
        return mean_likelihood(scored, dict(zip(weeks, zip(values, sigmas, strict=True), strict=True)))

    def of_scored(value: float, sigma: float) -> pd.DataFrame:
        """Return the answers with an error of a constant size."""
        return table([scored.get(key, 0) + value for key in weeks], [sigma] * rows)

    truth = [measured.get(key, 2000) for key in weeks]
    noisy = [
        ((np.array(truth) + rng.normal(scale=s, size=rows)).round().tolist(), rng.uniform(50, 400, rows).tolist())
        for s in (10, 60, 200, 500, 2000)
    ]
    values, sigmas = noisy[2]
    good, value = table(values, sigmas), score(values, sigmas)
    row = weeks.index(next(iter(scored)))
    other = next(place for place, key in enumerate(weeks) if key not in scored)
    last = table([2000] * rows, [100] * rows)
    kept = [place for place, key in enumerate(weeks) if key in scored]
    some = kept[1:4]
    closed = -math.log(math.sqrt(2) * 70)
    rest = [case for case in broken_rows(good, "Patient_Week") if case.name not in VALID_ROWS]
    cases = [
        Case("perfect", "right, and sure of it", of_scored(0, 70), closed),
        Case("perfect", "right, and surer than counts", of_scored(0, 1), closed),
        Case("perfect", "right, with a confidence below zero", of_scored(0, -500), closed),
        Case("perfect", "right, with no confidence", of_scored(0, math.nan), closed),
        Case(
            "perfect",
            "right, with a flag for confidence",
            table([scored.get(key, 0) for key in weeks], [True] * rows),
            closed,
        ),
        Case("sample", "2000 and 100", last, score([2000] * rows, [100] * rows)),
        *(Case("noisy", f"noise {k}", table(*each), score(*each)) for k, each in enumerate(noisy)),
        Case("noisy", "off by 140 with 70", of_scored(140, 70), closed - 2 * math.sqrt(2)),
        Case("noisy", "off by more than counts", of_scored(-1e9, 70), closed - 1000 / 70 * math.sqrt(2)),
        Case("noisy", "infinitely off", table([math.inf] * rows, [70] * rows), closed - 1000 / 70 * math.sqrt(2)),
        Case("noisy", "unsure without end", of_scored(0, math.inf), -math.inf),
        Case("noisy", "an empty cell that is scored", with_cell(good, "FVC", None, row), UNDEFINED),
        Case("noisy", "an empty cell that is not scored", with_cell(good, "FVC", None, other), value),
        Case("noisy", "only what is scored", good.iloc[kept], value),
        Case("noisy", "three scored rows", good.iloc[some], sum_of(scored, weeks, values, sigmas, some)),
        Case("noisy", "one scored row", good.iloc[[row]], sum_of(scored, weeks, values, sigmas, [row])),
        Case("noisy", "one scored row, twice", good.iloc[[row, row]], sum_of(scored, weeks, values, sigmas, [row])),
        Case("noisy", "all ids the same", good.assign(Patient_Week=ids[other]), UNDEFINED),
        Case("noisy", "no scored row", good.iloc[[other]], UNDEFINED),
        Case("noisy", "a row twice that is not scored", pd.concat([good, good.iloc[[other]]]), value),
        Case(
            "noisy",
            "one scored row missing",
            good.drop(index=[row]),
            sum_of(scored, weeks, values, sigmas, [k for k in kept if k != row]),
        ),
        *written_otherwise(good, value),
        *columns_otherwise(good, value),
        Case("broken", "a scored row twice", pd.concat([good, good.iloc[[row]]]), INVALID),
        Case(
            "broken",
            "a week that nobody asked for",
            with_cell(good, "Patient_Week", "ID00014637202177757139317_999", other),
            INVALID,
        ),
        Case("broken", "weeks alone", good.assign(Patient_Week=[week for _, week in weeks]), INVALID),
        Case("broken", "an underscore among digits", with_cell(good, "FVC", "2_000", other), INVALID),
        *no_numbers(good, "FVC"),
        *no_numbers(good, "Confidence"),
        *rest,
        *broken_columns(good, "Patient_Week", "FVC", "Confidence"),
        *broken_files(good),
    ]
    yield Suite(
        "osic-pulmonary-fibrosis-progression",
        answers,
        cases,
        "The formula is written out for each scored week and averaged; constant errors in closed form, as "
        "-ln(70 * sqrt 2) - sqrt 2 * error / 70. The scored weeks are picked from a dictionary of measurements.",
    )


def mean_likelihood(
    scored: Mapping[tuple[str, int], float], said: Mapping[tuple[str, int], tuple[float, float]]
) -> float:
    total = 0.0
    for key, truth in scored.items():
        value, sigma = said[key]
        held = max(sigma, 70)
        total -= math.sqrt(2) * min(abs(truth - value), 1000) / held + math.log(math.sqrt(2) * held)
    return total / len(scored)


def sum_of(
    scored: Mapping[tuple[str, int], float],
    weeks: Sequence[tuple[str, int]],
    values: Sequence[float],
    sigmas: Sequence[float],
    places: Sequence[int],
) -> float:
    """Return the mean over some scored rows alone."""
    keys = [weeks[place] for place in places]
    said = {weeks[place]: (values[place], sigmas[place]) for place in places}
    return mean_likelihood({key: scored[key] for key in keys}, said)
