"""One real run from the command line: real data, real scripts, a real grade."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path
from threading import Event

import pytest
from tests.cli.folders import Invoke
from tests.sandbox.wheels import write_wheel

from mlmaster.core.execution import Limits
from mlmaster.sandbox.interpreter import probe, settle
from mlmaster.sandbox.making import make_sandbox
from mlmaster.settings import Settings
from mlmaster.store.run_directory import RunDirectory


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
def test_scripts_run_in_another_python_with_packages_of_the_run(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "other", with_pip=False, symlinks=True)
    packages = probe(tmp_path / "other").site_packages[0]
    below = probe(Path(sys.executable)).site_packages
    (packages / "below.pth").write_text("".join(f"{folder}\n" for folder in below), encoding="utf-8")
    (tmp_path / "shelf").mkdir()
    write_wheel(tmp_path / "shelf", "helping", "3.1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))

    words = ["--python", "../other", "--set", "sandbox.packages=helping", "--nodes", "1", "--time", "3m", "--json"]
    words += ["--set", "sandbox.preload=[numpy, no_such_module]"]
    out = tmp_path / "run"
    result = invoke("run", "wine", "--out", out, "--set", "engine.folds=2", *words)
    assert result.exit_code == 0, result.output
    assert "environment of their own with helping" in result.stderr
    assert "sandbox.preload: no_such_module cannot be loaded (ModuleNotFoundError" in result.stderr
    needed = (out / "best" / "requirements.txt").read_text(encoding="utf-8")
    assert f"\nlightgbm=={metadata.version('lightgbm')}\n" in needed
    assert "helping" not in needed

    monkeypatch.setenv("PIP_FIND_LINKS", "")
    again = invoke("resume", out, "--nodes", "2", "--json")
    assert again.exit_code == 0, again.output

    settings = Settings.model_validate(RunDirectory.open_for_reading(out).settings())
    sandbox = make_sandbox(settings.sandbox, tmp_path / "work", settle(settings.sandbox, out))
    (tmp_path / "view").mkdir()
    code = "import helping, sklearn, sys\nprint(helping.VERSION, sys.prefix)\n"
    done = sandbox.run(code, tmp_path / "view", Limits(60.0, 2**30, 2**20), Event())
    sandbox.close()
    assert done.log.strip() == f"3.1 {out / 'environment'}", done.detail


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
