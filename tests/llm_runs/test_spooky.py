"""A real competition from the command line, asked over each protocol: a model that drafts, tries out, mends and improves.

The data is not part of the project; `ML_MASTER_TASKS` says where it lies.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.llm_runs.runs import DECOY, KNOWN, Solved, check_submission, missing_in

from mlmaster.core.events import NodeFinished, RunEnded, RunStarted
from mlmaster.core.node import NodeState
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.llm_server import LLMServer
from mlmaster.testing.llm_ways import WAYS

TASK = Path(
    os.environ.get("ML_MASTER_TASKS") or Path(__file__).resolve().parents[2].parent / "shared" / "tasks",
    "spooky-author-identification",
)
NODES = 4

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TASK.is_dir(), reason=f"{TASK} is absent; set ML_MASTER_TASKS to a folder holding it"),
]


@pytest.mark.parametrize("name", ["prefix", "messages"])  # every other way solves wine in test_ways
def test_a_run_ends_valid_with_memory_in_place(tmp_path: Path, name: str) -> None:
    way, out = WAYS[name], tmp_path / "run"
    with LLMServer(CompetentCoder(2, bugs=True), key=DECOY) as server:
        words = [f"--set={key}={value}" for key, value in {**way.settings(server), "engine.folds": 1}.items()]
        command = [sys.executable, "-m", "mlmaster.cli", "run", str(TASK), *words, "--out", str(out)]
        command += ["--nodes", str(NODES), "--time", "20m", "--plain"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (server.failures, server.complaints) == ([], [])
    assert done.returncode == 0, done.stdout + done.stderr
    assert DECOY not in done.stdout + done.stderr
    solved = Solved(way, out, server.received)

    [started], [ended] = solved.events(RunStarted), solved.events(RunEnded)
    assert (started.metric, ended.reason) == ("log_loss", "nodes")
    assert check_submission(solved) == 1958
    assert (solved.selected.guide or 9.0) < 0.7, "the shares of the authors score 1.09"
    asked = {event.node for event in solved.proposals()}
    states = {event.state for event in solved.events(NodeFinished) if event.node in asked}
    assert NodeState.SCORED in states

    for call, received in solved.openings:
        work = received.messages[-1].text
        assert bool(received.thoughts) == way.is_steered == (KNOWN not in work)
        memory = received.thoughts or work.partition(KNOWN)[2]
        assert missing_in(memory, solved, call.asked.node) == []
    assert {event.placement for event in solved.proposals()} == {way.placement}
    assert {received.protocol for received in server.received} == {way.protocol}
    assert ended.cached_tokens > 1000 * (len(solved.calls) - NODES)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert [path for path in files if DECOY.encode() in path.read_bytes()] == []
