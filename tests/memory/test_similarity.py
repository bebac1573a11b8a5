from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.memory.similarity import most_similar, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KeyError: 'Group' at line 37", ["key", "error", "group", "line"]),
        ("target_encoding of the cabin", ["target", "encoding", "cabin"]),
        ("XGBoost, LightGBM", ["xgboost", "light", "gbm"]),
        ("", []),
        ("12 0.5 __", []),
        ("Übung 模型", ["übung", "模型"]),
    ],
    ids=["fault", "identifier", "camel case", "empty", "no words", "other scripts"],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


DOCUMENTS = [
    (1, "MemoryError: Unable to allocate an array, get_dummies of Cabin"),
    (2, "KeyError: Group is not in the index"),
    (3, "it ran for 120 s, the limit"),
    (4, "KeyError: Group is not in the index"),
    (5, "error error error of another kind"),
]


@pytest.mark.parametrize(
    ("query", "most", "expected"),
    [
        ("KeyError: 'Group' not in index", 2, (2, 4)),
        ("KeyError: 'Group' not in index", 1, (2,)),
        ("unable to allocate memory", 3, (1,)),
        ("nothing alike whatsoever", 3, ()),
        ("", 3, ()),
    ],
    ids=["ties by id", "at most", "rare words", "none alike", "no query"],
)
def test_most_similar(query: str, most: int, expected: tuple[int, ...]) -> None:
    assert most_similar(query, DOCUMENTS, most) == expected
    assert most_similar(query, reversed(DOCUMENTS), most) == expected


def test_no_documents() -> None:
    assert most_similar("error", [], 2) == ()
    assert most_similar("error", [(1, ""), (2, "3")], 2) == ()


def test_a_rare_word_tells_more_than_a_common_one() -> None:
    documents = [(1, "trees trees trees"), (2, "trees depth"), (3, "cabin"), (4, "trees rounds")]
    assert most_similar("trees of the cabin", documents, 1) == (3,)


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=8), st.integers(0, 5))
def test_any_texts_are_ranked_without_repeats_and_within_the_bound(query: str, texts: list[str], most: int) -> None:
    found = most_similar(query, list(enumerate(texts)), most)
    assert len(found) <= most
    assert len(set(found)) == len(found)
    wanted = set(words(query))
    assert all(wanted & set(words(texts[id_])) for id_ in found)
