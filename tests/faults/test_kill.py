"""kill -9 at ten random moments of a real run in its own process; `mlmaster resume` goes on each time, by the same rules."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlmaster.core.events import NodeFinished, Record, RunEnded
from mlmaster.core.tree import Tree
from mlmaster.store.run_directory import RunDirectory

KILLS = 10
NODES = 10


def start(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from mlmaster.cli.app import main; main()", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def read(run: Path) -> list[Record]:
    store = RunDirectory.open_for_reading(run)
    records = list(store.read())
    store.close()
    return records


def finished(records: list[Record]) -> dict[int, NodeFinished]:
    return {r.event.node: r.event for r in records if isinstance(r.event, NodeFinished)}


def wait_for_events(run: Path, more_than: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the run has gone on, so that no kill hits a process that has not begun."""
    while process.poll() is None:
        if (run / "journal.db").exists() and len(read(run)) > more_than:
            return
        time.sleep(0.05)


@pytest.mark.slow
def test_ten_kills_lose_no_finished_node(tmp_path: Path) -> None:
    run = tmp_path / "run"
    rng = random.Random(11)
    arguments: tuple[str, ...] = ("run", "wine", "--nodes", str(NODES), "--time", "10m", "--out", str(run), "--plain")
    kept: dict[int, NodeFinished] = {}
    spent, seen = 0.0, 0
    for _ in range(KILLS):
        process = start(*arguments)
        wait_for_events(run, seen, process)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=rng.uniform(0.05, 3.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        records = read(run)
        now = finished(records)
        assert kept.items() <= now.items(), "a finished node was lost or changed"
        assert records[-1].elapsed_s >= spent, "spent time went back"
        kept, spent, seen = now, records[-1].elapsed_s, len(records)
        arguments = ("resume", str(run), "--plain")

    process = start(*arguments)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()
    records = read(run)
    assert kept.items() <= finished(records).items()
    assert records[-1].event == RunEnded(reason="nodes")
    tree = Tree(record.event for record in records)
    assert tree.count_nodes() == NODES
    assert not tree.in_flight
    assert (run / "best" / "submission.csv").exists()
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
