"""Which isolation this machine grants: each adapter is tried out with a script before it is trusted."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event as Flag

from mlmaster.core.execution import Limits
from mlmaster.errors import InfrastructureError, SandboxError
from mlmaster.sandbox import hindrances, landlock, seccomp
from mlmaster.sandbox.adapters import (
    Isolation,
    LandlockIsolation,
    NamespaceIsolation,
    NoIsolation,
    can_change_users,
    makes_own_namespaces,
)
from mlmaster.sandbox.interpreter import Interpreter, probe
from mlmaster.sandbox.local import LocalSandbox
from mlmaster.sandbox.settings import IsolationName

_TRIAL = """
import os, tempfile
assert open("input/seen").read() == "yes"
open("submission.csv", "w").write("mine")
try:
    open({secret!r})
except OSError:
    pass
else:
    raise SystemExit("a file outside could be read")
tempfile.TemporaryFile().write(b"mine")
"""
_TRIAL_LIMITS = Limits(wall_s=60, memory_bytes=512 * 2**20, disk_bytes=64 * 2**20)
_ADVICE_NONE = "let scripts run with your rights, on your files and your network: --set sandbox.isolation=none"


@dataclass(frozen=True, slots=True)
class Offer:
    """One adapter on this machine.

    Attributes:
        name: Of the adapter.
        is_granted: True when a script was run in it and could not see what it must not.
        reason: Why it is not granted; or what weakens it.
        advice: What to do to get it, or to get more of it.
    """

    name: str
    is_granted: bool
    reason: str = ""
    advice: str = ""


def examine(python: Path) -> tuple[Offer, ...]:
    """Return what this machine offers to scripts of an interpreter, the best first."""
    return _examine(probe(python))


def choose(name: IsolationName, interpreter: Interpreter) -> Isolation:
    """Return the isolation asked for; `auto` is the best that is granted, and never `none`.

    Raises:
        SandboxError: This machine does not grant it; says why, and what to do.
    """
    if name == "none":
        return NoIsolation()
    offers = [offer for offer in _examine(interpreter) if name in ("auto", offer.name) and offer.name != "none"]
    for offer in offers:
        if offer.is_granted:
            return _make(offer.name)
    reasons = "; ".join(f"{offer.name}: {offer.reason}" for offer in offers)
    wanted = "no walls around scripts" if name == "auto" else f"no sandbox.isolation={name}"
    auto = "" if name == "auto" else "leave it to sandbox.isolation=auto, or "
    raise SandboxError(
        f"this machine grants {wanted} ({reasons}); `mlmaster doctor` says what would change that. Or {auto}{_ADVICE_NONE}"
    )


def _make(name: str) -> Isolation:
    if name == "namespaces":
        return NamespaceIsolation(is_root=makes_own_namespaces())
    return LandlockIsolation(landlock.abi(), is_root=can_change_users()) if name == "landlock" else NoIsolation()


def _examine(interpreter: Interpreter) -> tuple[Offer, ...]:
    if sys.platform != "linux":
        missing = f"there is none for {sys.platform}"
        walled = [Offer(name, is_granted=False, reason=missing) for name in ("namespaces", "landlock")]
    elif not seccomp.is_supported():
        missing = f"no filter of system calls is known for this processor ({os.uname().machine})"
        walled = [Offer(name, is_granted=False, reason=missing) for name in ("namespaces", "landlock")]
    else:
        walled = [_namespaces(interpreter), _landlock(interpreter)]
    return (*walled, Offer("none", is_granted=True, reason="scripts run with your rights", advice=_ADVICE_NONE))


def _namespaces(interpreter: Interpreter) -> Offer:
    failure = _try(lambda: _make("namespaces"), interpreter)
    if failure is None:
        return Offer("namespaces", is_granted=True)
    hindrance = hindrances.user_namespaces(is_root=makes_own_namespaces())
    reason, advice = hindrance or (failure, "")
    return Offer("namespaces", is_granted=False, reason=reason, advice=advice)


def _landlock(interpreter: Interpreter) -> Offer:
    abi = landlock.abi()
    if not abi:
        reason, advice = hindrances.landlock()
        return Offer("landlock", is_granted=False, reason=reason, advice=advice)
    failure = _try(lambda: _make("landlock"), interpreter)
    if failure is not None:
        return Offer("landlock", is_granted=False, reason=failure)
    return Offer("landlock", is_granted=True, reason="; ".join(landlock.weaknesses(abi)))


def _try(make: Callable[[], Isolation], interpreter: Interpreter) -> str | None:
    """Return why a script cannot be run under an isolation, None when it can."""
    with tempfile.TemporaryDirectory(prefix="mlmaster-") as name:
        folder = Path(name)
        (folder / "view").mkdir()
        (folder / "view" / "seen").write_text("yes")
        (folder / "view").chmod(0o755)
        secret = folder / "secret"
        secret.write_text("no")
        sandbox = LocalSandbox(folder / "work", interpreter, make(), preload=None)
        try:
            code = _TRIAL.format(secret=str(secret))
            execution = sandbox.run(code, folder / "view", _TRIAL_LIMITS, Flag())
        except InfrastructureError as error:
            return str(error)
        finally:
            sandbox.close()
        return None if execution.fault is None else execution.detail
