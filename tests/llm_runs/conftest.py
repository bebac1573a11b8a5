"""Keys that are decoys, and the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from tests.llm_runs.runs import DECOY, Invoke
from typer.testing import CliRunner

from mlmaster.cli.app import app
from mlmaster.settings.layers import PREFIX
from mlmaster.testing.llm_ways import KEYS


@pytest.fixture(autouse=True, scope="module")
def _environment() -> Iterator[None]:
    """Plant keys; leave no settings from outside."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            patch.delenv(name)
        for name in KEYS:
            patch.setenv(name, DECOY)
        yield


@pytest.fixture
def invoke() -> Invoke:
    """Run a command line."""
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])
