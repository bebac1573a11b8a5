"""SIIM COVID-19: studies with one of four classes, images with opacities; average precision in plain loops."""

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

STUDIES = 12
IMAGES = 14
KINDS = ("negative", "typical", "indeterminate", "atypical")


@dataclass(frozen=True)
class Box:
    label: str
    confidence: float = 1
    left: float = 0
    top: float = 0
    right: float = 1
    bottom: float = 1

    def __str__(self) -> str:
        return f"{self.label} {self.confidence} {self.left} {self.top} {self.right} {self.bottom}"


Rows = Sequence[Sequence[Box]]

NONE = Box("none")


def suites() -> Iterator[Suite]:
    chance = random.Random(1)
    ids = [f"{chance.getrandbits(44):011x}f_study" for _ in range(STUDIES)]
    ids += [f"{chance.getrandbits(44):011x}f_image" for _ in range(IMAGES)]
    truth: list[list[Box]] = [[Box(KINDS[number % 4])] for number in range(STUDIES)]
    truth += [[NONE] if number % 3 == 0 else opacities(chance) for number in range(IMAGES)]
    first_image = STUDIES + 1
    truth[first_image] = [Box("opacity", 1, 100, 100, 300, 300), Box("opacity", 1, 120, 100, 320, 300)]

    def table(rows: Rows) -> pd.DataFrame:
        return pd.DataFrame({"id": ids, "PredictionString": [" ".join(map(str, row)) or " " for row in rows]})

    def scored(kind: str, name: str, rows: Rows) -> Case:
        return Case(kind, name, table(rows), precision(rows, truth))

    def on_image(name: str, boxes: Sequence[Box]) -> Case:
        return scored("noisy", name, [*truth[:first_image], boxes, *truth[first_image + 1 :]])

    def with_text(name: str, text: object, expected: float | None, kind: str = "broken") -> Case:
        return Case(kind, name, with_cell(good, "PredictionString", text, first_image), expected)

    good = table(truth)
    text = " ".join(map(str, truth[first_image]))
    one, other = truth[first_image]
    blank = precision([*truth[:first_image], [], *truth[first_image + 1 :]], truth)
    cases = [
        Case("perfect", "perfect", good, 1.0),
        scored("sample", "sample submission", [[Box("negative")]] * STUDIES + [[NONE]] * IMAGES),
        scored("noisy", "nothing found", [[]] * (STUDIES + IMAGES)),
        scored(
            "noisy", "all four classes of each study", [[Box(kind, 0.5) for kind in KINDS]] * STUDIES + truth[STUDIES:]
        ),
        *(
            scored("noisy", f"boxes moved by up to {by}", [[noisy(chance, box, by) for box in row] for row in truth])
            for by in (20, 80, 200)
        ),
        scored(
            "noisy", "random confidences", [[replace(box, confidence=chance.random()) for box in row] for row in truth]
        ),
        scored("noisy", "negative confidences", [[replace(box, confidence=-1.5) for box in row] for row in truth]),
        scored("noisy", "confidences of 0", [[replace(box, confidence=0) for box in row] for row in truth]),
        scored(
            "noisy",
            "both none and opacities",
            [*truth[:STUDIES], *([replace(NONE, confidence=0.3), *row] for row in truth[STUDIES:])],
        ),
        scored("noisy", "every box twice", [[*row, *row] for row in truth]),
        scored("noisy", "unknown labels beside", [[*row, Box("cat", 0.9)] for row in truth]),
        on_image("the second box first", [replace(one, confidence=0.1), other]),
        on_image("both boxes on one goal", [one, replace(one, confidence=0.9)]),
        on_image("half of a box", [replace(one, bottom=200), other]),
        on_image("a little more than half of a box", [replace(one, bottom=200.01), other]),
        on_image("corners changed about", [replace(one, left=300, right=100), other]),
        on_image("an infinite box", [replace(one, left=float("-inf"), right=float("inf")), other]),
        on_image("a box that is NaN", [replace(one, left=float("nan")), other]),
        on_image("labels in capitals", [replace(one, label="OPACITY"), other]),
        with_text("blank text", "  ", blank, "noisy"),
        with_text("several blanks", text.replace(" ", "   "), 1.0, "perfect"),
        with_text("blanks about a list", f"  {text} ", 1.0, "perfect"),
        with_text("newlines and tabs", text.replace(" ", "\n\t"), 1.0, "perfect"),
        with_text("numbers in other spellings", text.replace("100", "1_0_0.0e0"), 1.0, "perfect"),
        with_text("NaN for a confidence", text.replace("opacity 1", "opacity nan"), INVALID),
        with_text("an infinite confidence", text.replace("opacity 1", "opacity inf"), INVALID),
        with_text("NaN for an unknown label's confidence", f"{text} cat nan 0 0 1 1", 1.0, "perfect"),
        with_text("an empty cell", None, INVALID),
        with_text("a label alone", "opacity", INVALID),
        with_text("five words", "opacity 1 0 0 1", INVALID),
        with_text("seven words", f"{text} 1", INVALID),
        with_text("a word for a number", "opacity high 0 0 1 1", INVALID),
        with_text("a number first", "1 opacity 0 0 1 1", INVALID),
        with_text("commas", text.replace(" ", ","), INVALID),
        with_text("a decimal comma", "opacity 0,5 0 0 1 1", INVALID),
        Case("broken", "nothing at all", good.assign(PredictionString=None), INVALID),
        Case("broken", "numbers for boxes", good.assign(PredictionString=1.5), INVALID),
        *written_otherwise(good, 1.0),
        *columns_otherwise(good, 1.0),
        *broken_rows(good, "id"),
        *broken_columns(good, "id", "PredictionString"),
        *broken_files(good),
    ]
    yield Suite(
        "siim-covid19-detection",
        good,
        cases,
        "Boxes are matched by plain loops, and average precision is summed over the distinct confidences as gain in recall "
        "times precision, with MLE-bench's own hits and misses of confidence 0.",
    )


