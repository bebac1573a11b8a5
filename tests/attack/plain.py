"""Running a hostile script where nothing stops it: plain Python, the same user. What it reaches here, it would reach.

The directory looks as a sandbox's does, and the script's parent stands in for the processes between a harness and a
script: so a script that kills its parent kills this and not the test.
"""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil
from tests.attack import system
from tests.attack.attack import Attack
from tests.attack.ground import VARIABLE, Ground

_SECONDS = 40
_STAND_IN = """
import os, subprocess, sys
pipe = os.pipe()
sys.exit(subprocess.call([sys.executable, *sys.argv[1:]], close_fds=False))
"""
_BOTH = """
import sys
for name in ('solution.py', 'second.py'):
    try:
        exec(compile(open(name).read(), name, 'exec'), {'__name__': '__main__'})
    except SystemExit:
        pass
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """The end of an unsandboxed script: what it printed, where it ran, and whether it took its parent with it."""

    log: str
    directory: Path
    is_parent_ended: bool


def run(ground: Ground, attack: Attack) -> Ran:
    """Run an attack's scripts one after the other, as `Attack.naive` says."""
    name = secrets.token_hex(4)
    directory = ground.base / "plain" / name
    (directory / "working").mkdir(parents=True)
    (directory / "input").symlink_to(ground.view)
    codes = attack.scripts(ground.values)
    for file, code in zip(("solution.py", "second.py"), codes, strict=False):
        (directory / file).write_text(code)
    files = ["solution.py", "second.py"][: len(codes)]
    if attack.naive == "interpreter":
        (directory / "both.py").write_text(_BOTH)
        files = ["both.py"]
    try:
        codes_of_parents = [_run_one(ground, directory, file) for file in files]
        log = (directory.parent / f"{name}.log").read_text(errors="replace")
    except BaseException:
        sweep(directory)
        raise
    return Ran(log, directory, any(code < 0 for code in codes_of_parents))


def sweep(directory: Path) -> None:
    """End whatever still runs of a script that was started here."""
    for process in system.processes_in(directory):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _run_one(ground: Ground, directory: Path, file: str) -> int:
    stand_in = ground.base / "mlmaster" / "sandbox" / "inside" / "main.py"
    stand_in.parent.mkdir(parents=True, exist_ok=True)
    stand_in.write_text(_STAND_IN)
    temporary = ground.base / "plain-tmp"
    temporary.mkdir(exist_ok=True)
    environment = {
        "PATH": os.defpath,
        "HOME": str(ground.home),
        "TMPDIR": str(temporary),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        VARIABLE: ground.decoys["environment"],
        "ATTACK_DIRECTORY": str(directory),
    }
    with (directory.parent / f"{directory.name}.log").open("ab") as log:
        process = subprocess.Popen(
            [ground.python, str(stand_in), file],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=ground.descriptors,
            start_new_session=True,
            preexec_fn=_allow_cores,
        )
        try:
            return process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def _allow_cores() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
