"""What running a script costs: the time to its first line, the memory of the warm interpreter, scripts per second.

    python benchmarks/sandbox.py [--scripts 100] [--seconds 20]

The first line comes after `import` of pandas, scikit-learn and LightGBM; time counts from the call of `Sandbox.run`, by the
clock that the script reads. Warm, cold (the same walls, a fresh interpreter) and plain Python without any sandbox take turns
in one run. The isolation is the best this machine grants, with control groups where there are any; the other adapters, and
the best one without control groups, are measured with a fifth of the scripts. Targets: warm at most 0.3 s in the middle and
15 times faster than cold; 8 empty scripts a second on two slots.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from measure import write_result
from mlmaster.core.execution import Limits
from mlmaster.ports import Sandbox
from mlmaster.sandbox import cgroups, environment
from mlmaster.sandbox.interpreter import probe
from mlmaster.sandbox.isolation import choose, examine
from mlmaster.sandbox.local import LocalSandbox
from mlmaster.sandbox.settings import IsolationName, SandboxSettings

TARGET_S, TARGET_RATIO, TARGET_RATE, SLOTS = 0.3, 15.0, 8.0, 2
LIMITS = Limits(wall_s=300, memory_bytes=2 << 30, disk_bytes=64 << 20)
IMPORTS = """\
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import OneHotEncoder, StandardScaler
import lightgbm as lgb
"""
FIRST_LINE = IMPORTS + "import time; open('first_line', 'w').write(repr(time.time()))\n"
WAITING = IMPORTS + "import time; open('working/there', 'w').close(); time.sleep(200)\n"


@dataclass(frozen=True)
class Kind:
    """One way of running scripts."""

    isolation: IsolationName
    is_warm: bool
    has_cgroup: bool


@contextlib.contextmanager
def opened(kind: Kind, folder: Path) -> Iterator[LocalSandbox]:
    """Open a sandbox below `folder`, ready to run."""
    interpreter = probe(Path(sys.executable))
    sandbox = LocalSandbox(
        folder / f"{kind.isolation}-{kind.is_warm:d}-{kind.has_cgroup:d}",
        interpreter,
        choose(kind.isolation, interpreter),
        preload=SandboxSettings().preload if kind.is_warm else None,
        memory=cgroups.find().cgroups if kind.has_cgroup else None,
    )
    try:
        run(sandbox, "", folder / "view")
        yield sandbox
    finally:
        sandbox.close()


def run(sandbox: Sandbox, code: str, view: Path) -> Path:
    """Run a script that must end well; return its folder."""
    execution = sandbox.run(code, view, LIMITS, threading.Event())
    if execution.fault is not None:
        raise SystemExit(f"{sandbox.name}: {execution.detail}\n{execution.log}")
    return execution.directory


def to_first_line(sandbox: Sandbox, view: Path) -> float:
    """Return the seconds from the call to the script's first line."""
    began = time.time()
    return float((run(sandbox, FIRST_LINE, view) / "first_line").read_text()) - began


def plainly_to_first_line(folder: Path) -> float:
    """Return the same of plain Python, on one core as in the sandbox."""
    (folder / "solution.py").write_text(FIRST_LINE)
    core = min(os.sched_getaffinity(0))
    began = time.time()
    subprocess.run(
        [sys.executable, "solution.py"],
        cwd=folder,
        env=environment.build(os.environ, folder, folder, LIMITS.threads, ""),
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        check=True,
    )
    return float((folder / "first_line").read_text()) - began


def describe(seconds: Sequence[float]) -> dict[str, float]:
    """Return middle and spread."""
    return {
        "median_s": round(statistics.median(seconds), 4),
        "p90_s": round(statistics.quantiles(seconds, n=10)[-1], 4),
        "min_s": round(min(seconds), 4),
        "max_s": round(max(seconds), 4),
        "scripts": len(seconds),
    }


def starts(isolation: IsolationName, scripts: int, folder: Path, *, has_cgroup: bool) -> dict[str, Any]:
    """Return the time to the first line warm, cold and plainly, taking turns."""
    view, plain = folder / "view", folder / "plain"
    plain.mkdir(exist_ok=True)
    found: dict[str, list[float]] = {"warm": [], "cold": [], "plain python": []}
    with (
        opened(Kind(isolation, True, has_cgroup), folder) as warm,
        opened(Kind(isolation, False, has_cgroup), folder) as cold,
    ):
        to_first_line(cold, view)  # fills the page cache
        for _ in range(scripts):
            found["warm"].append(to_first_line(warm, view))
            found["cold"].append(to_first_line(cold, view))
            found["plain python"].append(plainly_to_first_line(plain))
        name = warm.name
    middle = {way: statistics.median(seconds) for way, seconds in found.items()}
    return {
        "sandbox": name,
        **{way: describe(seconds) for way, seconds in found.items()},
        "cold_to_warm": round(middle["cold"] / middle["warm"], 1),
        "plain_to_warm": round(middle["plain python"] / middle["warm"], 1),
    }


