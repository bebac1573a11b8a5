"""Extra packages for scripts: a virtual environment of the run's own, on top of the interpreter they would have used.

Made by the harness before anything runs, with the user's own pip settings (index, proxy, certificates). Everything the
interpreter could import stays importable; what is installed here comes first.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from filelock import FileLock
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mlmaster.errors import SandboxError
from mlmaster.sandbox.interpreter import Interpreter, keep_outermost, probe

FOLDER = "environment"
"""The environment, in a run's folder."""

_STAMP = "mlmaster.json"
"""What the environment was made of; written last, so that one without it is half-made."""

_LAST_LINES = 6
_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]+(?:@[^\s/@]+)*(?=@)")


def install(
    python: Interpreter, requirements: Sequence[str], folder: Path, *, environ: Mapping[str, str] | None = None
) -> Interpreter:
    """Return an interpreter that has the packages too, in an environment made once.

    Args:
        python: What the packages are added to.
        requirements: As for `pip install`: names, extras, versions, `name @ URL`.
        folder: Of the run. `environment/` in it is reused when it was made of the same, else made anew.
        environ: The environment pip runs in, with the user's settings of it; by default this process's.

    Raises:
        SandboxError: Something is not a requirement, or cannot be installed; the message ends with pip's own last words.
    """
    wanted = check(requirements)
    made_of = json.dumps(
        {"python": str(python.python), "version": python.version_text, "requirements": wanted}, indent=2
    )
    place = folder.absolute() / FOLDER
    try:
        if not _is_made_of(place, made_of):
            with FileLock(place.with_name(f".{FOLDER}.lock")):
                if not _is_made_of(place, made_of):
                    _make(python, place, wanted, made_of, _surroundings(os.environ if environ is None else environ))
    except OSError as error:
        raise SandboxError(f"no environment for packages can be made in {place}: {error.strerror or error}") from error
    found = probe(place)
    return replace(found, prefixes=keep_outermost((*found.prefixes, *python.prefixes)))


def check(requirements: Sequence[str]) -> tuple[str, ...]:
    """Return requirements as they were given, each once.

    Raises:
        SandboxError: Something is not a requirement, or holds a password.
    """
    return tuple(dict.fromkeys(_check(requirement) for requirement in requirements))


def _check(text: str) -> str:
    """Return a requirement as it was given, when it is one."""
    try:
        requirement = Requirement(text.strip())
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise SandboxError(
            f"sandbox.packages: {_mask(text)!r} names no package: {_mask(reason)}; write for example tabpfn, "
            "'polars>=1.0' or 'mine @ file:///path/mine.whl'"
        ) from error
    if requirement.marker is not None:
        raise SandboxError(
            f"sandbox.packages: {_mask(text)!r} holds a condition; declare the package without it, or leave it out"
        )
    user = _CREDENTIALS.search(requirement.url or "")
    if user is not None and user[0] != "git":
        raise SandboxError(
            f"sandbox.packages: {_mask(text)!r} holds a password, which the run's settings would keep; put it into your pip "
            "settings or ~/.netrc"
        )
    return text.strip()


def _name_of(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def _is_made_of(place: Path, made_of: str) -> bool:
    try:
        return (place / _STAMP).read_text(encoding="utf-8") == made_of and (place / "bin" / "python").exists()
    except OSError:
        return False


def _leave_stamp(place: Path, made_of: str) -> None:
    unfinished = place / f".{_STAMP}"
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(made_of)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(place / _STAMP)


def _make(
    python: Interpreter, place: Path, wanted: Sequence[str], made_of: str, surroundings: Mapping[str, str]
) -> None:
    """Make the environment, whole or without a stamp."""
    if place.exists():
        shutil.rmtree(place)
    own = str(place / "bin" / "python")
    make = [str(python.python), "-I", "-m", "venv", "--without-pip", str(place)]
    _run(make, surroundings, f"no environment can be made in {place}")
    _show_below(python, place)
    if "pip" not in python.packages:
        _run(
            [own, "-I", "-m", "ensurepip"],
            surroundings,
            f"{python.python} has no pip to install {wanted[0]} with; add one (`{python.python} -m ensurepip`, or your "
            "system's packages python3-pip and python3-venv), or name another interpreter with --python",
        )
    pip = [own, "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-color", "--quiet"]
    _run([*pip, "--", *wanted], surroundings, f"{', '.join(wanted)} cannot be installed for the scripts")
    there = probe(place).packages
    missing = [name for name in map(_name_of, wanted) if name not in there]
    if missing:
        raise SandboxError(
            f"{missing[0]}: pip installed it, but not into {place}; is there a `target` or `prefix` in your pip settings "
            "(`pip config list`)?"
        )
    _leave_stamp(place, made_of)


def _show_below(python: Interpreter, place: Path) -> None:
    """Let the environment see what the interpreter sees, after its own packages.

    `--system-site-packages` would not do: of an environment made from an environment it shows the base's packages only.
    """
    own = probe(place).site_packages[0]
    lines = [f"import site; site.addsitedir({str(shown)!r})\n" for shown in python.site_packages]
    (own / "_packages_below.pth").write_text("".join(lines), encoding="utf-8")


def _run(command: Sequence[str], surroundings: Mapping[str, str], complaint: str) -> None:
    """Run a command in the user's environment.

    Raises:
        SandboxError: It failed; its last lines are told.
    """
    try:
        done = subprocess.run(
            command,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise SandboxError(f"{_mask(complaint)}: {command[0]} cannot be started: {error.strerror or error}") from error
    if done.returncode:
        lines = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
        retries = [line for line in lines if "Retrying (Retry(" in line]  # pip says the same once for each
        lines = [line for line in lines if line not in retries[:-1]]
        said = "\n".join(f"    {_mask(line)}" for line in lines[-_LAST_LINES:])
        raise SandboxError(f"{_mask(complaint)}:\n{said}" if said else f"{_mask(complaint)} (status {done.returncode})")


def _surroundings(own: Mapping[str, str]) -> dict[str, str]:
    """Return the user's environment without what would steer Python away from the environment that is made."""
    return {name: value for name, value in own.items() if not name.startswith("PYTHON") and name != "VIRTUAL_ENV"}


def _mask(text: str) -> str:
    """Return the text with the user names and passwords of URLs taken out."""
    return _CREDENTIALS.sub("****", text)
