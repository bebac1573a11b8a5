"""The interpreter scripts run in: found, asked once what it is and what it can import. Extra packages are in `packages`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmaster.errors import SandboxError
from mlmaster.sandbox import environment
from mlmaster.sandbox.inside import describe
from mlmaster.sandbox.settings import SandboxSettings

LIMIT_S = 60.0
"""How long an interpreter may take to say what it is: far more than any does, unless its disk is across a network."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python for scripts.

    Attributes:
        python: What is executed, by its absolute path. A link, as virtual environments have, is not resolved: it is how
            Python finds the environment.
        version: Major, minor, micro.
        prefixes: Files and folders that must be readable to run it and to import what it can, none inside another: the
            installation, the base of a virtual environment, folders that `.pth` files and editable installs name. Where one
            is a link, or is reached by one, its goal is there too. Neither `/` nor a folder that holds the user's home.
        site_packages: Where its own packages are installed.
        packages: Distribution to version, of all that is importable; names as package indexes write them: `scikit-learn`.
        modules: Importable top-level name to the distributions it may come from.
    """

    python: Path
    version: tuple[int, int, int]
    prefixes: tuple[Path, ...]
    site_packages: tuple[Path, ...]
    packages: Mapping[str, str]
    modules: Mapping[str, tuple[str, ...]]

    @property
    def version_text(self) -> str:
        """Return the version as Python prints it."""
        return ".".join(map(str, self.version))


def settle(settings: SandboxSettings, folder: Path) -> Interpreter:
    """Return the interpreter that the scripts of a run use, with the packages the user declared.

    Args:
        settings: With the interpreter and the packages.
        folder: Of the run; the run's own environment is made or found there.

    Raises:
        SandboxError: The interpreter or a package cannot be used; the message says why, and what to do.
    """
    from mlmaster.sandbox.packages import install  # it builds on this module

    found = probe(Path(settings.python or sys.executable))
    return install(found, settings.packages, folder) if settings.packages else found


def probe(python: Path, *, limit_s: float = LIMIT_S) -> Interpreter:
    """Ask an interpreter what it is.

    It is started once, isolated from the user's settings and without the user's environment.

    Args:
        python: An executable, a virtual environment's folder, or a bare name that is looked up on PATH.
        limit_s: Seconds it may take.

    Raises:
        SandboxError: No such file, no Python, one that is too old, or one that does not answer.
    """
    executable = _locate(python)
    answer = _ask(executable, limit_s)
    version = (int(answer["version"][0]), int(answer["version"][1]), int(answer["version"][2]))
    if version < describe.LEAST:
        least = ".".join(map(str, describe.LEAST))
        raise SandboxError(
            f"{executable} is Python {'.'.join(map(str, version))}, too old to run scripts in; name one of {least} or later "
            "with --python"
        )
    # What was named may be a launcher that looks for the real one, as version managers have.
    own = Path(answer["executable"] or executable)
    python = own if own.is_absolute() and own.exists() else executable
    return Interpreter(
        python=python,
        version=version,
        prefixes=keep_outermost(_readable(map(Path, [*answer["prefixes"], *answer["path"]]), python)),
        site_packages=tuple(map(Path, answer["site_packages"])),
        packages=dict(sorted(answer["packages"].items())),
        modules={name: tuple(found) for name, found in sorted(answer["modules"].items())},
    )


def _locate(python: Path) -> Path:
    """Return the absolute path of an executable; links are not resolved."""
    advice = "give --python the path of a Python or the folder of a virtual environment"
    if len(python.parts) == 1 and not python.is_absolute() and not python.exists():
        found = shutil.which(str(python))
        if found is None:
            raise SandboxError(f"{python}: no such file, and no such program on PATH; {advice}")
        return Path(found).absolute()
    python = python.absolute()
    if python.is_dir():
        inside = python / "bin" / "python"
        if not inside.exists():
            raise SandboxError(f"{python} is a folder without bin/python, so no virtual environment; {advice}")
        python = inside
    if not python.exists():
        broken = f" (it is a link to {python.readlink()}, which is gone)" if python.is_symlink() else ""
        raise SandboxError(f"{python}: there is no such file{broken}; {advice}")
    if not os.access(python, os.X_OK):
        raise SandboxError(f"{python} cannot be executed: it lacks the permission, or is no program; {advice}")
    return python


def _ask(python: Path, limit_s: float) -> dict[str, Any]:
    """Return what `inside/describe.py` says when the interpreter runs it."""
    with tempfile.TemporaryDirectory(prefix="mlmaster-") as name:
        home, told, said = Path(name), Path(name) / "answer.json", Path(name) / "stderr"
        surroundings = environment.build(os.environ, home, home, threads=1, token="")
        with said.open("wb") as stderr:
            try:
                process = subprocess.Popen(
                    [str(python), "-I", describe.__file__, str(told)],
                    cwd=home,
                    env=surroundings,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    start_new_session=True,
                )
            except OSError as error:
                raise SandboxError(
                    f"{python} cannot be started ({error.strerror or error}); name another with --python"
                ) from error
            try:
                status = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                raise SandboxError(
                    f"{python} did not say within {limit_s:g} s which Python it is; try `{python} --version`, and name "
                    "another with --python if that does not answer"
                ) from None
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        try:
            answer: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            words = " ".join(said.read_text(encoding="utf-8", errors="replace").split())
            last = f", saying: {words[-300:]}" if words else ""
            raise SandboxError(
                f"{python} is not a Python that scripts can run in: asked what it is, it ended with status {status}{last}; "
                "name another with --python"
            ) from None
        return answer


def keep_outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the paths in order, each once and none that lies inside another."""
    found = set(paths)
    return tuple(sorted(each for each in found if not found & set(each.parents)))


def libraries(own: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders in which scripts look for shared libraries, by the environment they inherit; never a home."""
    named = map(Path, own.get("LD_LIBRARY_PATH", "").split(":"))
    return tuple(path for path in named if path.is_absolute() and path.exists() and path not in _homes())


def _homes() -> set[Path]:
    """Return the user's home, and what holds it."""
    return {folder for home in (Path.home(), Path.home().resolve()) for folder in (home, *home.parents)}


def _readable(folders: Iterable[Path], python: Path) -> Iterator[Path]:
    """Yield what exists of the folders and what links lead to; never a home, nor what holds one."""
    homes = _homes()
    for folder in [*(folder for folder in folders if folder.exists()), *_links(python)]:
        yield from {folder, folder.resolve()} - homes


def _links(path: Path) -> Iterator[Path]:
    """Yield the links that lead from an executable to the file itself: each must be there for it to start."""
    for _ in range(40):  # as many as the kernel follows
        yield path
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()
