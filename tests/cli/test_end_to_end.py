"""One real run from the command line: real data, real scripts, a real grade."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.folders import Invoke


@pytest.mark.slow
def test_run_status_resume_predict_export_grade(invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = invoke(
        "run",
        "wine",
        "--out",
        out,
        "--nodes",
        "2",
        "--time",
        "3m",
        "--set",
        "engine.folds=2",
        "--set",
        "engine.judge=true",
        "--json",
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["summary"]["state"] == "ended"
    assert found["summary"]["nodes"] == 2
    assert "guide score" in result.stderr
    assert "judge score" in (out / "report.md").read_text(encoding="utf-8")

    task = out / "data" / "wine"
    graded = invoke("grade", found["submission"], "--task", task, "--json")
    assert graded.exit_code == 0, graded.output
    assert json.loads(graded.stdout)["score"] < 0.7

    again = invoke("resume", out, "--nodes", "3", "--json")
    assert again.exit_code == 0, again.output
    summary = json.loads(again.stdout)["summary"]
    assert (summary["nodes"], summary["resumed"]) == (3, 1)
    assert summary["estimate"]["is_judge_reused"]

    predictions = tmp_path / "predictions.csv"
    table = task / "prepared" / "public" / "test.csv"
    predicted = invoke("predict", out, table, "--out", predictions)
    assert predicted.exit_code == 0, predicted.output
    with table.open(encoding="utf-8") as asked, predictions.open(encoding="utf-8") as answered:
        assert [row["id"] for row in csv.DictReader(asked)] == [row["id"] for row in csv.DictReader(answered)]

    assert invoke("export", out, tmp_path / "best").exit_code == 0
    assert (tmp_path / "best" / "reproduce.py").is_file()


@pytest.mark.slow
def test_ctrl_c_keeps_what_there_is(tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "mlmaster.cli", "run", "wine", "--out", str(out), "--time", "3m", "--plain"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "best so far" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
    assert process.returncode == 0, rest
    assert "stopping: finishing the selection" in rest
    assert "ended: stopped" in rest
    assert (out / "best" / "submission.csv").is_file()
