"""Cancer by patient and side; precision and recall of probabilities in fractions, after a walk over the rows."""

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)


def suites() -> Iterator[Suite]:
    chance = random.Random(16)
    truth = [1, 0, *(int(chance.random() < 0.15) for _ in range(38))]
    names = [f"{chance.randint(10**4, 10**5)}_{side}" for _ in range(20) for side in "LR"]
    good = pd.DataFrame({"prediction_id": names, "cancer": truth})
    positives = sum(truth)

    def scored(name: str, values: Sequence[float], kind: str = "noisy") -> Case:
        return Case(kind, name, good.assign(cancer=values), f1(values, truth))

    half = [(label + 0.5) / 2 for label in truth]
    cases = [
        Case("perfect", "perfect", good, 1.0),
        Case("perfect", "numbers with a point", good.assign(cancer=good["cancer"].astype(float)), 1.0),
        Case("perfect", "far above 1 is 1", good.assign(cancer=good["cancer"] * 1e9), 1.0),
        Case("perfect", "below 0 is 0", good.assign(cancer=[label or -3.5 for label in truth]), 1.0),
        Case(
            "perfect",
            "infinities are 1 and 0",
            good.assign(cancer=["inf" if label else "-inf" for label in truth]),
            1.0,
        ),
        Case("perfect", "flags", good.assign(cancer=good["cancer"] == 1), 1.0),
        scored("the mean for all", [0.0211] * 40, "sample"),
        Case("noisy", "1 for all", good.assign(cancer=1), 2 * positives / (40 + positives)),
        Case("noisy", "0 for all", good.assign(cancer=0), 0.0),
        Case("noisy", "0.0 for all", good.assign(cancer=0.0), 0.0),
        Case("noisy", "False for all", good.assign(cancer=False), 0.0),
        Case("noisy", "-0.0 and below", good.assign(cancer=["-0.0", *["-1"] * 39]), 0.0),
        Case("noisy", "turned round", good.assign(cancer=[1 - label for label in truth]), 0.0),
        Case("noisy", "half a positive each", good.assign(cancer=[label / 2 for label in truth]), 2 / 3),
        scored("between", half),
        scored("between, too large", [2 * each for each in half]),
        *(
            scored(
                f"noise {seed}",
                [round(random.Random(40 * seed + n).random() ** (3 - 2 * label), 4) for n, label in enumerate(truth)],
            )
            for seed in range(5)
        ),
        Case("noisy", "an empty cell makes it 0", with_cell(good, "cancer", None), 0.0),
        Case("noisy", "empty cells beside flags", with_cell(good.assign(cancer=True), "cancer", None, row=1), 0.0),
        Case("noisy", "no probabilities", good.assign(cancer=None), 0.0),
        Case("broken", "all below 0", good.assign(cancer=-0.5), INVALID),
        Case("broken", "all infinitely far below 0", good.assign(cancer="-inf"), INVALID),
        Case("broken", "a word among the probabilities", with_cell(good, "cancer", "high"), INVALID),
        Case("broken", "words for probabilities", good.assign(cancer="no"), INVALID),
        Case("broken", "percent", good.assign(cancer=[f"{label}%" for label in truth]), INVALID),
        Case("broken", "a number of forty digits", with_cell(good, "cancer", "1" * 40), INVALID),
        *written_otherwise(good, 1.0),
        *columns_otherwise(good, 1.0),
        *broken_rows(good, "prediction_id"),
        *broken_columns(good, "prediction_id", "cancer"),
        *broken_files(good),
    ]
    yield Suite(
        "rsna-breast-cancer-detection",
        good,
        cases,
        "Probabilities, cut to 0 and 1, are summed over true and over all rows in fractions; F1 is twice the one over the "
        "other and the number of true rows. Constant, empty and negative ones by hand.",
    )


def f1(values: Sequence[float], truth: Sequence[int]) -> float:
    cut = [min(Fraction(1), max(Fraction(0), Fraction(value))) for value in values]
    hits = sum((value for value, label in zip(cut, truth, strict=True) if label), Fraction())
    return float(2 * hits / (sum(cut) + sum(truth)))
