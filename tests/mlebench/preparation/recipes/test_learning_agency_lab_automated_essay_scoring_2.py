from __future__ import annotations

from pathlib import Path

import numpy as np
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

ID = "learning-agency-lab-automated-essay-scoring-2"


@pytest.mark.parametrize("size", SIZES)
def test_a_tenth_is_dealt_and_the_sample_is_drawn(size: int, tmp_path: Path) -> None:
    source = Source(size)
    rows: list[Row] = [
        {"essay_id": source.id()[-7:], "full_text": source.text(), "score": source.int(1, 6)} for _ in range(size)
    ]

    found = prepared(ID, {"train.csv": raw_table(rows)}, tmp_path)

    train, test = deal(rows, 0.1)
    drawn = np.random.RandomState(42).randint(1, 7, len(test)).tolist()
    assert_same(
        found,
        {
            "public/train.csv": table(train, rows[0]),
            "public/test.csv": table(test, ["essay_id", "full_text"]),
            "public/sample_submission.csv": table(
                changed(test, lambda number: {"score": drawn[number]}), ["essay_id", "score"]
            ),
            "private/answers.csv": table(test, rows[0]),
        },
    )
    assert_sound(found, "essay_id", ["score"], answers="private/answers.csv")
