"""Real sandboxes for tests: the interpreter is asked and the isolation tried out once in a process."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

from mlmaster.sandbox import isolation
from mlmaster.sandbox.adapters import Isolation
from mlmaster.sandbox.interpreter import Interpreter, probe
from mlmaster.sandbox.local import LocalSandbox
from mlmaster.sandbox.settings import IsolationName


@cache
def own_interpreter() -> Interpreter:
    """Return the interpreter this process runs in."""
    return probe(Path(sys.executable))


@cache
def chosen(name: IsolationName = "auto") -> Isolation:
    """Return the isolation by its name, or the best this machine grants.

    Raises:
        SandboxError: It is not granted.
    """
    return isolation.choose(name, own_interpreter())


def open_sandbox(root: Path, name: IsolationName = "auto", **options: Any) -> LocalSandbox:
    """Return a sandbox of this interpreter; `options` are those of `LocalSandbox`."""
    return LocalSandbox(root, own_interpreter(), chosen(name), **options)
