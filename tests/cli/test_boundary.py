"""Errors end as one line and an exit code."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mlmaster.cli.boundary import GuardedGroup
from mlmaster.errors import DataError, InfrastructureError, SubmissionError


def app_raising(error: BaseException) -> typer.Typer:
    app = typer.Typer(cls=GuardedGroup, pretty_exceptions_enable=False, rich_markup_mode=None)

    @app.command()
    def fail() -> None:
        raise error

    @app.command()
    def other() -> None: ...

    return app


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (DataError("train.csv:\n  is empty; give rows"), 2, "error: train.csv: is empty; give rows\n"),
        (SubmissionError("row 3: no"), 2, "error: row 3: no\n"),
        (OSError(errno.ENOSPC, "No space left on device", "/runs/x"), 2, "error: /runs/x: No space left on device; "),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), 2, "error: /root/x: Permission denied; "),
        (
            FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
            2,
            "error: no folder for temporary files can be written; name one of yours: TMPDIR=",
        ),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (typer.Exit(7), 7, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_of_the_user_are_one_line(error: BaseException, code: int, words: str) -> None:
    result = CliRunner().invoke(app_raising(error), ["fail"])
    assert result.exit_code == code
    assert result.stderr.startswith(words)
    assert result.stderr.count("\n") <= 1
    assert result.stdout == ""


@pytest.mark.parametrize("error", [InfrastructureError("the store failed"), ZeroDivisionError("by zero")])
def test_our_faults_leave_the_traceback_in_a_file(error: Exception) -> None:
    result = CliRunner().invoke(app_raising(error), ["fail"])
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert str(error) in result.stderr
    named = re.search(r"the details are in (\S+)", result.stderr)
    assert named is not None
    log = Path(named[1])
    assert "Traceback" in log.read_text(encoding="utf-8")
    log.unlink()
