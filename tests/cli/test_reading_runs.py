"""Commands that look at a run: status, report, show, export."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from pathlib import Path

import pytest
import yaml
from tests.cli.folders import Invoke, fill

from mlmaster.testing.recorded import recorded_run, unfinished_run


def test_status_of_an_ended_run(invoke: Invoke, ended: Path) -> None:
    result = invoke("status", ended)
    assert result.exit_code == 0
    for words in (
        "tumours: roc_auc",
        "ended: time",
        "judge score  0.84",
        "guide score 0.86",
        "0.81 to 0.87",
        "timeout 1",
        "ran in       sandbox (namespaces, warm, cgroup v1)",
        "★",
    ):
        assert words in result.output


def test_status_as_json(invoke: Invoke, ended: Path) -> None:
    found = json.loads(invoke("status", ended, "--json").stdout)
    assert found["submission"] == str(ended / "best" / "submission.csv")
    assert found["summary"]["state"] == "ended"
    assert found["summary"]["estimate"]["expected"] == [0.81, 0.87]


def test_status_while_another_process_writes(invoke: Invoke, tmp_path: Path) -> None:
    store = fill(tmp_path / "going", unfinished_run())
    try:
        result = invoke("status", tmp_path / "going")
    finally:
        store.close()
    assert result.exit_code == 0
    assert "unfinished, 1 in flight" in result.output
    assert "judge" not in result.output


def test_report_is_written_and_printed(invoke: Invoke, ended: Path) -> None:
    assert invoke("report", ended).stdout == f"{ended / 'report.md'}\n"
    printed = invoke("report", ended, "--print").stdout
    assert printed.startswith("# tumours")
    assert printed.rstrip() == (ended / "report.md").read_text(encoding="utf-8").rstrip()


@pytest.mark.parametrize("name", ["3", "#3", "best"])
def test_show_a_node(invoke: Invoke, ended: Path, name: str) -> None:
    result = invoke("show", ended, name)
    assert result.exit_code == 0
    for words in ("#3 improve target_encoding", "Fit it with target_encoding.", "I am node 3", "I ran"):
        assert words in result.output


def test_a_terminal_obeys_nothing_that_a_script_or_a_model_wrote(invoke: Invoke, ended: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J"
    (ended / "nodes" / "3" / "fold-0.log").write_text(f"epoch 1 {hostile}\n", encoding="utf-8")
    (ended / "nodes" / "3" / "solution.py").write_text(f"# {hostile}\n", encoding="utf-8")
    output = invoke("show", ended, "3", "--code").output
    assert output.count("]0;owned") >= 2
    assert "\x1b" not in output


def test_show_less(invoke: Invoke, ended: Path) -> None:
    output = invoke("show", ended, "3", "--no-code", "--no-log").output
    assert "I am node 3" not in output
    assert "I ran" not in output


@pytest.mark.parametrize("name", ["0", "99", "-1", "x", "²"])
def test_show_a_node_that_is_not_there(invoke: Invoke, ended: Path, name: str) -> None:
    result = invoke("show", ended, "--", name)
    assert result.exit_code == 2
    assert f"there is no node {name}; the run has nodes 1 to 7" in result.stderr


def test_show_best_before_any_score(invoke: Invoke, tmp_path: Path) -> None:
    fill(tmp_path / "new", recorded_run()[:1]).close()
    result = invoke("show", tmp_path / "new", "best")
    assert result.exit_code == 2
    assert "no node has been scored yet" in result.stderr


def test_export_as_a_folder_and_as_a_zip(invoke: Invoke, ended: Path, tmp_path: Path) -> None:
    assert invoke("export", ended, tmp_path / "new" / "copy").exit_code == 0
    assert (tmp_path / "new" / "copy" / "submission.csv").read_text(encoding="utf-8").startswith("id,malignant")
    assert invoke("export", ended, tmp_path / "copy.zip").exit_code == 0
    with zipfile.ZipFile(tmp_path / "copy.zip") as archive:
        assert "submission.csv" in archive.namelist()


def test_export_overwrites_nothing(invoke: Invoke, ended: Path, tmp_path: Path) -> None:
    result = invoke("export", ended, tmp_path)
    assert result.exit_code == 2
    assert "exists already" in result.stderr


def test_export_before_there_is_a_result(invoke: Invoke, tmp_path: Path) -> None:
    fill(tmp_path / "new", recorded_run()[:1]).close()
    result = invoke("export", tmp_path / "new", tmp_path / "copy")
    assert result.exit_code == 2
    assert "no result yet" in result.stderr


@pytest.mark.parametrize("words", [["status"], ["report"], ["show", "RUN", "1"], ["export", "RUN", "x"], ["resume"]])
@pytest.mark.parametrize("kind", ["missing", "not a run", "damaged", "newer"])
def test_what_is_no_run_is_refused(invoke: Invoke, tmp_path: Path, words: list[str], kind: str) -> None:
    folder = tmp_path / "folder"
    if kind != "missing":
        folder.mkdir()
    if kind == "damaged":
        (folder / "journal.db").write_bytes(b"this is no database" * 100)
    if kind == "newer":
        fill(folder, recorded_run()).close()
        with sqlite3.connect(folder / "journal.db") as connection:
            connection.execute("PRAGMA user_version=99")
        connection.close()
    line = [str(folder) if word == "RUN" else word for word in words] if "RUN" in words else [*words, str(folder)]
    result = invoke(*line)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert str(folder) in result.stderr
    assert "Traceback" not in result.output


def test_resume_without_its_python_says_where_the_choice_is_written(invoke: Invoke, tmp_path: Path) -> None:
    fill(tmp_path / "begun", ()).close()
    written = tmp_path / "begun" / "run.yaml"
    settings = yaml.safe_load(written.read_text(encoding="utf-8"))
    settings["sandbox"]["python"] = "/gone/bin/python"
    written.write_text(yaml.safe_dump(settings), encoding="utf-8")
    result = invoke("resume", tmp_path / "begun")
    assert result.exit_code == 2
    assert "/gone/bin/python: there is no such file" in result.stderr
    assert f"under `sandbox:` in {written}" in result.stderr


@pytest.mark.parametrize("words", [["resume"], ["predict", "table.csv"]], ids=lambda words: str(words[0]))
def test_a_run_whose_settings_were_changed_for_the_worse(invoke: Invoke, ended: Path, words: list[str]) -> None:
    written = ended / "run.yaml"
    written.write_text(
        written.read_text(encoding="utf-8").replace("isolation: auto", "isolation: bag"), encoding="utf-8"
    )
    result = invoke(words[0], ended, *words[1:])
    assert result.exit_code == 2
    assert f"{written} was changed: sandbox.isolation is 'bag': Input should be" in " ".join(result.stderr.split())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_resume_of_a_run_of_somebody_else(invoke: Invoke, tmp_path: Path) -> None:
    fill(tmp_path / "theirs", unfinished_run()).close()
    (tmp_path / "theirs" / "run.lock").unlink()
    (tmp_path / "theirs").chmod(0o500)
    looked, result = invoke("status", tmp_path / "theirs"), invoke("resume", tmp_path / "theirs")
    (tmp_path / "theirs").chmod(0o700)
    assert looked.exit_code == 0, looked.output
    assert result.exit_code == 2
    assert "make it yours (chown -R)" in result.stderr


def test_resume_of_a_run_in_use_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    store = fill(tmp_path / "going", unfinished_run())
    try:
        result = invoke("resume", tmp_path / "going")
    finally:
        store.close()
    assert result.exit_code == 2
    assert "in use by another process" in result.stderr
