"""A script cannot tell our sandboxes from plain Python, but for what is declared here."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from mlmaster.errors import SandboxError
from mlmaster.ports import Sandbox
from mlmaster.sandbox.adapters import can_change_users
from mlmaster.sandbox.interpreter import probe
from mlmaster.sandbox.isolation import choose
from mlmaster.sandbox.local import LocalSandbox
from mlmaster.sandbox.settings import IsolationName
from mlmaster.testing.likeness_ends import FRAMES
from mlmaster.testing.likeness_libraries import SEMAPHORES, UNIX_SOCKETS
from mlmaster.testing.sandbox_likeness import LikenessConformance

PRELOAD = ("pandas", "scipy.linalg", "sklearn.ensemble", "sklearn.model_selection", "lightgbm", "concurrent.futures")
OURS_BELOW = "main is called by frames of the warm interpreter: tracebacks leave them out, a walk of the stack does not"
NO_SEMAPHORES = "they lie in the machine's /dev/shm, which is shared by all of an ordinary user's processes"
NO_SOCKETS = "Landlock does not say whom a unix socket may reach, so there are none"


@contextmanager
def _opened(root: Path, name: IsolationName, preload: tuple[str, ...] | None) -> Iterator[Sandbox]:
    interpreter = probe(Path(sys.executable))
    try:
        isolation = choose(name, interpreter)
    except SandboxError as error:
        pytest.skip(str(error))
    sandbox = LocalSandbox(root, interpreter, isolation, preload=preload)
    try:
        yield sandbox
    finally:
        sandbox.close()


@pytest.fixture(scope="module")
def namespaces_warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with _opened(tmp_path_factory.mktemp("evaluations"), "namespaces", PRELOAD) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def namespaces_cold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with _opened(tmp_path_factory.mktemp("evaluations"), "namespaces", None) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def landlock_warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with _opened(tmp_path_factory.mktemp("evaluations"), "landlock", PRELOAD) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def none_warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with _opened(tmp_path_factory.mktemp("evaluations"), "none", PRELOAD) as sandbox:
        yield sandbox


class TestNamespacesWarm(LikenessConformance):
    unlike: ClassVar = {FRAMES: OURS_BELOW}

    @pytest.fixture
    def sandbox(self, namespaces_warm: Sandbox) -> Sandbox:
        return namespaces_warm


@pytest.mark.slow
class TestNamespacesCold(LikenessConformance):
    @pytest.fixture
    def sandbox(self, namespaces_cold: Sandbox) -> Sandbox:
        return namespaces_cold


class TestLandlockWarm(LikenessConformance):
    unlike: ClassVar = {
        FRAMES: OURS_BELOW,
        UNIX_SOCKETS: NO_SOCKETS,
        **({} if can_change_users() else {SEMAPHORES: NO_SEMAPHORES}),
    }

    @pytest.fixture
    def sandbox(self, landlock_warm: Sandbox) -> Sandbox:
        return landlock_warm


@pytest.mark.slow
class TestNoneWarm(LikenessConformance):
    unlike: ClassVar = {FRAMES: OURS_BELOW}

    @pytest.fixture
    def sandbox(self, none_warm: Sandbox) -> Sandbox:
        return none_warm
