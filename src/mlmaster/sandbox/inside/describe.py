"""Says what the interpreter it runs in is, and what can be imported there: `python -I describe.py ANSWER`.

Runs in any Python that may be named, so it must at least start in one that is too old, to say which one it is. The harness's
side is `mlmaster.sandbox.interpreter`.
"""

import json
import os
import sys

LEAST = (3, 9)


def _write(answer: object) -> None:
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(answer, file)


if __name__ == "__main__" and sys.version_info < LEAST:
    _write({"version": list(sys.version_info[:3])})
    sys.exit(0)

import inspect  # noqa: E402
import re  # noqa: E402
import site  # noqa: E402
from importlib import metadata  # noqa: E402
from typing import Any  # noqa: E402


def find_packages() -> "tuple[dict[str, str], dict[str, list[str]]]":
    """Return distribution to version, and importable top-level name to distributions; names as package indexes write them.

    What comes first on the path hides what comes later, as it does for imports.
    """
    packages: dict[str, str] = {}
    modules: dict[str, list[str]] = {}
    for distribution in metadata.distributions():
        try:
            name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
            version = str(distribution.version)
            tops = _tops(distribution)
        except Exception:
            continue
        if name not in packages:
            packages[name] = version
            for top in tops:
                modules.setdefault(top, []).append(name)
    return packages, modules


def _tops(distribution: metadata.Distribution) -> "set[str]":
    """Return what a distribution lets one import."""
    listed = (distribution.read_text("top_level.txt") or "").split()
    for file in () if listed else distribution.files or ():
        module = inspect.getmodulename(str(file))
        if module is not None and file.suffix != ".pyc":
            listed.append(file.parts[0] if len(file.parts) > 1 else module)
    return {name for name in listed if name.isidentifier()}


def find_editable() -> "list[str]":
    """Return the folders that import hooks of editable installs lead to; those of plain `.pth` lines are on the path."""
    folders: list[str] = []
    for name, module in list(sys.modules.items()):
        mapping = getattr(module, "MAPPING", None)
        if name.startswith("__editable__") and isinstance(mapping, dict):
            folders += [str(folder) for folder in mapping.values()]
    return folders


def describe() -> "dict[str, Any]":
    """Return everything the harness wants to know."""
    packages, modules = find_packages()
    return {
        "version": list(sys.version_info[:3]),
        "executable": sys.executable,
        "prefixes": [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix],
        "path": [*(os.path.abspath(entry) for entry in sys.path if entry), *find_editable()],
        "site_packages": [folder for folder in site.getsitepackages() if os.path.isdir(folder)],
        "packages": packages,
        "modules": modules,
    }


if __name__ == "__main__":
    # `-I` leaves the script's own folder off the path, so nothing of ML-Master is counted.
    _write(describe())
