"""UW-Madison: scans of a few slices with three organs each, scored by loops over sets of pixels and voxels."""

import math
import random
from collections.abc import Iterator, Sequence

import pandas as pd
from tests.mlebench.graders.suite import INVALID, UNDEFINED, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import broken_columns, columns_otherwise, with_cell, written_otherwise
from tests.mlebench.graders.suites.masks import Pixels, ellipse, malformed, odd_counts, respelled, worn, written

ORGANS = ("large_bowel", "small_bowel", "stomach")
SCANS = {"case12_day20": (7, 6), "case5_day1": (7, 6), "case12_day3": (5, 8)}
SLICES = 4
EMPTY: Pixels = frozenset()

ROWS = [
    (f"{scan}_slice_{layer:04d}", organ, height, width)
    for scan, (height, width) in SCANS.items()
    for layer in range(1, SLICES + 1)
    for organ in ORGANS
]
IDS = [slice_id for slice_id, *_ in ROWS]
SIZES = [height * width for _, _, height, width in ROWS]

Voxel = tuple[int, int, int]


def suites() -> Iterator[Suite]:
    chance = random.Random(1)
    truth = [ellipse(chance, height, width) if chance.random() < 0.6 else EMPTY for _, _, height, width in ROWS]
    truth[0] = ellipse(chance, 7, 6)
    good = table(truth)

    def scored(kind: str, name: str, masks: Sequence[Pixels], ids: Sequence[str] = IDS) -> Case:
        return Case(kind, name, table(masks, ids), score(masks, truth, ids))

    first_scan = [EMPTY] * 12 + truth[12:]
    full: list[Pixels] = [frozenset(range(size)) for size in SIZES]
    other_ids = ["case1_day1_slice_0001", *IDS[1:]]
    cases = [
        Case("perfect", "perfect", good, 1.0),
        scored("sample", "sample submission", [frozenset({0, 4, 5})] * len(ROWS)),
        Case("noisy", "nothing found", table([EMPTY] * len(ROWS)), 0.0),
        scored("noisy", "nothing found in one scan", first_scan),
        scored("noisy", "all found everywhere", full),
        scored("noisy", "organs changed about", [truth[row - row % 3 + (row + 1) % 3] for row in range(len(ROWS))]),
        scored("noisy", "each mask in the slice before", truth[3:] + truth[:3]),
        *(
            scored("noisy", f"worn {share}", [worn(chance, *each, share) for each in zip(truth, SIZES, strict=True)])
            for share in (0.1, 0.3, 0.6)
        ),
        scored("noisy", "one voxel a scan", [frozenset({3}) if row % 12 == 5 else EMPTY for row in range(len(ROWS))]),
        *(
            Case("noisy", name, with_cell(good, "predicted", text), score([pixels, *truth[1:]], truth))
            for name, (text, pixels) in odd_counts().items()
        ),
        Case(
            "noisy",
            "a run that leaves the slice",
            with_cell(good, "predicted", f"2 {SIZES[0]}"),
            score([frozenset(range(1, SIZES[0])), *truth[1:]], truth),
        ),
        *respelled(good, "predicted", truth[0], SIZES[0], 1.0),
        *malformed(good, "predicted"),
        *columns_otherwise(good, 1.0),
        *(case for case in written_otherwise(good, 1.0) if case.kind != "shuffled"),
        Case("perfect", "organs misnamed", good.assign(**{"class": "x"}), 1.0),
        Case("perfect", "rows beyond the last", pd.concat([good, good.tail(5).assign(predicted="x")]), 1.0),
        scored("noisy", "last scan missing", truth[:24], IDS[:24]),
        scored("noisy", "one row missing", truth[:-1], IDS[:-1]),
        Case("broken", "no row", good.iloc[:0], UNDEFINED),
        scored(
            "shuffled",
            "scans in another order",
            truth[12:24] + truth[:12] + truth[24:],
            IDS[12:24] + IDS[:12] + IDS[24:],
        ),
        scored("shuffled", "organs in another order", [truth[row - row % 3 + 2 - row % 3] for row in range(len(ROWS))]),
        scored("shuffled", "rows in reverse", truth[::-1], IDS[::-1]),
        Case("shuffled", "rows moved on by one", pd.concat([good.iloc[1:], good.iloc[:1]]), INVALID),
        scored("broken", "an id of no slice", truth, other_ids),
        scored("broken", "all ids of one slice", truth[:24], [IDS[0]] * 24),
        scored("broken", "ids counted", truth, [f"id{row:04d}" for row in range(len(ROWS))]),
        Case("broken", "slices of unlike sizes under one id", good.assign(id=IDS[0]), INVALID),
        Case(
            "broken",
            "slices of unlike sizes in one scan",
            with_cell(good, "id", "case12_day20_slice_0099", 35),
            INVALID,
        ),
        Case(
            "broken",
            "slices of unlike sizes in a scan behind the last",
            with_cell(with_cell(good, "id", "z_slice_1"), "id", "z_slice_2", 35),
            INVALID,
        ),
        Case("broken", "an empty id", with_cell(good, "id", None), INVALID),
        Case("broken", "no ids", good.assign(id=None), INVALID),
        Case("broken", "numbers for ids", good.assign(id=range(len(good))), INVALID),
        Case("broken", "a dash for nothing", with_cell(good, "predicted", "-"), INVALID),
        *broken_columns(good, "id", "class", "predicted"),
        *(case for case in broken_files(good) if case.name != "header alone"),
    ]
    yield Suite(
        "uw-madison-gi-tract-image-segmentation",
        good.assign(image_width=[float(each[3]) for each in ROWS], image_height=[float(each[2]) for each in ROWS]),
        cases,
        "Dice is counted on Python sets row by row; the Hausdorff distance is the greatest of all least distances, looked "
        "up in a double loop over voxels. Files without a row have no mean.",
        pairs_by="position",
    )


