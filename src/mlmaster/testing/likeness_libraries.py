"""Likeness with libraries: random numbers, thread counts, processes started by `multiprocessing`, joblib and torch."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path

import pytest

from mlmaster.ports import Sandbox
from mlmaster.testing.plain_python import Compared, play_sandboxed

UNIX_SOCKETS = "unix sockets"
SEMAPHORES = "semaphores"

UNSEEDED = """\
import random, secrets, tempfile, uuid
import numpy as np
from sklearn.utils import check_random_state
print(random.random(), random.getrandbits(64))
print(np.random.rand(), np.random.randint(1 << 30))
print(np.random.default_rng().random(), np.random.RandomState().rand(), check_random_state(None).rand())
print(uuid.uuid4(), secrets.token_hex(8), tempfile.mktemp(dir=""))
"""

SEEDED = """\
import random
import numpy as np
from sklearn.ensemble import RandomForestClassifier
random.seed(7)
np.random.seed(7)
print(random.random(), random.gauss(0, 1), np.random.rand(), np.random.normal(), np.random.default_rng(7).random())
np.random.seed(7)
x = np.random.default_rng(7).normal(size=(80, 4))
print(RandomForestClassifier(8).fit(x, x[:, 0] > 0).predict_proba(x[:5])[:, 0])
import os, sys
for _ in range(2):  # children draw alike where plain Python's do
    if os.fork() == 0:
        print(np.random.rand())
        os._exit(0)
    os.wait()
"""

_POOLS = """\
import numpy, scipy.linalg, sklearn.ensemble, sklearn.cluster, lightgbm
from threadpoolctl import threadpool_info, threadpool_limits
def show():
    pools = {os.path.basename(pool["filepath"]): pool["num_threads"] for pool in threadpool_info()}
    print(json.dumps({**pools, "cores": len(os.sched_getaffinity(0))}))
show()
with threadpool_limits(1):
    show()
show()
"""

THREADS = "import json, os\n" + _POOLS

OWN_THREADS = (
    """\
import json, os
count = "COUNT"
os.environ["OMP_NUM_THREADS"] = count
os.environ.update(OPENBLAS_NUM_THREADS=count, MKL_NUM_THREADS=count)
"""
    + _POOLS
)

AT_WORK = """\
import numpy as np, os
import lightgbm
from sklearn.ensemble import HistGradientBoostingClassifier
x = np.random.default_rng(0).normal(size=(4000, 12))
y = x[:, 0] * x[:, 1] > 0
print(HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(x, y).predict_proba(x[:4])[:, 1].round(6))
booster = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, deterministic=True, force_row_wise=True).fit(x, y)
print(booster.predict_proba(x[:4])[:, 1].round(6))
print(np.linalg.norm(x.T @ x).round(6))
if os.fork() == 0:  # a child can compute too
    print(np.linalg.norm(x @ x.T).round(6), flush=True)
    os._exit(0)
print(os.wait()[1])
"""

PROCESSES = """\
import multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory

class Thing:
    def __init__(self, value): self.value = value

def double(thing):
    return Thing(thing.value * 2), __name__, os.path.basename(__file__), sys.argv, multiprocessing.parent_process().name

def fill(queue, name, lock):
    block = shared_memory.SharedMemory(name)
    with lock:
        block.buf[0] = 7
    queue.put((multiprocessing.current_process().name, __name__))
    block.close()

def fail():
    raise ValueError("in a child")

if __name__ == "__main__":
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            for thing, *rest in pool.map(double, [Thing(1), Thing(2)], chunksize=1):
                print(type(thing), thing.value, *rest)
        queue, lock = context.Queue(), context.Lock()
        block = shared_memory.SharedMemory(create=True, size=16)
        process = context.Process(target=fill, args=(queue, block.name, lock), name="filler")
        process.start()
        print(queue.get(timeout=30), process.join(), process.exitcode, block.buf[0])
        block.close()
        block.unlink()
    process = multiprocessing.get_context("fork").Process(target=fail)
    process.start()
    process.join()
    print(process.exitcode)
    with ProcessPoolExecutor(2) as executor:
        print([thing.value for thing, *_ in executor.map(double, map(Thing, range(4)))])
    array = multiprocessing.Array("d", 3)
    print(list(array), multiprocessing.cpu_count())
"""

SOCKETS = """\
import multiprocessing

def double(value): return value * 2

if __name__ == "__main__":
    with multiprocessing.Manager() as manager:
        shared = manager.dict(a=1)
        process = multiprocessing.Process(target=shared.update, args=({"b": 2},))
        process.start()
        process.join()
        print(dict(shared))
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
"""

JOBLIB = """\
import warnings
import numpy as np
from joblib import Memory, Parallel, cpu_count, delayed
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

class Own:
    def __init__(self, value): self.value = value

def total(array, own): return float(array.sum()) + own.value

big = np.ones((512, 512))
for backend in ("loky", "threading", "multiprocessing"):
    print(backend, Parallel(n_jobs=2, backend=backend)(delayed(total)(big, Own(i)) for i in range(3)))
