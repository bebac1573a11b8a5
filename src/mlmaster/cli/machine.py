"""What this machine has. Nothing heavy is imported: packages are looked up, not loaded."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

from mlmaster.engine.settings import usable_cores
from mlmaster.sandbox.covers import are_granted
from mlmaster.version import __version__

PACKAGES = ("numpy", "pandas", "scikit-learn", "lightgbm", "catboost", "pillow", "pydantic", "typer", "rich")
"""Distributions without which solutions or the tool do not run."""

EITHER = ("xgboost-cpu", "xgboost")
OPTIONAL = ("pyarrow",)
LEAST_MEMORY, LEAST_DISK = 2 * 2**30, 2 * 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `is_ok` False means that runs would fail or suffer, and `advice` says what to do."""

    name: str
    value: str
    is_ok: bool = True
    advice: str = ""


def examine(folder: Path) -> list[Finding]:
    """Return everything worth knowing before a run in `folder`."""
    return [*_basics(), _memory(), _disk(folder), *_packages(), _openmp(), _sandbox(), _gpu()]


def _basics() -> Iterator[Finding]:
    yield Finding("mlmaster", __version__)
    yield Finding(
        "python",
        f"{platform.python_version()} ({sys.executable})",
        sys.version_info >= (3, 11),
        "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer",
    )
    yield Finding("system", f"{platform.system()} {platform.release()} {platform.machine()}")
    yield Finding("cores", f"{usable_cores()} usable of {os.cpu_count()}")


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    is_ok = memory.available >= LEAST_MEMORY
    return Finding(
        "memory",
        f"{_size(memory.available)} free of {_size(memory.total)}",
        is_ok,
        "" if is_ok else "close other programs, or run one script at a time: --slots 1",
    )


def _disk(folder: Path) -> Finding:
    existing = next(place for place in (folder.resolve(), *folder.resolve().parents) if place.exists())
    usage = shutil.disk_usage(existing)
    is_ok = usage.free >= LEAST_DISK
    advice = "" if is_ok else "free some, or put runs elsewhere with --out"
    return Finding("disk", f"{_size(usage.free)} free at {folder.resolve()}", is_ok, advice)


def _packages() -> Iterator[Finding]:
    for name in PACKAGES:
        found = _version(name)
        yield Finding(name, found or "missing", found is not None, "" if found else f"pip install {name}")
    versions = [(name, found) for name in EITHER if (found := _version(name))]
    yield Finding(
        "xgboost",
        f"{versions[0][1]} ({versions[0][0]})" if versions else "missing",
        bool(versions),
        "" if versions else "pip install xgboost-cpu",
    )
    for name in OPTIONAL:
        found = _version(name)
        yield Finding(name, found or "not installed (only needed for Parquet files)")


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


def _sandbox() -> Finding:
    own = (
        "own /tmp and /dev/shm" if are_granted() else "/tmp and /dev/shm shared: this machine grants no mount namespace"
    )
    return Finding(
        "sandbox",
        f"process: own folder, process group, environment, {own}, and limits of time, memory, disk and output",
        advice="scripts can still read this user's files and reach the network; run ML-Master as a user who has no secrets",
    )


def _gpu() -> Finding:
    program = shutil.which("nvidia-smi")
    if program is None:
        return Finding("gpu", "none seen (none is needed)")
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("gpu", f"nvidia-smi does not answer ({type(error).__name__})")
    names = "; ".join(line.strip() for line in answer.splitlines() if line.strip())
    return Finding("gpu", names or "none seen (none is needed)")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _size(amount: float) -> str:
    return f"{amount / 2**30:.1f} GiB"
