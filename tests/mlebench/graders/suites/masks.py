"""Masks as plain sets of pixels, and ways to write them as runs, rightly and wrongly.

A pixel is its number from 0, counted down the columns.
"""

import random
from collections.abc import Collection

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case
from tests.mlebench.graders.suites.damage import with_cell

Pixels = frozenset[int]


def written(pixels: Collection[int]) -> str:
    """Return the runs of a mask; blank for an empty one."""
    runs: list[list[int]] = []
    for pixel in sorted(pixels):
        if runs and pixel == sum(runs[-1]):
            runs[-1][1] += 1
        else:
            runs.append([pixel, 1])
    return " ".join(f"{start + 1} {length}" for start, length in runs)


def ellipse(chance: random.Random, height: int, width: int) -> Pixels:
    """Draw a filled ellipse within an image."""
    middle, centre = chance.uniform(0.3, 0.7) * height, chance.uniform(0.3, 0.7) * width
    tall, wide = chance.uniform(0.15, 0.35) * height, chance.uniform(0.15, 0.35) * width
    return frozenset(
        column * height + row
        for row in range(height)
        for column in range(width)
        if ((row - middle) / tall) ** 2 + ((column - centre) / wide) ** 2 <= 1
    )


def worn(chance: random.Random, pixels: Pixels, size: int, share: float) -> Pixels:
    """Return a mask of which some pixels are lost, and as many others stand about it."""
    lost = {pixel for pixel in pixels if chance.random() < share}
    won = {(pixel + chance.randint(-3, 3)) % size for pixel in lost}
    return frozenset(pixels - lost | won)


def respelled(good: pd.DataFrame, column: str, pixels: Pixels, size: int, score: float) -> list[Case]:
    """Return submissions whose first mask is written otherwise and means the same pixels."""
    text = written(pixels)
    first, length, *others = text.split()
    return [
        Case("perfect", name, with_cell(good, column, spelling), score)
        for name, spelling in {
            "several blanks between numbers": text.replace(" ", "   "),
            "blanks about a mask": f"  {text} ",
            "newlines between numbers": text.replace(" ", "\n"),
            "tabs between numbers": text.replace(" ", "\t"),
            "leading zeros and signs": " ".join(f"+00{number}" for number in text.split()),
            "every pixel a run": " ".join(f"{pixel + 1} 1" for pixel in sorted(pixels)),
            "runs behind the image": f"{text} {size + 1} 5 {size + 2} 9",
            "a run far behind the image": f"{text} {2**64} {2**70}",
            "underscores in numbers": " ".join([f"{first[0]}_{first[1:]}" if first[1:] else first, length, *others]),
            "Arabic digits": text.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
        }.items()
    ]


def malformed(good: pd.DataFrame, column: str) -> list[Case]:
    """Return submissions whose first mask is none."""
    spellings = {
        "a start of 0": "0 3",
        "a negative start": "-4 3",
        "a length of 0": "4 0",
        "a negative length": "4 -1",
        "a length of 0 behind": "4 1 9 0",
        "five numbers": "1 1 4 1 9",
        "starts that fall": "9 2 1 2",
        "overlapping runs": "1 4 4 2",
        "a run twice": "3 2 3 2",
        "three numbers that overlap": "3 2 4",
        "decimals": "1.0 3.0",
        "an exponent": "1e1 3",
        "words": "one three",
        "commas": "1,3,7,2",
        "brackets": "[1, 3]",
        "colons": "1:3 7:2",
        "NaN within": "1 3 nan 2",
        "a length beyond 63 bits": f"1 {2**63}",
        "a number of 5000 digits": f"{'1' * 5000} 1",
    }
    return [
        *(Case("broken", name, with_cell(good, column, text), INVALID) for name, text in spellings.items()),
        Case("broken", "numbers for masks", good.assign(**{column: 5}), INVALID),
    ]


def odd_counts() -> dict[str, tuple[str, Pixels]]:
    """Return masks of an odd count of numbers that are read all the same, with the pixels they are read as."""
    return {
        "a number alone": ("7", frozenset()),
        "three numbers": ("4 2 10", frozenset({3, 4, 9, 10})),
    }
