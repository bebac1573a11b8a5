from __future__ import annotations

from pathlib import Path

import pytest
from tests.mlebench.preparation.recipes.synthetic import (
    SIZES,
    Row,
    Source,
    assert_same,
    assert_sound,
    changed,
    deal,
    prepared,
    raw_table,
    table,
)

ID = "movie-review-sentiment-analysis-kernels-only"


@pytest.mark.parametrize("size", SIZES)
def test_three_tenths_are_dealt_and_packed(size: int, tmp_path: Path) -> None:
    source = Source(size)
    rows: list[Row] = [
        {"PhraseId": number + 1, "SentenceId": number // 4, "Phrase": source.text(), "Sentiment": source.int(0, 4)}
        for number in range(size)
    ]

    found = prepared(ID, {"train.tsv": raw_table(rows, "\t")}, tmp_path)

    train, test = deal(rows, 0.3)
    assert_same(
        found,
        {
            "public/train.tsv.zip!train.tsv": table(train, rows[0], "\t"),
            "public/test.tsv.zip!test.tsv": table(test, ["PhraseId", "SentenceId", "Phrase"], "\t"),
            "public/sampleSubmission.csv": table(changed(test, lambda _: {"Sentiment": 2}), ["PhraseId", "Sentiment"]),
            "private/answers.csv": table(test, rows[0]),
        },
    )
    assert_sound(
        found,
        "PhraseId",
        ["Sentiment"],
        train="public/train.tsv.zip!train.tsv",
        test="public/test.tsv.zip!test.tsv",
        sample="public/sampleSubmission.csv",
        answers="private/answers.csv",
        sep="\t",
    )
