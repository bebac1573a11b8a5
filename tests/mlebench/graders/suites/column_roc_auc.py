"""Submissions to the competitions scored by the mean of areas under ROC curves; areas are counted pair by pair."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import (
    ROWS,
    flags,
    hex_ids,
    no_finite_numbers,
    no_numbers,
    noisy_probabilities,
    out_of_range,
    pair_count_auc,
)
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

Columns = Mapping[str, Sequence[float]]
PAIRS = (
    "Pairs of a positive and a negative row are counted one by one, ties for a half, and the columns averaged; constant "
    "columns are a half; verdicts on broken files from the official rule."
)
TOXICITIES = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
CATHETERS = (
    *(f"ETT - {each}" for each in ("Abnormal", "Borderline", "Normal")),
    *(f"NGT - {each}" for each in ("Abnormal", "Borderline", "Incompletely Imaged", "Normal")),
    *(f"CVC - {each}" for each in ("Abnormal", "Borderline")),
)
UNSCORED_CATHETERS = ("CVC - Normal", "Swan Ganz Catheter Present")


def suites() -> Iterator[Suite]:
    yield plants()
    yield enzymes()
    yield catheters()
    yield toxic_comments()


class Flagged:
    """Synthetic answers with some columns of flags, and the score of tables of predictions for them."""

    def __init__(
        self, seed: int, id_column: str, ids: Sequence[str | int], names: Sequence[str], unscored: Sequence[int] = ()
    ) -> None:
        self.seed, self.id_column, self.ids, self.names = seed, id_column, list(ids), list(names)
        self.kept = [place for place in range(len(self.ids)) if place not in unscored]
        self.truth = {name: flags(seed + place, len(self.ids)) for place, name in enumerate(names)}

    def table(self, columns: Mapping[str, Sequence[object]]) -> pd.DataFrame:
        return pd.DataFrame({self.id_column: self.ids, **columns})

    def score(self, columns: Columns) -> float:
        return self.score_by_place([columns[name] for name in self.names])

    def score_by_place(self, columns: Sequence[Sequence[float]]) -> float:
        pairs = zip(self.truth.values(), columns, strict=True)
        return sum(pair_count_auc(self.pick(truth), self.pick(said)) for truth, said in pairs) / len(self.names)

    def pick(self, column: Sequence[float]) -> list[float]:
        return [column[place] for place in self.kept]

    def noisy(self, number: int) -> Columns:
        return {
            name: noisy_probabilities(self.seed + 7 * place, self.truth[name], 7)[number]
            for place, name in enumerate(self.names)
        }

    def cases(self) -> list[Case]:
        """Return the cases of every such format."""
        one = self.names[0]
        first = self.noisy(1)
        good, score = self.table(first), self.score(first)
        coarse = {name: [round(each, 1) for each in column] for name, column in first.items()}
        opposite = {name: [1 - each for each in column] for name, column in first.items()}
        half_constant = {**first, one: [0.25] * len(self.ids)}
        inverse = {name: [1 - flag for flag in column] for name, column in self.truth.items()}
        return [
            Case("perfect", "the answers themselves", self.table(self.truth), 1.0),
            Case("perfect", "flags", self.table({n: [bool(each) for each in c] for n, c in self.truth.items()}), 1.0),
            Case("sample", "one half for all", self.table({name: [0.5] * len(self.ids) for name in self.names}), 0.5),
            Case("sample", "zero for all", self.table({name: [0] * len(self.ids) for name in self.names}), 0.5),
            *(Case("noisy", f"noise {k}", self.table(self.noisy(k)), self.score(self.noisy(k))) for k in range(7)),
            Case("noisy", "one decimal", self.table(coarse), self.score(coarse)),
            Case("noisy", "turned to its opposite", self.table(opposite), 1 - score),
            Case("noisy", "all wrong", self.table(inverse), 0.0),
            Case("noisy", "one column constant", self.table(half_constant), self.score(half_constant)),
            *written_otherwise(good, score),
            *broken_rows(good, self.id_column),
            *broken_columns(good, self.id_column, one, self.names[-1]),
            *broken_files(good),
        ]

    def of_any_size(self) -> list[Case]:
        """Return the cases where a score may be any finite number, in text that Python reads as one too."""
        one = self.names[0]
        first = self.noisy(1)
        logits = {name: [math.log(each / (1 - each)) for each in column] for name, column in first.items()}
        spelt = [10.0, *first[one][1:]]
        return [
            Case("noisy", "logits", self.table(logits), self.score(first)),
            Case(
                "noisy",
                "in millions",
                self.table({n: [each * 1e6 for each in c] for n, c in first.items()}),
                self.score(first),
            ),
            Case(
                "noisy",
                "an underscore among digits",
                self.table({**first, one: ["1_0", *spelt[1:]]}),
                self.score({**first, one: spelt}),
            ),
            *no_finite_numbers(self.table(first), one),
        ]


def plants() -> Suite:
    kind = Flagged(
        20, "image_id", [f"Test_{number}" for number in range(ROWS)], ("healthy", "multiple_diseases", "rust", "scab")
    )
    good = kind.table(kind.noisy(1))
    cases = [
        *kind.cases(),
        *kind.of_any_size(),
        Case("perfect", "columns turned round", good[good.columns[::-1]], kind.score(kind.noisy(1))),
        Case("broken", "a column more", good.assign(note=0), INVALID),
        Case("broken", "an index", good.reset_index(), INVALID),
    ]
    return Suite("plant-pathology-2020-fgvc7", kind.table(kind.truth), cases, PAIRS)


def enzymes() -> Suite:
    kind = Flagged(30, "id", [14838 + number for number in range(ROWS)], ("EC1", "EC2"))
    good, score = kind.table(kind.noisy(1)), kind.score(kind.noisy(1))
    rng = np.random.default_rng(31)
    answers = kind.table(kind.truth)
    answers.insert(1, "BertzCT", rng.uniform(0, 3000, ROWS))
    for name in ("EC3", "EC4", "EC5", "EC6"):
        answers[name] = rng.integers(2, size=ROWS)
    cases = [
        *kind.cases(),
        *kind.of_any_size(),
        *columns_otherwise(good, score),
        Case("perfect", "ids with leading zeros", good.assign(id=[f"{each:09d}" for each in kind.ids]), score),
        Case("perfect", "ids with a point", good.assign(id=[f"{each}.0" for each in kind.ids]), score),
        Case("broken", "one id with a letter", with_cell(good, "id", "14838x"), INVALID),
    ]
    return Suite("playground-series-s3e18", answers, cases, PAIRS)


def catheters() -> Suite:
    kind = Flagged(
        40, "StudyInstanceUID", [f"1.2.826.0.1.3680043.8.498.{10**9 + 7 * k}" for k in range(ROWS)], CATHETERS
    )
    first = kind.noisy(1)
    good, score = kind.table(first), kind.score(first)
    more = {name: flags(60 + place) for place, name in enumerate(UNSCORED_CATHETERS)}
    answers = kind.table({**kind.truth, **more}).assign(PatientID=[f"p{number}" for number in range(ROWS)])
    cases = [
        *kind.cases(),
        *columns_otherwise(good, score),
        Case("perfect", "with the two columns that do not count", good.assign(**more), score),
        Case("perfect", "with words in a column that does not count", good.assign(**{"CVC - Normal": "yes"}), score),
        *out_of_range(good, CATHETERS[0], 0, 1),
        *out_of_range(good, CATHETERS[-1], 0, 1),
        *no_finite_numbers(good, CATHETERS[2]),
        Case("broken", "an underscore among digits", with_cell(good, CATHETERS[0], "0_1"), INVALID),
    ]
    return Suite("ranzcr-clip-catheter-line-classification", answers, cases, PAIRS)


def toxic_comments() -> Suite:
    """Rows of -1 in the answers are not scored, and columns count by their place."""
    unscored = [place for place in range(ROWS) if place % 4 == 3]
    kind = Flagged(50, "id", hex_ids(50), TOXICITIES, unscored)
    answers = kind.table(kind.truth)
    answers.loc[unscored, list(TOXICITIES)] = -1
    first = kind.noisy(1)
    good, value = kind.table(first), kind.score(first)
    swapped = ("severe_toxic", "toxic", *TOXICITIES[2:])
    turned = TOXICITIES[::-1]
    wild = {name: [1e9 if k in unscored else each for k, each in enumerate(column)] for name, column in first.items()}
    rest = good.drop(index=[unscored[0]])
    twice = pd.concat([good.drop(index=[kind.kept[4]]), good.loc[[kind.kept[9]]]])
    cases = [
        *kind.cases(),
        *kind.of_any_size(),
        Case("perfect", "the answers file itself", answers, 1.0),
        Case(
            "noisy",
            "two columns for each other",
            good[["id", *swapped]],
            kind.score_by_place([first[n] for n in swapped]),
        ),
        Case("noisy", "columns turned round", good[["id", *turned]], kind.score_by_place([first[n] for n in turned])),
        Case("perfect", "the id at the end", good[[*TOXICITIES, "id"]], value),
        Case("noisy", "huge where nothing is scored", kind.table(wild), value),
        Case("noisy", "an unscored id twice, another missing", pd.concat([rest, good.loc[[unscored[1]]]]), value),
        Case("noisy", "a scored id twice, another missing", twice, score_by_rank(kind, twice)),
        Case("broken", "a scored id twice, an unscored one missing", pd.concat([rest, good.loc[[0]]]), INVALID),
        Case("broken", "a column more", good.assign(note=0), INVALID),
        Case("broken", "an index", good.reset_index(), INVALID),
        *no_numbers(good, "identity_hate"),
    ]
    return Suite("jigsaw-toxic-comment-classification-challenge", answers, cases, PAIRS)


def score_by_rank(kind: Flagged, table: pd.DataFrame) -> float:
    """Pair scored rows by the rank of their id, which is all that holds them together once an id stands twice."""
    scored = [kind.ids[place] for place in kind.kept]
    said = sorted(row for row in table.itertuples(index=False, name=None) if row[0] in scored)
    places = sorted(kind.kept, key=lambda place: kind.ids[place])
    areas = [
        pair_count_auc([kind.truth[name][place] for place in places], [row[k] for row in said])
        for k, name in enumerate(kind.names, start=1)
    ]
    return sum(areas) / len(areas)
