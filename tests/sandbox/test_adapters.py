"""Which user scripts run as, and under which surroundings of the harness walls still stand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlmaster.sandbox.adapters import LandlockIsolation, Place, can_change_users, has_rights, makes_own_namespaces
from mlmaster.sandbox.directory import EvaluationDirectory
from mlmaster.sandbox.inside.plan import Plan
from mlmaster.sandbox.views import Shown

ALL, DOCKER, NONE = "000001ffffffffff", "00000000a80425fb", "0000000000000000"
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")

UNDER_A_STRICT_UMASK = """
import os, sys
from pathlib import Path
from threading import Event
from mlmaster.core.execution import Limits
from mlmaster.errors import SandboxError
from mlmaster.testing.sandboxes import open_sandbox

os.umask(0o077)
folder = Path(sys.argv[1])
(folder / "view").mkdir(mode=0o755)
try:
    sandbox = open_sandbox(folder / "work", sys.argv[2], preload=None)
except SandboxError as error:
    sys.exit(str(error))
code = "open('submission.csv', 'w').write('mine')"
print(sandbox.run(code, folder / "view", Limits(60, 2**30, 2**30), Event()).fault)
sandbox.close()
"""


def proc(folder: Path, rights: str, users: str = "0 0 4294967295") -> Path:
    (folder / "status").write_text(f"Name:\tpython\nCapEff:\t{rights}\n", encoding="utf-8")
    (folder / "uid_map").write_text(users + "\n", encoding="utf-8")
    return folder


def test_rights(tmp_path: Path) -> None:
    assert has_rights(("SETUID", "SYS_ADMIN"), proc(tmp_path, ALL))
    assert has_rights(("SETUID",), proc(tmp_path, DOCKER))
    assert not has_rights(("SETUID", "SYS_ADMIN"), proc(tmp_path, DOCKER))
    assert not has_rights(("SETUID",), tmp_path / "no proc")


@is_root
@pytest.mark.parametrize(
    ("rights", "users", "changes", "makes"),
    [
        (ALL, "0 0 4294967295", True, True),
        (DOCKER, "0 0 4294967295", True, False),
        (NONE, "0 0 4294967295", False, False),
        (ALL, "0 1000 1", False, False),
    ],
)
def test_a_root_who_is_none_is_not_taken_for_one(
    tmp_path: Path, rights: str, users: str, changes: bool, makes: bool
) -> None:
    here = proc(tmp_path, rights, users)
    assert (can_change_users(here), makes_own_namespaces(here)) == (changes, makes)


@pytest.mark.parametrize("name", ["namespaces", "landlock"])
def test_walls_stand_under_a_strict_umask(tmp_path: Path, name: str) -> None:
    plain, strict = (
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), name], capture_output=True, text=True, check=False, timeout=120
        )
        for code in (
            "import sys; from mlmaster.testing.sandboxes import chosen; chosen(sys.argv[2])",
            UNDER_A_STRICT_UMASK,
        )
    )
    if plain.returncode:
        pytest.skip(f"this machine does not grant {name}")
    assert strict.stdout == "None\n", strict.stderr


@pytest.mark.parametrize("closed", [None, "root", "elsewhere", "views", "targets", "library"])
def test_the_right_to_read_what_is_closed_is_kept_only_where_something_is(tmp_path: Path, closed: str | None) -> None:
    for name in ("root", "elsewhere", "views", "targets", "library"):
        (tmp_path / name / "it").mkdir(parents=True)
        (tmp_path / name).chmod(0o700 if name == closed else 0o755)
    shown = Shown(linked=tmp_path / "views" / "it", targets=(tmp_path / "targets" / "it",))
    directory = EvaluationDirectory(tmp_path / "root" / "it", tmp_path / "elsewhere" / "it", shown, 0)
    place = Place(
        directory, shown, (tmp_path / "library" / "it",), (), memory_bytes=1, counts_memory=True, with_network=False
    )
    plan = Plan(None, str(directory.path), {}, [], 1, 1, 1, 1, user=1)
    walls = LandlockIsolation(1, is_root=True)
    above = [folder for folder in (tmp_path, *tmp_path.parents) if not folder.stat().st_mode & 0o001]
    try:
        for folder in above:  # pytest's own
            folder.chmod(folder.stat().st_mode | 0o001)
        assert walls.wall_in(plan, place).reads_closed_folders == (closed is not None)
    finally:
        for folder in above:
            folder.chmod(folder.stat().st_mode & ~0o001)
    assert not LandlockIsolation(1, is_root=False).wall_in(plan, place).reads_closed_folders
