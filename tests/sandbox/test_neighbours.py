"""What must not keep a script from being run: another script, the state of the warm interpreter, the name of a folder."""

import os
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag

import pytest

from mlmaster.errors import InfrastructureError, SandboxError
from mlmaster.sandbox.settings import IsolationName
from mlmaster.sandbox.warm import Zygote
from mlmaster.testing.sandbox_limits import LIMITS, make_view, run
from mlmaster.testing.sandboxes import open_sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are Linux's")
_IN_FLIGHT = """
import os, socket, time
kept, opened = [], os.open(os.devnull, os.O_RDONLY)
try:
    for _ in range(300):
        kept.append(socket.socketpair())
        kept[-1][0].setblocking(False)
        try:
            while True:
                socket.send_fds(kept[-1][0], [b"x"], [opened] * 200)
        except BlockingIOError:
            pass
except OSError:
    pass
open("ready", "w").close()
time.sleep(600)
"""


@pytest.mark.parametrize("name", ["namespaces", "landlock"])
def test_descriptors_in_flight_are_counted_for_the_user_and_stop_nobody_else(
    tmp_path: Path, name: IsolationName
) -> None:
    make_view(tmp_path)
    root = tmp_path / "evaluations"
    try:
        sandbox = open_sandbox(root, name)
    except SandboxError as error:
        pytest.skip(str(error))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    cancel = Flag()
    try:
        with ThreadPoolExecutor(1) as pool:
            hostile = pool.submit(sandbox.run, _IN_FLIGHT, tmp_path / "view", replace(LIMITS, open_files=4096), cancel)
            while not any(root.glob("*/ready")) and not hostile.done():
                cancel.wait(0.01)
            try:
                assert [run(sandbox, tmp_path, "print('honest')").log for _ in range(2)] == ["honest\n"] * 2
            finally:
                cancel.set()
            hostile.result()
        assert run(sandbox, tmp_path, "print('honest')").log == "honest\n"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        sandbox.close()


def test_a_closed_sandbox_starts_no_interpreter_again(tmp_path: Path) -> None:
    sandbox = open_sandbox(tmp_path / "evaluations", "none")
    assert sandbox.zygote is not None
    sandbox.close()
    assert "none" in sandbox.name
    assert sandbox.zygote.pid is None


def test_an_interpreter_that_does_not_come_up_is_tried_once_and_leaves_nothing(tmp_path: Path) -> None:
    refuses = tmp_path / "python"
    refuses.write_text("#!/bin/sh\necho >> $0.log\nexit 3\n")
    refuses.chmod(0o755)
    zygote = Zygote(str(refuses), {"PATH": os.defpath}, ())
    for _ in range(3):
        with pytest.raises(InfrastructureError, match="has ended"):
            zygote.wait()
    assert zygote.pid is None
    assert (tmp_path / "python.log").read_text() == "\n"


@pytest.mark.parametrize("walls", ["namespaces", "landlock"])
@pytest.mark.parametrize("name", [b"a b,c:d=%s\\n'\"", "zürich-東京".encode(), b"\xff\xfe\n"])
def test_scripts_run_whatever_the_folder_is_called(tmp_path: Path, walls: IsolationName, name: bytes) -> None:
    root = tmp_path / os.fsdecode(name)
    try:
        sandbox = open_sandbox(root, walls)
    except SandboxError as error:
        pytest.skip(str(error))
    code = "open('/dev/stdout', 'w').write(open('input/train.csv').readline())"
    assert run(sandbox, tmp_path, code).log == "id,target\n"
    sandbox.close()
