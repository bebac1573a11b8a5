import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.mlebench.graders.mask_precision import PIXELS, THRESHOLDS, precision
from mlmaster.mlebench.graders.run_lengths import decode

bounds = st.tuples(st.integers(0, PIXELS), st.integers(0, PIXELS)).map(sorted)


def mask(start: int, stop: int) -> str:
    return f"{start + 1} {stop - start}" if stop > start else ""


@settings(deadline=None)
@given(bounds, bounds)
def test_pixels_are_counted_as_numpy_s_histogram_of_two_bins_counts_them(found: list[int], truth: list[int]) -> None:
    drawn = [np.isin(np.arange(PIXELS), np.arange(*each)).astype(int) for each in (found, truth)]
    if not drawn[1].any():
        expected = float(not drawn[0].any())
    else:
        common = np.histogram2d(drawn[1], drawn[0], bins=(2, 2))[0][1, 1]
        areas = [np.histogram(each, bins=2)[0][1] for each in drawn]
        expected = float(np.mean(common / (sum(areas) - common) > THRESHOLDS))
    assert precision(decode(mask(*found), PIXELS), decode(mask(*truth), PIXELS)) == expected


@pytest.mark.parametrize(("salt", "expected"), [(1, 0.0), (5100, 0.0), (5101, 0.1), (9800, 1.0), (PIXELS, 1.0)])
def test_an_empty_mask_earns_what_a_full_one_does(salt: int, expected: float) -> None:
    truth = decode(mask(0, salt), PIXELS)
    assert precision(decode("", PIXELS), truth) == precision(decode(mask(0, PIXELS), PIXELS), truth) == expected
