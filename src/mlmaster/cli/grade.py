"""`mlmaster grade`: the score of a submission, by a task's own metric or as MLE-bench grades it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlmaster.cli.options import CompetitionOption, DataDirOption, JsonOption

if TYPE_CHECKING:
    from mlmaster.mlebench.grading import Grade


def grade(
    submission: Annotated[
        Path,
        typer.Argument(metavar="SUBMISSION", help="CSV to grade, or a JSONL that lists several.", show_default=False),
    ],
    task: Annotated[
        Path | None,
        typer.Option("--task", metavar="DIR", help="The task's folder; may hold prepared/private.", show_default=False),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="Answers, when the folder holds none.")
    ] = None,
    competition: CompetitionOption = None,
    data_dir: DataDirOption = None,
    leaderboard: Annotated[
        Path | None,
        typer.Option(
            "--leaderboard", metavar="CSV", help="Leaderboard that medals are taken from; has a column score."
        ),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output-dir", metavar="DIR", help="Where the report of a JSONL goes; by default grades."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Grade a submission against answers.

    With --task by the metric of a task. With -c as MLE-bench grades a competition, medals included; --json then prints its
    official report. A JSONL with a competition_id and a submission_path a line is graded line by line into one official group
    report. A submission that breaks the format is refused, and where is said.
    """
    from mlmaster.errors import DataError

    if not submission.is_file():
        what = "a folder, not a file" if submission.is_dir() else "no such file"
        raise DataError(f"{submission}: {what}; name the submission to grade")
    if competition is not None and (task is not None or answers is not None):
        raise DataError("-c grades as MLE-bench does, --task and --answers by a task's own metric; give one of the two")
    if leaderboard is not None and competition is None:
        raise DataError("--leaderboard says which medals a score earns, and goes with -c ID")
    is_list = submission.suffix.lower() == ".jsonl"
    if is_list and competition is not None:
        raise DataError(f"{submission} lists submissions, each with its competition; leave out -c {competition}")
    if output_dir is not None and (not is_list or task is not None):
        raise DataError(
            "--output-dir is where the report of a JSONL of submissions goes; leave it out for a single one"
        )
    if data_dir is not None and task is not None:
        raise DataError("--data-dir holds the competitions of MLE-bench, and goes with -c ID or a JSONL; leave it out")
    if competition is not None:
        _grade_competition(submission, competition, data_dir, leaderboard, as_json=as_json)
    elif task is not None:
        _grade_task(submission, task, answers, as_json=as_json)
    elif is_list:
        _grade_list(submission, data_dir, output_dir or Path("grades"), as_json=as_json)
    else:
        raise DataError(
            f"{submission}: say what it answers: -c ID for a competition of MLE-bench, --task DIR for a task"
        )


def _grade_competition(
    submission: Path, name: str, data_dir: Path | None, leaderboard: Path | None, *, as_json: bool
) -> None:
    import json

    from mlmaster.errors import SubmissionError
    from mlmaster.mlebench.grading import grade as compute
    from mlmaster.mlebench.medals import leaderboard_notes, read_leaderboard, standard_from
    from mlmaster.mlebench.places import Place, data_dir_or_default
    from mlmaster.mlebench.registry import competition

    place = Place(data_dir_or_default(data_dir), competition(name))
    scores = None if leaderboard is None else read_leaderboard(leaderboard)
    found = compute(submission, place, None if scores is None else standard_from(scores))
    if as_json:
        print(json.dumps(found.report.to_dict(), indent=2))
    else:
        for line in grade_lines(found):
            typer.echo(line)
    for note in (*found.notes, *([] if scores is None else leaderboard_notes(scores, place.competition))):
        typer.echo(f"note: {note}", err=True)
    if found.reason:
        raise SubmissionError(f"invalid submission: {found.reason}")


def grade_lines(found: Grade) -> list[str]:
    """Return a grade as a person reads it."""
    from mlmaster.mlebench.registry import competition

    report = found.report
    known = competition(report.competition_id)
    if report.score is None:
        return [f"{known.id}: invalid submission, no score"]
    better = "lower" if report.is_lower_better else "higher"
    medal = next((name for name in ("gold", "silver", "bronze") if getattr(report, f"{name}_medal")), "no")
    above = "above" if report.above_median else "not above"
    return [
        f"{known.id}: {report.score} ({known.metric}; {better} is better)",
        f"{medal} medal, {above} the median (gold {report.gold_threshold:g}, silver {report.silver_threshold:g}, "
        f"bronze {report.bronze_threshold:g}, median {report.median_threshold:g})",
    ]


def _grade_list(listed: Path, data_dir: Path | None, output_dir: Path, *, as_json: bool) -> None:
    from mlmaster.mlebench.grading import grade_listed
    from mlmaster.mlebench.places import data_dir_or_default
    from mlmaster.mlebench.reports import group, require_folder, write_group

    reports = []
    grades = grade_listed(listed, data_dir_or_default(data_dir))
    require_folder(output_dir)
    for found in grades:
        reports.append(found.report)
        for line in grade_lines(found):
            typer.echo(line, err=as_json)
        if found.reason:
            typer.echo(f"  {found.reason}", err=as_json)
    path = write_group(reports, output_dir)
    if as_json:
        print(path.read_text(encoding="utf-8"))
        return
    for name, value in group(reports).items():
        if name != "competition_reports":
            typer.echo(f"{name.replace('_', ' ')}: {value}")
    typer.echo(f"report: {path}")


def _grade_task(submission: Path, task: Path, answers: Path | None, *, as_json: bool) -> None:
    import tempfile

    from mlmaster.cli.closing import print_json
    from mlmaster.errors import DataError
    from mlmaster.metrics.grading import find_answers
    from mlmaster.metrics.grading import grade as compute
    from mlmaster.metrics.registry import Registry
    from mlmaster.tasks.load import Overrides, load

    if not task.is_dir():
        raise DataError(f"{task}: no such folder; name the task's folder with --task")
    is_public = task.name == "public" and task.parent.name == "prepared"
    found = answers if answers is not None else find_answers(task.parent.parent if is_public else task)
    if not found.is_file():
        raise DataError(f"{found}: no such file; name the answers with --answers")
    with tempfile.TemporaryDirectory(prefix="mlmaster-grade-") as workspace:
        loaded = load(task, Overrides(), Registry(), Path(workspace))
        result = compute(submission, found, loaded.task)
    if as_json:
        print_json(
            {
                "task": loaded.task.name,
                "submission": str(submission),
                "score": result.score,
                "metric": result.metric,
                "direction": result.direction,
                "rows": result.rows,
            }
        )
    else:
        better = "higher" if result.direction == "maximize" else "lower"
        typer.echo(
            f"{loaded.task.name}: {result.metric} {result.score:.6g} over {result.rows} rows ({better} is better)"
        )
