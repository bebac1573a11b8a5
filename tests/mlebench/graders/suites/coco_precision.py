"""VinBigData: findings on chest X-rays, scored by COCO's average precision in plain loops."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

IMAGES = 16
NOTHING = 14
"""The class of an image without a finding; its box is the first pixel."""


@dataclass(frozen=True)
class Box:
    kind: int
    score: float
    left: float
    top: float
    right: float
    bottom: float

    def moved(self, by: float) -> "Box":
        return replace(self, left=self.left + by, top=self.top + by, right=self.right + by, bottom=self.bottom + by)

    def __str__(self) -> str:
        return f"{self.kind} {self.score} {self.left} {self.top} {self.right} {self.bottom}"


Pages = Sequence[Sequence[Box]]


def suites() -> Iterator[Suite]:
    chance = random.Random(1)
    ids = [f"{chance.getrandbits(124):031x}a" for _ in range(IMAGES)]
    truth = [findings(chance) for _ in ids]
    # the first box of the answers is never hit, so the class of that one must have others
    truth[0] = [Box(3, 1.0, 700, 900, 1500, 1400), Box(5, 1.0, 100, 200, 900, 1100)]
    truth[1] = [Box(3, 1.0, 600, 800, 1400, 1500)]
    truth[2] = truth[3] = [Box(NOTHING, 1.0, 0, 0, 1, 1)]

    def table(pages: Pages) -> pd.DataFrame:
        return pd.DataFrame({"image_id": ids, "PredictionString": [" ".join(map(str, page)) for page in pages]})

    def scored(kind: str, name: str, pages: Pages) -> Case:
        return Case(kind, name, table(pages), precision(pages, truth))

    def in_text(name: str, first: Sequence[Box], text: str = "") -> Case:
        """Change the first image, where the first box of a submission is treated unlike others, so that order counts."""
        changed = with_cell(good, "PredictionString", text or " ".join(map(str, first)))
        return Case("noisy", name, changed.to_csv(index=False), precision([first, *truth[1:]], truth))

    good = table(truth)
    perfect = precision(truth, truth)
    one, other = truth[0]
    text = str(one)
    far = Box(3, 0.2, 2500, 2500, 2600, 2600)
    cases = [
        Case("perfect", "answers", good, perfect),
        scored("perfect", "answers in another order", [page[::-1] for page in truth]),
        scored("sample", "sample submission", [[Box(NOTHING, 1, 0, 0, 1, 1)]] * IMAGES),
        *(
            scored("noisy", f"boxes moved by up to {by}", [[noisy(chance, box, by) for box in page] for page in truth])
            for by in (50, 300, 800)
        ),
        scored("noisy", "wrong boxes beside", [[*page, replace(far, score=chance.random())] for page in truth]),
        scored("noisy", "wrong boxes sure", [[*page, replace(far, score=2.0)] for page in truth]),
        scored("noisy", "boxes of negative area beside", [[*page, replace(far, right=0, score=2.0)] for page in truth]),
        scored(
            "noisy", "boxes of boundless area beside", [[*page, replace(far, right=1e9, score=2.0)] for page in truth]
        ),
        scored("noisy", "one class for all", [[replace(box, kind=3) for box in page[:1]] for page in truth]),
        scored("noisy", "classes no image has", [[*page, replace(far, kind=99)] for page in truth]),
        scored("noisy", "width and height for corners", [[sized(box) for box in page] for page in truth]),
        scored("noisy", "four times the size", [[grown(box, 2) for box in page] for page in truth]),
        scored("noisy", "negative scores", [[replace(box, score=-chance.random()) for box in page] for page in truth]),
        scored("noisy", "a hundred surer boxes", [[*page[:1], *[replace(far, score=3.0)] * 100] for page in truth]),
        in_text(
            "the first box hits and leaves its goal free", [one, replace(other, score=0.5), replace(other, score=0.4)]
        ),
        in_text("the first two boxes aim at one goal", [replace(other, score=0.5), replace(other, score=0.4), one]),
        in_text("two later boxes aim at one goal", [one, other, replace(other, score=0.9)]),
        in_text("a class with decimals", [replace(one, kind=3), other], f"3.9 {text[2:]} {other}"),
        in_text("numbers in other spellings", [one, other], f"3e0 {text[2:].replace('700', '7_0_0')} {other}"),
        in_text("newlines about numbers", [one, other], f"{text} {other}\t".replace(" ", " \n")),
        Case("broken", "an empty cell", with_cell(good, "PredictionString", None), INVALID),
        Case("broken", "nothing at all", good.assign(PredictionString=None), INVALID),
        Case("broken", "a blank alone", with_cell(good, "PredictionString", " "), INVALID),
        Case("broken", "two blanks", with_cell(good, "PredictionString", text.replace(" ", "  ")), INVALID),
        Case("broken", "a blank behind", with_cell(good, "PredictionString", text + " "), INVALID),
        Case("broken", "five numbers", with_cell(good, "PredictionString", text[2:]), INVALID),
        Case("broken", "seven numbers", with_cell(good, "PredictionString", f"{text} 1"), INVALID),
        Case("broken", "a name for a class", with_cell(good, "PredictionString", f"Cardiomegaly {text[2:]}"), INVALID),
        Case("broken", "a class that is NaN", with_cell(good, "PredictionString", f"nan {text[2:]}"), INVALID),
        Case("broken", "an infinite class", with_cell(good, "PredictionString", f"inf {text[2:]}"), INVALID),
        Case("broken", "commas", with_cell(good, "PredictionString", text.replace(" ", ",")), INVALID),
        Case("broken", "brackets", with_cell(good, "PredictionString", f"[{text}]"), INVALID),
        Case("broken", "numbers for boxes", good.assign(PredictionString=14), INVALID),
        Case("perfect", "an image in two rows", split(good, truth), perfect),
        *written_otherwise(good, perfect),
        *columns_otherwise(good, perfect),
        *(case for case in broken_rows(good, "image_id") if case.name not in ("one row twice", "all rows twice")),
        Case("noisy", "all rows twice", pd.concat([good, good]).to_csv(index=False), precision(truth, truth, times=2)),
        *broken_columns(good, "image_id", "PredictionString"),
        *broken_files(good),
    ]
    yield Suite(
        "vinbigdata-chest-xray-abnormalities-detection",
        answers(ids, truth),
        cases,
        "COCO's rules (greedy matching by score, precision made to fall, read off at 101 recalls, mean over classes) are "
        "written out in plain loops, with the wrong box convention and the numbers from 0 that MLE-bench hands over.",
    )


def findings(chance: random.Random) -> list[Box]:
    if chance.random() < 0.3:
        return [Box(NOTHING, 1.0, 0, 0, 1, 1)]
    boxes = []
    for kind in sorted(chance.sample((0, 3, 5, 8, 11), chance.randint(1, 3))):
        left, top = chance.randint(0, 1500), chance.randint(0, 1500)
        boxes.append(Box(kind, 1.0, left, top, left + chance.randint(50, 900), top + chance.randint(50, 900)))
    return boxes


def noisy(chance: random.Random, box: Box, by: float) -> Box:
    moved = box.moved(chance.uniform(-by, by))
    return replace(moved, score=round(chance.random(), 2), right=max(moved.right, 1.0), bottom=max(moved.bottom, 1.0))


def sized(box: Box) -> Box:
    return replace(box, right=box.right - box.left, bottom=box.bottom - box.top)


def grown(box: Box, times: float) -> Box:
    return replace(box, right=box.right * times, bottom=box.bottom * times)


def split(good: pd.DataFrame, truth: Pages) -> pd.DataFrame:
    row = next(index for index, page in enumerate(truth) if index > 1 and len(page) > 1)
    first, *others = map(str, truth[row])
    extra = good.iloc[[row]].assign(PredictionString=" ".join(others))
    return pd.concat([with_cell(good, "PredictionString", first, row), extra])


def answers(ids: Sequence[str], truth: Pages) -> pd.DataFrame:
    rows = [
        (image, box.kind, f"class {box.kind}", f"R{box.kind}", box.left, box.top, box.right, box.bottom)
        for image, page in zip(ids, truth, strict=True)
        for box in page
    ]
    columns = ["image_id", "class_id", "class_name", "rad_id", "x_min", "y_min", "x_max", "y_max"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[4:], float))


def precision(pages: Pages, truth: Pages, times: int = 1) -> float:
    """Return the mean over the classes of the answers; `times` repeats the whole submission behind itself."""
    kinds = sorted({box.kind for page in truth for box in page})
    numbers = iter(range(10**6))
    found = [[[(next(numbers), box) for box in page] for page in pages] for _ in range(times)]
    joined = [[each for copy in found for each in copy[image]] for image in range(len(pages))]
    numbers = iter(range(10**6))
    goals = [[(next(numbers), box) for box in page] for page in truth]
    return sum(of_kind(joined, goals, kind) for kind in kinds) / len(kinds)


def of_kind(pages: list[list[tuple[int, Box]]], truth: list[list[tuple[int, Box]]], kind: int) -> float:
    outcomes: list[tuple[float, bool, bool]] = []
    for page, goals in zip(pages, truth, strict=True):
        here = sorted((each for each in page if each[1].kind == kind), key=lambda each: -each[1].score)[:100]
        left = [each for each in goals if each[1].kind == kind]
        for number, box in here:
            reached = max(left, key=lambda goal: overlap(box, goal[1]), default=None)
            if reached is None or overlap(box, reached[1]) < 0.4:
                area = (box.right - box.left) * (box.bottom - box.top)
                outcomes.append((box.score, False, 0 <= area <= 1e10))
                continue
            outcomes.append((box.score, reached[0] != 0, reached[0] == 0))
            if number != 0:
                left.remove(reached)
    outcomes.sort(key=lambda outcome: -outcome[0])
    wanted = sum(goal.kind == kind for goals in truth for _, goal in goals)
    curve = []
    for end in range(1, len(outcomes) + 1):
        hits, misses = (sum(outcome[which] for outcome in outcomes[:end]) for which in (1, 2))
        curve.append((hits / wanted, hits / (hits + misses) if hits else 0.0))
    total = 0.0
    for step in range(101):
        # a multiple of 0.01 as doubles have it: 0.7 is a last bit too much for a recall of 7/10
        total += max((precision for recall, precision in curve if recall >= step * 0.01), default=0.0)
    return total / 101


def overlap(one: Box, other: Box) -> float:
    """Return intersection over union of boxes that reach from a corner to the sum of both."""
    wide = min(one.left + one.right, other.left + other.right) - max(one.left, other.left)
    high = min(one.top + one.bottom, other.top + other.bottom) - max(one.top, other.top)
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / (one.right * one.bottom + other.right * other.bottom - wide * high)
