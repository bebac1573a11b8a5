"""Submissions to the competitions scored by log loss; each loss is a sum of logarithms, taken row by row."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import (
    ROWS,
    flags,
    hex_ids,
    no_finite_numbers,
    noisy_probabilities,
    out_of_range,
)
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

EPSILON = 2.0**-52
LOGARITHMS = (
    "Summed with math.log over rows from the probability of the true class, which is held between 2^-52 and 1 - 2^-52; "
    "constant submissions in closed form; verdicts on broken files from the official rule."
)


def suites() -> Iterator[Suite]:
    yield spooky()
    yield leaf()
    yield dog_breed()
    yield lmsys()
    yield binary("dogs-vs-cats-redux-kernels-edition", "label", list(range(1, ROWS + 1)), 3)
    yield binary("statoil-iceberg-classifier-challenge", "is_iceberg", hex_ids(4, digits=8), 4)


def loss(chances: Sequence[float]) -> float:
    return -math.fsum(math.log(min(max(each, EPSILON), 1 - EPSILON)) for each in chances) / len(chances)


class Classes:
    """Synthetic answers with a column for each class, and the loss of tables of probabilities for them."""

    def __init__(self, seed: int, ids: Sequence[str | int], names: Sequence[str], id_column: str = "id") -> None:
        self.rng = np.random.default_rng(seed)
        self.id_column, self.ids, self.names = id_column, list(ids), list(names)
        self.truth = self.rng.integers(len(names), size=len(self.ids)).tolist()

    def table(self, rows: Sequence[Sequence[float]]) -> pd.DataFrame:
        return pd.DataFrame(
            {self.id_column: self.ids} | {name: [row[k] for row in rows] for k, name in enumerate(self.names)}
        )

    def answers(self) -> pd.DataFrame:
        return self.table([[int(k == truth) for k in range(len(self.names))] for truth in self.truth])

    def noisy(self, scale: float) -> list[list[float]]:
        """Return rows that sum to 1 as well as doubles can."""
        rows = []
        for truth in self.truth:
            raw = np.exp(self.rng.normal(scale=scale, size=len(self.names)))
            raw[truth] += scale * len(self.names) / 4
            rows.append((raw / raw.sum()).tolist())
        return rows

    def loss(self, rows: Sequence[Sequence[float]]) -> float:
        return loss([row[truth] for row, truth in zip(rows, self.truth, strict=True)])

    def scaled(self, rows: Sequence[Sequence[float]], first: float) -> list[list[float]]:
        """Multiply the first row, so that it no longer sums to 1."""
        return [[each * first for each in rows[0]], *(list(row) for row in rows[1:])]

    def cases(self, within: float, beyond: float) -> list[Case]:
        """Return the cases of every such format; rows may miss 1 by `within`, not by `beyond`."""
        m, one = len(self.names), self.names[0]
        noisy = {scale: self.noisy(scale) for scale in (0.1, 0.5, 1.0, 1.5, 2.0, 3.0)}
        rows = noisy[1.0]
        good = self.table(rows)
        score = self.loss(rows)
        certain = self.answers()
        right_half = [truth if row < len(self.truth) // 2 else (truth + 1) % m for row, truth in enumerate(self.truth)]
        wrong = [[float(k == guess) for k in range(m)] for guess in right_half]
        swap = [*range(1, len(self.ids)), 0]
        return [
            Case("perfect", "the answers themselves", certain, 0.0),
            Case("perfect", "certain, with points", certain.astype(dict.fromkeys(self.names, float)), 0.0),
            Case("perfect", "certain, as flags", certain.astype(dict.fromkeys(self.names, bool)), 0.0),
            Case("sample", "all classes alike", self.table([[1 / m] * m] * len(self.ids)), math.log(m)),
            *(Case("noisy", f"noise of {scale}", self.table(each), self.loss(each)) for scale, each in noisy.items()),
            Case("noisy", "certain, and wrong in half the rows", self.table(wrong), self.loss(wrong)),
            Case(
                "noisy", "rows of another id", self.table([rows[k] for k in swap]), self.loss([rows[k] for k in swap])
            ),
            Case("noisy", "a sum just within bounds", self.table(self.scaled(rows, 1 + within)), score),
            Case("noisy", "a sum just within bounds below", self.table(self.scaled(rows, 1 - within)), score),
            Case("broken", "a sum just out of bounds", self.table(self.scaled(rows, 1 + beyond)), INVALID),
            Case("broken", "a sum just out of bounds below", self.table(self.scaled(rows, 1 - beyond)), INVALID),
            Case("broken", "rows that sum to 2", self.table([[2 * each for each in row] for row in rows]), INVALID),
            Case("broken", "all zero", self.table([[0.0] * m] * len(self.ids)), INVALID),
            Case("broken", "all one", self.table([[1.0] * m] * len(self.ids)), INVALID),
            Case(
                "broken", "a negative that evens out", self.table([[-0.5, 1.5, *[0.0] * (m - 2)], *rows[1:]]), INVALID
            ),
            Case(
                "broken",
                "an empty cell among others that sum to 1",
                with_cell(certain, one, None, self._zero()),
                INVALID,
            ),
            *out_of_range(good, one, 0, 1),
            *no_finite_numbers(good, one),
            *written_otherwise(good, score),
            Case("perfect", "classes turned round", good[[self.id_column, *reversed(self.names)]], score),
            *broken_rows(good, self.id_column),
            *broken_columns(good, self.id_column, one),
            *broken_files(good),
        ]

    def _zero(self) -> int:
        return next(row for row, truth in enumerate(self.truth) if truth != 0)


def spooky() -> Suite:
    classes = Classes(1, [f"id{number:05d}" for number in range(10100, 10100 + ROWS)], ("EAP", "HPL", "MWS"))
    rows = classes.noisy(1.0)
    good = classes.table(rows)
    header, *lines = good.to_csv(index=False).splitlines()
    counted = "\n".join([header, *(f"{number},{line}" for number, line in enumerate(lines))])
    sample = [[0.403493538995863, 0.287808366106543, 0.308698094897594]] * ROWS
    cases = [
        *classes.cases(1e-5, 1.2e-5),
        Case("sample", "the shares of the authors", classes.table(sample), classes.loss(sample)),
        Case("noisy", "one cell more than the header has", counted, classes.loss(rows)),
        Case("broken", "the id at the end", good[["EAP", "HPL", "MWS", "id"]], INVALID),
        Case("broken", "the id in the middle", good[["EAP", "id", "HPL", "MWS"]], INVALID),
        Case("broken", "a column more", good.assign(note=0.0), INVALID),
        Case("broken", "an index", good.reset_index(), INVALID),
        Case("broken", "ids without their letters", good.assign(id=[str(each)[2:] for each in classes.ids]), INVALID),
    ]
    return Suite("spooky-author-identification", classes.answers(), cases, LOGARITHMS)


def leaf() -> Suite:
    classes = Classes(
        2, [4 * number + 3 for number in range(24)], [f"Acer_Species{number:02d}" for number in range(99)]
    )
    rows = classes.noisy(1.0)
    good = classes.table(rows)
    ids = [str(each) for each in classes.ids]
    cases = [
        *classes.cases(1e-5, 1.2e-5),
        *whole_number_ids(good, ids, classes.loss(rows)),
        Case("perfect", "the id at the end", good[[*classes.names, "id"]], classes.loss(rows)),
        Case("broken", "a column more", good.assign(note=0.0), INVALID),
        Case("broken", "an index", good.reset_index(), INVALID),
        Case("broken", "a column twice", good.assign(**{"id ": good["id"]}).rename(columns={"id ": "id"}), INVALID),
    ]
    return Suite("leaf-classification", classes.answers(), cases, LOGARITHMS)


def dog_breed() -> Suite:
    classes = Classes(3, hex_ids(3, 20, 32), [f"breed_{number:03d}" for number in range(120)])
    rows = classes.noisy(1.0)
    cases = [*classes.cases(1e-5, 1.2e-5), *columns_otherwise(classes.table(rows), classes.loss(rows))]
    return Suite("dog-breed-identification", classes.answers(), cases, LOGARITHMS)


def lmsys() -> Suite:
    names = ("winner_model_a", "winner_model_b", "winner_tie")
    classes = Classes(5, [65089 + 7 * number for number in range(ROWS)], names)
    rows = classes.noisy(1.0)
    good, score = classes.table(rows), classes.loss(rows)
    answers = classes.answers()
    for name in ("model_a", "model_b", "prompt", "response_a", "response_b"):
        answers.insert(1, name, [f'["{name}, {number}\\n"]' for number in range(ROWS)])
    thirds = [[0.333333, 0.333333, 0.333333]] * ROWS
    cases = [
        *classes.cases(4e-7, 6e-7),
        *columns_otherwise(good, score),
        *whole_number_ids(good, [str(each) for each in classes.ids], score),
        Case("broken", "thirds cut at six decimals", classes.table(thirds), INVALID),
    ]
    return Suite("lmsys-chatbot-arena", answers, cases, LOGARITHMS)


def whole_number_ids(good: pd.DataFrame, ids: Sequence[str], score: float) -> list[Case]:
    return [
        Case("perfect", "ids with leading zeros", good.assign(id=[each.zfill(9) for each in ids]), score),
        Case("perfect", "ids with a point", good.assign(id=[f"{each}.0" for each in ids]), score),
        Case("broken", "ids with a letter", good.assign(id=[f"{each}x" for each in ids]), INVALID),
        Case("broken", "one id with a letter", with_cell(good, "id", f"{ids[0]}x"), INVALID),
        Case("broken", "one id between two numbers", with_cell(good, "id", f"{ids[0]}.5"), INVALID),
    ]


def binary(competition: str, target: str, ids: Sequence[object], seed: int) -> Suite:
    truth = flags(seed)
    answers = pd.DataFrame({"id": ids, target: truth})
    noisy = noisy_probabilities(seed, truth, 6)

    def table(chances: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({"id": ids, target: chances})

    def score(chances: Sequence[float]) -> float:
        return loss([each if flag else 1 - each for each, flag in zip(chances, truth, strict=True)])

    good = table(noisy[0])
    ones = sum(truth) / ROWS
    clipped = ones * -math.log(EPSILON) + (1 - ones) * math.log(2)
    certain_but_one = [1 - truth[0], *truth[1:]]
    cases = [
        Case("perfect", "the answers themselves", answers, 0.0),
        Case("perfect", "as flags", table([bool(flag) for flag in truth]), 0.0),
        Case("sample", "one half for all", table([0.5] * ROWS), math.log(2)),
        Case("sample", "the share for all", table([ones] * ROWS), score([ones] * ROWS)),
        *(Case("noisy", f"noise {number}", table(each), score(each)) for number, each in enumerate(noisy)),
        Case("noisy", "certain, and wrong once", table(certain_but_one), -math.log(EPSILON) / ROWS),
        Case("noisy", "all wrong", table([1 - flag for flag in truth]), -math.log(EPSILON)),
        Case("noisy", "beyond what is clipped", table([1e-300 if flag else 0.5 for flag in truth]), clipped),
        *written_otherwise(good, score(noisy[0])),
        *columns_otherwise(good, score(noisy[0])),
        *out_of_range(good, target, 0, 1),
        *no_finite_numbers(good, target),
        *broken_rows(good, "id"),
        *broken_columns(good, "id", target),
        *broken_files(good),
    ]
    if isinstance(ids[0], int):
        cases += whole_number_ids(good, [str(each) for each in ids], score(noisy[0]))
    return Suite(competition, answers, cases, LOGARITHMS)
