import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import directed_hausdorff

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.dice_hausdorff import Volume, dice_hausdorff, hausdorff

SHAPE = (3, 4, 5)
voxels = st.frozensets(st.tuples(*(st.integers(0, side - 1) for side in SHAPE)), min_size=3)


def volume(voxels: frozenset[tuple[int, ...]], shape: tuple[int, int, int] = SHAPE) -> Volume:
    filled = np.zeros(shape, bool)
    for voxel in voxels:
        filled[voxel] = True
    return filled


@settings(deadline=None)
@given(voxels, voxels)
def test_distance_is_the_library_s(one: frozenset[tuple[int, ...]], other: frozenset[tuple[int, ...]]) -> None:
    first, second = (np.array(sorted(each)) / SHAPE for each in (one, other))
    expected = max(directed_hausdorff(first, second)[0], directed_hausdorff(second, first)[0]) / math.sqrt(3)
    if len(one) > 10 * len(other):
        expected = 1.0
    assert hausdorff(volume(one), volume(other)) == pytest.approx(expected)


def test_a_solid_block_is_as_far_as_its_surface() -> None:
    block = np.zeros((9, 9, 9), bool)
    block[:5, :5, :5] = True
    assert hausdorff(block, block) == 0.0
    more = block.copy()
    more[2, 8, 2] = True
    assert hausdorff(more, block) == pytest.approx(4 / 9 / math.sqrt(3))


def test_volumes_of_unlike_shapes_are_measured_in_the_true_one() -> None:
    one, other = volume(frozenset({(0, 0, 0)}), (1, 9, 9)), volume(frozenset({(0, 0, 3)}), (2, 4, 6))
    assert hausdorff(one, other) == pytest.approx(0.5 / math.sqrt(3))
    assert hausdorff(other, one) == pytest.approx(3 / 9 / math.sqrt(3))


def test_empty_volumes_are_undefined_or_as_far_as_can_be() -> None:
    nothing, something = volume(frozenset()), volume(frozenset({(0, 0, 0)}))
    assert math.isnan(hausdorff(nothing, nothing))
    assert hausdorff(nothing, something) == hausdorff(something, nothing) == 1.0


def test_eleven_times_the_voxels_are_as_far_as_can_be() -> None:
    row = [(0, y, x) for y in range(3) for x in range(4)]
    truth = volume(frozenset(row[:1]))
    assert hausdorff(volume(frozenset(row[:10])), truth) < 1.0
    assert hausdorff(volume(frozenset(row[:11])), truth) == 1.0


def test_a_slice_at_the_place_of_another_size_is_told() -> None:
    answers = pd.DataFrame(
        {"id": ["a_slice_1", "b_slice_1"], "predicted": ["1 1", "1 1"], "image_height": [2, 3], "image_width": [2, 2]}
    )
    submission = pd.DataFrame({"id": ["a_slice_1", "a_slice_2"], "class": "x", "predicted": ["1 1", "1 1"]})
    with pytest.raises(SubmissionError, match="rows of 'a' stand where images of unlike sizes"):
        dice_hausdorff(submission, answers)
