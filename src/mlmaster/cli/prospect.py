"""What scripts would run in on this machine: walls, limits, interpreter, GPUs; and what a run would use of it.

Everything is looked at once, in `look`; the findings are plain functions of that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mlmaster.cli.finding import Finding, size
from mlmaster.errors import SandboxError
from mlmaster.sandbox import gpus, landlock
from mlmaster.sandbox.gpu import Found, Gpu
from mlmaster.sandbox.making import find_caches
from mlmaster.sandbox.packages import check
from mlmaster.settings import Settings
from mlmaster.wiring import require_packages

NONE = "none"
WATCHDOG = "a watchdog that looks many times a second"

PACKAGES = ("numpy", "pandas", "scikit-learn", "lightgbm", "catboost", "pillow")
"""Distributions without which many solutions do not run."""

EITHER = ("xgboost-cpu", "xgboost")
OPTIONAL = {"pyarrow": "only needed for Parquet files", "torch": "only needed by scripts that train networks"}


class Offered(Protocol):
    """An isolation adapter on this machine; see `mlmaster.sandbox.isolation.Offer`."""

    @property
    def name(self) -> str:
        """Return the adapter."""
        ...

    @property
    def is_granted(self) -> bool:
        """Return True when a trial has worked."""
        ...

    @property
    def reason(self) -> str:
        """Return why not; "" when it is granted."""
        ...

    @property
    def advice(self) -> str:
        """Return what would make it granted."""
        ...


@dataclass(frozen=True, slots=True)
class Scripts:
    """The interpreter of scripts: what it is, its distributions by name, or why it cannot be used."""

    title: str
    packages: dict[str, str]
    python: Path
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that was looked at.

    Attributes:
        offers: Isolation adapters, the best first.
        groups: The control groups that are proven to bound memory; None where none are.
        lacks: Why better groups than those are not there.
        scripts: The interpreter of scripts.
        gpus: What there is.
    """

    offers: tuple[Offered, ...]
    groups: str | None
    lacks: tuple[str, ...]
    scripts: Scripts
    gpus: Found


@dataclass(frozen=True, slots=True)
class Shares:
    """What each evaluation gets."""

    slots: int
    threads: int
    memory_bytes: int


def look(settings: Settings) -> Surroundings:
    """Try everything out: takes seconds."""
    from mlmaster.sandbox import cgroups, isolation

    scripts = _scripts(settings)
    found = cgroups.find()
    if found.cgroups is not None:
        found.cgroups.close()
    return Surroundings(
        offers=() if scripts.complaint else isolation.examine(scripts.python),  # tried with a script
        groups=None if found.cgroups is None else found.cgroups.name,
        lacks=found.reasons,
        scripts=scripts,
        gpus=gpus.find(),
    )


def _scripts(settings: Settings) -> Scripts:
    from mlmaster.sandbox.interpreter import probe

    named = Path(settings.sandbox.python or sys.executable)
    try:
        found = probe(named)
    except SandboxError as error:
        return Scripts("", {}, named, str(error))
    return Scripts(f"{found.version_text} ({found.python})", dict(found.packages), found.python)


def findings(around: Surroundings, settings: Settings, shares: Shares) -> Iterator[Finding]:
    """Yield what scripts would run in, and last what a run would use."""
    yield from _interpreter(around.scripts)
    yield from _walls(around.offers)
    yield _groups(around)
    yield from _gpus(around.gpus)
    yield _run(around, settings, shares)


def _interpreter(scripts: Scripts) -> Iterator[Finding]:
    if scripts.complaint:
        yield Finding("scripts", f"cannot run in {scripts.python}", False, scripts.complaint)
        return
    yield Finding("scripts", f"run in Python {scripts.title}")
    has = scripts.packages
    install = f"{scripts.python} -m pip install"
    for name in PACKAGES:
        yield Finding(name, has.get(name, "missing"), name in has, "" if name in has else f"{install} {name}")
    either = next((name for name in EITHER if name in has), None)
    yield Finding(
        "xgboost",
        "missing" if either is None else f"{has[either]} ({either})",
        either is not None,
        f"{install} {EITHER[0]}" if either is None else "",
    )
    for name, purpose in OPTIONAL.items():
        yield Finding(name, has.get(name, f"not installed ({purpose})"), is_there=name in has)


