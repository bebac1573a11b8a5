"""Kinds of plants and animals, as numbers; F1 of every class by counting rows."""

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

COUNTED = (
    "Rows are counted for every class that occurs, F1 is a fraction, and the mean is over classes; no scikit-learn."
)


def suites() -> Iterator[Suite]:
    chance = random.Random(9)
    for name, classes in (
        ("herbarium-2020-fgvc7", 32094),
        ("herbarium-2021-fgvc8", 64500),
        ("herbarium-2022-fgvc9", 15501),
    ):
        kinds = chance.sample(range(1, classes), 9)
        truth = [*kinds, *chance.choices(kinds, k=26)]
        plants = pd.DataFrame({"Id": range(len(truth)), "Predicted": truth})
        numbered = [
            Case("perfect", "ids with a point", plants.assign(Id=plants["Id"].astype(float)), 1.0),
            Case("perfect", "ids with zeros before", plants.assign(Id=[f"{each:06}" for each in plants["Id"]]), 1.0),
        ]
        yield Suite(name, plants, [*cases_of(plants, "Id", "Predicted"), *numbered], COUNTED)
    truth = [0, 1, 3, 8, 11, *chance.choices([0, 0, 0, 1, 3, 8, 11, 14], k=30)]
    animals = pd.DataFrame({"Id": [f"{chance.getrandbits(90):023x}w" for _ in truth], "Category": truth})
    yield Suite("iwildcam-2019-fgvc6", animals, list(cases_of(animals, "Id", "Category")), COUNTED)


def cases_of(good: pd.DataFrame, id_column: str, target: str) -> Iterator[Case]:
    truth = good[target].tolist()
    classes = sorted(set(truth))

    def scored(kind: str, name: str, labels: Sequence[int]) -> Case:
        return Case(kind, name, good.assign(**{target: labels}), macro_f1(labels, truth))

    yield Case("perfect", "perfect", good, 1.0)
    yield Case("perfect", "classes with a point", good.assign(**{target: good[target].astype(float)}), 1.0)
    yield Case("perfect", "classes cut to whole numbers", good.assign(**{target: good[target] + 0.9}), 1.0)
    yield Case("perfect", "classes with zeros before", good.assign(**{target: [f"{label:06}" for label in truth]}), 1.0)
    yield scored("sample", "0 for all", [0] * len(truth))
    yield scored("noisy", "a class that nobody has", [77777, *truth[1:]])
    yield scored("noisy", "a negative class", [-3, *truth[1:]])
    yield scored("noisy", "the greatest class for all", [classes[-1]] * len(truth))
    yield scored("noisy", "the next class", [classes[(classes.index(label) + 1) % len(classes)] for label in truth])
    yield scored("noisy", "one row wrong", [classes[-1], *truth[1:]])
    yield scored(
        "noisy",
        "two classes change places",
        [{classes[0]: classes[1], classes[1]: classes[0]}.get(n, n) for n in truth],
    )
    for seed in range(4):
        chance = random.Random(seed)
        yield scored(
            "noisy", f"noise {seed}", [label if chance.random() < 0.7 else chance.choice(classes) for label in truth]
        )
    flags = [label == classes[1] for label in truth]
    yield Case("noisy", "flags are 0 and 1", good.assign(**{target: flags}), macro_f1(list(map(int, flags)), truth))
    yield Case("broken", "an empty class", with_cell(good, target, None), INVALID)
    yield Case("broken", "no classes", good.assign(**{target: None}), INVALID)
    yield Case("broken", "an infinite class", with_cell(good, target, "inf"), INVALID)
    yield Case("broken", "a word", with_cell(good, target, "Asteraceae"), INVALID)
    yield Case("broken", "several classes", with_cell(good, target, "1 2"), INVALID)
    yield Case("broken", "a point and a word", with_cell(with_cell(good, target, "x"), target, "1.5", row=1), INVALID)
    yield Case("broken", "a class of forty digits", with_cell(good, target, "1" * 40), INVALID)
    yield from written_otherwise(good, 1.0)
    yield from columns_otherwise(good, 1.0)
    yield from broken_rows(good, id_column)
    yield from broken_columns(good, id_column, target)
    yield from broken_files(good)


def macro_f1(found: Sequence[int], truth: Sequence[int]) -> float:
    classes = {*found, *truth}
    total = Fraction()
    for each in classes:
        hits = sum(one == other == each for one, other in zip(found, truth, strict=True))
        total += Fraction(2 * hits, list(found).count(each) + list(truth).count(each))
    return float(total / len(classes))
