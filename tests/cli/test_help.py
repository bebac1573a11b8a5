"""Help of every command, the version, and what the command line must not import."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

import mlmaster
from mlmaster.cli.app import app

COMMANDS = (
    ("run",),
    ("resume",),
    ("status",),
    ("report",),
    ("show",),
    ("export",),
    ("predict",),
    ("prepare",),
    ("grade",),
    ("validate",),
    ("serve-grader",),
    ("doctor",),
    ("settings",),
    ("task",),
    ("task", "init"),
    ("task", "check"),
    ("models",),
    ("submit",),
    ("bench",),
    ("bench", "list"),
    ("bench", "report"),
    ("bench", "compare"),
    ("bench", "integrity"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_of_every_command(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: mlmaster {' '.join(words)}")


def test_help_lists_every_command() -> None:
    output = CliRunner().invoke(app, ["--help"]).output
    listed = {
        line.split()[0]
        for line in output.partition("Commands:")[2].splitlines()
        if line.startswith("  ") and line.split()
    }
    assert {words[0] for words in COMMANDS} <= listed


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"mlmaster {mlmaster.__version__}\n")


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = ["pandas", "sklearn", "numpy", "pydantic", "yaml", "rich", "sqlite3"]
    code = f"import sys, mlmaster.cli.app; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"


def test_usage_errors_are_short() -> None:
    for words in (["frob"], ["run", "x", "--frob"], ["run"], ["run", "x", "--nodes", "many"]):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 2
        assert "Traceback" not in result.output
