"""Submissions to the competitions scored by MAE or its logarithm; differences are summed row by row."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import ROWS, no_finite_numbers
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

REPEATED = ("one row twice", "all rows twice")
"""What is valid where ids may stand more than once."""


def suites() -> Iterator[Suite]:
    yield ventilator()
    yield volcano()
    yield champs()


def mae(truth: Sequence[float], predicted: Sequence[float]) -> float:
    return math.fsum(abs(t - p) for t, p in zip(truth, predicted, strict=True)) / len(truth)


def whole_number_ids(good: pd.DataFrame, id_column: str, score: float) -> list[Case]:
    ids = good[id_column].tolist()
    return [
        Case("perfect", "ids with leading zeros", good.assign(**{id_column: [f"{each:012d}" for each in ids]}), score),
        Case("perfect", "ids with a point", good.assign(**{id_column: [f"{each}.0" for each in ids]}), score),
        Case("broken", "ids with a letter", good.assign(**{id_column: [f"{each}x" for each in ids]}), INVALID),
        Case("broken", "one id with a letter", with_cell(good, id_column, f"{ids[0]}x"), INVALID),
        Case("broken", "one id between two numbers", with_cell(good, id_column, f"{ids[0]}.5"), INVALID),
    ]


def ventilator() -> Suite:
    """Only rows whose u_out is 0 are scored."""
    rng = np.random.default_rng(150)
    ids = list(range(1, ROWS + 1))
    breathes_out = [place % 10 > 5 for place in range(ROWS)]
    truth = np.round(rng.uniform(-1.9, 60, ROWS), 6).tolist()
    answers = pd.DataFrame(
        {
            "id": ids,
            "breath_id": 7,
            "u_in": rng.uniform(0, 100, ROWS),
            "u_out": np.array(breathes_out).astype(int),
            "pressure": truth,
        }
    )

    def table(values: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({"id": ids, "pressure": values})

    def score(values: Sequence[float]) -> float:
        kept = [place for place, out in enumerate(breathes_out) if not out]
        return mae([truth[place] for place in kept], [values[place] for place in kept])

    noisy = [(np.array(truth) + rng.normal(scale=s, size=ROWS)).tolist() for s in (0.01, 0.2, 1, 5, 30)]
    first = noisy[2]
    good, value = table(first), score(first)
    out = breathes_out.index(True)
    cases = [
        Case("perfect", "the answers themselves", answers, 0.0),
        Case("sample", "zero for all", table([0] * ROWS), score([0.0] * ROWS)),
        *(Case("noisy", f"noise {k}", table(each), score(each)) for k, each in enumerate(noisy)),
        Case("noisy", "one more everywhere", table([each + 1 for each in truth]), 1.0),
        Case("noisy", "one far off", table([truth[0] + 1e6, *truth[1:]]), 1e6 / breathes_out.count(False)),
        Case("noisy", "an empty cell where nothing is scored", with_cell(good, "pressure", None, out), value),
        Case("noisy", "a word where nothing is scored", with_cell(good, "pressure", "none", out), value),
        Case("noisy", "an infinity where nothing is scored", with_cell(good, "pressure", "inf", out), value),
        Case("noisy", "an underscore among digits", with_cell(good, "pressure", "1_0"), score([10.0, *first[1:]])),
        Case("noisy", "flags", table([True] * ROWS), score([1.0] * ROWS)),
        *written_otherwise(good, value),
        *columns_otherwise(good, value),
        *whole_number_ids(good, "id", value),
        *no_finite_numbers(good, "pressure"),
        *broken_rows(good, "id"),
        *broken_columns(good, "id", "pressure"),
        *broken_files(good),
    ]
    derivation = (
        "Absolute differences summed by math.fsum over the scored rows; a constant shift has itself as its error."
    )
    return Suite("ventilator-pressure-prediction", answers, cases, derivation)


class Merged:
    """Synthetic answers whose ids a submission may repeat, and errors row by row of a submission."""

    def __init__(self, id_column: str, ids: Sequence[int], target: str, truth: Sequence[float]) -> None:
        self.id_column, self.ids, self.target, self.truth = id_column, list(ids), target, list(truth)
        self.by_id = dict(zip(self.ids, self.truth, strict=True))

    def table(self, values: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({self.id_column: self.ids, self.target: values})

    def repeated(self, good: pd.DataFrame) -> Mapping[str, pd.DataFrame]:
        """Return submissions with an id more than once, each of whose rows counts."""
        last = good.iloc[[-1]]
        return {
            "one row twice": pd.concat([good, last]),
            "all rows twice": pd.concat([good, good]),
            "one id twice, with two values": pd.concat([good, last.assign(**{self.target: last[self.target] + 9000})]),
            "one id five times": pd.concat([good, *[good.iloc[[0]]] * 4]),
        }

    def errors(self, table: pd.DataFrame) -> list[float]:
        return [
            abs(self.by_id[key] - said) for key, said in zip(table[self.id_column], table[self.target], strict=True)
        ]

    def broken(self, good: pd.DataFrame) -> list[Case]:
        return [
            *no_finite_numbers(good, self.target),
            *(case for case in broken_rows(good, self.id_column) if case.name not in REPEATED),
            *broken_columns(good, self.id_column, self.target),
            *broken_files(good),
        ]


def volcano() -> Suite:
    rng = np.random.default_rng(160)
    ids = rng.permutation(np.arange(ROWS) * 53000 + 1000015).tolist()
    segments = Merged("segment_id", ids, "time_to_eruption", rng.integers(6250, 49046087, ROWS).tolist())

    def score(table: pd.DataFrame) -> float:
        errors = segments.errors(table)
        return float(round(math.fsum(errors) / len(errors)))

    noisy = [
        segments.table((np.array(segments.truth) + rng.normal(scale=s, size=ROWS)).tolist())
        for s in (1, 90, 1e4, 1e6, 9e6)
    ]
    good = noisy[2]
    value = score(good)
    answers = segments.table(segments.truth)
    half = segments.table([each + place % 2 for place, each in enumerate(segments.truth)])
    more = segments.table([each + 1 + place % 2 for place, each in enumerate(segments.truth)])
    cases = [
        Case("perfect", "the answers themselves", answers, 0.0),
        Case("sample", "zero for all", segments.table([0] * ROWS), score(segments.table([0] * ROWS))),
        *(Case("noisy", f"noise {k}", each, score(each)) for k, each in enumerate(noisy)),
        Case("noisy", "one half, rounded to even", half, 0.0),
        Case("noisy", "one and a half, rounded to even", more, 2.0),
        Case("noisy", "below one half", segments.table([each + 0.49 for each in segments.truth]), 0.0),
        *(Case("noisy", name, each, score(each)) for name, each in segments.repeated(good).items()),
        Case(
            "noisy",
            "an underscore among digits",
            with_cell(good, segments.target, "1_0"),
            score(with_cell(good, segments.target, 10)),
        ),
        *written_otherwise(good, value),
        *columns_otherwise(good, value),
        *whole_number_ids(good, "segment_id", value),
        *segments.broken(good),
    ]
    derivation = (
        "Absolute differences of each row summed by math.fsum, their mean rounded half to even; small shifts by hand."
    )
    return Suite("predict-volcanic-eruptions-ingv-oe", answers, cases, derivation)


def champs() -> Suite:
    rng = np.random.default_rng(170)
    types = [("1JHC", "2JHH", "1JHN", "3JHC")[place % 7 % 4] for place in range(ROWS)]
    ids = (rng.permutation(ROWS) + 4659076).tolist()
    couplings = Merged("id", ids, "scalar_coupling_constant", np.round(rng.normal(15, 30, ROWS), 4).tolist())
    type_of = dict(zip(ids, types, strict=True))
    answers = couplings.table(couplings.truth)
    answers.insert(1, "molecule_name", "dsgdb9nsd_000001")
    answers.insert(2, "type", types)

    def score(table: pd.DataFrame) -> float:
        errors: dict[str, list[float]] = {}
        for key, error in zip(table["id"], couplings.errors(table), strict=True):
            errors.setdefault(type_of[key], []).append(error)
        return sum(math.log(math.fsum(each) / len(each)) for each in errors.values()) / len(errors)

    truth = np.array(couplings.truth)
    noisy = [couplings.table((truth + rng.normal(scale=s, size=ROWS)).tolist()) for s in (0.001, 0.1, 1, 9, 100)]
    good = noisy[2]
    value = score(good)
    one_right = [t if kind == "2JHH" else t + 1 for t, kind in zip(couplings.truth, types, strict=True)]
    shifts = {"1JHC": 1.0, "2JHH": math.e, "1JHN": math.e**2, "3JHC": math.e**-1}
    shifted = [t + shifts[kind] for t, kind in zip(couplings.truth, types, strict=True)]
    cases = [
        Case("perfect", "the answers themselves", answers, -math.inf),
        Case("sample", "zero for all", couplings.table([0] * ROWS), score(couplings.table([0] * ROWS))),
        *(Case("noisy", f"noise {k}", each, score(each)) for k, each in enumerate(noisy)),
        Case("noisy", "one more everywhere", couplings.table((truth + 1).tolist()), 0.0),
        Case("noisy", "another power of e for each type", couplings.table(shifted), (0 + 1 + 2 - 1) / 4),
        Case("noisy", "one type right", couplings.table(one_right), -math.inf),
        *(Case("noisy", name, each, score(each)) for name, each in couplings.repeated(good).items()),
        Case(
            "noisy",
            "an underscore among digits",
            with_cell(good, couplings.target, "1_0"),
            score(with_cell(good, couplings.target, 10)),
        ),
        *written_otherwise(good, value),
        *columns_otherwise(good, value),
        Case("perfect", "with types of its own", good.assign(type="1JHC"), value),
        *whole_number_ids(good, "id", value),
        *couplings.broken(good),
    ]
    derivation = (
        "Absolute differences grouped in a dictionary by type, math.log of each mean, averaged; powers of e by hand."
    )
    return Suite("champs-scalar-coupling", answers, cases, derivation)