x = np.random.default_rng(0).normal(size=(200, 5))
print(cross_val_score(Ridge(), x, x[:, 0], cv=3, n_jobs=2).round(6))
print(RandomForestRegressor(8, n_jobs=2, random_state=0).fit(x, x[:, 0]).predict(x[:3]).round(6))
print(Memory("working/cache", verbose=0).cache(abs)(-3), cpu_count())
"""

LOADER = """\
import torch
from torch.utils.data import DataLoader, Dataset

class Squares(Dataset):
    def __len__(self): return 8
    def __getitem__(self, index): return torch.tensor([float(index) ** 2])

if __name__ == "__main__":
    torch.manual_seed(0)
    for batch in DataLoader(Squares(), batch_size=4, num_workers=2, shuffle=True):
        print(batch.flatten().tolist())
    print(torch.get_num_threads(), torch.rand(2))
"""

FOLDERS = """\
import os, tempfile
import matplotlib
import joblib, sklearn.datasets
print(matplotlib.get_backend(), matplotlib.get_configdir() == os.path.realpath(os.environ["MPLCONFIGDIR"]))
print(os.path.realpath(os.environ["HOME"]) in os.path.realpath(matplotlib.get_cachedir()))
print(sklearn.datasets.get_data_home() == os.path.join(os.environ["HOME"], "scikit_learn_data"))
print(tempfile.gettempdir() == os.environ["TMPDIR"])
"""


class LibraryLikeness(Compared):
    """The libraries of every day, as plain Python has them; each test is skipped where they are not installed."""

    def test_random_numbers_differ_between_runs(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self._need("numpy", "sklearn")
        runs = [play_sandboxed(sandbox, tmp_path, UNSEEDED, 1)[1] for _ in range(2)]
        words = [" ".join(seen.lines).split() for seen in runs]
        assert [len(drawn) for drawn in words] == [10, 10], runs
        assert all(one != other for one, other in zip(*words, strict=True))

    def test_random_numbers_repeat_with_a_seed(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self._need("numpy", "sklearn")
        assert self.compare(sandbox, tmp_path, SEEDED).exit_code == 0

    @pytest.mark.parametrize("threads", [1, 2])
    def test_thread_counts_are_the_share_of_the_slot(self, sandbox: Sandbox, tmp_path: Path, threads: int) -> None:
        self._compare_pools(sandbox, tmp_path, THREADS, threads)

    @pytest.mark.parametrize(("threads", "own"), [(1, "2"), (2, "1")])
    def test_own_thread_counts_are_honoured(self, sandbox: Sandbox, tmp_path: Path, threads: int, own: str) -> None:
        self._compare_pools(sandbox, tmp_path, OWN_THREADS.replace("COUNT", own), threads)

    def test_native_threads_compute_the_same(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self._need("sklearn", "lightgbm")
        assert self.compare(sandbox, tmp_path, AT_WORK).lines[-1] == "0"

    def test_processes_that_fork_and_spawn(self, sandbox: Sandbox, tmp_path: Path) -> None:
        shown = self.compare(sandbox, tmp_path, PROCESSES, behaviour=SEMAPHORES)
        assert shown.exit_code == 0
        assert "[0, 2, 4, 6]" in shown.lines

    def test_processes_that_talk_through_sockets(self, sandbox: Sandbox, tmp_path: Path) -> None:
        shown = self.compare(sandbox, tmp_path, SOCKETS, behaviour=UNIX_SOCKETS)
        assert shown.lines == ("{'a': 1, 'b': 2}", "[2, 4]")

    def test_joblib(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self._need("joblib", "sklearn")
        assert self.compare(sandbox, tmp_path, JOBLIB, behaviour=SEMAPHORES).exit_code == 0

    def test_workers_of_a_data_loader(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self._need("torch")
        assert self.compare(sandbox, tmp_path, LOADER, behaviour=UNIX_SOCKETS).exit_code == 0

    def test_folders_of_libraries_are_the_script_s_own(self, sandbox: Sandbox, tmp_path: Path) -> None:
        self._need("matplotlib", "sklearn")
        assert self.compare(sandbox, tmp_path, FOLDERS).lines == ("Agg True", "True", "True", "True")

    def _compare_pools(self, sandbox: Sandbox, tmp_path: Path, code: str, threads: int) -> None:
        """Require of every pool of threads that plain Python loads the same size; the sandbox may have loaded more."""
        self._need("numpy", "scipy", "sklearn", "lightgbm", "threadpoolctl")
        plain = self.plain(code, threads)
        execution, seen = play_sandboxed(sandbox, tmp_path, code, threads)
        assert execution.fault is None, execution.log
        # joblib may have told on loading that it will do without processes
        lines = ([line for line in shown.lines if line.startswith("{")] for shown in (plain, seen))
        expected, found = ([json.loads(line) for line in one] for one in lines)
        assert [len(pools) > 3 for pools in expected] == [True] * 3
        assert [
            {name: there.get(name) for name in here} for here, there in zip(expected, found, strict=True)
        ] == expected

    def _need(self, *modules: str) -> None:
        """Skip the test where the interpreter of the scripts lacks a library."""
        if missing := _find_missing(self.python, modules):
            pytest.skip(f"{self.python} has no {missing}")


@functools.cache
def _find_missing(python: Path, modules: tuple[str, ...]) -> str:
    """Return which of the modules an interpreter lacks, which is asked once for all adapters."""
    code = f"import importlib.util as u\nprint(*(n for n in {modules!r} if u.find_spec(n) is None))"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()
