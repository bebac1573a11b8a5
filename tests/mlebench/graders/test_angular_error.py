import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.mlebench.graders.angular_error import CHUNK, GRADERS, angles

grade = GRADERS["icecube-neutrinos-in-deep-ice"]
directions = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=8)


@settings(deadline=None, max_examples=50)
@given(directions, st.floats(-3, 3))
def test_angles_do_not_change_as_both_turn_about_the_axis(rows: list[tuple[float, float]], turn: float) -> None:
    azimuth, zenith = np.array(rows).T
    found = angles(azimuth, zenith, azimuth[::-1], zenith[::-1])
    assert np.all((found >= 0) & (found <= math.pi))
    assert found == pytest.approx(angles(azimuth + turn, zenith, azimuth[::-1] + turn, zenith[::-1]), abs=1e-6)


@settings(deadline=None, max_examples=50)
@given(directions, st.integers(0, 99))
def test_rows_are_matched_by_id(rows: list[tuple[float, float]], seed: int) -> None:
    azimuth, zenith = np.array(rows).T
    table = pd.DataFrame({"event_id": range(len(rows)), "azimuth": azimuth, "zenith": zenith})
    answers = table.assign(azimuth=0.0)
    score = grade(table.copy(), answers)
    assert grade(table.sample(frac=1, random_state=seed), answers) == pytest.approx(score, abs=1e-12)


def test_rows_of_more_than_one_chunk_all_count() -> None:
    rows = CHUNK + 10
    answers = pd.DataFrame({"event_id": np.arange(rows), "azimuth": 0.0, "zenith": 0.0})
    found = answers.assign(zenith=np.where(answers["event_id"] < rows - 5, 0.0, math.pi))
    assert grade(found, answers) == pytest.approx(5 * math.pi / rows)
