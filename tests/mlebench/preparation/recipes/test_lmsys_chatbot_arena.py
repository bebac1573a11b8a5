from __future__ import annotations

from pathlib import Path

import pytest
from tests.mlebench.preparation.recipes.synthetic import (
    SIZES,
    Row,
    Source,
    assert_same,
    assert_sound,
    deal,
    prepared,
    raw_table,
    table,
)

ID = "lmsys-chatbot-arena"
LABELS = ["winner_model_a", "winner_model_b", "winner_tie"]


@pytest.mark.parametrize("size", SIZES)
def test_a_tenth_is_dealt_without_models_and_winners(size: int, tmp_path: Path) -> None:
    source = Source(size)
    rows: list[Row] = []
    for _ in range(size):
        winner = source.int(0, 2)
        rows.append(
            {
                "id": source.int(0, 2**32) * 2**10 + len(rows),
                "model_a": source.choice(("gpt-4", "claude-1")),
                "model_b": source.choice(("palm-2", "vicuna-13b")),
                "prompt": f'["{source.text(0)}", null, "\\ud83d"]',
                "response_a": source.text(),
                "response_b": source.text(),
                **{name: int(at == winner) for at, name in enumerate(LABELS)},
            }
        )

    found = prepared(ID, {"train.csv": raw_table(rows)}, tmp_path)

    train, test = deal(rows, 0.1)
    sample = "".join(f"{row['id']},0.3333333333333333,0.3333333333333333,0.3333333333333333\n" for row in test)
    assert_same(
        found,
        {
            "public/train.csv": table(train, rows[0]),
            "public/test.csv": table(test, ["id", "prompt", "response_a", "response_b"]),
            "public/sample_submission.csv": f"id,winner_model_a,winner_model_b,winner_tie\n{sample}".encode(),
            "private/answers.csv": table(test, rows[0]),
        },
    )
    assert_sound(found, "id", LABELS, answers="private/answers.csv")
    assert not {"model_a", "model_b"} & set(found["public/test.csv"].decode().splitlines()[0].split(","))
