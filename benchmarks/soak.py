"""A search with one script in five hostile, and whether anything of it stays behind.

    python benchmarks/soak.py [--minutes 30] [--task breast-cancer] [--isolation namespaces] [--every 5]

The offline engineer proposes, but every fifth script is one of `attacks.py`. Afterwards the submission must be valid, and
processes, mounts, cgroups, temporary files, descriptors and threads must be what they were before (after a short search of
two nodes, which loads what the harness loads once). Run it on a machine where nobody else runs ML-Master.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import psutil

from attacks import ATTACKS, INSIDE_NAMESPACES
from measure import write_result
from mlmaster.core.events import NodeFinished, Proposed, Record, RunStarted, Selected
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.task import Task
from mlmaster.engineers.offline import OfflineEngineer
from mlmaster.errors import SubmissionError
from mlmaster.metrics.submission import read_submission
from mlmaster.ports import Desk, Engineer
from mlmaster.sandbox.environment import TOKEN
from mlmaster.settings import Settings
from mlmaster.store.run_directory import RunDirectory
from mlmaster.tasks.table import read_columns
from mlmaster.wiring import assemble, prepare

USERS = range(0x60000000, 0x70000000)
SETTINGS: dict[str, Any] = {
    "engine": {"slots": 2, "threads": 1, "script_timeout_s": 45.0, "memory_gb": 0.45, "disk_gb": 0.2},
}


class HostileEngineer:
    """Proposes what the offline engineer does, and an attack in every n-th place."""

    name = "offline, in part hostile"

    def __init__(self, attacks: dict[str, str], every: int) -> None:
        self._inner = OfflineEngineer()
        self.operators = self._inner.operators
        self._attacks = list(attacks.items())
        self._every = every
        self._count = 0
        self._lock = Lock()

    def propose(self, context: Context, desk: Desk) -> Proposal:
        """Return a script; see `mlmaster.ports.Engineer`."""
        with self._lock:
            self._count += 1
            number = self._count
        if number % self._every:
            return self._inner.propose(context, desk)
        attack, code = self._attacks[number // self._every % len(self._attacks)]
        code = f"number = {number}  # its result would be submission.csv\n{code}"
        return Proposal(plan=f"An attack: {attack}.", code=code, edit=f"attack: {attack}")


@dataclass(frozen=True)
class State:
    """What there is at one moment, by name, so that what is new can be told."""

    processes: frozenset[str]
    mounts: Counter[str]
    cgroups: frozenset[str]
    files: frozenset[str]
    descriptors: Counter[str]
    threads: int

    @classmethod
    def take(cls) -> State:
        """Look at the machine and at this process."""
        gc.collect()
        return cls(
            processes=frozenset(_processes()),
            mounts=Counter(Path("/proc/self/mountinfo").read_text().splitlines()),
            cgroups=frozenset(
                str(path) for path in Path("/sys/fs/cgroup").rglob(f"mlmaster-{os.getpid()}-*") if path.is_dir()
            ),
            files=frozenset(str(p) for folder in ("/tmp", "/var/tmp", "/dev/shm") for p in Path(folder).glob("*")),
            descriptors=Counter(_descriptors()),
            threads=len(list(Path("/proc/self/task").iterdir())),
        )

    def counts(self) -> dict[str, int]:
        """Return how many there are of each."""
        return {
            "processes": len(self.processes),
            "mounts": self.mounts.total(),
            "cgroups": len(self.cgroups),
            "temporary files": len(self.files),
            "descriptors": self.descriptors.total(),
            "threads": self.threads,
        }

    def left_since(self, before: State) -> dict[str, list[str]]:
        """Return what is there now and was not before."""
        new = {
            "processes": sorted(self.processes - before.processes),
            "mounts": sorted((self.mounts - before.mounts).elements()),
            "cgroups": sorted(self.cgroups - before.cgroups),
            "temporary files": sorted(self.files - before.files),
            "descriptors": sorted((self.descriptors - before.descriptors).elements()),
            "threads": ["thread"] * max(0, self.threads - before.threads),
        }
        return {name: found for name, found in new.items() if found}


def _processes() -> list[str]:
    """Return the processes of scripts' users, those that carry the mark of an evaluation, and all children of this one."""
    children = {process.pid for process in psutil.Process().children(recursive=True)}
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = process.pid in children or process.uids().real in USERS or TOKEN in process.environ()
            if is_ours:
                found.append(f"{process.pid} {process.status()}: {' '.join(process.cmdline())[:120]}")
        except (psutil.Error, OSError):
            continue
    return found


