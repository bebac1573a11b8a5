"""What scripts import, as `requirements.txt`: read off their import statements, with the versions they ran with."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from mlmaster.core.syntax import parse
from mlmaster.sandbox.interpreter import Interpreter

FILE_NAME = "requirements.txt"


def required(scripts: Iterable[str], interpreter: Interpreter) -> dict[str, str]:
    """Return distribution to version of all that the scripts import themselves, by name.

    What an import may come from is all there: a name that several distributions share brings each of them.
    """
    names = {name for script in scripts for name in _imported(script)}
    found = {distribution for name in names for distribution in interpreter.modules.get(name, ())}
    return {name: interpreter.packages[name] for name in sorted(found)}


def write_requirements(versions: dict[str, str], interpreter: Interpreter) -> str:
    """Return the text of a `requirements.txt`.

    A local part (`2.3.0+cu121`) is left out: no index has it, and `==` without it takes any build of the version.
    """
    lines = [f"# What the scripts import, in the versions they ran with, under Python {interpreter.version_text}."]
    lines += [f"{name}=={version.partition('+')[0]}" for name, version in versions.items()]
    return "\n".join(lines) + "\n"


def _imported(script: str) -> Iterable[str]:
    """Yield the top-level names that a script imports, wherever it does."""
    for part in ast.walk(parse(script)):
        if isinstance(part, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in part.names)
        elif isinstance(part, ast.ImportFrom) and part.module and not part.level:
            yield part.module.partition(".")[0]
