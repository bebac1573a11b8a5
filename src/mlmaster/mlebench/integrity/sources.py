"""Reading what is checked: the scripts of a run or a folder, and notebooks as scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlmaster.errors import DataError

MOST_BYTES = 2**22
"""Larger files are passed over: no script of a person's has this size."""
OURS = frozenset({"reproduce.py", "predict.py"})
"""Scripts that ML-Master writes beside the winning ones."""
_SUFFIXES = (".py", ".ipynb")


@dataclass(frozen=True, slots=True)
class Source:
    """A script: where it lies below the folder that was named, and its text."""

    name: str
    text: str


def read_solutions(path: Path) -> list[Source]:
    """Return the scripts behind a result: one file, the winning scripts of a run, or every script of another folder.

    Raises:
        DataError: There is no such path, or no script in it.
    """
    if path.is_file():
        if path.suffix not in _SUFFIXES:
            raise DataError(f"{path} is no script (.py, .ipynb); name a run, a folder of scripts, or one script")
        return [Source(path.name, _text(path))]
    best = path / "best"
    root = best if (path / "journal.db").exists() and best.is_dir() else path
    sources = [each for each in read_folder(root) if not (root == best and each.name in OURS)]
    if not sources:
        raise DataError(f"{path}: holds no script (.py, .ipynb); name a run, a folder of scripts, or one script")
    return sources


def read_kernels(folder: Path) -> list[Source]:
    """Return the published scripts and notebooks below a folder.

    Raises:
        DataError: There is no such folder, or nothing to compare with in it.
    """
    sources = read_folder(folder)
    if not sources:
        raise DataError(f"{folder}: holds no kernel (.py, .ipynb); name the folder of published kernels")
    return sources


def read_folder(folder: Path) -> list[Source]:
    """Return every script and notebook below a folder, by name; hidden ones, links and oversized ones are passed over.

    Raises:
        DataError: There is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name the folder of scripts or notebooks")
    return list(_walk(folder))


def _walk(folder: Path) -> Iterator[Source]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        is_hidden = any(part.startswith(".") for part in name.parts)
        if path.suffix not in _SUFFIXES or is_hidden or path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_size <= MOST_BYTES:
            yield Source(str(name), _text(path))


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    return _from_notebook(text) if path.suffix == ".ipynb" else text


def _from_notebook(text: str) -> str:
    """Return the code of a notebook; magics and shell lines, which are no Python, become comments."""
    try:
        cells = json.loads(text)["cells"]
        codes = ["".join(cell["source"]) for cell in cells if cell.get("cell_type") == "code"]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    lines = "\n\n".join(codes).splitlines()
    return "\n".join(f"# {line}" if line.lstrip().startswith(("%", "!")) else line for line in lines) + "\n"
