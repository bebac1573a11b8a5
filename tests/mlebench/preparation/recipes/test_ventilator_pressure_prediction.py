from pathlib import Path

import numpy as np
import pytest
from tests.mlebench.preparation.recipes.plain_python import (
    SPELLINGS,
    Files,
    Row,
    assert_same,
    column,
    dealt_by,
    only,
    prepared,
    rows_of,
    shortest,
    table,
    without,
    write,
)

from mlmaster.mlebench.preparation.recipes import ventilator_pressure_prediction


def make_raw(raw: Path, seed: int = 0, breaths: int = 43, is_mixed: bool = True) -> None:
    """Make breaths whose numbers do not rise, and whose rows may lie among those of others."""
    random = np.random.default_rng(seed)
    steps = np.repeat(random.permutation(np.arange(1, 3 * breaths))[:breaths], 6)
    if is_mixed:
        steps = random.permutation(steps)
    rows = []
    for number, breath in enumerate(steps.tolist(), start=1):
        spelling = SPELLINGS[random.integers(len(SPELLINGS))]
        row = {"id": str(number), "breath_id": str(breath)}
        row |= {"R": str(random.choice([5, 20, 50])), "C": str(random.choice([10, 20, 50]))}
        row |= {"time_step": repr(random.uniform(0, 3)), "u_in": spelling.format(random.uniform(0, 100))}
        row |= {"u_out": str(random.integers(2)), "pressure": repr(random.uniform(-2, 65))}
        rows.append(row)
    write(raw / "train.csv", table(rows))


def expected(raw: Path) -> Files:
    def numbered(rows: list[Row]) -> list[Row]:
        rounded = shortest(rows, ("time_step", "u_in", "pressure"), lambda value: f"{value:.10g}")
        return [{**row, "id": str(number)} for number, row in enumerate(rounded, start=1)]

    train, test = map(numbered, dealt_by(rows_of(raw / "train.csv"), "breath_id", 0.1))
    return {
        "public/train.csv": table(train),
        "public/test.csv": table(without(test, "pressure")),
        "public/sample_submission.csv": table({**row, "pressure": 0} for row in only(test, "id")),
        "private/test.csv": table(test),
    }


@pytest.mark.parametrize("is_mixed", [True, False])
def test_files_are_the_official_ones(is_mixed: bool, tmp_path: Path) -> None:
    make_raw(tmp_path / "raw", is_mixed=is_mixed)
    files = prepared(ventilator_pressure_prediction, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert b"pressure" not in files["public/test.csv"]
    assert not set(column(files["public/train.csv"], "breath_id")) & set(column(files["private/test.csv"], "breath_id"))
    assert column(files["private/test.csv"], "id") == column(files["public/sample_submission.csv"], "id")
