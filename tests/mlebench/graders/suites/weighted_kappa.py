"""Grades of eyes and of essays; kappa by its definition, over all pairs of rows."""

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pandas as pd
from tests.mlebench.graders.suite import INVALID, UNDEFINED, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

DEFINED = (
    "One minus the observed squared distance over that of every row with every other row, in fractions; distances are those "
    "between the ranks of labels that occur."
)


def suites() -> Iterator[Suite]:
    chance = random.Random(7)
    grades = [0, 1, 2, 3, 4, *(min(4, int(chance.expovariate(0.7))) for _ in range(25))]
    eyes = pd.DataFrame({"id_code": [f"{chance.getrandbits(44):012x}e" for _ in grades], "diagnosis": grades})
    yield Suite("aptos2019-blindness-detection", eyes, list(cases_of(eyes, "id_code", "diagnosis", 0)), DEFINED)
    scores = [1, 2, 3, 4, 5, 6, *(chance.randint(1, 6) for _ in range(20))]
    essays = pd.DataFrame(
        {
            "essay_id": [f"{chance.getrandbits(28):07x}s" for _ in scores],
            "full_text": [f'Many people, like me,\nsay "{number}".' for number in range(len(scores))],
            "score": scores,
        }
    )
    sheet = essays[["essay_id", "score"]]
    cases = [*cases_of(sheet, "essay_id", "score", 1), Case("perfect", "the answers themselves", essays, 1.0)]
    yield Suite("learning-agency-lab-automated-essay-scoring-2", essays, cases, DEFINED)


def cases_of(good: pd.DataFrame, id_column: str, target: str, lowest: int) -> Iterator[Case]:
    truth = good[target].tolist()
    highest = max(truth)

    def scored(kind: str, name: str, labels: Sequence[int]) -> Case:
        return Case(kind, name, good.assign(**{target: labels}), kappa(labels, truth))

    yield Case("perfect", "perfect", good, 1.0)
    yield Case("perfect", "labels with a point", good.assign(**{target: good[target].astype(float)}), 1.0)
    yield Case("perfect", "labels with zeros before", good.assign(**{target: [f"{label:03}" for label in truth]}), 1.0)
    yield Case("sample", "the same for all", good.assign(**{target: highest}), 0.0)
    yield scored("sample", "random labels", random.Random(42).choices(range(lowest, highest + 1), k=len(truth)))
    yield scored("noisy", "turned round", [highest + lowest - label for label in truth])
    yield scored("noisy", "one off", [min(highest, label + 1) for label in truth])
    yield scored("noisy", "one row wrong", [highest, *truth[1:]])
    yield scored("noisy", "two labels only", [lowest if 2 * label < highest else highest for label in truth])
    for seed in range(3):
        chance = random.Random(seed)
        yield scored(
            "noisy",
            f"noise {seed}",
            [label if chance.random() < 0.6 else chance.randint(lowest, highest) for label in truth],
        )
    yield scored("noisy", "a label far outside is the next one", [1000, *truth[1:]])
    yield scored("noisy", "a negative label is the one before", [-50, *truth[1:]])
    yield scored("noisy", "all labels ten times as large", [10 * label for label in truth])
    flags = ["True" if label > 2 else "False" for label in truth]
    yield Case(
        "noisy", "flags are 0 and 1", good.assign(**{target: flags}), kappa([int(label > 2) for label in truth], truth)
    )
    yield Case("broken", "labels between", with_cell(good, target, 1.5), INVALID)
    yield Case("broken", "raw predictions", good.assign(**{target: [label + 0.25 for label in truth]}), INVALID)
    yield Case("broken", "an empty label", with_cell(good, target, None), INVALID)
    yield Case("broken", "no labels", good.assign(**{target: None}), INVALID)
    yield Case("broken", "an infinite label", with_cell(good, target, "inf"), INVALID)
    yield Case("broken", "a word among the labels", with_cell(good, target, "two"), INVALID)
    yield Case("broken", "words for labels", good.assign(**{target: "severe"}), INVALID)
    yield from written_otherwise(good, 1.0)
    yield from columns_otherwise(good, 1.0)
    yield from broken_rows(good, id_column)
    yield from broken_columns(good, id_column, target)
    yield from broken_files(good)


def kappa(found: Sequence[int], truth: Sequence[int]) -> float:
    rank = {label: place for place, label in enumerate(sorted({*found, *truth}))}
    pairs = [(rank[one], rank[other]) for one, other in zip(found, truth, strict=True)]
    seen = sum((one - other) ** 2 for one, other in pairs)
    by_chance = sum((one - other) ** 2 for one, _ in pairs for _, other in pairs)
    return float(1 - Fraction(seen * len(pairs), by_chance)) if by_chance else UNDEFINED
