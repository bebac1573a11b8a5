"""`mlmaster grade`: the score of a submission against answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlmaster.cli.options import JsonOption


def grade(
    submission: Annotated[Path, typer.Argument(metavar="SUBMISSION", help="CSV to grade.", show_default=False)],
    task: Annotated[
        Path,
        typer.Option("--task", metavar="DIR", help="The task's folder; may hold prepared/private.", show_default=False),
    ],
    answers: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="Answers, when the folder holds none.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Grade a submission against answers.

    By the metric of its task; a submission that breaks the format is refused, and where is said.
    """
    import tempfile

    from mlmaster.cli.closing import print_json
    from mlmaster.errors import DataError
    from mlmaster.metrics.grading import find_answers
    from mlmaster.metrics.grading import grade as compute
    from mlmaster.metrics.registry import Registry
    from mlmaster.tasks.load import Overrides, load

    if not submission.is_file():
        raise DataError(f"{submission}: no such file; name the submission to grade")
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
