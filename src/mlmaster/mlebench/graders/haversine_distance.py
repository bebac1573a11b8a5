"""Distance on a sphere in metres: of every trip the mean of its median and its 95th percentile, then the mean over trips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import numbers, require_columns, require_length

RADIUS_M = 6_371_000
TRIP, TIME, LATITUDE, LONGITUDE = "tripId", "UnixTimeMillis", "LatitudeDegrees", "LongitudeDegrees"


def grade(submission: pd.DataFrame, answers: pd.DataFrame) -> float:
    """Return the error in metres; the rows of a trip are paired by position."""
    require_columns(submission, (TRIP, TIME, LATITUDE, LONGITUDE))
    require_length(submission, answers)
    for name in (LATITUDE, LONGITUDE):
        numbers(submission, name)
        if submission[name].dtype == object:
            raise SubmissionError(f"{name} is read as something else than numbers; write degrees in every row")
    errors = []
    for trip in answers[TRIP].unique():
        found, expected = submission[submission[TRIP] == trip], answers[answers[TRIP] == trip]
        if len(found) != len(expected):
            raise _wrong_trips(submission, answers)
        metres = distances(*(table[name].to_numpy() for table in (found, expected) for name in (LATITUDE, LONGITUDE)))
        errors.append(np.mean(np.quantile(metres, (0.5, 0.95))))
    return float(np.mean(errors))


def distances(
    latitude: NDArray[Any], longitude: NDArray[Any], other_latitude: NDArray[Any], other_longitude: NDArray[Any]
) -> NDArray[Any]:
    """Return the distance in metres between each two points given in degrees; all of shape (n,)."""
    latitude, longitude, other_latitude, other_longitude = map(
        np.deg2rad, (latitude, longitude, other_latitude, other_longitude)
    )
    north, east = np.sin((other_latitude - latitude) / 2), np.sin((other_longitude - longitude) / 2)
    return np.asarray(2 * RADIUS_M * np.arcsin(np.sqrt(north**2 + np.cos(latitude) * np.cos(other_latitude) * east**2)))


def _wrong_trips(submission: pd.DataFrame, answers: pd.DataFrame) -> SubmissionError:
    rows = Counter(answers[TRIP].tolist())
    for trip, found in Counter(submission[TRIP].tolist()).items():
        if trip not in rows:
            return SubmissionError(f"{TRIP} {shown(str(trip))} is no trip of the test set")
        if found != rows[trip]:
            return SubmissionError(f"{TRIP} {shown(str(trip))} has {found} rows, and must have {rows[trip]}")
    return SubmissionError(f"the values of {TRIP} are not those of the test set")


GRADERS: Mapping[str, Grader] = {
    "smartphone-decimeter-2022": grade,
}

FAULTS: Mapping[str, str] = {
    "smartphone-decimeter-2022": (
        "The rows of a trip are paired by position; their UnixTimeMillis is never compared: keep the order of "
        "the sample submission."
    ),
}
