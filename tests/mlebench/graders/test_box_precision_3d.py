import math

import pandas as pd
import pytest

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.box_precision_3d import box_precision_3d

ANSWERS = pd.DataFrame({"Id": ["a", "b"], "PredictionString": ["1.0 0 0 0 2 2 2 0 car", "1.0 5 5 5 1 2 3 1 bus"]})


def score(first: str, second: str = "1.0 5 5 5 1 2 3 1 bus") -> float:
    return box_precision_3d(pd.DataFrame({"Id": ["b", "a"], "PredictionString": [second, first]}), ANSWERS)


@pytest.mark.parametrize("yaw", [0.0, math.pi / 2, math.pi, -math.pi / 2, 2 * math.pi, 1e6 * math.pi])
def test_a_square_may_be_turned_by_quarters(yaw: float) -> None:
    assert score(f"1.0 0 0 0 2 2 2 {yaw} car") == 1.0


@pytest.mark.parametrize(
    ("height", "passed"), [(0.9, 0), (1.05, 1), (1.15, 2), (1.25, 3), (1.65, 7), (1.95, 10), (2.05, 10)]
)
def test_a_box_passes_the_thresholds_below_its_overlap(height: float, passed: int) -> None:
    assert score(f"1.0 0 0 0 2 2 {height} 0 car") == pytest.approx((passed / 10 + 1) / 2)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ("1.0 0 0 0 2 2 0 0 car", "row 2: a box has a width, length or height of 0"),
        ("1.0 nan 0 0 2 2 2 0 car", "row 2: a box holds NaN"),
        ("1.0 0 0 0 2 2 2 inf car", "row 2: a yaw is infinite"),
        ("1.0 1e15 0 0 2.3 2.1 2 1 car", "row 2: a box lies too far out"),
        ("1.0 0 0 0 2 2 2 car", "row 2: 8 words"),
        ("1.0 0 0 0 2 2 wide 0 car", "row 2: 'wide' is no number"),
        (5, "row 2: '5' is no list of boxes"),
    ],
)
def test_a_box_is_blamed_by_its_row_in_the_file(boxes: str, message: str) -> None:
    with pytest.raises(SubmissionError, match=message):
        score(boxes)
