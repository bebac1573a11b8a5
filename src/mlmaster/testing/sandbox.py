"""The conformance suite of `mlmaster.ports.Sandbox`, for every adapter, ours or a third party's.

Subclass it in a test module and supply one fixture:

    class TestMySandbox(SandboxConformance):
        @pytest.fixture
        def sandbox(self, tmp_path: Path) -> Iterator[Sandbox]:
            adapter = MySandbox(tmp_path / "evaluations")
            yield adapter
            adapter.close()

It asks for what the port promises and no more: isolation from network and files is each adapter's own claim, tested
with that adapter. `FakeSandbox`, the double for tests of everything above the port, is offered here as well.
"""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING

from mlmaster.core.execution import Fault
from mlmaster.errors import InfrastructureError
from mlmaster.ports import Sandbox
from mlmaster.testing.fake_sandbox import Call, FakeSandbox, Outcome
from mlmaster.testing.sandbox_limits import LIMITS, LimitConformance, make_view, run

if TYPE_CHECKING:
    import pytest

__all__ = ["Call", "FakeSandbox", "Outcome", "SandboxConformance"]

_KEY = "MLMASTER_DECOY_API_KEY"


class SandboxConformance(LimitConformance):
    """What every sandbox does."""

    def test_success_hands_back_what_was_written(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = (
            "lines = open('input/train.csv').read().splitlines()\n"
            "assert len(open('./input/images/1.bin', 'rb').read()) == 256\n"
            "open('./submission.csv', 'w').write(f'rows\\n{len(lines)}\\n')\n"
            "total = sum(i * i for i in range(300_000))\n"
            "kept = bytearray(b'x') * (8 << 20)\n"
        )
        execution = run(sandbox, tmp_path, code)
        assert (execution.exit_code, execution.signal, execution.fault, execution.detail) == (0, None, None, "")
        assert (execution.directory / "submission.csv").read_text() == "rows\n3\n"
        assert (execution.directory / "solution.py").read_text() == code
        assert execution.cpu_s > 0
        assert execution.wall_s > 0
        assert execution.peak_bytes > 2**20
        assert execution.log == ""

    def test_directory_is_new(self, sandbox: Sandbox, tmp_path: Path) -> None:
        execution = run(sandbox, tmp_path, "import os\nprint(sorted(os.listdir('.')), os.listdir('working'))")
        assert execution.log == "['input', 'solution.py', 'working'] []\n"

    def test_error_names_the_exception_and_the_line(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = "print('so far')\n\ndef fail():\n    raise KeyError('price')\n\nfail()\n"
        execution = run(sandbox, tmp_path, code)
        assert (execution.exit_code, execution.signal, execution.fault) == (1, None, Fault.ERROR)
        assert execution.detail == "KeyError: 'price'"
        assert 'solution.py", line 4, in fail' in execution.log
        assert "raise KeyError('price')" in execution.log

    def test_syntax_error(self, sandbox: Sandbox, tmp_path: Path) -> None:
        execution = run(sandbox, tmp_path, "x = (\n")
        assert execution.fault is Fault.ERROR
        assert execution.detail.startswith("SyntaxError")

    def test_exit_status(self, sandbox: Sandbox, tmp_path: Path) -> None:
        execution = run(sandbox, tmp_path, "import sys\nsys.exit(7)")
        assert (execution.exit_code, execution.fault, execution.detail) == (7, Fault.ERROR, "exit status 7")

    def test_end_by_signal(self, sandbox: Sandbox, tmp_path: Path) -> None:
        execution = run(sandbox, tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
        assert (execution.exit_code, execution.signal) == (None, signal.SIGSEGV)
        assert execution.fault is Fault.ERROR
        assert "SIGSEGV" in execution.detail

    def test_processor_time_of_children_counts(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = (
            "import os, time\nif os.fork() == 0:\n    while time.process_time() < 0.6: pass\n    os._exit(0)\nos.wait()"
        )
        assert run(sandbox, tmp_path, code).cpu_s >= 0.5

    def test_script_sees_itself_as_python_would_show_it(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = "import os, sys\nprint(__name__, sys.argv, os.path.relpath(__file__), os.getcwd() == sys.path[0])"
        assert run(sandbox, tmp_path, code).log == "__main__ ['solution.py'] solution.py True\n"

    def test_output_of_every_kind_is_in_the_log(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = (
            "import os, subprocess, sys\n"
            "print('out')\nprint('err', file=sys.stderr)\nos.write(1, b'raw \\xff\\xfe\\n')\n"
            "subprocess.run(['sh', '-c', 'echo child'])"
        )
        assert run(sandbox, tmp_path, code).log == "out\nerr\nraw \ufffd\ufffd\nchild\n"

    def test_log_of_undecodable_bytes_keeps_its_limit(self, sandbox: Sandbox, tmp_path: Path) -> None:
        execution = run(sandbox, tmp_path, "import os\nos.write(1, b'\\xff' * 5000)", log_bytes=4096)
        assert len(execution.log.encode()) <= 4096

    def test_input_has_ended(self, sandbox: Sandbox, tmp_path: Path) -> None:
        assert run(sandbox, tmp_path, "import sys\nprint(repr(sys.stdin.read()))").log == "''\n"

    def test_descriptors_of_the_harness_are_closed(self, sandbox: Sandbox, tmp_path: Path) -> None:
        planted = os.open(tmp_path, os.O_RDONLY)
        os.set_inheritable(planted, True)
        try:
            code = (
                "import os\n"
                "for number in range(3, 1024):\n"
                "    try: os.fstat(number)\n"
                "    except OSError: continue\n"
                "    print(number)"
            )
            assert run(sandbox, tmp_path, code).log == ""
        finally:
            os.close(planted)

    def test_environment_is_scrubbed(self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(_KEY, "decoy")
        monkeypatch.setenv("PYTHONSTARTUP", "decoy.py")
        monkeypatch.setenv("PYTHONPATH", "decoy")
        execution = run(sandbox, tmp_path, "import json, os\nprint(json.dumps(dict(os.environ)))", threads=3)
        seen = json.loads(execution.log)
        assert "decoy" not in execution.log
        assert seen["PYTHONHASHSEED"] == "0"
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"):
            assert seen[name] == "3"

    def test_home_and_temporary_folder_are_private_and_empty(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = (
            "import os, pathlib, tempfile\n"
            f"assert pathlib.Path.home() != pathlib.Path({str(Path.home())!r})\n"
            "home, temporary = pathlib.Path.home(), pathlib.Path(tempfile.gettempdir())\n"
            "print(os.listdir(home), os.listdir(temporary))\n"
            "for folder in (home, temporary):\n"
            "    (folder / 'left').write_text('by the first')\n"
            "cache = pathlib.Path(os.environ['XDG_CACHE_HOME'])\n"
            "cache.mkdir(parents=True)\n"
            "assert home in cache.parents\n"
        )
        for _ in range(2):
            execution = run(sandbox, tmp_path, code)
            assert execution.fault is None, execution.log
            assert execution.log == "[] []\n"

    def test_one_evaluation_leaves_nothing_for_the_next(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = (
            "import os\n"
            "print(os.path.exists('model'), os.path.exists('working/model'), os.path.exists('input/model'))\n"
            "for path in ('model', 'working/model', 'input/model'):\n"
            "    try: open(path, 'w').close()\n"
            "    except OSError: pass"
        )
        for _ in range(2):
            assert run(sandbox, tmp_path, code).log == "False False False\n"

    def test_the_pool_is_never_altered(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = (
            "import os, shutil\n"
            "def try_to(action, *arguments):\n"
            "    try: action(*arguments)\n"
            "    except OSError: pass\n"
            "try_to(os.chmod, 'input', 0o777)\n"
            "try_to(os.chmod, 'input/train.csv', 0o666)\n"
            "try_to(lambda: open('input/train.csv', 'w').write('forged'))\n"
            "try_to(os.utime, 'input/train.csv', (0, 0))\n"
            "try_to(os.rename, 'input/images/1.bin', 'input/images/2.bin')\n"
            "try_to(lambda: open('input/planted', 'w').close())\n"
            "try_to(shutil.rmtree, 'input')"
        )
        view = make_view(tmp_path)
        before = {path: path.lstat() for path in (view, *view.rglob("*"))}
        assert run(sandbox, tmp_path, code).fault is None
        after = {path: path.lstat() for path in (view, *view.rglob("*"))}
        assert after.keys() == before.keys()
        for path, status in before.items():
            now = after[path]
            assert (now.st_ino, now.st_mode, now.st_mtime_ns) == (status.st_ino, status.st_mode, status.st_mtime_ns)
        assert (view / "train.csv").read_text() == "id,target\n1,0\n2,1\n"

    def test_input_is_marked_read_only_or_cannot_be_written(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = (
            "import os\n"
            "def try_to(action, *arguments):\n"
            "    try: action(*arguments)\n"
            "    except OSError: return False\n"
            "    return True\n"
            "for path, file, mode in (('input', 'input/new', 'w'), ('input/train.csv', 'input/train.csv', 'a')):\n"
            "    print(bool(os.stat(path).st_mode & 0o222) and try_to(open, file, mode))"
        )
        assert run(sandbox, tmp_path, code).log == "False\nFalse\n"

    def test_directory_is_there_though_the_script_deleted_it(self, sandbox: Sandbox, tmp_path: Path) -> None:
        execution = run(sandbox, tmp_path, "import os, shutil\nshutil.rmtree(os.getcwd(), ignore_errors=True)")
        assert execution.fault is None
        assert execution.directory.is_dir()

    def test_directory_holds_what_can_be_read_and_deleted(self, sandbox: Sandbox, tmp_path: Path) -> None:
        secret = tmp_path / "answers.csv"
        secret.write_text("decoy")
        code = (
            "import os\n"
            f"os.symlink({str(secret)!r}, 'submission.csv')\n"
            "os.mkfifo('notes.json')\n"
            "os.symlink('/', 'working/root')\n"
            "open('probabilities.csv', 'w').write('kept')\n"
            "os.chmod('probabilities.csv', 0)\n"
            "os.makedirs('working/closed/inner')\n"
            "os.chmod('working/closed', 0)\n"
            "for _ in range(1200):\n"
            "    os.mkdir('deep')\n"
            "    os.chdir('deep')"
        )
        execution = run(sandbox, tmp_path, code)
        assert execution.fault is None, execution.log
        for path in execution.directory.rglob("*"):
            assert path.is_dir() or path.is_file()
            assert not path.is_symlink()
        assert not (execution.directory / "submission.csv").exists()
        assert not (execution.directory / "notes.json").exists()
        assert (execution.directory / "probabilities.csv").read_text() == "kept"
        shutil.rmtree(execution.directory)
        assert secret.read_text() == "decoy"

    def test_runs_side_by_side(self, sandbox: Sandbox, tmp_path: Path) -> None:
        make_view(tmp_path)
        code = "import os, time\ntime.sleep(0.2)\nopen('submission.csv', 'w').write(str({number}))\nos._exit({number})"
        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(run, sandbox, tmp_path, code.format(number=number)) for number in range(8)]
            executions = [future.result() for future in running]
        assert [execution.exit_code for execution in executions] == list(range(8))
        assert [(e.directory / "submission.csv").read_text() for e in executions] == [str(n) for n in range(8)]
        assert len({execution.directory for execution in executions}) == 8

    def test_close_ends_what_runs_and_refuses_what_comes(self, sandbox: Sandbox, tmp_path: Path) -> None:
        view = make_view(tmp_path)
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(sandbox.run, "import time\ntime.sleep(600)", view, LIMITS, Flag())
            while not running.running():
                pass
            sandbox.close()
            with contextlib.suppress(InfrastructureError):  # it may not have begun when the sandbox was closed
                assert running.result().fault is Fault.CANCELLED
        sandbox.close()
        assert _refusal(sandbox, view)

    def test_a_view_that_is_not_there_is_ours_to_blame(self, sandbox: Sandbox, tmp_path: Path) -> None:
        assert "absent" in _refusal(sandbox, tmp_path / "absent")


def _refusal(sandbox: Sandbox, view: Path) -> str:
    """Return why the sandbox does not run a script on the view."""
    try:
        sandbox.run("", view, LIMITS, Flag())
    except InfrastructureError as error:
        return str(error)
    raise AssertionError("the script was run")
