"""Micro F1 of short and long answers to questions: the share of rows whose answer, or whose having none, is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from mlmaster.core.cells import shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.grader import Grader
from mlmaster.mlebench.graders.pairing import require_columns
from mlmaster.mlebench.graders.texts import filled_texts

Answer: TypeAlias = "tuple[int, int] | str"
"""First token and the one after the last, or a word: YES, NO, or an empty one for no answer."""

ID, TARGET = "example_id", "PredictionString"


def grade(submission: pd.DataFrame, answers: Sequence[Mapping[str, Any]]) -> float:
    """Return the share of rows answered as one of the annotations, or left empty where there are none."""
    require_columns(submission, (ID, TARGET))
    if len(submission) != 2 * len(answers):
        raise SubmissionError(
            f"the submission has {len(submission)} rows, and must have {2 * len(answers)}: two for each example, a long one "
            "and a short one"
        )
    truth = {
        f"{example['example_id']}_{kind}": right
        for example in answers
        for kind, right in _right_answers(example["annotations"][0])
    }
    names = filled_texts(submission[ID])
    foreign = next((name for name in names if name not in truth), None)
    if foreign is not None:
        raise SubmissionError(f"{ID} {shown(foreign)} is no id of the test set; ids end in _long and _short")
    if len(set(names)) < len(names):
        twice = submission[ID][submission[ID].duplicated()].iloc[0]
        raise SubmissionError(f"{ID} {shown(str(twice))} stands twice")
    hits = 0
    for name, text in zip(names, filled_texts(submission[TARGET]), strict=True):
        found = _read(name, text.strip())
        hits += found in truth[name] if found else not truth[name]
    return hits / len(names)


def _right_answers(annotation: Mapping[str, Any]) -> tuple[tuple[str, set[Answer]], tuple[str, set[Answer]]]:
    long, short = annotation["long_answer"], {_span(each) for each in annotation["short_answers"]}
    words = {annotation["yes_no_answer"]} - {"NONE"}
    return ("long", {_span(long)} if long["start_token"] != -1 else set()), ("short", short | words)


def _span(tokens: Mapping[str, Any]) -> Answer:
    return int(tokens["start_token"]), int(tokens["end_token"])


def _read(name: str, text: str) -> Answer:
    if text in {"YES", "NO", ""}:
        return text
    try:
        first, end = map(int, text.split(":"))
    except ValueError:
        raise SubmissionError(
            f"{TARGET} of {ID} {shown(name)}: {shown(text)} is no answer; write FIRST:END in tokens, YES, NO or nothing"
        ) from None
    return first, end


GRADERS: Mapping[str, Grader] = {
    "tensorflow2-question-answering": grade,
}

FAULTS: Mapping[str, str] = {
    "tensorflow2-question-answering": (
        "The score is the share of right rows, an empty row counting as right where there is no answer; Kaggle's F1 "
        "leaves such rows out."
    ),
}