def opacities(chance: random.Random) -> list[Box]:
    boxes = []
    for number in range(chance.randint(1, 3)):
        left, top = chance.randint(0, 200) + 600 * number, chance.randint(0, 200)
        boxes.append(Box("opacity", 1, left, top, left + chance.randint(100, 400), top + chance.randint(100, 400)))
    return boxes


def noisy(chance: random.Random, box: Box, by: float) -> Box:
    if box.label != "opacity":
        return replace(box, confidence=chance.random(), label=chance.choice((box.label, box.label, "none", "typical")))
    right, down = chance.uniform(-by, by), chance.uniform(-by, by)
    moved = replace(box, left=box.left + right, right=box.right + right, top=box.top + down, bottom=box.bottom + down)
    return replace(moved, confidence=chance.random())


def precision(rows: Rows, truth: Rows) -> float:
    labels = sorted({box.label for row in truth for box in row})
    return sum(of_label(rows, truth, label) for label in labels) / len(labels)


def of_label(rows: Rows, truth: Rows, label: str) -> float:
    ranked: list[tuple[float, bool]] = []
    for row, goals in zip(rows, truth, strict=True):
        found = sorted((box for box in row if box.label == label), key=lambda box: -box.confidence)
        left = [goal for goal in goals if goal.label == label]
        if not found and not left:
            ranked.append((0.0, False))
        for box in found:
            reached = max(left, key=lambda goal: overlap(box, goal), default=None)
            is_hit = reached is not None and overlap(box, reached) > 0.5
            ranked.append((box.confidence, is_hit))
            if is_hit and reached is not None:
                left.remove(reached)
        ranked += [(0.0, True)] * len(left)
    positives = sum(is_hit for _, is_hit in ranked)
    total, recall = 0.0, 0.0
    for least in sorted({confidence for confidence, _ in ranked}, reverse=True):
        taken = [is_hit for confidence, is_hit in ranked if confidence >= least]
        total += (sum(taken) / positives - recall) * sum(taken) / len(taken)
        recall = sum(taken) / positives
    return total


def overlap(one: Box, other: Box) -> float:
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    union = sum((box.right - box.left) * (box.bottom - box.top) for box in (one, other)) - wide * high
    return wide * high / union if wide > 0 and high > 0 and union > 0 else 0.0
