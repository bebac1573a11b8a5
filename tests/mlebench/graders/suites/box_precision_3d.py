"""Lyft: vehicles as upright boxes in space, cut with each other by a polygon clipper in plain Python."""

import math
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

SCENES = 8
THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    label: str
    x: float
    y: float
    z: float
    width: float
    length: float
    height: float
    yaw: float = 0.0
    confidence: float = 1.0

    def __str__(self) -> str:
        numbers = (self.confidence, self.x, self.y, self.z, self.width, self.length, self.height, self.yaw)
        return " ".join(map(str, (*numbers, self.label)))


Scenes = Sequence[Sequence[Box]]


def suites() -> Iterator[Suite]:
    chance = random.Random(1)
    ids = [f"{chance.getrandbits(252):063x}e" for _ in range(SCENES)]
    truth = [scene(chance) for _ in ids]
    # a cube by itself: what is moved or grown overlaps it by a share that is told at once
    truth[0] = [Box("car", 2000, 900, -20, 2, 2, 2), Box("bus", 2100, 900, -20, 3, 12, 4, 0.5)]
    cube, bus = truth[0]

    def table(scenes: Scenes) -> pd.DataFrame:
        return pd.DataFrame({"Id": ids, "PredictionString": [" ".join(map(str, each)) or None for each in scenes]})

    def scored(kind: str, name: str, scenes: Scenes) -> Case:
        return Case(kind, name, table(scenes), precision(scenes, truth))

    def of_cube(name: str, share: float, *boxes: Box) -> Case:
        """Change the first scene, whose cars get a share of their precision, and whose bus all of it."""
        return Case("noisy", name, table([[*boxes, bus], *truth[1:]]), (SCENES - 1 + (share + 1) / 2) / SCENES)

    def with_text(name: str, text: object, expected: float | None = INVALID) -> Case:
        kind = "broken" if expected is INVALID else "noisy"
        return Case(kind, name, with_cell(good, "PredictionString", text), expected)

    good = table(truth)
    text = f"{cube} {bus}"
    without_bus = (SCENES - 0.5) / SCENES
    sure = replace(cube, confidence=0.9)
    cases = [
        Case("perfect", "perfect", good, 1.0),
        Case("sample", "sample submission", good.assign(PredictionString=None), 0.0),
        *(
            scored("noisy", f"boxes moved by {by}", [[noisy(chance, box, by) for box in each] for each in truth])
            for by in (0.05, 0.2, 0.5)
        ),
        scored("noisy", "every box twice", [[*each, *each] for each in truth]),
        scored("noisy", "every second box", [each[::2] for each in truth]),
        scored("noisy", "one class for all", [[replace(box, label="car") for box in each] for each in truth]),
        scored("noisy", "widths and lengths changed about", [[turned(box, 0) for box in each] for each in truth]),
        scored("noisy", "the same boxes, turned", [[turned(box, math.pi / 2) for box in each] for each in truth]),
        scored(
            "noisy",
            "the same boxes, turned by half",
            [[replace(box, yaw=box.yaw + math.pi) for box in each] for each in truth],
        ),
        scored("noisy", "boxes at the height of the road", [[replace(box, z=-21.0) for box in each] for each in truth]),
        # by closed form: a cube that is moved by m of 2 shares 2 - m of 2 + m
        of_cube("a cube moved by a third of its side", 0.0, replace(cube, x=2000 + 2 / 3 + 1e-6)),
        of_cube("a cube moved by a little less", 0.1, replace(cube, x=2000 + 2 / 3 - 1e-6)),
        of_cube("a cube moved by a quarter", 0.2, replace(cube, z=-20 + 0.5)),
        of_cube("a cube grown to 4 thirds in height", 0.6, replace(cube, height=8 / 3 - 1e-9)),
        # a square turned by 45 degrees leaves an octagon, whose share of the union is 1 over the root of 2: 0.7071
        of_cube("a cube turned by 45 degrees", 0.5, replace(cube, yaw=math.pi / 4)),
        of_cube("a cube turned by 90 degrees", 1.0, replace(cube, yaw=math.pi / 2)),
        of_cube("a miss that is surer", 0.5, replace(sure, x=1000), replace(cube, confidence=0.1)),
        of_cube("a miss that is less sure", 1.0, replace(cube, x=1000, confidence=0.1), sure),
        of_cube("a hit that is said twice", 1.0, sure, replace(cube, confidence=0.8)),
        with_text("unknown classes beside", f"{text} 1.0 0 0 0 1 1 1 0 dog", 1.0),
        with_text("impossible boxes of an unknown class", f"{text} nan nan 0 0 -1 0 1 nan dog", 1.0),
        with_text("a blank behind for a class", f"{text} 1.0 0 0 0 1 1 1 0 ", 1.0),
        with_text("a class that ends in a newline", f"{text}\n", without_bus),
        with_text("newlines about numbers", text.replace(" ", "\n ", 1), 1.0),
        with_text("numbers in other spellings", text.replace("2000", "2_0_00.0e0"), 1.0),
        with_text("blanks alone", "   ", (SCENES - 1) / SCENES),
        with_text("NaN for a confidence", f"nan {str(cube)[4:]} {bus}", 1.0),
        with_text("an infinite confidence", f"inf {str(cube)[4:]} {bus}", 1.0),
        with_text("NaN for a centre", f"{replace(cube, x=math.nan)} {bus}"),
        with_text("NaN for a yaw", f"{replace(cube, yaw=math.nan)} {bus}"),
        with_text("an infinite yaw", f"{replace(cube, yaw=math.inf)} {bus}"),
        with_text("an infinite yaw of an unknown class", f"{text} {replace(cube, yaw=math.inf, label='dog')}"),
        with_text("an infinite centre", f"{replace(cube, x=math.inf)} {bus}"),
        with_text("a box as far as the sun", f"{replace(cube, x=1.5e11, yaw=1.0)} {bus}"),
        with_text("a width of 0", f"{replace(cube, width=0)} {bus}"),
        with_text("a negative height", f"{replace(cube, height=-2)} {bus}"),
        with_text("a box without confidence", str(cube)[4:]),
        with_text("a word for a number", f"high {str(cube)[4:]}"),
        with_text("two blanks", text.replace(" ", "  ", 1)),
        with_text("a blank before", f" {text}"),
        with_text("commas", text.replace(" ", ",")),
        with_text("a word", "nothing"),
        Case("broken", "numbers for boxes", good.assign(PredictionString=1.5), INVALID),
        *written_otherwise(good, 1.0),
        *columns_otherwise(good, 1.0),
        *broken_rows(good, "Id"),
        *broken_columns(good, "Id", "PredictionString"),
        *broken_files(good),
    ]
    yield Suite(
        "3d-object-detection-for-autonomous-vehicles",
        good,
        cases,
        "Bases are cut by Sutherland and Hodgman's method and measured by the shoelace formula, matches and precision "
        "counted in plain loops; overlaps of moved, grown and turned cubes are in closed form.",
    )