def table(masks: Sequence[Pixels], ids: Sequence[str] = IDS) -> pd.DataFrame:
    organs = [organ for _, organ, *_ in ROWS][: len(masks)]
    return pd.DataFrame({"id": ids, "class": organs, "predicted": [written(mask) or None for mask in masks]})


def score(masks: Sequence[Pixels], truth: Sequence[Pixels], ids: Sequence[str] = IDS) -> float:
    # what lies beyond the slice whose place a mask has taken is cut off
    masks = [frozenset(pixel for pixel in mask if pixel < size) for mask, size in zip(masks, SIZES, strict=False)]
    dices = [
        2 * len(one & other) / (len(one) + len(other)) for one, other in zip(masks, truth, strict=False) if one or other
    ]
    pairs = zip(volumes(masks, ids), volumes(truth, IDS), strict=False)
    distances = [distance(*pair) for pair in pairs if pair[0][0] or pair[1][0]]
    return 0.4 * sum(dices) / len(dices) + 0.6 * (1 - sum(distances) / len(distances))


def volumes(masks: Sequence[Pixels], ids: Sequence[str]) -> list[tuple[set[Voxel], Voxel]]:
    """Return voxels and shape of each scan, in the order of the scans' ids."""
    rows = sorted(zip(ids, masks, ROWS, strict=False), key=lambda row: row[0])
    stacks: dict[str, dict[str, int]] = {}
    found: dict[str, set[Voxel]] = {}
    shapes: dict[str, tuple[int, int]] = {}
    for slice_id, mask, (_, _, height, width) in rows:
        scan = slice_id.partition("_slice_")[0]
        stack = stacks.setdefault(scan, {})
        layer = stack.setdefault(slice_id, len(stack))
        shapes[scan] = (height, width)
        found.setdefault(scan, set()).update((layer, pixel % height, pixel // height) for pixel in mask)
    return [(found[scan], (len(stacks[scan]), *shapes[scan])) for scan in stacks]


def distance(one: tuple[set[Voxel], Voxel], other: tuple[set[Voxel], Voxel]) -> float:
    found, (truth, shape) = one[0], other
    if not found or not truth or len(found) > 10 * len(truth):
        return 1.0

    def apart(voxel: Voxel, goal: Voxel) -> float:
        return math.dist(*([side / whole for side, whole in zip(each, shape, strict=True)] for each in (voxel, goal)))

    there = max(min(apart(voxel, goal) for goal in truth) for voxel in found)
    back = max(min(apart(voxel, goal) for goal in found) for voxel in truth)
    return max(there, back) / math.sqrt(3)
