"""The official reports, field for field: one of a submission, one of a group of them.

Source: openai/mle-bench, `mlebench/grade_helpers.py` (16 fields) and `mlebench/grade.py` (9 fields).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from mlmaster.errors import DataError


@dataclass(frozen=True, slots=True)
class Report:
    """The grade of one submission; fields and their order are MLE-bench's.

    Attributes:
        competition_id: Of the competition.
        score: Rounded to 5 decimals; None for an invalid submission, NaN where the metric is undefined.
        gold_threshold, silver_threshold, bronze_threshold, median_threshold: What it was held against.
        any_medal, gold_medal, silver_medal, bronze_medal: At most one of the three is True.
        above_median: Strictly better than the median.
        submission_exists: There is a file, and its name ends in .csv.
        valid_submission: It has a score.
        is_lower_better: Direction, by the leaderboard.
        created_at: Local time, without a zone.
        submission_path: As it was given.
    """

    competition_id: str
    score: float | None
    gold_threshold: float
    silver_threshold: float
    bronze_threshold: float
    median_threshold: float
    any_medal: bool
    gold_medal: bool
    silver_medal: bool
    bronze_medal: bool
    above_median: bool
    submission_exists: bool
    valid_submission: bool
    is_lower_better: bool
    created_at: datetime
    submission_path: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as MLE-bench writes it."""
        plain = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**plain, "created_at": self.created_at.isoformat()}


def group(reports: Sequence[Report]) -> dict[str, Any]:
    """Return the report of a group, as MLE-bench writes it: eight counts and the reports, in the order given."""
    gold, silver, bronze = (
        sum(getattr(each, f"{name}_medal") for each in reports) for name in ("gold", "silver", "bronze")
    )
    return {
        "total_runs": len(reports),
        "total_runs_with_submissions": sum(each.submission_exists for each in reports),
        "total_valid_submissions": sum(each.valid_submission for each in reports),
        "total_medals": gold + silver + bronze,
        "total_gold_medals": gold,
        "total_silver_medals": silver,
        "total_bronze_medals": bronze,
        "total_above_median": sum(each.above_median for each in reports),
        "competition_reports": [each.to_dict() for each in reports],
    }


def write_group(reports: Sequence[Report], folder: Path) -> Path:
    """Write the report of a group into a folder, made where it is missing, under MLE-bench's name for it; return the file.

    Raises:
        DataError: The folder cannot be one.
    """
    require_folder(folder)
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S-%Z", time.gmtime())
    path = folder / f"{stamp}_grading_report.json"
    path.write_text(json.dumps(group(reports), indent=2), encoding="utf-8")
    return path


def require_folder(folder: Path) -> None:
    """Make the folder of a report where it is missing.

    Raises:
        DataError: It cannot be one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} cannot hold a report: {error.strerror}; name another folder") from error
