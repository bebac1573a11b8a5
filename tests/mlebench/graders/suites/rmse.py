"""Submissions to the competitions scored by RMSE; squares are summed row by row."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import ROWS, hex_ids, no_finite_numbers, no_numbers, out_of_range
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

SQUARES = (
    "Squares of differences summed by math.fsum over rows in plain Python; a constant shift has itself as its error."
)
UNCOMPARED = (
    "one row in place of another",
    "an unknown id in place of another",
    "an id with a suffix",
    "ids counted from 1000000",
)


def suites() -> Iterator[Suite]:
    yield denoising()
    yield petfinder()
    yield taxi()
    yield stanford()


def rmse(truth: Sequence[float], predicted: Sequence[float]) -> float:
    return math.sqrt(math.fsum((t - p) ** 2 for t, p in zip(truth, predicted, strict=True)) / len(truth))


class Values:
    """Synthetic answers of one number for each id."""

    def __init__(self, id_column: str, ids: Sequence[str], target: str, truth: Sequence[float]) -> None:
        self.id_column, self.ids, self.target, self.truth = id_column, list(ids), target, list(truth)

    def table(self, values: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({self.id_column: self.ids, self.target: values})

    def noisy(self, scale: float, low: float, high: float) -> list[float]:
        noise = np.random.default_rng(round(scale * 1000)).normal(scale=scale, size=len(self.truth)).tolist()
        return [min(max(each + error, low), high) for each, error in zip(self.truth, noise, strict=True)]

    def score(self, values: Sequence[float]) -> float:
        return rmse(self.truth, values)

    def cases(self, scale: float, low: float = -math.inf, high: float = math.inf) -> list[Case]:
        """Return the cases of every such format."""
        noisy = [self.noisy(scale * times, low, high) for times in (0.01, 0.1, 0.5, 1, 3)]
        first = noisy[2]
        good, value = self.table(first), self.score(first)
        return [
            Case("perfect", "the answers themselves", self.table(self.truth), 0.0),
            Case("sample", "one for all", self.table([1] * len(self.ids)), self.score([1.0] * len(self.ids))),
            *(Case("noisy", f"noise {k}", self.table(each), self.score(each)) for k, each in enumerate(noisy)),
            *written_otherwise(good, value),
            *columns_otherwise(good, value),
            *no_finite_numbers(good, self.target),
            *broken_columns(good, self.id_column, self.target),
            *broken_files(good),
        ]

    def unbounded(self) -> list[Case]:
        """Return the cases where any finite number is valid, in text that Python reads as one too."""
        first, rest = self.truth[0], self.truth[1:]
        return [
            Case("noisy", "one more everywhere", self.table([each + 1 for each in self.truth]), 1.0),
            Case("noisy", "negative", self.table([each - 1000 for each in self.truth]), 1000.0),
            Case("noisy", "one far off", self.table([first + 1e6, *rest]), 1e6 / math.sqrt(len(self.truth))),
            Case("noisy", "an underscore among digits", self.table(["1_0", *rest]), self.score([10.0, *rest])),
            Case("noisy", "flags", self.table([True] * len(self.ids)), self.score([1.0] * len(self.ids))),
        ]


def denoising() -> Suite:
    rng = np.random.default_rng(110)
    ids = [f"{image}_{row}_{column}" for image in (110, 17) for row in range(1, 6) for column in range(1, 9)]
    pixels = Values("id", ids, "value", (np.round(rng.integers(0, 256, len(ids)) / 255, 6)).tolist())
    good = pixels.table(pixels.noisy(0.1, -math.inf, math.inf))
    cases = [*pixels.cases(0.3), *pixels.unbounded(), *broken_rows(good, "id")]
    return Suite("denoising-dirty-documents", pixels.table(pixels.truth), cases, SQUARES)


def petfinder() -> Suite:
    rng = np.random.default_rng(120)
    pets = Values("Id", hex_ids(120, ROWS, 32), "Pawpularity", rng.integers(1, 101, ROWS).tolist())
    good = pets.table(pets.noisy(5, 1, 100))
    answers = pets.table(pets.truth)
    for name in ("Subject Focus", "Eyes", "Face"):
        answers.insert(1, name, rng.integers(0, 2, ROWS))
    uniform = rng.uniform(1, 100, ROWS).round(2).tolist()
    cases = [
        *pets.cases(20, 1, 100),
        Case("sample", "uniform between 1 and 100", pets.table(uniform), pets.score(uniform)),
        Case("noisy", "at the bounds", pets.table([1, 100] * (ROWS // 2)), pets.score([1, 100] * (ROWS // 2))),
        Case("noisy", "flags that are all true", pets.table([True] * ROWS), pets.score([1.0] * ROWS)),
        Case("broken", "zero", with_cell(good, "Pawpularity", 0), INVALID),
        Case("broken", "as shares", pets.table([each / 100 for each in pets.truth]), INVALID),
        Case("broken", "an underscore among digits", with_cell(good, "Pawpularity", "1_0"), INVALID),
        *out_of_range(good, "Pawpularity", 1, 100),
        *broken_rows(good, "Id"),
    ]
    return Suite("petfinder-pawpularity-score", answers, cases, SQUARES)


def taxi() -> Suite:
    rng = np.random.default_rng(130)
    keys = [
        f"2011-10-{1 + number % 28:02d} {number % 24:02d}:53:00.00000{number:03d}"
        for number in rng.permutation(ROWS).tolist()
    ]
    fares = Values("key", keys, "fare_amount", np.round(rng.gamma(3, 4, ROWS) + 2.5, 2).tolist())
    predicted = fares.noisy(5, -math.inf, math.inf)
    good, value = fares.table(predicted), fares.score(predicted)
    answers = fares.table(fares.truth).assign(pickup_datetime="2011-10-21 23:54:00 UTC", passenger_count=1)
    ranks = sorted(range(ROWS), key=lambda place: keys[place])
    renamed = good.assign(key=[f"other {ranks.index(place):03d}" for place in range(ROWS)])
    by_rank = [fares.truth[place] for place in ranks]
    other_keys = [
        case for case in broken_rows(good, "key") if case.name not in (*UNCOMPARED, "an empty id", "all ids the same")
    ]
    cases = [
        *fares.cases(10),
        *fares.unbounded(),
        Case("sample", "the mean of the fares", fares.table([11.35] * ROWS), fares.score([11.35] * ROWS)),
        Case("noisy", "other keys of the same rank", renamed, value),
        Case("noisy", "keys counted from 0", good.assign(key=range(ROWS)), rmse(by_rank, predicted)),
        Case("noisy", "keys counted down", good.assign(key=range(ROWS, 0, -1)), rmse(by_rank, predicted[::-1])),
        Case("broken", "a number among the keys, and a word", good.to_csv(index=False) + "7\n", INVALID),
        *other_keys,
    ]
    return Suite("new-york-city-taxi-fare-prediction", answers, cases, SQUARES)


def stanford() -> Suite:
    """Which rows of a submission are scored goes by their number in the file."""
    rng = np.random.default_rng(140)
    scored, others = ("reactivity", "deg_Mg_pH10", "deg_Mg_50C"), ("deg_pH10", "deg_50C")
    ids = [f"id_{name}_{position}" for name in ("2a7a4496f", "01f1a1ef7", "f00d7e5c1") for position in range(12)]
    keep = [place % 12 < 7 for place in range(len(ids))]
    truth = {
        name: [round(float(rng.gamma(1, 0.5)), 4) if kept else 0.0 for kept in keep] for name in (*scored, *others)
    }
    answers = pd.DataFrame({"id_seqpos": ids, **truth, "keep": keep})

    def table(columns: dict[str, list[float]]) -> pd.DataFrame:
        return pd.DataFrame({"id_seqpos": ids, **columns})

    def score(columns: dict[str, list[float]]) -> float:
        kept = [place for place, each in enumerate(keep) if each]
        return sum(rmse([truth[n][k] for k in kept], [columns[n][k] for k in kept]) for n in scored) / len(scored)

    def noisy(scale: float) -> dict[str, list[float]]:
        return {
            name: (np.array(column) + rng.normal(scale=scale, size=len(ids))).tolist() for name, column in truth.items()
        }

    first = noisy(0.4)
    good, value = table(first), score(first)
    constant = {name: [0.5] * len(ids) for name in truth}
    zeros = {name: [0.0] * len(ids) for name in truth}
    unscored = next(place for place, kept in enumerate(keep) if not kept)
    spelt = {**first, "reactivity": [10.0, *first["reactivity"][1:]]}
    turned = good.iloc[::-1]
    cases = [
        Case("perfect", "the answers themselves", answers, 0.0),
        Case("sample", "zero for all", table(zeros), score(zeros)),
        Case("noisy", "one half for all", table(constant), score(constant)),
        *(
            Case("noisy", f"noise of {s}", table(each), score(each))
            for s, each in ((s, noisy(s)) for s in (0.01, 0.1, 1.0, 2.0, 9.0))
        ),
        Case("noisy", "what is not scored is empty", good.assign(deg_pH10=None, deg_50C="unknown"), value),
        Case("noisy", "an empty cell where nothing is scored", with_cell(good, "reactivity", None, unscored), value),
        Case("noisy", "a word where nothing is scored", with_cell(good, "reactivity", "none", unscored), value),
        Case("noisy", "an infinity where nothing is scored", with_cell(good, "reactivity", "inf", unscored), value),
        Case("noisy", "an underscore among digits", with_cell(good, "reactivity", "1_0"), score(spelt)),
        Case("shuffled", "one number for all, turned round", table(constant).iloc[::-1], score(constant)),
        Case("shuffled", "turned round", turned, score_of_file(turned, answers, scored)),
        Case(
            "shuffled",
            "by id",
            good.sort_values("id_seqpos"),
            score_of_file(good.sort_values("id_seqpos"), answers, scored),
        ),
        *(case for case in written_otherwise(good, value) if case.kind != "shuffled"),
        *columns_otherwise(good, value),
        *no_numbers(good, "reactivity"),
        Case("broken", "an empty cell that is scored", with_cell(good, "deg_Mg_pH10", None), INVALID),
        Case("broken", "an infinity that is scored", with_cell(good, "deg_Mg_50C", "-inf"), INVALID),
        *broken_rows(good, "id_seqpos"),
        *broken_columns(good, "id_seqpos", "reactivity", "deg_50C"),
        *broken_files(good),
    ]
    return Suite(
        "stanford-covid-vaccine",
        answers,
        cases,
        SQUARES
        + " In another order the rows that count are picked by their number, then paired by the rank of their id.",
        pairs_by="position",
    )


def score_of_file(table: pd.DataFrame, answers: pd.DataFrame, scored: Sequence[str]) -> float:
    said = [row for row, keep in zip(table.to_dict("records"), answers["keep"], strict=True) if keep]
    said.sort(key=lambda row: str(row["id_seqpos"]))
    right = [row for row in answers.to_dict("records") if row["keep"]]
    right.sort(key=lambda row: str(row["id_seqpos"]))
    return sum(rmse([row[name] for row in right], [row[name] for row in said]) for name in scored) / len(scored)
