"""TGS salt: masks of 101 by 101 pixels, compared as sets and by fractions."""

import random
from collections.abc import Collection, Iterator, Sequence
from fractions import Fraction

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import broken_columns, broken_rows, with_cell, written_otherwise
from tests.mlebench.graders.suites.masks import Pixels, ellipse, malformed, odd_counts, respelled, worn, written

SIDE = 101
SIZE = SIDE * SIDE
EMPTY: Pixels = frozenset()


def suites() -> Iterator[Suite]:
    chance = random.Random(1)
    ids = [f"{chance.getrandbits(36):09x}e" for _ in range(12)]
    truth = [ellipse(chance, SIDE, SIDE) for _ in ids]
    truth[1] = frozenset(range(SIZE))
    truth[2] = frozenset(range(2000, 2000 + 7345))
    truth[3] = truth[4] = EMPTY
    truth[5] = frozenset(range(1000))

    def table(masks: Sequence[Collection[int]]) -> pd.DataFrame:
        return pd.DataFrame({"id": ids, "rle_mask": [written(mask) or None for mask in masks]})

    def score(masks: Sequence[Collection[int]]) -> float:
        return float(sum(precision(set(one), other) for one, other in zip(masks, truth, strict=True)) / len(ids))

    good = table(truth)
    masks: dict[str, Sequence[Collection[int]]] = {
        **{f"worn {share}": [worn(chance, each, SIZE, share) for each in truth] for share in (0.02, 0.1, 0.2, 0.3)},
        "full": [range(SIZE) for _ in ids],
        "nothing where all is salt": [*truth[:1], EMPTY, *truth[2:]],
        "nothing where most is salt": [*truth[:2], EMPTY, *truth[3:]],
        "nothing where some is salt": [EMPTY, *truth[1:]],
        "one pixel where nothing is salt": [*truth[:3], {5000}, *truth[4:]],
        **{
            f"{kept} of 1000 pixels": [*truth[:5], range(kept), *truth[6:]]
            for kept in (500, 501, 550, 551, 600, 601, 750, 751, 949, 950, 951)
        },
        "2000 for 1000 pixels": [*truth[:5], range(2000), *truth[6:]],
        "1999 for 1000 pixels": [*truth[:5], range(1999), *truth[6:]],
    }
    cases = [
        Case("perfect", "perfect", good, 1.0),
        Case("sample", "one pixel each", table([{0}] * len(ids)), score([{0}] * len(ids))),
        Case("sample", "nothing found", table([EMPTY] * len(ids)), score([EMPTY] * len(ids))),
        *(Case("noisy", name, table(each), score(each)) for name, each in masks.items()),
        *(
            Case("noisy", name, with_cell(good, "rle_mask", text), score([pixels, *truth[1:]]))
            for name, (text, pixels) in odd_counts().items()
        ),
        *respelled(good, "rle_mask", truth[0], SIZE, 1.0),
        *malformed(good, "rle_mask"),
        Case("perfect", "columns turned round", good[["rle_mask", "id"]], 1.0),
        Case("perfect", "blank text for nothing", with_cell(good, "rle_mask", "  ", 3), 1.0),
        Case("broken", "a column more", good.assign(note="x"), INVALID),
        Case("broken", "an empty column more", good.assign(note=None), INVALID),
        Case("broken", "an index", good.reset_index(), INVALID),
        Case("broken", "a dash for nothing", with_cell(good, "rle_mask", "-", 3), INVALID),
        *written_otherwise(good, 1.0),
        *broken_rows(good, "id"),
        *broken_columns(good, "id", "rle_mask"),
        *broken_files(good),
    ]
    yield Suite(
        "tgs-salt-identification-challenge",
        table(truth),
        cases,
        "Masks are Python sets; intersection over union is an exact fraction, compared with the fractions 50/100 to 95/100. "
        "That an empty mask counts as a full one was worked out by hand from how numpy bins a constant image.",
    )


def precision(found: set[int], truth: Pixels) -> Fraction:
    if not truth:
        return Fraction(not found)
    found = found or set(range(SIZE))
    overlap = Fraction(len(found & truth), len(found | truth))
    return Fraction(sum(overlap > Fraction(percent, 100) for percent in range(50, 100, 5)), 10)
