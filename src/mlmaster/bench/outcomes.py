"""What came of a benchmark: medal flags by competition and seed, read from grading reports of MLE-bench.

A grading report holds one attempt at each of some competitions: a seed. Source of the order: openai/mle-bench,
`experiments/aggregate_grading_reports.py`: reports by path, competitions within a report by id; the k-th report of a
competition is its k-th seed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlmaster.errors import DataError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt at a competition; at most one of the three medals is True."""

    is_there: bool = False
    is_valid: bool = False
    is_above_median: bool = False
    gold: bool = False
    silver: bool = False
    bronze: bool = False

    @property
    def any_medal(self) -> bool:
        """Return True with a medal of any kind."""
        return self.gold or self.silver or self.bronze


Outcomes = Mapping[str, Sequence[Outcome]]
"""By competition: one outcome a seed, in the order of the seeds."""

_FIELDS = {
    "is_there": "submission_exists",
    "is_valid": "valid_submission",
    "is_above_median": "above_median",
    "gold": "gold_medal",
    "silver": "silver_medal",
    "bronze": "bronze_medal",
}


def find_reports(paths: Iterable[Path]) -> list[Path]:
    """Return the grading reports among files and folders, sorted by path; a folder is one run group, or holds some.

    Raises:
        DataError: A path is not there, a folder holds none, or a run group holds more than one.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
        elif path.is_dir():
            groups = [path, *sorted(each for each in path.iterdir() if each.is_dir())]
            reports = [report for group in groups if (report := _report_of(group)) is not None]
            if not reports:
                raise DataError(f"{path} holds no grading report (*grading_report*.json), nor do the folders in it")
            found += reports
        else:
            raise DataError(f"{path}: no such file or folder; name grading reports, or folders that hold them")
    return sorted(dict.fromkeys(found), key=str)


def read_outcomes(reports: Sequence[Path]) -> dict[str, list[Outcome]]:
    """Return what came of each competition, seed for seed.

    Raises:
        DataError: A file is no grading report.
    """
    outcomes: dict[str, list[Outcome]] = {}
    for path in reports:
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))["competition_reports"]
            read = [
                (str(entry["competition_id"]), Outcome(**{name: bool(entry[key]) for name, key in _FIELDS.items()}))
                for entry in entries
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is no grading report of MLE-bench ({type(error).__name__}: {error}); `mlmaster grade` writes one"
            ) from error
        for competition_id, outcome in sorted(read, key=lambda each: each[0]):
            outcomes.setdefault(competition_id, []).append(outcome)
    return outcomes


def _report_of(group: Path) -> Path | None:
    reports = sorted(path for path in group.glob("*grading_report*.json") if path.is_file())
    if len(reports) > 1:
        raise DataError(
            f"{group} holds {len(reports)} grading reports ({', '.join(path.name for path in reports[:3])}), and may hold "
            "one: a run group is one seed; give each its own folder, or name the files themselves"
        )
    return reports[0] if reports else None
