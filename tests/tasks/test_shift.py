"""A classifier tells test from train where they differ, and names what gives them away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from tests.tasks.planted import Row, day, write

from mlmaster.core.scheme import Shift
from mlmaster.tasks.keys import survey_tables
from mlmaster.tasks.shift import measure_shift


def shift_of(directory: Path, columns: list[str], train: Sequence[Row], test: Sequence[Row]) -> Shift | None:
    task = write(directory, columns, train, test, id_column="id" if "id" in columns else None)
    found = measure_shift(task, survey_tables(task), 0)
    assert found == measure_shift(task, survey_tables(task), 0)
    return found


def test_alike_tables_are_not_told_apart_by_ids_and_dates(tmp_path: Path) -> None:
    rows = [(str(i), day(i)) for i in range(600)]
    found = shift_of(tmp_path, ["id", "date"], rows[:400], rows[400:])
    assert found is not None
    assert 0.4 < found.auc < 0.6
    assert not found.is_strong
    assert found.columns == ()


@pytest.mark.parametrize("kind", ["number", "category", "text", "missing"])
def test_what_differs_is_named(tmp_path: Path, kind: str) -> None:
    random = Random(0)

    def cell(is_test: bool) -> str:
        match kind:
            case "number":
                return f"{random.gauss(2.0 * is_test, 1):.3f}"
            case "category":
                return random.choice("aab" if is_test else "bcc")
            case "text":
                return " ".join(random.choice(("cat", "dog") if is_test else ("sun", "moon")) for _ in range(8))
            case _:
                return "" if is_test or random.random() < 0.2 else f"{random.random():.3f}"

    found = shift_of(tmp_path, ["x"], [(cell(False),) for _ in range(400)], [(cell(True),) for _ in range(200)])
    assert found is not None
    assert found.is_strong
    assert found.columns[0] == "x"


def test_few_rows_or_no_test_tell_nothing(tmp_path: Path) -> None:
    rows = [(f"{i}",) for i in range(100)]
    assert shift_of(tmp_path / "few", ["x"], rows, rows[:49]) is None
    assert shift_of(tmp_path / "none", ["x"], rows, []) is None
