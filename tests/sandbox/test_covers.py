"""Shared folders of the machine: every script has its own, and nothing left there meets another one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlmaster.sandbox.covers import are_granted
from mlmaster.sandbox.process import ProcessSandbox
from mlmaster.testing.sandbox_limits import MEGABYTE, run

pytestmark = pytest.mark.skipif(not are_granted(), reason="this machine grants no mount namespace")

WRITE = """
import pathlib
for folder in ("/tmp", "/var/tmp", "/dev/shm"):
    assert not (pathlib.Path(folder) / NAME).exists(), folder
    (pathlib.Path(folder) / NAME).write_text("seen")
"""


def test_what_is_left_in_a_shared_folder_meets_nobody(tmp_path: Path) -> None:
    name = f"mlmaster-left-{os.getpid()}"
    sandbox = ProcessSandbox(tmp_path / "evaluations")
    for _ in range(2):
        execution = run(sandbox, tmp_path, f"NAME = {name!r}\n" + WRITE)
        assert execution.fault is None, execution.log
    assert not any(Path(folder, name).exists() for folder in ("/tmp", "/var/tmp", "/dev/shm"))


@pytest.mark.parametrize("files", [0, 500])
def test_a_script_sees_its_own_folders_and_no_other_evaluation(tmp_path: Path, files: int) -> None:
    sandbox = ProcessSandbox(tmp_path / "evaluations", copy_up_to_files=files)
    first = run(sandbox, tmp_path, "open('working/model', 'w').write('fold 1 is known')")
    code = (
        "import os, pathlib, tempfile\n"
        "here = pathlib.Path.cwd()\n"
        "print([p.name for p in here.parent.iterdir() if not p.name.startswith('.')] == [here.name])\n"
        f"print(os.path.exists({str(first.directory)!r}))\n"
        "pathlib.Path(tempfile.gettempdir(), 'x').write_text('x')\n"
        "(pathlib.Path.home() / 'x').write_text('x')\n"
        "print(os.path.exists('input/train.csv'), os.path.samefile(here, '.'))\n"
        "(here / 'submission.csv').write_text('y')"
    )
    execution = run(sandbox, tmp_path, code)
    assert (execution.fault, execution.log) == (None, "True\nFalse\nTrue True\n")
    assert (execution.directory / "submission.csv").read_text() == "y"
    assert (first.directory / "working" / "model").exists()


def test_shared_memory_and_worker_processes_work_and_are_bounded(tmp_path: Path) -> None:
    sandbox = ProcessSandbox(tmp_path / "evaluations")
    code = (
        "import multiprocessing as mp\n"
        "from multiprocessing import shared_memory\n"
        "def double(x):\n    return 2 * x\n"
        "if __name__ == '__main__':\n"
        "    block = shared_memory.SharedMemory(create=True, size=1000)\n"
        "    block.close(), block.unlink()\n"
        "    with mp.Pool(2) as pool:\n        print(pool.map(double, [1, 2]))\n"
        "    try:\n"
        "        with open('/dev/shm/much', 'wb') as file:\n"
        "            for _ in range(300):\n                file.write(bytes(1 << 20))\n"
        "    except OSError as error:\n        print(error.errno)\n"
    )
    execution = run(sandbox, tmp_path, code, memory_bytes=256 * MEGABYTE, disk_bytes=1024 * MEGABYTE)
    assert (execution.fault, execution.log) == (None, "[2, 4]\n28\n"), execution.log


@pytest.mark.parametrize("files", [0, 500])
def test_nothing_but_the_own_folders_can_be_written(tmp_path: Path, files: int) -> None:
    """`../..` is the run's own directory: its journal, other scripts' predictions."""
    sandbox = ProcessSandbox(tmp_path / "run" / "work", copy_up_to_files=files)
    (tmp_path / "run" / "journal").parent.mkdir()
    (tmp_path / "run" / "journal").write_text("true")
    code = (
        "import errno, os, pathlib, pwd, sys\n"
        f"places = ['../..', {str(tmp_path)!r}, {str(tmp_path / 'run')!r}, pwd.getpwuid(os.getuid()).pw_dir, sys.prefix]\n"
        "for place in places:\n"
        "    try:\n"
        "        if os.path.exists(os.path.join(place, 'journal')):\n"
        "            open(os.path.join(place, 'journal'), 'w').write('false')\n"
        "        open(os.path.join(place, 'left'), 'w').write('left')\n"
        "    except OSError as error:\n        assert error.errno in (errno.EROFS, errno.ENOENT, errno.EACCES), error\n"
        "for place in ('.', 'working', '/tmp', '/dev/shm', os.environ['HOME'], os.environ['TMPDIR']):\n"
        "    open(os.path.join(place, 'mine'), 'w').write('mine')\n"
        "open('/dev/null', 'w').write('x')"
    )
    execution = run(sandbox, tmp_path, code)
    assert execution.fault is None, execution.log
    assert (tmp_path / "run" / "journal").read_text() == "true"
    assert not list(tmp_path.rglob("left"))
    assert (execution.directory / "working" / "mine").exists()
