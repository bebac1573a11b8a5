"""A machine that keeps scripts from nothing: runs do not start, and what starts them is said; then they do."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

DENIED = Path(__file__).parents[1] / "sandbox" / "denied.py"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="the filter is written for Linux on x86-64"
)


def call(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DENIED), sys.executable, "-m", "mlmaster.cli", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def test_nothing_runs_without_walls_unless_asked_for(tmp_path: Path) -> None:
    refused = call(tmp_path, "run", "wine", "--nodes", "1", "--out", "run")
    assert refused.returncode == 2
    assert refused.stdout == ""
    for words in ("no walls around scripts", "namespaces: ", "landlock: ", "mlmaster doctor", "sandbox.isolation=none"):
        assert words in refused.stderr
    assert not (tmp_path / "run").exists()
    doctor = call(tmp_path, "doctor")
    assert doctor.returncode == 1
    assert "would not start: nothing on this machine keeps scripts from your files" in doctor.stdout


def test_by_name_the_rest_is_offered(tmp_path: Path) -> None:
    refused = call(tmp_path, "run", "wine", "--nodes", "1", "--set", "sandbox.isolation=landlock")
    assert refused.returncode == 2
    assert "no sandbox.isolation=landlock" in refused.stderr
    assert "sandbox.isolation=auto" in refused.stderr


def test_asked_for_it_runs_with_a_warning_everywhere(tmp_path: Path) -> None:
    words = ("--nodes", "1", "--time", "2m", "--set", "sandbox.isolation=none", "--set", "engine.folds=2")
    done = call(tmp_path, "run", "breast-cancer", *words, "--out", "run")
    assert done.returncode == 0, done.stderr
    warning = "WARNING: scripts have your rights"
    assert warning in done.stdout
    assert warning in call(tmp_path, "status", "run").stdout
    assert warning in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