def scripts_per_second(kind: Kind, seconds: float, folder: Path) -> dict[str, Any]:
    """Return how many empty scripts end each second, on two slots."""
    counts = [0] * SLOTS

    def work(slot: int) -> None:
        while time.monotonic() < until:
            run(sandbox, "", folder / "view")
            counts[slot] += 1

    with opened(kind, folder) as sandbox:
        began = time.monotonic()
        until = began + seconds
        slots = [threading.Thread(target=work, args=(slot,)) for slot in range(SLOTS)]
        for slot in slots:
            slot.start()
        for slot in slots:
            slot.join()
        return {"sandbox": sandbox.name, "per_s": round(sum(counts) / (time.monotonic() - began), 2)}


def memory(isolation: IsolationName, folder: Path) -> dict[str, Any]:
    """Return what the warm interpreter holds, alone and with two scripts that use the libraries; and two cold scripts."""
    found: dict[str, Any] = {}
    for is_warm in (True, False):
        with opened(Kind(isolation, is_warm, False), folder) as sandbox:
            if is_warm:
                found["zygote_alone_mb"] = _sum(_ours())
            cancel = threading.Event()
            threads = [
                threading.Thread(target=sandbox.run, args=(WAITING, folder / "view", LIMITS, cancel)) for _ in range(2)
            ]
            for thread in threads:
                thread.start()
            root = folder / f"{isolation}-{is_warm:d}-0"
            until = time.monotonic() + 120
            while len(list(root.glob("*/working/there"))) < 2 and time.monotonic() < until:
                time.sleep(0.05)
            time.sleep(1)
            if is_warm:
                found["zygote_with_two_scripts_mb"] = _sum([psutil.Process(_pid(sandbox))])
            found[f"all_with_two_{'warm' if is_warm else 'cold'}_scripts_mb"] = _sum(_ours())
            cancel.set()
            for thread in threads:
                thread.join()
    return found


def _pid(sandbox: LocalSandbox) -> int:
    assert sandbox.zygote is not None
    assert sandbox.zygote.pid is not None
    return sandbox.zygote.pid


def _ours() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _sum(processes: Sequence[psutil.Process]) -> dict[str, float]:
    """Return resident memory, the share of it where shared pages are split among their holders, and what is held alone."""
    total = {"rss": 0, "pss": 0, "uss": 0}
    for process in processes:
        with contextlib.suppress(psutil.Error):
            held = process.memory_full_info()
            for name in total:
                total[name] += getattr(held, name)
    return {**{name: round(size / 2**20, 1) for name, size in total.items()}, "processes": len(processes)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scripts", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    granted: list[IsolationName] = [o.name for o in examine(Path(sys.executable)) if o.is_granted]  # type: ignore[misc]
    has_cgroup = cgroups.find().cgroups is not None
    best, *others = granted
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "view").mkdir()
        (folder / "view" / "train.csv").write_text("id,y\n1,0\n")
        first = [starts(best, options.scripts, folder, has_cgroup=has_cgroup)]
        few = max(2, options.scripts // 5)
        if has_cgroup:
            first.append(starts(best, few, folder, has_cgroup=False))
        first += [starts(other, few, folder, has_cgroup=has_cgroup) for other in others]
        rates = [
            scripts_per_second(Kind(isolation, is_warm, is_counted), options.seconds, folder)
            for isolation in granted
            for is_warm in (True, False)
            for is_counted in ((True, False) if has_cgroup else (False,))
        ]
        held = memory(best, folder)
    headline: Mapping[str, Any] = first[0]
    result = {
        "what": "seconds from Sandbox.run to the first line after importing pandas, scikit-learn, LightGBM; scripts a second",
        "targets": {"warm_median_s": TARGET_S, "cold_to_warm": TARGET_RATIO, "empty_scripts_per_s": TARGET_RATE},
        "first_line": first,
        "empty_scripts_on_two_slots": rates,
        "memory": held,
    }
    write_result("sandbox", result)
    is_met = (
        headline["warm"]["median_s"] <= TARGET_S
        and headline["cold_to_warm"] >= TARGET_RATIO
        and rates[0]["per_s"] >= TARGET_RATE
    )
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
