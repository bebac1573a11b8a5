"""The shared metrics that match rows by id: what order and dtype of rows may not change, and what their refusals say."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders import (
    answer_f1,
    edit_distance,
    jaccard,
    label_ranking_precision,
    macro_f1,
    matthews_correlation,
    multilabel_f1,
    probabilistic_f1,
    weighted_kappa,
)
from mlmaster.mlebench.graders.grader import Grader

ROWS = 12
IDS = [f"row {number}" for number in range(ROWS)]
LABELS = [0, 1, 2, 3] * 3
WORDS = ["one two", "three", "two three four"] * 4

GRADERS: dict[str, tuple[Grader, object]] = {
    "mean distance": (edit_distance.mean_distance("id", "cell", takes_text_only=True), WORDS),
    "error rate": (edit_distance.error_rate("id", "cell"), ["1 2 3", "4", "5 6"] * 4),
    "jaccard": (jaccard.mean_jaccard("id", "cell", takes_text_only=True, both_empty=0.0), WORDS),
    "kappa": (weighted_kappa.weighted_kappa("id", "cell"), LABELS),
    "micro F1": (multilabel_f1.micro_f1("id", "cell"), WORDS),
    "macro F1": (macro_f1.macro_f1("id", "cell"), LABELS),
    "Matthews": (matthews_correlation.matthews_correlation("id", "cell"), [0, 1] * 6),
    "probabilistic F1": (probabilistic_f1.probabilistic_f1("id", "cell"), [0, 1] * 6),
    "label ranking": (label_ranking_precision.label_ranking_precision("id"), [1, 0] * 6),
}


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(GRADERS)), st.integers(0, 10**6))
def test_order_of_rows_does_not_matter(name: str, seed: int) -> None:
    grader, cells = GRADERS[name]
    answers = table(cells)
    chance = np.random.default_rng(seed)
    found = answers.assign(cell=answers["cell"].to_numpy()[chance.integers(0, ROWS, ROWS)])
    score = grader(found.copy(), answers.copy())
    turned = grader(found.iloc[chance.permutation(ROWS)], answers.iloc[chance.permutation(ROWS)])
    assert turned == pytest.approx(score, nan_ok=True)


@pytest.mark.parametrize("name", ["kappa", "macro F1", "Matthews", "probabilistic F1", "label ranking"])
def test_whole_numbers_and_numbers_with_a_point_are_the_same(name: str) -> None:
    grader, cells = GRADERS[name]
    answers = table(cells)
    found = answers.assign(cell=np.roll(answers["cell"].to_numpy(), 3))
    assert grader(found.astype({"cell": float}), answers.copy()) == grader(found.copy(), answers.copy())


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        ("mean distance", None, r"cell, row 1: the cell is empty \(1 such rows\)"),
        ("error rate", math.nan, "cell, row 1: an empty cell is no list of whole numbers"),
        ("error rate", "1 x", "cell, row 1: '1 x' is no list of whole numbers"),
        ("jaccard", 5, "cell, row 1: '5' is read as a number"),
        ("kappa", 1.5, "cell, row 1: '1.5' is no label"),
        ("micro F1", 5, "cell, row 1: '5' is read as a number"),
        ("macro F1", None, "cell, row 1: an empty cell is no class"),
        ("macro F1", "rose", "cell, row 1: 'rose' is no class"),
        ("macro F1", 10**30, "cell holds numbers too large for a class; the greatest is 1e\\+30"),
        ("Matthews", "yes", "cell, row 1: 'yes' is no label"),
        ("probabilistic F1", "high", "cell, row 1: 'high' is no number"),
        ("label ranking", None, "cell of id 'row 0': an empty cell is no finite number"),
    ],
)
def test_refusals_name_column_row_and_value(name: str, cell: object, message: str) -> None:
    grader, cells = GRADERS[name]
    answers = table(cells)
    found = answers.assign(cell=pd.Series([cell, *answers["cell"].tolist()[1:]], dtype=object))
    numeric = pd.to_numeric(found["cell"], errors="coerce")
    if numeric.notna().sum() == found["cell"].notna().sum():
        found["cell"] = numeric
    with pytest.raises(SubmissionError, match=message):
        grader(found, answers)


def test_a_row_without_words_on_either_side() -> None:
    answers = pd.DataFrame({"id": IDS[:2], "cell": ["", "a"]})
    forgiving = jaccard.mean_jaccard("id", "cell", takes_text_only=True, both_empty=0.0)
    assert forgiving(answers.copy(), answers.copy()) == 0.5
    strict = jaccard.mean_jaccard("id", "cell", takes_text_only=False, both_empty=None)
    with pytest.raises(SubmissionError, match="undefined where a text has no words"):
        strict(answers.copy(), answers.copy())


def test_a_wrong_answer_to_a_question_is_named() -> None:
    annotation = {"long_answer": {"start_token": -1, "end_token": -1}, "short_answers": [], "yes_no_answer": "NONE"}
    found = pd.DataFrame({"example_id": ["7_long", "7_short"], "PredictionString": ["maybe", None]})
    with pytest.raises(SubmissionError, match="PredictionString of example_id '7_long': 'maybe' is no answer"):
        answer_f1.grade(found, [{"example_id": "7", "annotations": [annotation]}])


def table(cells: object) -> pd.DataFrame:
    return pd.DataFrame({"id": IDS, "other": LABELS, "cell": cells})[["id", "cell", "other"]]
