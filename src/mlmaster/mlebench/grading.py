"""From a submission to its grade: read, score, round, compare with the leaderboard.

Source of the flow: openai/mle-bench, `mlebench/grade.py`. Whatever a grader raises means an invalid submission, as there;
here it says in words why, and those words hold nothing of the answers.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from mlmaster.errors import DataError, MLMasterError, SubmissionError
from mlmaster.mlebench.competition import Competition
from mlmaster.mlebench.graders.grader import fault_of, grader_of
from mlmaster.mlebench.medals import Standard, rank, standard_of
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.registry import competition as find_competition
from mlmaster.mlebench.reports import Report
from mlmaster.mlebench.tables import Answers, read_answers, read_submission

DECIMALS = 5

_LINE = '{"competition_id": …, "submission_path": …}'


@dataclass(frozen=True, slots=True)
class Verdict:
    """What grading came to.

    Attributes:
        score: Rounded to 5 decimals; None for an invalid submission, NaN where the metric is undefined.
        reason: Why it is invalid; empty for a valid one.
    """

    score: float | None
    reason: str = ""

    @property
    def is_valid(self) -> bool:
        """Return True when there is a score."""
        return self.score is not None


@dataclass(frozen=True, slots=True)
class Grade:
    """A report with what MLE-bench's 16 fields leave out.

    Attributes:
        report: The official report.
        reason: Why the submission is invalid; empty for a valid one.
        notes: What a reader should know: faults of the official grader or data.
    """

    report: Report
    reason: str
    notes: tuple[str, ...]


def absence(submission: Path) -> str:
    """Return why MLE-bench takes a path for no submission; empty for a file whose name ends in .csv, in any case."""
    if not submission.is_file():
        return f"{submission}: there is no such file; write the submission there"
    if submission.suffix.lower() != ".csv":
        return f"{submission.name}: its name does not end in .csv; rename the file"
    return ""


def judge(submission: Path, answers: Path, competition: Competition) -> Verdict:
    """Return the score of a submission, or why it has none.

    Raises:
        DataError: The answers cannot be read.
    """
    if reason := absence(submission):
        return Verdict(None, reason)
    truth = read_answers(answers)
    try:
        return Verdict(score_of(read_submission(submission, answers), truth, competition))
    except SubmissionError as error:
        return Verdict(None, str(error))


def score_of(submission: Any, answers: Answers, competition: Competition) -> float:
    """Return the score of a table, rounded as MLE-bench rounds it.

    Raises:
        SubmissionError: It is invalid.
        DataError: A package is missing that the competition is graded with.
    """
    grade = grader_of(competition)
    try:
        # what is undefined is undefined in the score too; libraries' warnings about it are not for the user
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return round(float(grade(submission, answers)), DECIMALS)
    except (SubmissionError, DataError):
        raise
    except MemoryError:
        raise SubmissionError("the submission takes more memory to grade than there is; is it far too large?") from None
    except Exception as error:  # official rule: anything a grader raises makes the submission invalid
        raise SubmissionError(
            f"the submission cannot be graded ({type(error).__name__}); compare its columns, rows and values with the sample "
            "submission"
        ) from error


def grade(submission: Path, place: Place, standard: Standard | None = None) -> Grade:
    """Grade a submission of a prepared competition.

    Args:
        submission: The file.
        place: Where the competition lies.
        standard: Of a leaderboard of the user's; the registry's thresholds by default.

    Raises:
        DataError: The competition is not prepared, or its answers cannot be read.
    """
    competition = place.competition
    standard = standard or standard_of(competition)
    answers = place.require_answers()
    verdict = judge(submission, answers, competition)
    medals = rank(verdict.score, standard)
    report = Report(
        competition_id=competition.id,
        score=verdict.score,
        gold_threshold=standard.gold,
        silver_threshold=standard.silver,
        bronze_threshold=standard.bronze,
        median_threshold=standard.median,
        any_medal=medals.any,
        gold_medal=medals.gold,
        silver_medal=medals.silver,
        bronze_medal=medals.bronze,
        above_median=medals.is_above_median,
        submission_exists=not absence(submission),
        valid_submission=verdict.is_valid,
        is_lower_better=standard.is_lower_better,
        created_at=datetime.now(),
        submission_path=str(submission),
    )
    notes = tuple(note for note in (fault_of(competition), competition.known_issue) if note)
    return Grade(report, verdict.reason, notes)


def grade_listed(path: Path, data_dir: Path) -> Iterator[Grade]:
    """Return the grades of the submissions a JSONL file lists, in its order; the whole file is checked before the first.

    A line is an object with `competition_id` and `submission_path` (null where there is none); blank lines and those that
    begin with `#` or `//` are passed over.

    Raises:
        DataError: The file cannot be read or lists nothing, a line is none of these, or a competition is unknown or not
            prepared.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read: {why}; it lists one submission a line, as JSON") from error
    listed = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if line and not line.startswith(("#", "//")):
            try:
                listed.append(_listed(line, data_dir))
            except MLMasterError as error:
                raise DataError(f"{path}, line {number}: {error}") from error
    if not listed:
        raise DataError(f"{path} lists no submission; a line is {_LINE}")
    return (_grade_listed(submission, place) for submission, place in listed)


def _listed(line: str, data_dir: Path) -> tuple[str | None, Place]:
    try:
        entry = json.loads(line)
    except ValueError:
        raise DataError(f"{line[:80]!r} is no JSON; a line is {_LINE}") from None
    if not isinstance(entry, dict):
        raise DataError(f"{line[:80]!r} is no object; a line is {_LINE}")
    if lacking := [name for name in ("competition_id", "submission_path") if name not in entry]:
        raise DataError(f"there is no {' and no '.join(lacking)}; a line is {_LINE}")
    place = Place(data_dir, find_competition(str(entry["competition_id"])))
    place.require_answers()
    submission = entry["submission_path"]
    return None if submission is None else str(submission), place


def _grade_listed(submission: str | None, place: Place) -> Grade:
    # the official report has "None" where there is no path
    found = grade(Path(str(submission)), place)
    return found if submission else replace(found, reason="nothing was submitted: the list names no file")
