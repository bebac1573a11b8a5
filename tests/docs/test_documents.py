"""What the documents show is true: commands and flags exist, cheap ones run, paths are there, Python calls bind."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

import mlmaster
from mlmaster.cli.app import app
from mlmaster.settings import load_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
CHEAP = ("mlmaster settings", "mlmaster --help", "mlmaster --version", "mlmaster doctor --json")


def command_lines(text: str) -> Iterator[str]:
    """Yield every command line of ML-Master in code: indented or fenced blocks, and inline code."""
    for line in text.splitlines():
        found = re.match(r"\s{4,}((?:\.venv/bin/)?mlmaster .+|bash run\.sh.*)", line)
        if found:
            yield found[1].partition("#")[0].strip()
    yield from re.findall(r"`(mlmaster [a-z][^`]*)`", text)


LINES = sorted({(path.name, line) for path in DOCUMENTS for line in command_lines(path.read_text(encoding="utf-8"))})


def flags_of(words: list[str]) -> tuple[str, set[str]]:
    """Return the command the words name, and every flag it knows."""
    command: Any = typer.main.get_command(app)
    name = ["mlmaster"]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words[0]]
        name.append(words.pop(0))
    assert not getattr(command, "commands", {}) or not words or words[0].startswith("-"), f"no command {words[0]}"
    return " ".join(name), {
        flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)
    }


@pytest.mark.parametrize(("document", "line"), LINES)
def test_every_command_and_flag_exists(document: str, line: str) -> None:
    words = shlex.split(line)
    words = ["run", *words[2:]] if words[0] == "bash" else words[1:]
    name, known = flags_of(words)
    unknown = {word for word in words if word.startswith("--")} - known - {"--help"}
    assert not unknown, f"{document}: `{line}`: {name} has no {unknown}"


def test_the_documents_do_show_commands() -> None:
    assert {line.split()[1] for document, line in LINES if document == "README.md" and line.startswith("mlmaster")} >= {
        "run",
        "resume",
        "status",
        "report",
        "show",
        "predict",
        "export",
        "grade",
        "task",
        "settings",
        "doctor",
    }


@pytest.mark.parametrize("line", CHEAP)
def test_cheap_commands_run(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, shlex.split(line)[1:])
    assert result.exit_code == 0, result.output


def test_settings_shown_exist() -> None:
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        assignments = re.findall(r"--set ([a-z_.]+=[\w.]+)", text)
        environment = dict(re.findall(r"(MLMASTER_[A-Z_]+)=(\w+)", text))
        load_settings(assignments=assignments, environ=environment)


def test_python_shown_binds_to_the_api() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    calls = [node for block in blocks for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
    solves = [call for call in calls if ast.unparse(call.func) == "mlmaster.solve"]
    assert solves
    for call in solves:
        values = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
        inspect.signature(mlmaster.solve).bind(*map(ast.literal_eval, call.args), **values)
    for name in re.findall(r"result\.(\w+)", " ".join(blocks)):
        assert hasattr(mlmaster.Result, name)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_every_folder_of_the_readme_is_there_and_the_other_way_round() -> None:
    tree = (ROOT / "README.md").read_text(encoding="utf-8").partition("## What is where")[2].partition("## Limits")[0]
    shown = set(re.findall(r"^      ([a-z]+)/ ", tree, re.MULTILINE))
    there = {path.parent.name for path in (ROOT / "src" / "mlmaster").glob("*/__init__.py")}
    assert shown == there
    for name in re.findall(r"^    ([a-z]+)/ ", tree, re.MULTILINE):
        assert (ROOT / name).is_dir()


def test_the_number_in_the_readme_is_the_measured_one() -> None:
    measured = json.loads((ROOT / "benchmarks" / "results" / "startup.json").read_text(encoding="utf-8"))["median_s"]
    assert f"`mlmaster --help` takes {measured:.2f} s" in (ROOT / "README.md").read_text(encoding="utf-8")
