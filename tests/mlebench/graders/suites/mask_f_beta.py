"""Vesuvius: fragments of several sizes, whose pixels are counted along the rows."""

import random
from collections.abc import Collection, Iterator, Sequence

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import broken_columns, broken_rows, with_cell, written_otherwise
from tests.mlebench.graders.suites.masks import Pixels, ellipse, malformed, odd_counts, respelled, worn, written

SHAPES = [(20, 31), (14, 9), (25, 12)]
SIZES = [height * width for height, width in SHAPES]


def suites() -> Iterator[Suite]:
    chance = random.Random(1)
    ids = ["a", "b", "c"]
    truth = [ellipse(chance, width, height) for height, width in SHAPES]

    def table(masks: Sequence[Collection[int]]) -> pd.DataFrame:
        return pd.DataFrame({"Id": ids, "Predicted": [written(mask) or " " for mask in masks]})

    def score(masks: Sequence[Collection[int]]) -> float:
        return sum(f_half(set(one), other) for one, other in zip(masks, truth, strict=True)) / len(ids)

    good = table(truth)
    masks: dict[str, Sequence[Collection[int]]] = {
        **{
            f"worn {share}": [worn(chance, *each, share) for each in zip(truth, SIZES, strict=True)]
            for share in (0.1, 0.3, 0.6)
        },
        "full": [range(size) for size in SIZES],
        "half of the right pixels": [sorted(mask)[::2] for mask in truth],
        "nothing on one": [truth[0], truth[1], ()],
        "turned inside out": [set(range(size)) - mask for mask, size in zip(truth, SIZES, strict=True)],
    }
    sample = "1 1 5 1"
    cases = [
        Case("perfect", "perfect", good, 1.0),
        Case("sample", "sample submission", good.assign(Predicted=sample), score([{0, 4}] * 3)),
        *(Case("noisy", name, table(each), score(each)) for name, each in masks.items()),
        *(
            Case("noisy", name, with_cell(good, "Predicted", text), score([pixels, *truth[1:]]))
            for name, (text, pixels) in odd_counts().items()
        ),
        Case(
            "noisy",
            "a run that leaves the fragment",
            with_cell(good, "Predicted", f"2 {SIZES[0]}"),
            score([range(1, SIZES[0]), *truth[1:]]),
        ),
        *respelled(good, "Predicted", truth[0], SIZES[0], 1.0),
        *malformed(good, "Predicted"),
        Case("perfect", "columns turned round", good[["Predicted", "Id"]], 1.0),
        Case("shuffled", "rows in reverse", good.iloc[::-1], INVALID),
        Case("shuffled", "ids in reverse", good.assign(Id=ids[::-1]), INVALID),
        Case("broken", "a column more", good.assign(note="x"), INVALID),
        Case("broken", "an index", good.reset_index(), INVALID),
        Case("broken", "an empty cell", with_cell(good, "Predicted", None), INVALID),
        Case("broken", "nothing at all", good.assign(Predicted=None), INVALID),
        Case("broken", "a dash for nothing", with_cell(good, "Predicted", "-"), INVALID),
        *(case for case in written_otherwise(good, 1.0) if case.kind != "shuffled"),
        *broken_rows(good, "Id"),
        *broken_columns(good, "Id", "Predicted"),
        *broken_files(good),
    ]
    yield Suite(
        "vesuvius-challenge-ink-detection",
        pd.DataFrame(
            {
                "Id": ids,
                "Predicted": [written(mask) for mask in truth],
                "width": [width for _, width in SHAPES],
                "height": [height for height, _ in SHAPES],
            }
        ),
        cases,
        "Masks are Python sets; F0.5 comes from their precision and recall, 1.25 P R / (0.25 P + R), and is averaged.",
        pairs_by="position",
    )


def f_half(found: set[int], truth: Pixels) -> float:
    common = len(found & truth)
    if not common:
        return 0.0
    precision, recall = common / len(found), common / len(truth)
    return 1.25 * precision * recall / (0.25 * precision + recall)
