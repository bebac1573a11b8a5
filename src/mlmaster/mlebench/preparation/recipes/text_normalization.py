"""Both challenges of saying written text aloud: a tenth of the sentences, with all their tokens, becomes the test set.

Ten million rows are read twice, chunk by chunk: once for the sentences alone, which are dealt, and once to be written.
"""

from __future__ import annotations

import csv
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.streaming import CHUNK_ROWS, open_zipped, read_chunks
from mlmaster.mlebench.preparation.tables import read_csv

_TEXT = {"class": str, "before": str, "after": str}


def prepare_language(language: str, raw: Path, public: Path, private: Path, chunk_rows: int = CHUNK_ROWS) -> None:
    """Write the split of one language. Tokens stay in the order of the file, and sentences are numbered anew in each part.

    Args:
        language: `en` or `ru`, which the names of the files begin with.
        raw: Kaggle's files.
        public: For the tables of the engineer, each in an archive of its own.
        private: For answers and sample submission.
        chunk_rows: How many rows are held at a time.
    """
    table = raw / f"{language}_train.csv"
    sentences, is_test = _deal(read_csv(table, usecols=["sentence_id"])["sentence_id"])
    with ExitStack() as files:
        train, test, sample = (
            files.enter_context(open_zipped(public / f"{language}_{name}.csv.zip"))
            for name in ("train", "test_2", "sample_submission_2")
        )
        answers, private_sample = (
            files.enter_context((private / name).open("w", encoding="utf-8", newline=""))
            for name in ("answers.csv", "sample_submission.csv")
        )
        start = 0
        for rows in read_chunks(table, chunk_rows, dtype=_TEXT):
            here = slice(start, start + len(rows))
            rows["sentence_id"] = sentences[here]
            asked = rows[is_test[here]]
            ids = pd.DataFrame({"id": asked["sentence_id"].astype(str) + "_" + asked["token_id"].astype(str)})
            _append(rows[~is_test[here]], train, start)
            _append(asked.drop(columns=["class", "after"]), test, start)
            _append(ids.assign(after=asked["before"]), sample, start)
            _append(ids.assign(after=asked["before"]), private_sample, start)
            _append(ids.assign(after=asked["after"]), answers, start)
            start = here.stop


def _deal(sentence_ids: pd.Series) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return for every row the new number of its sentence, and whether it goes to the test set."""
    codes, distinct = pd.factorize(sentence_ids)
    _, test_sentences = split(len(distinct), 0.1)
    is_test_sentence = np.zeros(len(distinct), dtype=bool)
    is_test_sentence[test_sentences] = True
    # sentences are coded by first appearance, so a number is how many of the same part came before
    numbers = np.where(is_test_sentence, np.cumsum(is_test_sentence), np.cumsum(~is_test_sentence)) - 1
    return numbers[codes], is_test_sentence[codes]


def _append(rows: pd.DataFrame, file: TextIO, start: int) -> None:
    rows.to_csv(file, index=False, header=start == 0, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
