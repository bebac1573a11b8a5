"""Thirty opinions on questions and their answers: a tenth of the pairs becomes the test set.

A rank correlation needs a column that varies, and one opinion, that a question asks for a spelling, is held so seldom that a
test set may lack it. Then one pair of the train set that has it changes places with the first of the test set.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.splitting import Positions, split
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("train.csv",)

LABELS = (
    "question_asker_intent_understanding",
    "question_body_critical",
    "question_conversational",
    "question_expect_short_answer",
    "question_fact_seeking",
    "question_has_commonly_accepted_answer",
    "question_interestingness_others",
    "question_interestingness_self",
    "question_multi_intent",
    "question_not_really_a_question",
    "question_opinion_seeking",
    "question_type_choice",
    "question_type_compare",
    "question_type_consequence",
    "question_type_definition",
    "question_type_entity",
    "question_type_instructions",
    "question_type_procedure",
    "question_type_reason_explanation",
    "question_type_spelling",
    "question_well_written",
    "answer_helpful",
    "answer_level_of_information",
    "answer_plausible",
    "answer_relevance",
    "answer_satisfaction",
    "answer_type_instructions",
    "answer_type_procedure",
    "answer_type_reason_explanation",
    "answer_well_written",
)
RARE = "question_type_spelling"


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split. Every column of the sample rises from 0 to 1, as a constant one would have no score.

    Raises:
        DataError: No row has the rare label at all.
    """
    table = read_csv(raw / "train.csv")
    train_rows, test_rows = _varied(table[RARE], *split(len(table), 0.1))
    test = table.iloc[test_rows]
    answers = test[["qa_id", *LABELS]]
    ramp = np.linspace(0, 1, len(test))
    write_csv(table.iloc[train_rows], public / "train.csv")
    write_csv(test.drop(columns=list(LABELS)), public / "test.csv")
    write_csv(answers.assign(**dict.fromkeys(LABELS, ramp)), public / "sample_submission.csv")
    write_csv(answers, private / "test.csv")


def _varied(labels: pd.Series, train_rows: Positions, test_rows: Positions) -> tuple[Positions, Positions]:
    if labels.iloc[test_rows].nunique() != 1:
        return train_rows, test_rows
    holders = np.flatnonzero(labels.iloc[train_rows].to_numpy() != 0)
    if not len(holders):
        raise DataError(f"train.csv: {RARE} is 0 in every row; fetch the raw files again")
    train_rows, test_rows = train_rows.copy(), test_rows.copy()
    train_rows[holders[0]], test_rows[0] = test_rows[0], train_rows[holders[0]]
    return train_rows, test_rows
