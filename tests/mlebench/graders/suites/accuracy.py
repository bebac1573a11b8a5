"""Submissions to the competitions scored by accuracy, or by one less it.

Every expectation is a count of rows over their number: so many labels are made wrong, so many rows are wrong. What is valid
and what is not is written out from the official rule.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
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

ROWS = 40
COUNTED = (
    "Counted: so many labels are changed to others, so many of the rows are wrong; verdicts on broken files are written out "
    "from the official rule."
)


@dataclass(frozen=True)
class Format:
    """Answers as a competition has them, and a label that its sample submission gives to every row."""

    competition: str
    id_column: str
    target: str
    ids: Sequence[Any]
    labels: Sequence[Any]
    sample: Any
    more: dict[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def answers(self) -> pd.DataFrame:
        return pd.DataFrame({self.id_column: self.ids, **self.more, self.target: self.labels})

    @property
    def good(self) -> pd.DataFrame:
        return self.submission(self.labels)

    def submission(self, labels: Sequence[Any]) -> pd.DataFrame:
        cells = pd.Series(list(labels), dtype=object)
        return pd.DataFrame({self.id_column: self.ids, self.target: cells})

    def wrong(self, rows: int) -> pd.DataFrame:
        """Give the last so many rows the label of another class, one that occurs."""
        classes = sorted(set(self.labels))
        after = {label: classes[(place + 1) % len(classes)] for place, label in enumerate(classes)}
        kept = len(self.labels) - rows
        return self.submission([*self.labels[:kept], *(after[label] for label in self.labels[kept:])])

    def share(self, is_right: Callable[[Any], bool]) -> float:
        return sum(map(is_right, self.labels)) / len(self.labels)


def drawn(seed: int, classes: Sequence[Any]) -> list[Any]:
    """Draw labels in which every class occurs."""
    rng = np.random.default_rng(seed)
    chosen = [*range(len(classes)), *rng.integers(len(classes), size=ROWS - len(classes)).tolist()]
    return [classes[place] for place in rng.permutation(chosen).tolist()]


def names(seed: int, pattern: str) -> list[str]:
    """Draw ids of text, in no order."""
    rng = np.random.default_rng(seed)
    return [pattern.format(number) for number in rng.permutation(ROWS * 7)[:ROWS].tolist()]


def numbers(seed: int, start: int = 0) -> list[int]:
    """Draw ids that are whole numbers, in no order."""
    return [start + number for number in np.random.default_rng(seed).permutation(ROWS).tolist()]


def common(form: Format, of: Callable[[float], float] = float) -> list[Case]:
    """Return the cases of every format; `of` makes the score of a share of right rows."""
    good = form.good
    constant = form.submission([form.sample] * ROWS)
    cases = [
        Case("perfect", "the answers themselves", form.answers, of(1.0)),
        Case("perfect", "ids and labels of the answers", good, of(1.0)),
        Case("sample", "one label for all", constant, of(form.share(lambda label: label == form.sample))),
        *(
            Case("noisy", f"{rows} wrong", form.wrong(rows), of((ROWS - rows) / ROWS))
            for rows in (1, 2, 3, 7, 13, 29, 40)
        ),
        Case(
            "shuffled", "3 wrong, by label", form.wrong(3).sort_values(form.target, key=as_text), of((ROWS - 3) / ROWS)
        ),
        Case("broken", "one row's label is infinite", with_cell(good, form.target, "inf", 3), INVALID),
        *written_otherwise(good, of(1.0)),
        *columns_otherwise(form.wrong(11), of((ROWS - 11) / ROWS)),
        *broken_rows(good, form.id_column),
        *broken_columns(good, form.id_column, form.target),
        *broken_files(good),
    ]
    if isinstance(form.ids[0], int):
        padded = good.assign(**{form.id_column: [f"{number:012d}" for number in form.ids]})
        decimal = good.assign(**{form.id_column: [f"{number}.0" for number in form.ids]})
        words = good.assign(**{form.id_column: [f"{number}x" for number in form.ids]})
        cases += [
            Case("perfect", "ids with leading zeros", padded, of(1.0)),
            Case("perfect", "ids with a point", decimal, of(1.0)),
            Case("broken", "ids with a letter", words, INVALID),
            Case("broken", "an id between two numbers", with_cell(good, form.id_column, form.ids[0] + 0.5), INVALID),
        ]
    else:
        blank = good.assign(**{form.id_column: [f"{name} " for name in form.ids]})
        cases += [
            Case("broken", "ids with a blank after them", blank, INVALID),
            Case("broken", "ids counted from 0", good.assign(**{form.id_column: range(ROWS)}), INVALID),
        ]
    return cases


def as_text(column: pd.Series) -> pd.Series:
    return column.map(str)


def whole_numbers(form: Format) -> Suite:
    """Labels are whole numbers of more than two classes."""
    good, target = form.good, form.target
    one_less = (ROWS - 1) / ROWS
    binary = form.share(lambda label: label in {0, 1})
    flags = form.submission([label == 1 for label in form.labels])
    text = good.to_csv(index=False)
    cases = [
        Case("perfect", "labels with a point", form.submission([f"{label}.0" for label in form.labels]), 1.0),
        Case("perfect", "labels with leading zeros", form.submission([f"00{label}" for label in form.labels]), 1.0),
        Case("perfect", "labels in scientific notation", form.submission([f"{label}e0" for label in form.labels]), 1.0),
        Case("perfect", "blanks before labels", text.replace(",", ", ").replace(f" {target}", target, 1), 1.0),
        Case("noisy", "a negative label", with_cell(good, target, -1), one_less),
        Case("noisy", "a label of no class", with_cell(good, target, 77), one_less),
        Case("noisy", "a label beyond 64 bits with a sign", with_cell(good, target, 2**63), one_less),
        Case("noisy", "True for class 1, False for others", flags, binary),
        Case("noisy", "one word among numbers makes words of all", with_cell(good, target, "three"), 0.0),
        Case("noisy", "all words", form.submission([f"class {label}" for label in form.labels]), 0.0),
        Case("noisy", "the same word for all", form.submission(["cat"] * ROWS), 0.0),
        Case("broken", "one label half-way", with_cell(good, target, "2.5"), INVALID),
        Case("broken", "one label empty", with_cell(good, target, None, 5), INVALID),
        Case("broken", "one label NaN", with_cell(good, target, "NaN", 5), INVALID),
        Case("broken", "one label far too large", with_cell(good, target, "1e300"), INVALID),
        Case("broken", "all labels empty", form.submission([None] * ROWS), INVALID),
        Case("broken", "probabilities", form.submission([label / 1000 + 0.0001 for label in form.labels]), INVALID),
        Case("broken", "flags and an empty cell", with_cell(flags, target, None), INVALID),
    ]
    return make(form, [*common(form), *cases])


def words(form: Format) -> Suite:
    """Labels are words of more than two classes."""
    good, target = form.good, form.target
    one_less = (ROWS - 1) / ROWS
    cases = [
        Case("noisy", "one label in capitals", with_cell(good, target, form.labels[0].upper()), one_less),
        Case("noisy", "one label with a blank after it", with_cell(good, target, form.labels[0] + " "), one_less),
        Case("noisy", "one label of no class", with_cell(good, target, "hippopotamus"), one_less),
        Case("noisy", "one label a number", with_cell(good, target, 3), one_less),
        Case("noisy", "one label with a newline", with_cell(good, target, form.labels[0] + "\n"), one_less),
    ]
    kept = [case for case in common(form) if "infinite" not in case.name]
    return make(form, [*kept, Case("noisy", "one label inf", with_cell(good, target, "inf"), one_less), *cases])


def plain_words(form: Format) -> Suite:
    """An empty cell is no label, and columns of other kinds are labels of which none is right."""
    suite = words(form)
    kinds = [
        Case("noisy", "numbers for all", form.submission(range(ROWS)), 0.0),
        Case("noisy", "flags for all", form.submission([True, False] * (ROWS // 2)), 0.0),
        Case("broken", "one label empty", with_cell(form.good, form.target, None), INVALID),
        Case("broken", "one label empty, later", with_cell(form.good, form.target, None, 7), INVALID),
        Case("broken", "one label null", with_cell(form.good, form.target, "null", 7), INVALID),
        Case("broken", "all labels empty", form.submission([None] * ROWS), INVALID),
        Case("broken", "probabilities", form.submission([0.25] * ROWS), INVALID),
    ]
    return make(form, [*suite.cases, *kinds])


def empty_words(form: Format) -> Suite:
    """An empty cell is a label of no class, and makes words of a column of numbers."""
    one_less = (ROWS - 1) / ROWS
    kinds = [
        Case("sample", "all labels empty", form.submission([None] * ROWS), 0.0),
        Case("noisy", "one label empty", with_cell(form.good, form.target, None), one_less),
        Case("noisy", "one label NA", with_cell(form.good, form.target, "NA", 6), one_less),
        Case("noisy", "numbers for all", form.submission(range(ROWS)), 0.0),
        Case("noisy", "probabilities and an empty cell", form.submission([None, *[0.25] * (ROWS - 1)]), 0.0),
        Case("noisy", "flags and an empty cell", form.submission([None, *[True] * (ROWS - 1)]), 0.0),
        Case("broken", "probabilities", form.submission([0.25] * ROWS), INVALID),
    ]
    return make(form, [*words(form).cases, *kinds])


def named_words(form: Format) -> Suite:
    """An empty cell is the word nan, and a column without words is refused."""
    one_less = (ROWS - 1) / ROWS
    kinds = [
        Case("noisy", "one label empty", with_cell(form.good, form.target, None), one_less),
        Case("noisy", "one label NA", with_cell(form.good, form.target, "NA", 6), one_less),
        Case("noisy", "one word, the others empty", with_cell(form.submission([None] * ROWS), form.target, "x"), 0.0),
        Case("broken", "all labels empty", form.submission([None] * ROWS), INVALID),
        Case("broken", "numbers for all", form.submission(range(ROWS)), INVALID),
        Case("broken", "flags for all", form.submission([True, False] * (ROWS // 2)), INVALID),
        Case("broken", "probabilities", form.submission([0.25] * ROWS), INVALID),
    ]
    return make(form, [*words(form).cases, *kinds])


def flags(form: Format) -> Suite:
    """Labels are True and False."""
    good, target = form.good, form.target
    one_less = (ROWS - 1) / ROWS
    cases = [
        Case("perfect", "true and false", form.submission([str(label).lower() for label in form.labels]), 1.0),
        Case("perfect", "TRUE and FALSE", form.submission([str(label).upper() for label in form.labels]), 1.0),
        Case("perfect", "1 and 0", form.submission([int(label) for label in form.labels]), 1.0),
        Case("perfect", "1.0 and 0.0", form.submission([float(label) for label in form.labels]), 1.0),
        Case(
            "noisy", "1 and 0, and a 2", with_cell(form.submission([int(x) for x in form.labels]), target, 2), one_less
        ),
        Case("noisy", "opposites", form.submission([not label for label in form.labels]), 0.0),
        Case("noisy", "a third word makes words of all", with_cell(good, target, "maybe"), 0.0),
        Case("noisy", "words of three classes", form.submission(["yes", "no", "maybe", "no"] * (ROWS // 4)), 0.0),
        Case("broken", "words of two classes", form.submission(["yes", "no"] * (ROWS // 2)), INVALID),
        Case("broken", "the same word for all", form.submission(["yes"] * ROWS), INVALID),
        Case("broken", "a number among flags", with_cell(good.replace({target: {False: True}}), target, 1), INVALID),
        Case("broken", "one label empty", with_cell(good, target, None), INVALID),
        Case("broken", "one label empty, later", with_cell(good, target, None, 9), INVALID),
        Case("broken", "all labels empty", form.submission([None] * ROWS), INVALID),
        Case("broken", "probabilities", form.submission([0.75 if label else 0.25 for label in form.labels]), INVALID),
    ]
    kept = [case for case in common(form) if "infinite" not in case.name]
    # among True and False, inf is a third word
    return make(form, [*kept, Case("noisy", "one label inf", with_cell(good, target, "inf"), 0.0), *cases])


def tokens(form: Format) -> Suite:
    """Labels are compared as text, whatever they look like; an empty cell is the text nan."""
    good, target = form.good, form.target
    missing = form.share(lambda label: label in {"", "nan"})
    one_less = (ROWS - 1) / ROWS
    spoken = form.labels.index("five")
    cases = [
        Case("sample", "all tokens empty", form.submission([None] * ROWS), missing),
        Case("perfect", "null for empty", form.submission([label or "null" for label in form.labels]), 1.0),
        Case("noisy", "one token empty", with_cell(good, target, None, spoken), one_less),
        Case("noisy", "one token in capitals", with_cell(good, target, "FIVE", spoken), one_less),
        Case("noisy", "one token a number", with_cell(good, target, 5, spoken), one_less),
        Case("noisy", "one token infinite", with_cell(good, target, "inf", spoken), one_less),
        Case("noisy", "one token with a newline", with_cell(good, target, "five\n", spoken), one_less),
        Case("noisy", "5 for all", form.submission([5] * ROWS), form.share(lambda label: label == "5")),
        Case("noisy", "5 for all as text", form.submission(['"5"'] * ROWS), 0.0),
        Case("noisy", "True for all", form.submission(["TRUE"] * ROWS), form.share(lambda label: label == "True")),
        # a column of numbers with an empty cell is read as decimals, and 5.0 is another token than 5
        Case(
            "noisy",
            "5 for all but an empty cell",
            with_cell(form.submission([5] * ROWS), target, None, spoken),
            form.share(lambda label: label == "5.0"),
        ),
    ]
    kept = [case for case in common(form) if "infinite" not in case.name]
    return make(form, [*kept, *cases])


def first_of_many(form: Format) -> Suite:
    """The score is the share of wrong rows, of the first number in each cell."""
    good, target = form.good, form.target
    ranked = form.submission([f"{label} {label + 1} 0" for label in form.labels])
    zeroth = form.submission([f"7 {label}" for label in form.labels])
    ones = 1 - form.share(lambda label: label == 1)
    cases = [
        Case("perfect", "five labels each", form.submission([f"{label} 1 2 3 4" for label in form.labels]), 0.0),
        Case("perfect", "blanks round labels", form.submission([f"  {label}  5 " for label in form.labels]), 0.0),
        Case("perfect", "words after the label", form.submission([f"{label} bird" for label in form.labels]), 0.0),
        Case("perfect", "one row of many labels", with_cell(good, target, f"{form.labels[0]} 4 5"), 0.0),
        Case("perfect", "labels with a sign", form.submission([f"+{label} 1" for label in form.labels]), 0.0),
        Case("noisy", "the label comes second", zeroth, 1 - form.share(lambda label: label == 7)),
        Case("noisy", "a label beyond all", with_cell(good, target, 5000), 1 / ROWS),
        Case("noisy", "a negative label", with_cell(ranked, target, "-3 4"), 1 / ROWS),
        Case("noisy", "True for all", form.submission([True] * ROWS), ones),
        Case("broken", "labels with a point", form.submission([f"{label}.0" for label in form.labels]), INVALID),
        Case("broken", "labels with a point and others", with_cell(ranked, target, "3.0 4"), INVALID),
        Case("broken", "commas between labels", with_cell(ranked, target, "3,4,5"), INVALID),
        Case("broken", "one label empty", with_cell(good, target, None), INVALID),
        Case("broken", "one list empty", with_cell(ranked, target, None, 4), INVALID),
        Case("broken", "one list blank", with_cell(ranked, target, "  ", 4), INVALID),
        Case("broken", "a word first", with_cell(ranked, target, "bird 4", 4), INVALID),
        Case("broken", "a number beyond 64 bits", with_cell(ranked, target, f"{2**64} 4", 4), INVALID),
        Case("broken", "a number of 5000 digits", with_cell(ranked, target, "1" * 5000 + " 4", 4), INVALID),
        Case("broken", "all labels empty", form.submission([None] * ROWS), INVALID),
    ]
    return make(form, [*common(form, lambda share: 1 - share), *cases])


def make(form: Format, cases: list[Case]) -> Suite:
    return Suite(form.competition, form.answers, cases, COUNTED)


def suites() -> Iterator[Suite]:
    """Yield the suite of every competition."""
    yield whole_numbers(
        Format(
            "cassava-leaf-disease-classification",
            "image_id",
            "label",
            names(1, "{:09d}.jpg"),
            drawn(1, range(5)),
            3,
        )
    )
    yield whole_numbers(
        Format(
            "cdiscount-image-classification-challenge",
            "_id",
            "category_id",
            numbers(2, 10**7),
            drawn(2, [1000003746, 1000018290, 1, 1000010653]),
            1000010653,
        )
    )
    uuid = "{:08x}-21bc-11ea-a13a-137349068a90"
    yield whole_numbers(Format("iwildcam-2020-fgvc7", "Id", "Category", names(3, uuid), drawn(3, range(12)), 0))
    yield whole_numbers(Format("ml2021spring-hw2", "Id", "ClassId", list(range(ROWS)), drawn(4, range(39)), 0))
    phrases: dict[str, Sequence[Any]] = {
        "SentenceId": [8545] * ROWS,
        "Phrase": [f'A series of "escapades",\ndemonstrating {n}' for n in range(ROWS)],
    }
    yield whole_numbers(
        Format(
            "movie-review-sentiment-analysis-kernels-only",
            "PhraseId",
            "Sentiment",
            numbers(5, 156061),
            drawn(5, range(5)),
            2,
            phrases,
        )
    )
    yield empty_words(
        Format(
            "paddy-disease-classification",
            "image_id",
            "label",
            names(6, "{:06d}.jpg"),
            drawn(6, ["normal", "blast", "hispa", "tungro", "dead_heart"]),
            "blast",
            {"variety": ["ADT45"] * ROWS, "age": [45] * ROWS},
        )
    )
    yield named_words(
        Format(
            "plant-seedlings-classification",
            "file",
            "species",
            names(7, "{:09x}.png"),
            drawn(7, ["Sugar beet", "Maize", "Black-grass", "Common wheat"]),
            "Sugar beet",
        )
    )
    yield flags(
        Format(
            "spaceship-titanic",
            "PassengerId",
            "Transported",
            names(8, "{:04d}_01"),
            drawn(8, [True, False]),
            False,
            {"HomePlanet": ["Europa"] * ROWS, "Age": [None, *[39.0] * (ROWS - 1)]},
        )
    )
    yield whole_numbers(
        Format(
            "tabular-playground-series-dec-2021",
            "Id",
            "Cover_Type",
            numbers(9, 10**6 * 3),
            drawn(9, range(1, 8)),
            2,
            {"Elevation": range(2000, 2000 + ROWS), "Soil_Type1": [0] * ROWS},
        )
    )
    yield plain_words(
        Format(
            "tensorflow-speech-recognition-challenge",
            "fname",
            "label",
            names(10, "clip_{:08d}.wav"),
            drawn(10, ["yes", "no", "on", "off", "bed", "zero"]),
            "silence",
        )
    )
    yield first_of_many(
        Format("inaturalist-2019-fgvc6", "id", "predicted", numbers(11, 268243), drawn(11, range(20)), 7)
    )
    spoken = {
        "english": ["five", "the", ".", "5", "5.0", "", "True", 'say "it"', "two thousand, six"],
        "russian": ["five", "и", ".", "5", "5.0", "", "True", "две тысячи шестого года", "«да»"],
    }
    for language, classes in spoken.items():
        competition = f"text-normalization-challenge-{language}-language"
        yield tokens(Format(competition, "id", "after", names(12, "{}_7"), drawn(12, classes), "."))
