"""What this machine has. Nothing heavy is imported: packages are looked up, not loaded."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from mlmaster.cli import prospect
from mlmaster.cli.finding import Finding, size
from mlmaster.engine.settings import usable_cores
from mlmaster.sandbox import hindrances
from mlmaster.settings import Settings
from mlmaster.version import __version__
from mlmaster.wiring import script_limits

LEAST_MEMORY, LEAST_DISK = 2 * 2**30, 2 * 2**30


def examine(folder: Path, settings: Settings) -> list[Finding]:
    """Return everything worth knowing before a run in `folder`; tries things out, which takes seconds."""
    limits = script_limits(settings, settings.budget.limits)
    shares = prospect.Shares(settings.engine.actual_slots, limits.threads, limits.memory_bytes)
    around = prospect.look(settings)
    return [
        *_basics(),
        _memory(),
        _disk(folder),
        _openmp(),
        _models(settings),
        *prospect.findings(around, settings, shares),
    ]


def _basics() -> Iterator[Finding]:
    yield Finding("mlmaster", __version__)
    yield Finding(
        "python",
        f"{platform.python_version()} ({sys.executable})",
        sys.version_info >= (3, 11),
        "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer",
    )
    inside = hindrances.container()
    where = f", in a container ({inside})" if inside else ""
    yield Finding("system", f"{platform.system()} {platform.release()} {platform.machine()}{where}, {_user()}")
    yield Finding("cores", f"{usable_cores()} usable of {os.cpu_count()}")


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    is_ok = memory.available >= LEAST_MEMORY
    return Finding(
        "memory",
        f"{size(memory.available)} free of {size(memory.total)}",
        is_ok,
        "" if is_ok else "close other programs, or run one script at a time: --slots 1",
    )


def _disk(folder: Path) -> Finding:
    existing = next(place for place in (folder.resolve(), *folder.resolve().parents) if place.exists())
    usage = shutil.disk_usage(existing)
    is_ok = usage.free >= LEAST_DISK
    advice = "" if is_ok else "free some, or put runs elsewhere with --out"
    return Finding("disk", f"{size(usage.free)} free at {folder.resolve()}", is_ok, advice)


def _openmp() -> Finding:
    """Look for the one system library that wheels do not bring: LightGBM's OpenMP runtime on Linux."""
    if sys.platform != "linux":
        return Finding("openmp", "not checked on this system")
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        advice = "LightGBM needs it: apt-get install libgomp1 (or your system's package of that library)"
        return Finding("openmp", "libgomp.so.1 is missing", False, advice)
    return Finding("openmp", "libgomp.so.1")


def _models(settings: Settings) -> Finding:
    """Look for keys of language models, which nothing needs, and at the model a run would ask."""
    from mlmaster.llm.presets import presets
    from mlmaster.wiring.engineers import asks_models

    keyed = [name for name, preset in presets().items() if any(os.environ.get(key) for key in preset.key_envs)]
    keys = f"keys for {', '.join(keyed)}" if keyed else "no keys (only providers of hosted models need one)"
    if not asks_models(settings):
        return Finding("models", keys)
    named = settings.llm.coder.model or settings.llm.model
    return Finding("models", f"a run would ask {named}; {keys}", advice=f"`mlmaster models {named}` tries it")


def _user() -> str:
    return "as root" if os.name == "posix" and os.geteuid() == 0 else "as an ordinary user"
