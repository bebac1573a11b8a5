import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.haversine_distance import GRADERS, RADIUS_M, distances

grade = GRADERS["smartphone-decimeter-2022"]
degrees = st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=8)


@settings(deadline=None, max_examples=50)
@given(degrees)
def test_a_distance_is_the_same_both_ways_and_no_more_than_half_the_sphere(rows: list[tuple[float, float]]) -> None:
    latitude, longitude = np.array(rows).T
    there = distances(latitude, longitude, latitude[::-1], longitude[::-1])
    assert there == pytest.approx(there[::-1], abs=1e-6)
    assert np.all(there[~np.isnan(there)] <= math.pi * RADIUS_M + 1)


def test_a_quarter_of_a_meridian_and_of_the_equator() -> None:
    found = distances(*(np.array(each) for each in ([0.0, 0.0], [10.0, 0.0], [90.0, 0.0], [10.0, 90.0])))
    assert found == pytest.approx(math.pi / 2 * RADIUS_M)


@settings(deadline=None, max_examples=50)
@given(st.permutations(range(4)))
def test_rows_are_paired_by_position_within_a_trip_only(order: list[int]) -> None:
    latitudes = [0.0, 1.0, 2.0, 3.0]
    answers = places(["a"] * 4 + ["b"] * 4, latitudes * 2)
    turned = places(["b"] * 4 + ["a"] * 4, [latitudes[place] for place in order] + latitudes)
    assert (grade(turned, answers) == 0) == (order == [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("trips", "message"),
    [
        (["a", "a", "a"], "tripId 'a' has 3 rows, and must have 2"),
        (["a", "a", "c"], "tripId 'c' is no trip of the test set"),
        (["a", "b", "b"], "tripId 'a' has 1 rows, and must have 2"),
    ],
)
def test_a_trip_with_other_rows_is_named(trips: list[str], message: str) -> None:
    with pytest.raises(SubmissionError, match=message):
        grade(places(trips, [0.0] * 3), places(["a", "a", "b"], [0.0] * 3))


def places(trips: list[str], latitudes: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"tripId": trips, "UnixTimeMillis": 0, "LatitudeDegrees": latitudes, "LongitudeDegrees": 0.0})
