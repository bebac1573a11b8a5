"""Directions of neutrinos; angles by the cross product of two vectors, and by hand along a meridian."""

import math
import random
from collections.abc import Iterator, Sequence

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import broken_columns, broken_rows, with_cell, written_otherwise

Direction = tuple[float, float]


def suites() -> Iterator[Suite]:
    chance = random.Random(17)
    truth = [(chance.uniform(0, 2 * math.pi), math.acos(chance.uniform(-1, 1))) for _ in range(30)]
    ids = sorted(chance.sample(range(10, 2 * 10**9), 30), key=str)

    def table(rows: Sequence[Direction]) -> pd.DataFrame:
        azimuths, zeniths = zip(*rows, strict=True)
        return pd.DataFrame({"event_id": ids, "azimuth": azimuths, "zenith": zeniths})

    def scored(name: str, rows: Sequence[Direction], kind: str = "noisy") -> Case:
        return Case(kind, name, table(rows), sum(map(angle, rows, truth)) / len(truth))

    good = table(truth)
    around = [(azimuth + 2 * math.pi, zenith - 4 * math.pi) for azimuth, zenith in truth]
    other_way = [(azimuth + math.pi, -zenith) for azimuth, zenith in truth]
    opposite = [(azimuth + math.pi, math.pi - zenith) for azimuth, zenith in truth]
    cases = [
        Case("perfect", "perfect", good, 0.0),
        Case("perfect", "once around", table(around), 0.0),
        Case("perfect", "the other way round", table(other_way), 0.0),
        Case("perfect", "ids with a point", good.assign(event_id=good["event_id"].astype(float)), 0.0),
        Case("perfect", "ids with zeros before", good.assign(event_id=[f"{each:012}" for each in ids]), 0.0),
        Case("perfect", "columns turned round", good[["zenith", "azimuth", "event_id"]], 0.0),
        scored("straight up", [(1.0, 0.0)] * 30, "sample"),
        Case("noisy", "opposite", table(opposite), math.pi),
        Case(
            "noisy",
            "a quarter on along the meridian",
            table([(azimuth, zenith + math.pi / 2) for azimuth, zenith in truth]),
            math.pi / 2,
        ),
        Case("noisy", "a little on", table([(azimuth, zenith + 0.01) for azimuth, zenith in truth]), 0.01),
        Case("noisy", "one row opposite", table([opposite[0], *truth[1:]]), math.pi / 30),
        scored("azimuths turned by one", [(azimuth + 1, zenith) for azimuth, zenith in truth]),
        scored("the row before", truth[-1:] + truth[:-1]),
        scored("whole numbers", [(float(round(azimuth)), float(round(zenith))) for azimuth, zenith in truth]),
        Case(
            "noisy",
            "3 and 1 as whole numbers",
            good.assign(azimuth=3, zenith=1),
            sum(angle((3, 1), each) for each in truth) / 30,
        ),
        scored("far too large", [(azimuth * 1e6, zenith) for azimuth, zenith in truth]),
        *(
            scored(
                f"noise {seed}",
                [
                    (azimuth + random.Random(seed + n).gauss(0, seed), zenith)
                    for n, (azimuth, zenith) in enumerate(truth)
                ],
            )
            for seed in range(1, 4)
        ),
        Case("broken", "an empty azimuth", with_cell(good, "azimuth", None), INVALID),
        Case("broken", "no zeniths", good.assign(zenith=None), INVALID),
        Case("broken", "an infinite azimuth", with_cell(good, "azimuth", "inf"), INVALID),
        Case("broken", "an infinite zenith below", with_cell(good, "zenith", "-inf"), INVALID),
        Case("broken", "a word", with_cell(good, "zenith", "up"), INVALID),
        Case("broken", "flags", good.assign(zenith=True), INVALID),
        Case(
            "broken", "a number of forty digits", with_cell(good.astype({"azimuth": int}), "azimuth", "1" * 40), INVALID
        ),
        Case("broken", "a column more", good.assign(kappa=1.0), INVALID),
        Case("broken", "an index", good.reset_index(), INVALID),
        Case("broken", "ids half off", good.assign(event_id=good["event_id"] + 0.5), INVALID),
        *written_otherwise(good, 0.0),
        *broken_rows(good, "event_id"),
        *broken_columns(good, "event_id", "azimuth", "zenith"),
        *broken_files(good),
    ]
    yield Suite(
        "icecube-neutrinos-in-deep-ice",
        good,
        cases,
        "The angle of two unit vectors is atan2 of their cross and dot products; along a meridian and opposite by hand.",
    )


def angle(one: Direction, other: Direction) -> float:
    a, b = vector(*one), vector(*other)
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return math.atan2(math.hypot(*cross), sum(x * y for x, y in zip(a, b, strict=True)))


def vector(azimuth: float, zenith: float) -> tuple[float, float, float]:
    return math.sin(zenith) * math.cos(azimuth), math.sin(zenith) * math.sin(azimuth), math.cos(zenith)
