"""Contacts of players; the coefficient is Pearson's correlation of the labels, counted from the four cells."""

import random
from collections.abc import Iterator, Sequence
from math import sqrt

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
    chance = random.Random(15)
    truth = [1, 0, *(int(chance.random() < 0.3) for _ in range(38))]
    answers = pd.DataFrame(
        {
            "contact_id": [
                f"58168_003392_{number // 4}_{38590 + number % 4}_{'G' if number % 4 == 3 else 43854}"
                for number in range(40)
            ],
            "game_play": "58168_003392",
            "datetime": "2020-09-11T03:01:48.100Z",
            "step": [number // 4 for number in range(40)],
            "contact": truth,
        }
    )
    good = answers[["contact_id", "contact"]]

    def scored(name: str, labels: Sequence[int]) -> Case:
        return Case("noisy", name, good.assign(contact=labels), coefficient(labels, truth))

    cases = [
        Case("perfect", "perfect", good, 1.0),
        Case("perfect", "labels with a point", good.assign(contact=good["contact"].astype(float)), 1.0),
        Case("perfect", "flags", good.assign(contact=good["contact"] == 1), 1.0),
        Case("perfect", "labels with zeros before", good.assign(contact=[f"0{label}" for label in truth]), 1.0),
        Case("perfect", "the answers themselves", answers, 1.0),
        Case("noisy", "a third label for all", good.assign(contact=2), 0.0),
        Case(
            "noisy",
            "a third label for contacts",
            good.assign(contact=[9 * label for label in truth]),
            third_label(truth),
        ),
        Case("sample", "0 for all", good.assign(contact=0), 0.0),
        Case("noisy", "1 for all", good.assign(contact=1), 0.0),
        Case("noisy", "turned round", good.assign(contact=[1 - label for label in truth]), -1.0),
        scored("one row wrong", [0, *truth[1:]]),
        scored("one row right", [1, *[0] * 39]),
        scored("every second row 0", [label * (number % 2) for number, label in enumerate(truth)]),
        *(
            scored(
                f"noise {seed}",
                [label if random.Random(40 * seed + n).random() < 0.8 else 1 - label for n, label in enumerate(truth)],
            )
            for seed in range(4)
        ),
        Case("broken", "probabilities", good.assign(contact=[0.25 + label / 2 for label in truth]), INVALID),
        Case("broken", "one probability", with_cell(good, "contact", 0.5), INVALID),
        Case("broken", "an empty label", with_cell(good, "contact", None), INVALID),
        Case("broken", "no labels", good.assign(contact=None), INVALID),
        Case("broken", "an infinite label", with_cell(good, "contact", "inf"), INVALID),
        Case("broken", "a word among the labels", with_cell(good, "contact", "yes"), INVALID),
        Case("broken", "words for labels", good.assign(contact="yes"), INVALID),
        *written_otherwise(good, 1.0),
        *columns_otherwise(good, 1.0),
        *broken_rows(good, "contact_id"),
        *broken_columns(good, "contact_id", "contact"),
        *broken_files(good),
    ]
    yield Suite(
        "nfl-player-contact-detection",
        answers,
        cases,
        "Pearson's correlation of two columns of 0 and 1, which is the coefficient, from sums; 1, -1 and 0 by hand.",
    )


def coefficient(found: Sequence[int], truth: Sequence[int]) -> float:
    rows, both = len(truth), sum(one * other for one, other in zip(found, truth, strict=True))
    ones, trues = sum(found), sum(truth)
    return (rows * both - ones * trues) / sqrt(ones * (rows - ones) * trues * (rows - trues))


def third_label(truth: Sequence[int]) -> float:
    # covariance of three classes (Gorodkin 2004): 0 is right throughout, 1 is never given, 9 never true
    rows, zeros = len(truth), truth.count(0)
    ones = rows - zeros
    shared = rows * zeros - zeros * zeros
    spread = rows * rows - zeros * zeros - ones * ones
    return shared / sqrt(spread * spread)
