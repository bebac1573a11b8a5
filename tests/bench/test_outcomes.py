import json
from pathlib import Path
from typing import Any

import pytest

from mlmaster.bench.outcomes import Outcome, find_reports, read_outcomes
from mlmaster.errors import DataError


def entry(name: str, **flags: bool) -> dict[str, Any]:
    names = ("submission_exists", "valid_submission", "above_median", "gold_medal", "silver_medal", "bronze_medal")
    return {"competition_id": name} | dict.fromkeys(names, False) | flags


def write(path: Path, *entries: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"competition_reports": list(entries)}))
    return path


def test_seeds_follow_the_order_of_paths_and_competitions_that_of_ids(tmp_path: Path) -> None:
    write(tmp_path / "group-2" / "x_grading_report.json", entry("b"), entry("a", gold_medal=True))
    write(
        tmp_path / "group-1" / "y_grading_report.json",
        entry("a", silver_medal=True),
        entry("b", submission_exists=True),
    )
    reports = find_reports([tmp_path])
    assert [path.parent.name for path in reports] == ["group-1", "group-2"]
    outcomes = read_outcomes(reports)
    assert list(outcomes) == ["a", "b"]
    assert outcomes["a"] == [Outcome(silver=True), Outcome(gold=True)]
    assert outcomes["b"] == [Outcome(is_there=True), Outcome()]


def test_a_report_named_twice_counts_once(tmp_path: Path) -> None:
    path = write(tmp_path / "grading_report.json", entry("a"))
    assert find_reports([path, path, tmp_path]) == [path]


def test_a_run_group_is_one_seed(tmp_path: Path) -> None:
    write(tmp_path / "1_grading_report.json", entry("a"))
    write(tmp_path / "2_grading_report.json", entry("a"))
    with pytest.raises(DataError, match="2 grading reports"):
        find_reports([tmp_path])


def test_what_is_not_there_or_is_no_report_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        find_reports([tmp_path / "nowhere"])
    with pytest.raises(DataError, match="holds no grading report"):
        find_reports([tmp_path])
    other = tmp_path / "other.json"
    for content in ("{", "[]", '{"competition_reports": [{"competition_id": "a"}]}', '{"competition_reports": 3}'):
        other.write_text(content)
        with pytest.raises(DataError, match="is no grading report"):
            read_outcomes([other])
