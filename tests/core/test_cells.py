import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.core.cells import MAX_TEXT_BYTES, CellError, Labels, listed, shown, to_flags, to_numbers, to_texts


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_every_finite_number_is_read_back_to_the_same_bits(values: list[float]) -> None:
    assert to_numbers([repr(value) for value in values]).tolist() == values


@pytest.mark.parametrize(
    "text", ["", " ", "nan", "NaN", "inf", "-Infinity", "1e400", "one", "1_000", "١٢", "1,5", "0x10"]
)
def test_what_no_grader_reads_as_a_finite_number_is_refused_with_its_position(text: str) -> None:
    with pytest.raises(CellError) as caught:
        to_numbers(["1", " 2.5 ", text, "4"])
    assert (caught.value.index, caught.value.value) == (2, text)


def test_flags_take_every_spelling_of_zero_and_one() -> None:
    assert to_flags(["0", "1", "1.0", "True", "false", "0e0"]).tolist() == [0, 1, 1, 1, 0, 0]
    with pytest.raises(CellError, match="row 2: '2' is neither 0 nor 1"):
        to_flags(["1", "2"])


def test_texts_stand_in_columns() -> None:
    assert to_texts([["a", "b", "c"], ["dd", "", "f"]]).tolist() == [["a", "dd"], ["b", ""], ["c", "f"]]
    assert to_texts([[]]).shape == (0, 1)


def test_one_huge_cell_cannot_widen_an_array_without_bound() -> None:
    rows = 50_000
    cells = ["x"] * (rows - 1) + ["y" * (MAX_TEXT_BYTES // 4 // rows + 1)]
    with pytest.raises(CellError, match="too long") as caught:
        to_texts([cells])
    assert caught.value.index == rows - 1


@pytest.mark.parametrize(
    ("classes", "text", "label"),
    [
        (("0", "1"), "1.0", "1"),
        (("0", "1"), "True", "1"),
        (("False", "True"), "TRUE", "True"),
        (("False", "True"), "0", "False"),
        (("1.0", "1"), "1", "1"),
        (("a", "A"), "A", "A"),
        (("a", "b"), "A", None),
        (("a", "b"), " b ", "b"),
        (("a", "b"), "", None),
        (("0", "1"), "nan", None),
        ((), "anything", "anything"),
    ],
)
def test_labels_are_known_by_spelling_then_truth_value_then_number(
    classes: tuple[str, ...], text: str, label: str | None
) -> None:
    assert Labels(classes).canonical(text) == label


def test_messages_stay_short() -> None:
    assert len(shown("x" * 10_000)) < 80
    assert listed([str(i) for i in range(100)]) == "0, 1, 2, 3, 4, 5, 6, 7, … (100 in all)"