def _descriptors() -> list[str]:
    names = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            name = str(entry.readlink())
        except OSError:  # the one that this very look held
            continue
        # the number of a pipe or a socket says nothing
        names.append(name.split(":")[0] if name.startswith(("pipe:", "socket:")) else name)
    return names


def search(task: str, out: Path, settings: Settings, engineer: Engineer) -> list[Record]:
    """Run a whole search and return its journal."""
    RunDirectory.reserve(out)
    prepared = prepare(task, settings, out / "data")
    store = RunDirectory.create(out, settings.dump(), prepared.task, prepared.profile)
    assemble(store, settings, engineer=engineer).execute()
    found = RunDirectory.open_for_reading(out)
    records = list(found.read())
    found.close()
    return records


def is_valid(submission: Path, task: Task) -> bool:
    """Return True for a submission in the task's format with the keys of the sample, in any order."""
    assert task.id_column is not None
    sample = read_columns(task.directory / str(task.sample), [task.id_column], task.delimiter)
    keys = list(sample[task.id_column])
    try:
        return len(read_submission(submission, task, keys, len(keys))) == len(keys)
    except SubmissionError:
        return False


def outcomes(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """Return how the nodes of every attack ended, and the honest ones."""
    edits = {r.event.node: r.event.edit for r in records if isinstance(r.event, Proposed)}
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        event = record.event
        if isinstance(event, NodeFinished):
            edit = edits.get(event.node, "")
            name = edit.removeprefix("attack: ") if edit.startswith("attack: ") else "honest"
            found[name][event.state.value if event.fault is None else f"{event.state}: {event.fault}"] += 1
    return {name: dict(sorted(counted.items())) for name, counted in sorted(found.items())}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--task", default="breast-cancer")
    parser.add_argument("--isolation", default="auto", choices=["auto", "namespaces", "landlock"])
    parser.add_argument("--every", type=int, default=5, help="one script in this many is hostile")
    options = parser.parse_args()
    sandbox = {"isolation": options.isolation, "processes": 64}
    settings = Settings.model_validate(
        {**SETTINGS, "sandbox": sandbox, "budget": {"time": f"{options.minutes * 60:.0f}s", "nodes": None}}
    )
    short = settings.model_copy(update={"budget": settings.budget.model_copy(update={"nodes": 2})})
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    records = search(options.task, folder / "first", short, OfflineEngineer())
    name = next(r.event.sandbox for r in records if isinstance(r.event, RunStarted))
    attacks = {**ATTACKS, **INSIDE_NAMESPACES} if name.startswith("namespaces") else ATTACKS
    before, began = State.take(), time.monotonic()
    records = search(options.task, folder / "run", settings, HostileEngineer(attacks, options.every))
    seconds, after = time.monotonic() - began, State.take()
    task = RunDirectory.open_for_reading(folder / "run").task()
    ended = outcomes(records)
    left = after.left_since(before)
    selected = [r.event for r in records if isinstance(r.event, Selected)]
    hostile = sum(sum(counted.values()) for attack, counted in ended.items() if attack != "honest")
    result = {
        "what": "a search with some scripts hostile: what it ends with, and what it leaves behind",
        "task": options.task,
        "sandbox": name,
        "minutes": round(seconds / 60, 1),
        "one_hostile_in": options.every,
        "nodes": {"honest": sum(ended.get("honest", {}).values()), "hostile": hostile},
        "valid_submission": is_valid(folder / "run" / "best" / "submission.csv", task),
        "judge": selected[-1].judge if selected else None,
        "before": before.counts(),
        "after": after.counts(),
        "left_behind": left,
        "outcomes": ended,
    }
    write_result("soak", result)
    if not result["valid_submission"] or left:
        print(f"the run is kept in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
