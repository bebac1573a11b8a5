"""The warm interpreter: what it loads, when it refuses, and that scripts run whatever becomes of it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlmaster.sandbox import environment
from mlmaster.sandbox.local import LocalSandbox
from mlmaster.sandbox.warm import Zygote
from mlmaster.testing.sandbox_limits import run
from mlmaster.testing.sandboxes import open_sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="scripts are forked on Linux alone")

WHO = "import os\nprint(open('/proc/self/cmdline').read().split(chr(0))[-2])"


def start(*modules: str) -> Zygote:
    base = environment.build(os.environ, Path("/nonexistent"), Path("/tmp"), 1, "")
    return Zygote(sys.executable, base, modules)


def pid_of_warm(sandbox: LocalSandbox) -> int:
    """Return the process of the warm interpreter, once it is ready."""
    assert sandbox.zygote is not None
    sandbox.zygote.wait()
    assert sandbox.zygote.pid is not None
    return sandbox.zygote.pid


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[LocalSandbox]:
    adapter = open_sandbox(tmp_path / "evaluations", preload=("json",))
    yield adapter
    adapter.close()


def test_modules_that_are_not_there_are_passed_over() -> None:
    zygote = start("json", "no_such_module")
    loaded = zygote.wait()
    zygote.close()
    assert loaded.threads == 1
    assert loaded.restless == ""
    assert dict(loaded.missing) == {"no_such_module": "ModuleNotFoundError: No module named 'no_such_module'"}


@pytest.fixture
def restless(tmp_path: Path) -> Iterator[Zygote]:
    """One whose module starts a thread."""
    code = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    (tmp_path / "restless.py").write_text(code)
    base = environment.build(os.environ, Path("/nonexistent"), Path("/tmp"), 1, "")
    zygote = Zygote(sys.executable, {**base, "PYTHONPATH": str(tmp_path)}, ("restless",))
    yield zygote
    zygote.close()


def test_it_is_told_that_a_module_starts_threads(restless: Zygote) -> None:
    assert (restless.wait().threads, restless.wait().restless) == (2, "restless")


def test_scripts_run_in_fresh_interpreters_where_it_cannot_be_forked(
    sandbox: LocalSandbox, restless: Zygote, tmp_path: Path
) -> None:
    assert ", warm," in sandbox.name
    sandbox.zygote = restless
    assert ", cold (no warm interpreter: restless starts threads)," in sandbox.name
    assert run(sandbox, tmp_path, WHO).log == "solution.py\n"


def test_scripts_are_forked_from_it(sandbox: LocalSandbox, tmp_path: Path) -> None:
    assert run(sandbox, tmp_path, "import sys\nprint('json.decoder' in sys.modules)").log == "True\n"
    assert "solution.py" not in run(sandbox, tmp_path, WHO).log


@pytest.mark.parametrize(
    ("line", "is_fresh"),
    [
        ("os.environ['OMP_NUM_THREADS'] = '3'", True),
        ('os.environ ["MKL_NUM_THREADS"]="3"', True),
        ("os.environ.setdefault('OPENBLAS_NUM_THREADS', '3')", True),
        ("os.environ.update({'A': '1', 'KMP_BLOCKTIME': '0'})", True),
        ("for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS'): os.environ[name] = '1'", True),
        ("os.putenv('POLARS_MAX_THREADS', '2')", True),
        ("threads = int(os.environ.get('OMP_NUM_THREADS') or 1)", False),
        ("same = os.environ['OMP_NUM_THREADS'] == '1'", False),
        ("# OMP_NUM_THREADS = 3", False),
    ],
)
def test_a_script_that_sets_what_libraries_read_when_loaded_gets_a_fresh_interpreter(
    sandbox: LocalSandbox, tmp_path: Path, line: str, is_fresh: bool
) -> None:
    log = run(sandbox, tmp_path, f"import os\n{line}\n" + WHO).log
    assert (log == "solution.py\n") == is_fresh


def test_it_is_started_again_when_it_has_died(sandbox: LocalSandbox, tmp_path: Path) -> None:
    assert run(sandbox, tmp_path, "print(1)").log == "1\n"
    assert sandbox.zygote is not None
    first = sandbox.zygote.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert run(sandbox, tmp_path, "print(2)").log == "2\n"
    assert sandbox.zygote.pid not in (None, first)


def test_a_script_goes_on_though_the_one_it_was_forked_from_dies(sandbox: LocalSandbox, tmp_path: Path) -> None:
    first = pid_of_warm(sandbox)
    with ThreadPoolExecutor(1) as pool:
        code = (
            "import time\nfrom pathlib import Path\nPath('working/begun').touch()\n"
            "while not Path('working/go').exists(): time.sleep(0.01)\nprint('done')"
        )
        running = pool.submit(run, sandbox, tmp_path, code)
        root = tmp_path / "evaluations"
        while not (begun := list(root.glob("*/working/begun"))):
            assert not running.done()
        os.kill(first, signal.SIGKILL)
        begun[0].with_name("go").touch()
        assert running.result().log == "done\n"


def test_it_ends_with_the_sandbox(tmp_path: Path) -> None:
    adapter = open_sandbox(tmp_path / "evaluations")
    pid = pid_of_warm(adapter)
    adapter.close()
    assert not Path(f"/proc/{pid}").exists()


def test_it_ends_with_a_sandbox_that_is_forgotten(tmp_path: Path) -> None:
    adapter = open_sandbox(tmp_path / "evaluations")
    pid = pid_of_warm(adapter)
    del adapter
    assert not Path(f"/proc/{pid}").exists()


def test_scripts_do_not_share_random_numbers(tmp_path: Path) -> None:
    adapter = open_sandbox(tmp_path / "evaluations", preload=("numpy",))
    code = "import numpy, random\nprint(numpy.random.rand(), random.random(), numpy.random.default_rng().random())"
    seen = [run(adapter, tmp_path, code).log.split() for _ in range(3)]
    adapter.close()
    assert len({number for numbers in seen for number in numbers}) == 9
