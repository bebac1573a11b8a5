import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.mlebench.graders.suites.masks import written

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.run_lengths import blank_as_text, decode, decode_column, encode

SIZE = 40
masks = st.frozensets(st.integers(0, SIZE - 1))


@given(masks)
def test_written_pixels_are_read(mask: frozenset[int]) -> None:
    runs = decode(written(mask), SIZE)
    assert runs.pixels().tolist() == sorted(mask)
    assert runs.area == len(mask)


@given(masks, masks)
def test_overlap_counts_common_pixels(one: frozenset[int], other: frozenset[int]) -> None:
    assert decode(written(one), SIZE).overlap(decode(written(other), SIZE)) == len(one & other)


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 30)), max_size=6))
def test_runs_are_read_as_pixels_are_painted(pairs: list[tuple[int, int]]) -> None:
    pairs.sort(key=lambda pair: pair[0])
    painted: list[int] = []
    for start, length in pairs:
        painted += range(min(start - 1, SIZE), min(start - 1 + length, SIZE))
    text = " ".join(f"{start} {length}" for start, length in pairs)
    if len(set(painted)) < len(painted):
        with pytest.raises(ValueError, match="overlap"):
            decode(text, SIZE)
    else:
        assert decode(text, SIZE).pixels().tolist() == painted


def test_an_image_of_billions_of_pixels_takes_no_room() -> None:
    size = 60_000 * 60_000
    runs = decode(f"1 {size // 2} {size} 1", size)
    assert runs.area == size // 2 + 1
    assert runs.overlap(decode(f"{size // 2} 5", size)) == 1


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        ("39 9223372036854775807", []),
        ("39 18446744073709551616", [38, 39]),
        ("9223372036854775808 9223372036854775808", []),
        ("1 2 9223372036854775807 4", [0, 1]),
    ],
)
def test_sums_beyond_64_bits_are_read_as_numpy_slices_with_them(text: str, pixels: list[int]) -> None:
    assert decode(text, SIZE).pixels().tolist() == pixels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 3 x 2", "'x' is no whole number"),
        ("5 2 1 2", "do not rise"),
        ("0 2", "0 is no start"),
        ("1 1 3 1 5", "5 numbers"),
        ("1 9223372036854775808", "from 2"),
        (float("nan"), "'nan' is no text"),
        (7, "'7' is no text"),
    ],
)
def test_what_is_no_mask_is_told_why(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(text, SIZE)


def test_a_cell_is_blamed_by_its_row_in_the_file() -> None:
    cells = pd.Series(["1 1", "3 1", "oops 1"], name="mask").sort_index(ascending=False)
    with pytest.raises(SubmissionError, match="mask, row 3: 'oops'"):
        decode_column(cells, [SIZE] * 3)


def test_cells_beyond_the_images_are_not_read() -> None:
    assert len(decode_column(pd.Series(["1 1", "oops"], name="mask"), [SIZE])) == 1
    assert len(decode_column(pd.Series(["1 1"], name="mask"), [SIZE, SIZE])) == 1


@pytest.mark.parametrize("cells", [pd.Series([np.nan, np.nan]), pd.Series(["", None, ""], dtype=object)])
def test_empty_cells_become_empty_texts(cells: pd.Series) -> None:
    assert set(blank_as_text(cells).tolist()) == {""}


@given(st.integers(1, 7), st.integers(1, 7), st.data())
def test_a_mask_comes_back_from_its_text(height: int, width: int, data: st.DataObject) -> None:
    flat = data.draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    mask = np.array(flat).reshape(height, width)
    again = np.zeros(height * width, bool)
    again[decode(encode(mask), height * width).pixels()] = True
    assert np.array_equal(again.reshape(width, height).T, mask)


def test_pixels_are_counted_down_the_columns() -> None:
    assert encode(np.array([[0, 1, 0], [0, 1, 1]])) == "3 2 6 1"
    assert encode(np.zeros((3, 3))) == ""
