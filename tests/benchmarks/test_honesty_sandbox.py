"""The warm sandbox of the benchmark does what its cells need; it isolates nothing and keeps no limit but the wall time."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event as Flag
from threading import Timer

import pytest

from honesty.warm import WarmSandbox
from honesty.zygote import Zygote
from mlmaster.core.execution import Execution, Fault
from mlmaster.errors import InfrastructureError
from mlmaster.ports import Sandbox
from mlmaster.testing.sandbox_limits import HOLD, LIMITS, make_view, was_held_and_is_free


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with tempfile.TemporaryDirectory(prefix="zygote-") as folder:
        process = Zygote(Path(folder, "s"), Path(folder, "log"))
        yield process
        process.close()


@pytest.fixture
def sandbox(zygote: Zygote, tmp_path: Path) -> Iterator[WarmSandbox]:
    adapter = WarmSandbox(tmp_path / "evaluations", zygote.address, 30.0)
    yield adapter
    adapter.close()


def run(sandbox: Sandbox, tmp_path: Path, code: str, cancel: Flag | None = None) -> Execution:
    return sandbox.run(code, make_view(tmp_path), LIMITS, cancel or Flag())


def test_a_script_is_alone_in_a_new_directory(sandbox: WarmSandbox, tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib, tempfile\n"
        "print(__name__, sys.argv, os.path.relpath(__file__), os.getcwd() == sys.path[0])\n"
        "print(sorted(os.listdir('.')), os.listdir('working'), os.listdir(pathlib.Path.home()),"
        " os.listdir(tempfile.gettempdir()))\n"
        "open('submission.csv', 'w').write(open('input/train.csv').read())\n"
        "open(pathlib.Path.home() / 'left', 'w'), open(pathlib.Path(tempfile.gettempdir()) / 'left', 'w')\n"
        "os.environ['LEFT'] = os.environ.get('LEFT', 'clean') + '!'\n"
        "print(os.environ['LEFT'], os.environ['OMP_NUM_THREADS'], file=sys.stderr)\n"
        "sum(i * i for i in range(300_000))\n"
    )
    for _ in range(2):
        execution = run(sandbox, tmp_path, code)
        assert (execution.exit_code, execution.fault) == (0, None), execution.log
        assert execution.log.splitlines() == [
            "__main__ ['solution.py'] solution.py True",
            "['input', 'solution.py', 'working'] [] [] []",
            "clean! 1",
        ]
        assert (execution.directory / "submission.csv").read_text() == "id,target\n1,0\n2,1\n"
        assert execution.cpu_s > 0
    assert sandbox.runs == 2
    assert sandbox.cpu_s > 0


def test_failures_are_told_apart(sandbox: WarmSandbox, tmp_path: Path) -> None:
    raised = run(sandbox, tmp_path, "def fail():\n    raise KeyError('price')\n\nfail()\n")
    assert (raised.exit_code, raised.fault, raised.detail) == (1, Fault.ERROR, "KeyError: 'price'")
    assert 'solution.py", line 2, in fail' in raised.log
    left = run(sandbox, tmp_path, "import sys\nsys.exit(7)")
    assert (left.exit_code, left.fault) == (7, Fault.ERROR)
    killed = run(sandbox, tmp_path, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert (killed.exit_code, killed.signal, killed.fault) == (None, signal.SIGSEGV, Fault.ERROR)
    assert run(sandbox, tmp_path, "x = (\n").detail.startswith("SyntaxError")


def test_the_time_limit_ends_the_children_too(zygote: Zygote, tmp_path: Path) -> None:
    sandbox = WarmSandbox(tmp_path / "evaluations", zygote.address, 1.0)
    execution = run(sandbox, tmp_path, HOLD + "spawn(sleeper)\ntime.sleep(600)")
    sandbox.close()
    assert (execution.exit_code, execution.fault) == (None, Fault.TIMEOUT)
    assert was_held_and_is_free(execution.directory, "child")


def test_nothing_outlives_a_script_that_ends_well(sandbox: WarmSandbox, tmp_path: Path) -> None:
    execution = run(sandbox, tmp_path, HOLD + "spawn(sleeper)\nspawn(daemon)\nprint('done')")
    assert (execution.fault, execution.log) == (None, "done\n")
    assert was_held_and_is_free(execution.directory, "child")
    assert was_held_and_is_free(execution.directory, "daemon")


def test_cancelled_and_then_used_again(sandbox: WarmSandbox, tmp_path: Path) -> None:
    cancel = Flag()
    timer = Timer(0.3, cancel.set)
    timer.start()
    assert run(sandbox, tmp_path, "import time\ntime.sleep(600)", cancel).fault is Fault.CANCELLED
    timer.join()
    assert run(sandbox, tmp_path, "print('on')").log == "on\n"


def test_random_numbers_differ_between_scripts(sandbox: WarmSandbox, tmp_path: Path) -> None:
    code = "import random, numpy\nprint(random.random(), numpy.random.random())"
    assert run(sandbox, tmp_path, code).log != run(sandbox, tmp_path, code).log


def test_models_train_in_a_fork(sandbox: WarmSandbox, tmp_path: Path) -> None:
    code = (
        "import numpy as np\n"
        "from sklearn.ensemble import RandomForestClassifier\n"
        "from lightgbm import LGBMClassifier\n"
        "x = np.arange(80.0).reshape(-1, 2); y = (x[:, 0] > 30).astype(int)\n"
        "for model in (RandomForestClassifier(20, n_jobs=1), LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1)):\n"
        "    model.fit(x, y)\n"
        "print('trained')"
    )
    execution = run(sandbox, tmp_path, code)
    assert execution.fault is None, execution.log
    assert execution.log.endswith("trained\n")


def test_without_a_zygote_the_fault_is_ours(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="no zygote answers"):
        WarmSandbox(tmp_path, tmp_path / "absent", 1.0)
