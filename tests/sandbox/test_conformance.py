"""Every adapter of the sandbox port passes the one suite, each with forks of a warm interpreter and with fresh ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmaster.errors import SandboxError
from mlmaster.ports import Sandbox
from mlmaster.sandbox import cgroups
from mlmaster.sandbox.settings import IsolationName
from mlmaster.testing.sandbox import SandboxConformance
from mlmaster.testing.sandboxes import open_sandbox


class _Adapter(SandboxConformance):
    isolation: IsolationName
    preload: tuple[str, ...] | None = ()
    is_counted_by_the_kernel = False

    @pytest.fixture
    def sandbox(self, tmp_path: Path) -> Iterator[Sandbox]:
        found = cgroups.find() if self.is_counted_by_the_kernel else None
        if found is not None and found.cgroups is None:
            pytest.skip("; ".join(found.reasons))
        memory = None if found is None else found.cgroups
        try:
            adapter = open_sandbox(tmp_path / "evaluations", self.isolation, preload=self.preload, memory=memory)
        except SandboxError as error:
            pytest.skip(str(error))
        yield adapter
        adapter.close()


class TestNamespacesWarm(_Adapter):
    isolation: IsolationName = "namespaces"


class TestNamespacesCounted(_Adapter):
    isolation: IsolationName = "namespaces"
    is_counted_by_the_kernel = True


class TestNamespacesCold(_Adapter):
    isolation: IsolationName = "namespaces"
    preload = None


class TestLandlockWarm(_Adapter):
    isolation: IsolationName = "landlock"


class TestLandlockCold(_Adapter):
    isolation: IsolationName = "landlock"
    preload = None


class TestNoneWarm(_Adapter):
    isolation: IsolationName = "none"


class TestNoneCold(_Adapter):
    isolation: IsolationName = "none"
    preload = None
