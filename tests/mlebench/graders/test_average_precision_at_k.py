import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.average_precision_at_k import GRADERS, average_precision_at_k

grade = GRADERS["h-and-m-personalized-fashion-recommendations"]
words = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=10)


@pytest.mark.parametrize(
    ("guesses", "truth", "k", "expected"),
    [
        ("abc", "abc", 3, 1.0),
        ("abc", "a", 3, 1.0),
        ("bac", "a", 3, 1 / 2),
        ("abc", "c", 2, 0.0),
        ("abc", "xyz", 3, 0.0),
        ("aaa", "ab", 3, 1 / 2),
        ("axb", "ab", 3, (1 + 2 / 3) / 2),
        ("ab", "abcdef", 2, 1.0),
        ("a", "aa", 3, 1.0),
    ],
)
def test_hits_are_weighed_by_place(guesses: str, truth: str, k: int, expected: float) -> None:
    assert average_precision_at_k(list(guesses), list(truth), k) == pytest.approx(expected)


@settings(deadline=None, max_examples=50)
@given(words, words, st.integers(1, 6))
def test_what_stands_behind_k_does_not_matter(guesses: list[str], truth: list[str], k: int) -> None:
    score = average_precision_at_k(guesses, truth, k)
    assert 0 <= score <= 1
    assert score == average_precision_at_k([*guesses[:k], *truth], truth, k) or len(guesses) < k
    assert average_precision_at_k([*dict.fromkeys(truth)], truth, k) == pytest.approx(1)


@settings(deadline=None, max_examples=50)
@given(st.lists(words, min_size=2, max_size=6), st.integers(0, 99))
def test_rows_are_matched_by_id_among_others(rows: list[list[str]], seed: int) -> None:
    ids = [f"c{number}" for number in range(len(rows))]
    answers = pd.DataFrame({"customer_id": ids, "prediction": "a b"})
    table = pd.DataFrame({"customer_id": [*ids, "other"], "prediction": [*map(" ".join, rows), "a b"]})
    expected = sum(average_precision_at_k(row, ["a", "b"], 12) for row in rows) / len(rows)
    assert grade(table.sample(frac=1, random_state=seed), answers) == pytest.approx(expected)


def test_a_missing_customer_is_not_named() -> None:
    answers = pd.DataFrame({"customer_id": ["secret", "b"], "prediction": "1"})
    with pytest.raises(SubmissionError, match="ids are missing in customer_id") as caught:
        grade(pd.DataFrame({"customer_id": ["b"], "prediction": ["1"]}), answers)
    assert "secret" not in str(caught.value)
