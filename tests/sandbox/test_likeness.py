"""A script cannot tell our sandboxes from plain Python, but for what is declared here."""

from collections.abc import Iterator
from typing import ClassVar

import pytest

from mlmaster.errors import SandboxError
from mlmaster.ports import Sandbox
from mlmaster.sandbox.adapters import can_change_users
from mlmaster.sandbox.settings import IsolationName
from mlmaster.testing.likeness_ends import FRAMES
from mlmaster.testing.likeness_libraries import SEMAPHORES, UNIX_SOCKETS
from mlmaster.testing.sandbox_likeness import LikenessConformance
from mlmaster.testing.sandboxes import open_sandbox

PRELOAD = ("pandas", "scipy.linalg", "sklearn.ensemble", "sklearn.model_selection", "lightgbm", "concurrent.futures")
OURS_BELOW = "main is called by frames of the warm interpreter: tracebacks leave them out, a walk of the stack does not"
NO_SEMAPHORES = "they lie in the machine's /dev/shm, which is shared by all of an ordinary user's processes"
NO_SOCKETS = "Landlock does not say whom a unix socket may reach, so there are none"


class _Adapter(LikenessConformance):
    isolation: ClassVar[IsolationName]
    preload: ClassVar[tuple[str, ...] | None] = PRELOAD

    @pytest.fixture(scope="class")
    @classmethod
    def sandbox(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
        try:
            adapter = open_sandbox(tmp_path_factory.mktemp("evaluations"), cls.isolation, preload=cls.preload)
        except SandboxError as error:
            pytest.skip(str(error))
        yield adapter
        adapter.close()


class TestNamespacesWarm(_Adapter):
    isolation = "namespaces"
    unlike: ClassVar = {FRAMES: OURS_BELOW}


@pytest.mark.slow
class TestNamespacesCold(_Adapter):
    isolation = "namespaces"
    preload = None


class TestLandlockWarm(_Adapter):
    isolation = "landlock"
    unlike: ClassVar = {
        FRAMES: OURS_BELOW,
        UNIX_SOCKETS: NO_SOCKETS,
        **({} if can_change_users() else {SEMAPHORES: NO_SEMAPHORES}),
    }


@pytest.mark.slow
class TestNoneWarm(_Adapter):
    isolation = "none"
    unlike: ClassVar = {FRAMES: OURS_BELOW}
