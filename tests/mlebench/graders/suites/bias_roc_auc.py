"""Submissions to the competition scored by AUCs of groups; areas of hard labels are counted pair by pair."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import flags, no_numbers, pair_count_auc
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

ROWS = 120
GROUPS = (
    "male",
    "female",
    "homosexual_gay_or_lesbian",
    "christian",
    "jewish",
    "muslim",
    "black",
    "white",
    "psychiatric_or_mental_illness",
)


def suites() -> Iterator[Suite]:
    rng = np.random.default_rng(80)
    truth = flags(80, ROWS)
    members = {group: flags(81 + place, ROWS) for place, group in enumerate(GROUPS)}
    ids = [7000000 + 3 * number for number in rng.permutation(ROWS).tolist()]

    def share(flag: int) -> float:
        """Return what counts as the flag: at least one half, or less."""
        return float(rng.choice([0.5, 0.6, 1.0] if flag else [0.0, 0.2, 0.49]))

    answers = pd.DataFrame({"id": ids, "comment_text": "a, b", "toxicity": [share(flag) for flag in truth]})
    for group, column in members.items():
        # a comment nobody was asked about has no share, and is about no group
        answers[group] = [share(1) if flag else rng.choice([0.1, math.nan]) for flag in column]

    def table(predictions: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({"id": ids, "prediction": predictions})

    def score(said: Sequence[int]) -> float:
        return bias_score(truth, said, list(members.values()))

    noisy = {}
    for wrong in (0.05, 0.1, 0.2, 0.35, 0.5):
        said = [
            1 - flag if miss else flag for flag, miss in zip(truth, (rng.random(ROWS) < wrong).tolist(), strict=True)
        ]
        noisy[wrong] = said
    first = noisy[0.2]
    good, value = table([0.9 if flag else 0.1 for flag in first]), score(first)
    barely = [0.5 if flag else 0.4999999 for flag in first]
    holes = [math.nan if place < 6 else 0.8 * flag for place, flag in enumerate(first)]
    unsaid = [0 if place < 6 else flag for place, flag in enumerate(first)]
    infinite = [math.inf if flag else -math.inf for flag in first]
    as_answers = table(truth).rename(columns={"prediction": "toxicity"})
    cases = [
        Case("perfect", "the answers themselves", answers, 1.0),
        Case("perfect", "flags", table([bool(flag) for flag in truth]), 1.0),
        Case("perfect", "named as the answers are", as_answers, 1.0),
        Case("sample", "zero for all", table([0.0] * ROWS), 0.5),
        Case("sample", "one half for all", table([0.5] * ROWS), 0.5),
        Case("sample", "nothing for all", table([None] * ROWS), 0.5),
        *(Case("noisy", f"{wrong:.0%} wrong", table(said), score(said)) for wrong, said in noisy.items()),
        Case("noisy", "barely on each side", table(barely), value),
        Case("noisy", "some cells empty", table(holes), score(unsaid)),
        Case("noisy", "infinities", table(infinite), value),
        Case("noisy", "out of range", table([7 if flag else -7 for flag in first]), value),
        Case(
            "noisy",
            "flags with an empty cell",
            with_cell(table([bool(flag) for flag in first]), "prediction", None),
            score([0, *first[1:]]),
        ),
        *written_otherwise(good, value),
        *columns_otherwise(good, value),
        Case("perfect", "ids with leading zeros", good.assign(id=[f"{each:012d}" for each in ids]), value),
        Case("perfect", "ids with a point", good.assign(id=[f"{each}.0" for each in ids]), value),
        Case("broken", "all wrong", table([1 - flag for flag in truth]), INVALID),
        Case("broken", "one id with a letter", with_cell(good, "id", "7000000x"), INVALID),
        Case("broken", "both names of the predictions", good.assign(toxicity=0.5), INVALID),
        Case("broken", "an underscore among digits", with_cell(good, "prediction", "0_1"), INVALID),
        *no_numbers(good, "prediction"),
        *broken_rows(good, "id"),
        *broken_columns(good, "id", "prediction"),
        *broken_files(good),
    ]
    yield Suite(
        "jigsaw-unintended-bias-in-toxicity-classification",
        answers,
        cases,
        "Everything is cut at 0.5, pairs of a toxic and another comment are counted one by one for each of the 28 areas, and "
        "the power means are written out; constant submissions are a half in closed form. All wrong divides by zero.",
    )


def bias_score(truth: Sequence[int], said: Sequence[int], members: Sequence[Sequence[int]]) -> float:
    def area(kept: Sequence[bool]) -> float:
        rows = [place for place, keep in enumerate(kept) if keep]
        return pair_count_auc([truth[place] for place in rows], [said[place] for place in rows])

    total = area([True] * len(truth))
    for keep in (is_about, is_background_positive, is_background_negative):
        areas = [area([keep(flag, toxic) for flag, toxic in zip(group, truth, strict=True)]) for group in members]
        total += (sum(1 / each**5 for each in areas) / len(members)) ** (-1 / 5)
    return total / 4


def is_about(member: int, toxic: int) -> bool:
    return member == 1


def is_background_positive(member: int, toxic: int) -> bool:
    return (member == 1 and toxic == 0) or (member == 0 and toxic == 1)


def is_background_negative(member: int, toxic: int) -> bool:
    return (member == 1 and toxic == 1) or (member == 0 and toxic == 0)
