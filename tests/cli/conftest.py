"""Run directories and runs for the command line's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.cli.folders import Invoke, fill, write_best
from typer.testing import CliRunner

from mlmaster.cli.app import app
from mlmaster.settings.layers import PREFIX
from mlmaster.testing.recorded import recorded_run


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    """The directory of a run that ended."""
    store = fill(tmp_path / "ended", recorded_run())
    (store.node_directory(3) / "solution.py").write_text("print('I am node 3')\n", encoding="utf-8")
    (store.node_directory(3) / "fold-0.log").write_text("I ran\n", encoding="utf-8")
    store.replace_best(write_best)
    store.close()
    return store.directory


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command line in an empty folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])