def _walls(offers: Sequence[Offered]) -> Iterator[Finding]:
    """Yield a line for each adapter; advice only where it would lead to a better one than a run has already."""
    is_better = True
    for offer in offers:
        if offer.name == NONE:
            continue
        if offer.is_granted:
            weak = landlock.weaknesses(landlock.abi()) if offer.name == "landlock" and is_better else ()
            version = f" (ABI {landlock.abi()})" if offer.name == "landlock" else ""
            yield Finding(offer.name, f"granted{version}", advice="\n".join(weak))
            is_better = False
        else:
            advice = offer.advice if is_better else ""
            yield Finding(offer.name, f"not granted: {offer.reason}", advice=advice, is_there=False)


def _groups(around: Surroundings) -> Finding:
    if around.groups is not None:
        return Finding("cgroups", f"{around.groups}: memory is bounded by the kernel", advice="\n".join(around.lacks))
    return Finding("cgroups", f"none: memory is bounded by {WATCHDOG}", advice="\n".join(around.lacks), is_there=False)


def _gpus(found: Found) -> Iterator[Finding]:
    for gpu in found.gpus:
        memory = f", {size(gpu.memory_bytes)}" if gpu.memory_bytes else ""
        yield Finding(f"gpu {gpu.label}", f"{gpu.name}{memory}" + (f", {gpu.uuid}" if gpu.uuid else ""))
    if found.remarks or not found.gpus:
        value = "; ".join(found.remarks) or "none seen (none is needed)"
        yield Finding("gpu", value, is_there=not found.remarks)


def _run(around: Surroundings, settings: Settings, shares: Shares) -> Finding:
    """Return what a run would use, or why there would be none."""
    name = "a run"
    if around.scripts.complaint:
        return Finding(name, "would not start: scripts have no interpreter", False, "see `scripts` above")
    asked: str = settings.sandbox.isolation
    granted = [offer.name for offer in around.offers if offer.is_granted and offer.name != NONE]
    if asked == NONE:
        used = NONE
    elif asked == "auto" and granted:
        used = granted[0]
    elif asked in granted:
        used = asked
    else:
        if asked == "auto":
            why = "nothing on this machine keeps scripts from your files and keys"
        else:
            why = f"this machine does not grant {asked}, which sandbox.isolation asks for"
        others = f"; or leave it to {granted[0]}: sandbox.isolation=auto" if granted else ""
        return Finding(
            name,
            f"would not start: {why}",
            False,
            f"see above what would change that{others}; or let scripts run with your rights, on your files and your network: "
            "--set sandbox.isolation=none",
        )
    try:
        lent = gpus.choose(settings.sandbox.gpus, around.gpus.gpus, os.environ)
        find_caches(settings.sandbox)
        wanted = check(settings.sandbox.packages)
        if not wanted:
            require_packages(around.scripts.python, around.scripts.packages)
    except SandboxError as error:
        return Finding(name, "would not start: it lacks what it asks for", False, str(error))
    warm = "warm" if settings.sandbox.warm else "a fresh interpreter each"
    ways = [used, *(["network"] if settings.sandbox.network else []), warm, around.groups or "watchdog"]
    added = f"; {', '.join(wanted)} would be installed first" if wanted else ""
    value = f"would use: {', '.join(ways)}; {_slots(shares)}; {_lent(lent, settings, used)}{added}"
    advice = (
        "scripts run with your rights, on your files and your network: sandbox.isolation is none"
        if used == NONE
        else ""
    )
    return Finding(name, value, advice=advice)


def _slots(shares: Shares) -> str:
    slots, threads = shares.slots, shares.threads
    return f"{slots} slot{'s' * (slots != 1)} of {threads} thread{'s' * (threads != 1)} and {size(shares.memory_bytes)} each"


def _lent(lent: Sequence[Gpu], settings: Settings, used: str) -> str:
    if not lent:
        return "no GPU"
    lease = gpus.GpuLease(lent, settings.sandbox.slots_per_gpu)
    kept = gpus.describe(lent, has_walls=used != NONE)
    return f"GPU{'s' * (len(lent) != 1)} {', '.join(gpu.label for gpu in lent)} for {lease.capacity} at a time ({kept})"