def scene(chance: random.Random) -> list[Box]:
    boxes = []
    for number in range(chance.randint(2, 5)):
        label, width, length, height = chance.choice(
            (("car", 1.9, 4.7, 1.7), ("bus", 3.0, 12.0, 3.4), ("pedestrian", 0.8, 0.8, 1.8))
        )
        x, y = 1000 + 15 * number + chance.random(), 700 + chance.random()
        width, length, height = (round(side * chance.uniform(0.9, 1.1), 3) for side in (width, length, height))
        boxes.append(Box(label, x, y, -20 + chance.random(), width, length, height, chance.uniform(-3, 3)))
    return boxes


def noisy(chance: random.Random, box: Box, by: float) -> Box:
    return replace(
        box,
        x=box.x + chance.gauss(0, by),
        y=box.y + chance.gauss(0, by),
        z=box.z + chance.gauss(0, by / 2),
        length=box.length * math.exp(chance.gauss(0, by / 2)),
        yaw=box.yaw + chance.gauss(0, by),
        confidence=round(chance.random(), 3),
    )


def turned(box: Box, by: float) -> Box:
    return replace(box, width=box.length, length=box.width, yaw=box.yaw + by)


def precision(scenes: Scenes, truth: Scenes) -> float:
    total = 0.0
    for boxes, goals in zip(scenes, truth, strict=True):
        labels = {goal.label for goal in goals}
        for label in labels:
            found = sorted((box for box in boxes if box.label == label), key=lambda box: -box.confidence)
            wanted = [goal for goal in goals if goal.label == label]
            total += sum(average(found, wanted, threshold) for threshold in THRESHOLDS) / len(THRESHOLDS) / len(labels)
    return total / len(scenes)


def average(found: Sequence[Box], goals: Sequence[Box], threshold: float) -> float:
    """Return the sum, over the ranks of hits, of the best precision from there on, over the number of goals."""
    reached: set[int] = set()
    precisions, is_hit = [], []
    for rank, box in enumerate(found, start=1):
        overlaps = [overlap(box, goal) for goal in goals]
        aim = overlaps.index(max(overlaps))
        is_hit.append(overlaps[aim] > threshold and aim not in reached)
        if is_hit[-1]:
            reached.add(aim)
        precisions.append(len(reached) / rank)
    return sum(max(precisions[rank:]) for rank, hit in enumerate(is_hit) if hit) / len(goals)


def overlap(one: Box, other: Box) -> float:
    high = min(one.z + one.height / 2, other.z + other.height / 2) - max(
        one.z - one.height / 2, other.z - other.height / 2
    )
    common = max(high, 0.0) * area(clipped(base(one), base(other)))
    return common / (one.width * one.length * one.height + other.width * other.length * other.height - common)


def base(box: Box) -> list[Point]:
    """Return the corners seen from above, against the clock; the length lies along the yaw."""
    cosine, sine = math.cos(box.yaw), math.sin(box.yaw)
    halves = [(box.length / 2 * a, box.width / 2 * b) for a, b in ((1, -1), (1, 1), (-1, 1), (-1, -1))]
    return [(box.x + a * cosine - b * sine, box.y + a * sine + b * cosine) for a, b in halves]


def clipped(polygon: list[Point], window: Sequence[Point]) -> list[Point]:
    """Cut a polygon by each side of a convex one in turn."""
    for (x, y), (to_x, to_y) in zip(window, [*window[1:], window[0]], strict=True):

        def side(point: Point, x: float = x, y: float = y, to_x: float = to_x, to_y: float = to_y) -> float:
            return (to_x - x) * (point[1] - y) - (to_y - y) * (point[0] - x)

        kept: list[Point] = []
        for here, there in zip(polygon, [*polygon[1:], *polygon[:1]], strict=True):
            inside, next_inside = side(here), side(there)
            if inside >= 0:
                kept.append(here)
            if inside * next_inside < 0:
                part = inside / (inside - next_inside)
                kept.append((here[0] + part * (there[0] - here[0]), here[1] + part * (there[1] - here[1])))
        polygon = kept
    return polygon


def area(polygon: Sequence[Point]) -> float:
    if not polygon:
        return 0.0
    # from the first corner, so that far-out coordinates lose no digits
    points = [(x - polygon[0][0], y - polygon[0][1]) for x, y in polygon]
    following = [*points[1:], points[0]]
    return abs(sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in zip(points, following, strict=True))) / 2
