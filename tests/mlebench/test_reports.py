import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mlmaster.errors import DataError
from mlmaster.mlebench.reports import Report, group, write_group

# the fields of an official report, in order, with their JSON types
FIELDS: dict[str, type | tuple[type, ...]] = {
    "competition_id": str,
    "score": (float, type(None)),
    "gold_threshold": float,
    "silver_threshold": float,
    "bronze_threshold": float,
    "median_threshold": float,
    "any_medal": bool,
    "gold_medal": bool,
    "silver_medal": bool,
    "bronze_medal": bool,
    "above_median": bool,
    "submission_exists": bool,
    "valid_submission": bool,
    "is_lower_better": bool,
    "created_at": str,
    "submission_path": str,
}
TOTALS = [
    "total_runs",
    "total_runs_with_submissions",
    "total_valid_submissions",
    "total_medals",
    "total_gold_medals",
    "total_silver_medals",
    "total_bronze_medals",
    "total_above_median",
]


def report(**values: Any) -> Report:
    given: dict[str, Any] = {
        "competition_id": "spaceship-titanic",
        "score": 0.81,
        "gold_threshold": 0.82,
        "silver_threshold": 0.81,
        "bronze_threshold": 0.8,
        "median_threshold": 0.79,
        "any_medal": True,
        "gold_medal": False,
        "silver_medal": True,
        "bronze_medal": False,
        "above_median": True,
        "submission_exists": True,
        "valid_submission": True,
        "is_lower_better": False,
        "created_at": datetime(2026, 1, 2, 3, 4, 5, 678),
        "submission_path": "a/submission.csv",
    }
    return Report(**given | values)


def test_sixteen_fields_in_their_order_and_types() -> None:
    written = json.loads(json.dumps(report().to_dict()))
    assert list(written) == list(FIELDS)
    for name, kind in FIELDS.items():
        assert isinstance(written[name], kind), name
    assert written["created_at"] == "2026-01-02T03:04:05.000678"


@pytest.mark.parametrize("score", [0.81, None, -math.inf])
def test_a_score_is_written_as_it_is(score: float | None) -> None:
    assert json.loads(json.dumps(report(score=score).to_dict()))["score"] == score


def test_an_undefined_score_is_written_as_python_writes_it() -> None:
    assert '"score": NaN' in json.dumps(report(score=math.nan).to_dict())


def test_nine_fields_of_a_group(tmp_path: Path) -> None:
    nothing = {"any_medal": False, "silver_medal": False, "above_median": False}
    reports = [
        report(),
        report(gold_medal=True, silver_medal=False, competition_id="b"),
        report(score=None, valid_submission=False, **nothing),
        report(score=None, valid_submission=False, submission_exists=False, **nothing),
    ]
    assert list(group(reports)) == [*TOTALS, "competition_reports"]
    path = write_group(reports, tmp_path / "out")
    assert path.name.endswith("_grading_report.json")
    written = json.loads(path.read_text())
    assert [written[name] for name in TOTALS] == [4, 3, 2, 2, 1, 1, 0, 2]
    assert [each["competition_id"] for each in written["competition_reports"]] == ["spaceship-titanic", "b"] + [
        "spaceship-titanic"
    ] * 2
    assert written["competition_reports"] == [each.to_dict() for each in reports]


def test_a_file_is_no_folder_for_a_report(tmp_path: Path) -> None:
    path = tmp_path / "grades"
    path.write_text("mine")
    with pytest.raises(DataError, match=r"grades cannot hold a report.*name another folder"):
        write_group([report()], path)
    assert path.read_text() == "mine"
