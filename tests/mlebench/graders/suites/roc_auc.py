"""Submissions to the competitions scored by the area under the ROC curve.

The area is the share of pairs, one row of each class, in which the row of class 1 has the higher score; a tie counts half. It
is counted pair by pair here. What is valid and what is not is written out from the official rule.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

ROWS = 50
PAIRS = (
    "All pairs of a row of class 1 and one of class 0 are counted in a Python loop, ties for half; a perfect, an opposite "
    "and a constant submission have 1, 0 and 1/2 in closed form; verdicts on broken files are written out from the "
    "official rule."
)


@dataclass(frozen=True)
class Format:
    """Answers as a competition has them, and the probability that its sample submission gives to every row."""

    competition: str
    id_column: str
    target: str
    ids: Sequence[Any]
    truth: Sequence[int]
    sample: float
    more: dict[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def answers(self) -> pd.DataFrame:
        return pd.DataFrame({self.target: self.truth, **self.more, self.id_column: self.ids})

    def submission(self, scores: Sequence[Any]) -> pd.DataFrame:
        return pd.DataFrame({self.id_column: self.ids, self.target: pd.Series(list(scores), dtype=object)})

    def case(self, kind: str, name: str, scores: Sequence[float]) -> Case:
        return Case(kind, name, self.submission(scores), area(self.truth, scores))


def area(truth: Sequence[int], scores: Sequence[float]) -> float:
    ones = [score for label, score in zip(truth, scores, strict=True) if label]
    others = [score for label, score in zip(truth, scores, strict=True) if not label]
    return sum(1.0 if one > other else 0.5 * (one == other) for one, other in product(ones, others)) / (
        len(ones) * len(others)
    )


def tried(form: Format) -> Suite:
    """Return the submissions every format is tried on."""
    rng = np.random.default_rng(len(form.competition))
    truth = np.array(form.truth)
    noise = {width: (truth + rng.normal(0, width, ROWS)).tolist() for width in (0.3, 0.5, 1.0, 3.0, 30.0)}
    noisy = {width: [1 / (1 + 2.0**-score) for score in scores] for width, scores in noise.items()}
    middle = noisy[1.0]
    hard = [float(score > 0.6) for score in middle]
    good, target = form.submission(middle), form.target
    score = area(form.truth, middle)
    spelled = [str(value) for value in middle]
    fine = [0.5 + 1e-13 * place for place in rng.permutation(ROWS).tolist()]
    tiny = [5e-324 * place for place in rng.permutation(ROWS).tolist()]

    def one(value: Any) -> pd.DataFrame:
        return with_cell(good, target, value, 4)

    def one_score(value: float) -> float:
        return area(form.truth, [*middle[:4], value, *middle[5:]])

    def typed(spelling: str, value: float) -> Case:
        return Case("noisy", f"one probability {spelling!r}", one(spelling), one_score(value))

    cases = [
        Case("perfect", "the answers themselves", form.answers, 1.0),
        Case("perfect", "the classes", form.submission(form.truth), 1.0),
        Case("perfect", "True and False", form.submission([bool(label) for label in form.truth]), 1.0),
        Case("perfect", "barely apart", form.submission([0.3 + label * 1e-15 for label in form.truth]), 1.0),
        Case("sample", "one probability for all", form.submission([form.sample] * ROWS), 0.5),
        Case("sample", "ones for all", form.submission([1] * ROWS), 0.5),
        Case("noisy", "opposites", form.submission([1 - label for label in form.truth]), 0.0),
        *(form.case("noisy", f"noise of {width}", scores) for width, scores in noisy.items()),
        form.case("noisy", "one decimal", [round(value, 1) for value in middle]),
        form.case("noisy", "three values", [round(value * 2) / 2 for value in middle]),
        form.case("noisy", "yes or no", hard),
        Case(
            "noisy",
            "yes or no as True or False",
            form.submission([value == 1 for value in hard]),
            area(form.truth, hard),
        ),
        form.case("noisy", "apart by the thirteenth decimal", fine),
        form.case("noisy", "apart by the least there is", tiny),
        Case("noisy", "with exponents", form.submission([f"{value:.16e}" for value in middle]), score),
        Case("noisy", "with blanks", good.to_csv(index=False).replace(",0.", ", 0."), score),
        Case("noisy", "with zeros at the end", form.submission([text.ljust(30, "0") for text in spelled]), score),
        typed("+1", 1.0),
        typed(".5", 0.5),
        typed("1.", 1.0),
        typed("-0", 0.0),
        typed("1e-400", 0.0),
        Case("shuffled", "by probability", good.sort_values(target), score),
        Case("broken", "one above 1", one(1.0000001), INVALID),
        Case("broken", "one below 0", one(-1e-9), INVALID),
        Case("broken", "one infinite", one("inf"), INVALID),
        Case("broken", "one infinite below", one("-inf"), INVALID),
        Case("broken", "one empty", one(None), INVALID),
        Case("broken", "one NaN", one("nan"), INVALID),
        Case("broken", "one NULL", one("NULL"), INVALID),
        Case("broken", "one empty among flags", with_cell(form.submission([True] * ROWS), target, None), INVALID),
        Case("broken", "all empty", form.submission([None] * ROWS), INVALID),
        Case("broken", "one a word", one("high"), INVALID),
        Case("broken", "one True among numbers", one("True"), INVALID),
        Case("broken", "one in percent", one("50%"), INVALID),
        Case("broken", "one with a comma", one("0,5"), INVALID),
        Case("broken", "one in hexadecimal", one("0x0"), INVALID),
        Case("broken", "one a list", one("[0.5]"), INVALID),
        Case("broken", "one a blank", one("  "), INVALID),
        Case("broken", "in percent", form.submission([100 * value for value in middle]), INVALID),
        Case("broken", "log-odds", form.submission([value - 0.8 for value in middle]), INVALID),
        Case("broken", "words for all", form.submission(["yes" if value == 1 else "no" for value in hard]), INVALID),
        *numeric_ids(good, form, score),
        *written_otherwise(good, score),
        *columns_otherwise(good, score),
        *broken_rows(good, form.id_column),
        *broken_columns(good, form.id_column, target),
        *broken_files(good),
    ]
    return Suite(form.competition, form.answers, cases, PAIRS)


def numeric_ids(good: pd.DataFrame, form: Format, score: float) -> list[Case]:
    """Return the same submission with its ids as other numbers, where they are numbers."""
    if not str(form.ids[0]).isdigit():
        return [Case("broken", "ids counted from 0", good.assign(**{form.id_column: range(ROWS)}), INVALID)]

    def written(pattern: str) -> pd.DataFrame:
        return good.assign(**{form.id_column: [pattern.format(int(number)) for number in form.ids]})

    return [
        Case("shuffled", "ids with leading zeros", written("{:09d}").iloc[::-1], score),
        Case("shuffled", "ids without leading zeros", written("{}").iloc[::-1], score),
        Case("shuffled", "ids with a point", written("{}.0").iloc[::-1], score),
        Case("broken", "ids with a letter", written("ID{}"), INVALID),
        Case("broken", "ids in between", written("{}.5"), INVALID),
    ]


def insults() -> Suite:
    """Comments are their own ids; some stand more than once, always with one label, and some have more than one line."""
    words = ["fool", "friend,", "ж\n", "a;b", "\ttab"]
    said = [f'"{words[number % 5]} you" \\n said №{number}' for number in range(ROWS - 5)]
    truth = [int(number % 3 == 0) for number in range(ROWS - 5)]
    form = Format(
        "detecting-insults-in-social-commentary",
        "Comment",
        "Insult",
        [*said, *said[:5]],
        [*truth, *truth[:5]],
        0.0,
        {"Date": ["20120603163526Z", *[None] * (ROWS - 1)], "Usage": ["PrivateTest"] * ROWS},
    )
    suite = tried(form)
    # these two would change the comments of two lines as well
    kept = [case for case in suite.cases if case.name not in {"Windows line ends", "blank lines between rows"}]
    text = form.submission(form.truth).to_csv(index=False)
    more = [
        Case("broken", "line ends within comments changed", text.replace("\n", "\r\n"), INVALID),
        Case("broken", "comments in Latin-1", text.replace("ж", "é").replace("№", "n").encode("latin-1"), INVALID),
        Case("broken", "comments without quotes round them", text.replace('"', ""), INVALID),
    ]
    return replace(suite, cases=[*kept, *more])


def zeros_and_ones(seed: int, ones: int) -> list[int]:
    labels: list[int] = np.random.default_rng(seed).permutation([1] * ones + [0] * (ROWS - ones)).tolist()
    return labels


def names(seed: int, pattern: str) -> list[str]:
    """Draw ids, in no order."""
    return [pattern.format(number) for number in np.random.default_rng(seed).permutation(ROWS * 9)[:ROWS].tolist()]


def suites() -> Iterator[Suite]:
    """Yield the suite of every competition."""
    cactus = names(1, "{:08x}4a4cf2bfbc4bf7b2b5f5c5b0.jpg")
    yield tried(Format("aerial-cactus-identification", "id", "has_cactus", cactus, zeros_and_ones(1, 37), 0.5))
    yield insults()
    tissue = names(2, "f38a6374c348f90b587e046aac6079959adf{:04x}")
    yield tried(Format("histopathologic-cancer-detection", "id", "label", tissue, zeros_and_ones(2, 20), 0.0))
    plants = [int(name) for name in names(3, "{}")]
    yield tried(Format("invasive-species-monitoring", "name", "invasive", plants, zeros_and_ones(3, 32), 0.5))
    birds = [recording * 100 + species for recording in range(5) for species in range(10)]
    yield tried(Format("mlsp-2013-birds", "Id", "Probability", birds, zeros_and_ones(4, 4), 0.0))
    requests = names(5, "t3_{:05x}")
    yield tried(
        Format("random-acts-of-pizza", "request_id", "requester_received_pizza", requests, zeros_and_ones(5, 12), 0.0)
    )
    # numbers, though they are written as names
    patients = names(6, "{:05d}")
    tumours = "rsna-miccai-brain-tumor-radiogenomic-classification"
    yield tried(Format(tumours, "BraTS21ID", "MGMT_value", patients, zeros_and_ones(6, 26), 0.5))
    signals = names(7, "00034abb3629{:03x}")
    yield tried(Format("seti-breakthrough-listen", "id", "target", signals, zeros_and_ones(7, 5), 0.5))
    moles = names(8, "ISIC_{:07d}")
    yield tried(Format("siim-isic-melanoma-classification", "image_name", "target", moles, zeros_and_ones(8, 1), 0.0))
    rows = list(range(900000, 900000 + ROWS))
    more: dict[str, Sequence[Any]] = {"f_00": [-1.373246] * ROWS, "f_27": ["ABABDADBAB"] * ROWS}
    yield tried(Format("tabular-playground-series-may-2022", "id", "target", rows, zeros_and_ones(9, 24), 0.5, more))
    clips = names(10, "20090330_{:06d}_002s3ms_Test0.aif")
    whales = "the-icml-2013-whale-challenge-right-whale-redux"
    yield tried(Format(whales, "clip", "probability", clips, zeros_and_ones(10, 9), 0.0))
