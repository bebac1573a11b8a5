"""Trips of phones; distances by chords of the sphere, quantiles by the standard library, and by hand along a meridian."""

import math
import random
import statistics
from collections.abc import Iterator, Sequence

import pandas as pd
from tests.mlebench.graders.suite import INVALID, UNDEFINED, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import broken_columns, columns_otherwise, with_cell

RADIUS_M = 6_371_000
DEGREE_M = math.pi * RADIUS_M / 180
Point = tuple[float, float]


def suites() -> Iterator[Suite]:
    chance = random.Random(18)
    trips = ["2020-05-21-US-MTV-1-pixel4", *["2021-04-29-US-MTV-2-SM-G988B"] * 2, *["2021-12-08-US-LAX-3-pixel5"] * 1]
    names = [trip for number, trip in enumerate(dict.fromkeys(trips)) for _ in range(11 + 2 * number)]
    truth = [(37.4 + n * 1e-4 + chance.random() * 1e-3, -122.1 - n * 1e-4) for n in range(len(names))]
    times = [1619735725999 + 1000 * n for n in range(len(names))]

    def table(rows: Sequence[Point]) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "tripId": names,
                "UnixTimeMillis": times,
                "LatitudeDegrees": [latitude for latitude, _ in rows],
                "LongitudeDegrees": [longitude for _, longitude in rows],
            }
        )

    def scored(name: str, rows: Sequence[Point], kind: str = "noisy") -> Case:
        return Case(kind, name, table(rows), score(rows, truth, names))

    good = table(truth)
    north = [latitude + 1e-5 for latitude, _ in truth]
    alternating = pd.concat([good[good["tripId"] == name] for name in reversed(list(dict.fromkeys(names)))])
    first = names[0]
    cases = [
        Case("perfect", "perfect", good, 0.0),
        Case("perfect", "other times", good.assign(UnixTimeMillis=0), 0.0),
        Case("perfect", "no times", good.assign(UnixTimeMillis=None), 0.0),
        Case("perfect", "words for times", good.assign(UnixTimeMillis="now"), 0.0),
        Case("shuffled", "trips in another order", alternating, 0.0),
        Case("perfect", "once around", good.assign(LongitudeDegrees=good["LongitudeDegrees"] + 360), 0.0),
        Case("perfect", "byte order mark", b"\xef\xbb\xbf" + good.to_csv(index=False).encode(), 0.0),
        Case("perfect", "Windows line ends", good.to_csv(index=False, lineterminator="\r\n"), 0.0),
        scored("Kentucky for all", [(37.904611315634504, -86.48107806249548)] * len(names), "sample"),
        Case("noisy", "all a little to the north", good.assign(LatitudeDegrees=north), 1e-5 * DEGREE_M),
        Case(
            "noisy", "all one degree to the north", good.assign(LatitudeDegrees=good["LatitudeDegrees"] + 1), DEGREE_M
        ),
        Case("noisy", "at the pole", good.assign(LatitudeDegrees=90.0), pole(truth, names)),
        scored("places for latitude and longitude changed", [(longitude, latitude) for latitude, longitude in truth]),
        scored("the row before", truth[-1:] + truth[:-1]),
        scored("turned round", truth[::-1]),
        scored("whole degrees", [(37.0, -122.0)] * len(names)),
        Case(
            "noisy",
            "whole numbers",
            good.assign(LatitudeDegrees=37, LongitudeDegrees=-122),
            score([(37, -122)] * len(names), truth, names),
        ),
        *(
            scored(
                f"noise {seed}",
                [
                    (latitude + random.Random(seed + n).gauss(0, 1e-4 * seed), longitude)
                    for n, (latitude, longitude) in enumerate(truth)
                ],
            )
            for seed in range(1, 5)
        ),
        Case("noisy", "an empty latitude", with_cell(good, "LatitudeDegrees", None), UNDEFINED),
        Case("noisy", "an infinite longitude", with_cell(good, "LongitudeDegrees", "inf"), UNDEFINED),
        Case("noisy", "no places", good.assign(LatitudeDegrees=None, LongitudeDegrees=None), UNDEFINED),
        *columns_otherwise(good, 0.0),
        Case("broken", "a word for a latitude", with_cell(good, "LatitudeDegrees", "north"), INVALID),
        Case("broken", "words for longitudes", good.assign(LongitudeDegrees="west"), INVALID),
        Case("broken", "a comma in a number", with_cell(good, "LatitudeDegrees", "37,4"), INVALID),
        Case(
            "broken",
            "flags and an empty cell",
            with_cell(good.assign(LatitudeDegrees=True), "LatitudeDegrees", None),
            INVALID,
        ),
        Case("broken", "one row less", good.iloc[1:], INVALID),
        Case("broken", "one row twice", pd.concat([good, good.iloc[[0]]]), INVALID),
        Case("broken", "a row in place of another trip's", pd.concat([good.iloc[:-1], good.iloc[[0]]]), INVALID),
        Case("broken", "one trip only", good.assign(tripId=first), INVALID),
        Case("broken", "an unknown trip", with_cell(good, "tripId", "2020-01-01"), INVALID),
        Case("broken", "an empty trip", with_cell(good, "tripId", None), INVALID),
        Case("broken", "numbers for trips", good.assign(tripId=1), INVALID),
        *broken_columns(good, *good.columns),
        *broken_files(good),
    ]
    yield Suite(
        "smartphone-decimeter-2022",
        good,
        cases,
        "Distances from the chord of two vectors, median and 95th percentile by the standard library; degrees along a "
        "meridian by hand.",
        pairs_by="position",
    )


def score(rows: Sequence[Point], truth: Sequence[Point], names: Sequence[str]) -> float:
    metres = list(map(distance, rows, truth))
    return statistics.fmean(
        middle([each for each, name in zip(metres, names, strict=True) if name == trip])
        for trip in dict.fromkeys(names)
    )


def middle(metres: Sequence[float]) -> float:
    return (statistics.median(metres) + statistics.quantiles(metres, n=20, method="inclusive")[-1]) / 2


def distance(one: Point, other: Point) -> float:
    return 2 * RADIUS_M * math.asin(min(1.0, math.dist(vector(*one), vector(*other)) / 2))


def vector(latitude: float, longitude: float) -> tuple[float, float, float]:
    up, around = math.radians(latitude), math.radians(longitude)
    return math.cos(up) * math.cos(around), math.cos(up) * math.sin(around), math.sin(up)


def pole(truth: Sequence[Point], names: Sequence[str]) -> float:
    metres = [(90 - latitude) * DEGREE_M for latitude, _ in truth]
    return statistics.fmean(
        middle([each for each, name in zip(metres, names, strict=True) if name == trip])
        for trip in dict.fromkeys(names)
    )
