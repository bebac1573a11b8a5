"""Puts a sandbox together from its settings and from what this machine has."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from mlmaster.errors import SandboxError
from mlmaster.sandbox import cgroups, gpus, isolation
from mlmaster.sandbox.adapters import SYSTEM, Isolation
from mlmaster.sandbox.gpu import Gpu
from mlmaster.sandbox.interpreter import Interpreter, libraries
from mlmaster.sandbox.local import LocalSandbox
from mlmaster.sandbox.settings import SandboxSettings

_KERNELS_OWN = tuple(map(Path, ("/dev", "/proc", "/sys")))
_SYSTEMS_OWN = (*_KERNELS_OWN, Path("/etc"), Path("/tmp"))
"""Folders that scripts in namespaces get a version of their own of; below the kernel's, nothing is a cache."""


def make_sandbox(
    settings: SandboxSettings,
    directory: Path,
    interpreter: Interpreter,
    *,
    closed: Sequence[Path] = (),
    is_intact: Callable[[Path], bool] | None = None,
) -> LocalSandbox:
    """Return the sandbox the settings name.

    Args:
        settings: How scripts are run.
        directory: Where evaluations get their folders.
        interpreter: What scripts run in.
        closed: Folders that no script may read: the task's own, with answers perhaps beside its data, and the run's.
        is_intact: As for `LocalSandbox`.

    Raises:
        SandboxError: This machine does not grant the isolation, lacks a GPU or folder that is named, or what scripts must
            read holds a folder that they must not.
    """
    caches = find_caches(settings)
    walls = isolation.choose(settings.isolation, interpreter)
    return LocalSandbox(
        directory,
        interpreter,
        walls,
        preload=settings.preload if settings.warm else None,
        memory=cgroups.find().cgroups,
        gpu_lease=gpus.GpuLease(_lent(settings), settings.slots_per_gpu),
        is_intact=is_intact,
        readable=readable(interpreter, caches, closed, walls),
        with_network=settings.network,
    )


def find_caches(settings: SandboxSettings) -> tuple[Path, ...]:
    """Return the folders and files that the user lets every script read.

    Raises:
        SandboxError: One is not there, or belongs to the system, of which scripts get a part or one of their own.
    """
    caches = tuple(Path(name) for name in settings.caches)
    for cache in caches:
        if not cache.exists():
            raise SandboxError(f"sandbox.caches names {cache}, which is not there; correct it or leave it out")
        real = cache.resolve()
        for system in _SYSTEMS_OWN:
            if system.is_relative_to(real) or (system in _KERNELS_OWN and real.is_relative_to(system)):
                raise SandboxError(
                    f"sandbox.caches names {cache}, which is the system's own or holds it; name folders of yours"
                )
    return caches


def readable(
    interpreter: Interpreter, caches: Sequence[Path], closed: Sequence[Path], walls: Isolation
) -> tuple[Path, ...]:
    """Return what scripts read beside their view and the system.

    A project installed for editing puts its whole folder before scripts; where that holds the task, the project is left out.

    Raises:
        SandboxError: A folder that cannot be left out holds a closed one.
    """
    if walls.name == "none":
        return (*interpreter.prefixes, *libraries(os.environ), *caches)
    kept = []
    shared = ["/dev/shm"] if walls.name == "landlock" and os.geteuid() == 0 else []
    system = tuple(map(Path, [*SYSTEM, *shared]))
    for path in (*system, *interpreter.prefixes, *libraries(os.environ), *caches):
        held = next((folder for folder in closed if folder.resolve().is_relative_to(path.resolve())), None)
        if held is None:
            kept += [] if path in system else [path]
        elif path in (*system, *caches) or interpreter.python.is_relative_to(path):
            what = "the interpreter of scripts lies there" if path not in caches else "sandbox.caches names it"
            what = "it is the system's" if path in system else what
            raise SandboxError(f"scripts must read {path} ({what}), which holds {held}: keep the two apart")
    return tuple(dict.fromkeys(kept))


def _lent(settings: SandboxSettings) -> tuple[Gpu, ...]:
    # finding them wakes the driver
    return gpus.choose(settings.gpus, gpus.find().gpus, os.environ) if settings.gpus else ()
