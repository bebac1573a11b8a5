"""Kuzushiji: pages of characters in boxes, scored by loops over points and boxes."""

import random
from collections.abc import Iterator, Sequence

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

Box = tuple[str, int, int, int, int]
Point = tuple[str, float, float]
Pages = Sequence[Sequence[Point]]

LETTERS = [f"U+30{number:02X}" for number in range(66, 72)]
PAGES = 10


def suites() -> Iterator[Suite]:
    chance = random.Random(1)
    ids = [f"{chance.randint(100000000, 200000000)}_{number:05d}_{number % 2 + 1}" for number in range(PAGES)]
    truth = [page(chance) for _ in ids]
    # two boxes of one letter, one within the other: who chooses first decides
    truth[0] = [("U+3042", 0, 0, 100, 100), ("U+3042", 40, 40, 20, 20), ("U+3044", 0, 0, 100, 100)]
    truth[1] = []

    def table(pages: Pages) -> pd.DataFrame:
        return pd.DataFrame({"image_id": ids, "labels": [written(points) or None for points in pages]})

    def scored(kind: str, name: str, pages: Pages) -> Case:
        return Case(kind, name, table(pages), f1(pages, truth))

    def with_text(name: str, text: object, pages: Pages) -> Case:
        return Case("noisy", name, with_cell(good, "labels", text), f1(pages, truth))

    centres = [[middle(box) for box in boxes] for boxes in truth]
    # of the two nested boxes the outer chooses first, and must be left the point that only it holds
    centres[0] = [("U+3042", 10.0, 10.0), ("U+3042", 50.0, 50.0), ("U+3044", 50.0, 50.0)]
    good = table(centres)
    rest = centres[1:]
    inner_first = [("U+3042", 50.0, 50.0), ("U+3042", 10.0, 10.0), ("U+3044", 50.0, 50.0)]
    text = written(centres[0])
    sample = [[("U+003F", 1.0, 1.0), ("U+FF2F", 2.0, 2.0)]] * PAGES
    cases = [
        Case("perfect", "perfect", good, 1.0),
        Case("sample", "sample submission", table(sample), 0.0),
        Case("noisy", "nothing found", table([[]] * PAGES), 0.0),
        scored("noisy", "the inner point first", [inner_first, *rest]),
        scored("noisy", "one page left out", [[], *rest]),
        scored("noisy", "points where nothing is", [centres[0], sample[0], *centres[2:]]),
        scored("noisy", "every point twice", [[*points, *points] for points in centres]),
        scored("noisy", "every second point", [points[::2] for points in centres]),
        scored("noisy", "one letter for all", [[("U+3042", x, y) for _, x, y in points] for points in centres]),
        *(
            scored("noisy", f"off by up to {off}", [moved(chance, points, off) for points in centres])
            for off in (5, 20, 60)
        ),
        scored("noisy", "on the upper left corners", [[(name, x, y) for name, x, y, _, _ in boxes] for boxes in truth]),
        scored(
            "noisy",
            "on the lower right corners",
            [[(name, x + wide, y + high) for name, x, y, wide, high in boxes] for boxes in truth],
        ),
        scored(
            "noisy",
            "just within the corners",
            [centres[0], *([(name, x + 1e-9, y + 1e-9) for name, x, y, _, _ in boxes] for boxes in truth[1:])],
        ),
        with_text("an infinite point", text.replace("10.0", "inf"), [[*centres[0][1:], ("U+3042", -1, -1)], *rest]),
        with_text("a point that is NaN", text.replace("10.0", "nan"), [[*centres[0][1:], ("U+3042", -1, -1)], *rest]),
        with_text("letters unknown", text.replace("U+3042", "x"), [[("x", 1, 1), ("x", 1, 1), centres[0][2]], *rest]),
        with_text("letters in lower case", text.lower(), [[("x", 1, 1)] * 3, *rest]),
        with_text("an empty letter", " 1 2 " + text, [[("", 1, 2), *centres[0]], *rest]),
        Case("perfect", "coordinates otherwise written", with_cell(good, "labels", text.replace("10.0", "1_0e0")), 1.0),
        Case(
            "perfect",
            "a newline about a coordinate",
            with_cell(good, "labels", text.replace("10.0 10.0", "10\n \t10")),
            1.0,
        ),
        Case("broken", "two blanks", with_cell(good, "labels", text.replace(" ", "  ")), INVALID),
        Case("broken", "a blank behind", with_cell(good, "labels", text + " "), INVALID),
        Case("broken", "a blank alone", with_cell(good, "labels", " "), INVALID),
        Case("broken", "boxes for points", with_cell(good, "labels", "U+3042 0 0 100 100"), INVALID),
        Case("broken", "a point of two words", with_cell(good, "labels", "U+3042 10"), INVALID),
        Case("broken", "a word for a number", with_cell(good, "labels", "U+3042 10 high"), INVALID),
        Case("broken", "numbers before letters", with_cell(good, "labels", "10 10 U+3042"), INVALID),
        Case("broken", "commas", with_cell(good, "labels", text.replace(" ", ",")), INVALID),
        Case("broken", "a decimal comma", with_cell(good, "labels", "U+3042 10,5 10"), INVALID),
        Case("broken", "a word where nothing is", with_cell(good, "labels", "none", 1), INVALID),
        Case("broken", "numbers for labels", good.assign(labels=5), INVALID),
        Case("broken", "flags for labels", good.assign(labels=True), INVALID),
        *written_otherwise(good, 1.0),
        *columns_otherwise(good, 1.0),
        *broken_rows(good, "image_id"),
        *broken_columns(good, "image_id", "labels"),
        *broken_files(good),
    ]
    answers = pd.DataFrame(
        {"image_id": ids, "labels": [" ".join(" ".join(map(str, box)) for box in boxes) or None for boxes in truth]}
    )
    yield Suite(
        "kuzushiji-recognition",
        answers,
        cases,
        "Hits are counted by plain loops in which each true box takes the first free point strictly within it; F1 is twice "
        "the hits over points and boxes. The page of nested boxes was worked by hand.",
    )


def page(chance: random.Random) -> list[Box]:
    return [
        (
            chance.choice(LETTERS),
            100 * column + chance.randint(0, 20),
            100 * row,
            chance.randint(20, 80),
            chance.randint(20, 90),
        )
        for row in range(chance.randint(1, 4))
        for column in range(3)
    ]


def middle(box: Box) -> Point:
    name, x, y, wide, high = box
    return name, x + wide / 2, y + high / 2


def moved(chance: random.Random, points: Sequence[Point], off: float) -> list[Point]:
    return [(name, x + chance.uniform(-off, off), y + chance.uniform(-off, off)) for name, x, y in points]


def written(points: Sequence[Point]) -> str:
    return " ".join(f"{name} {x} {y}" for name, x, y in points)


def f1(pages: Pages, truth: Sequence[Sequence[Box]]) -> float:
    hits = 0
    for points, boxes in zip(pages, truth, strict=True):
        free = list(points)
        for name, x, y, wide, high in boxes:
            within = [each for each in free if each[0] == name and x < each[1] < x + wide and y < each[2] < y + high]
            if within:
                free.remove(within[0])
                hits += 1
    return 2 * hits / sum(map(len, [*pages, *truth]))
