"""Every adapter of the sandbox port passes the one suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmaster.ports import Sandbox
from mlmaster.sandbox.process import ProcessSandbox
from mlmaster.testing.sandbox import SandboxConformance


class TestProcessSandbox(SandboxConformance):
    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Iterator[Sandbox]:
        adapter = ProcessSandbox(tmp_path / "evaluations")
        yield adapter
        adapter.close()
