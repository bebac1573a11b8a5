"""A run is told again from its own recording: no provider, no key, the same scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.llm_runs.brains import Plodder
from tests.llm_runs.runs import IN_TURN, Invoke, Solved, solve

from mlmaster.core.events import Proposed, RunEnded
from mlmaster.testing.llm_ways import KEYS, WAYS

NODES = 6


@pytest.mark.parametrize(
    "name",
    [
        "chat",
        "continue",
        pytest.param("messages", marks=pytest.mark.slow),
        pytest.param("completion", marks=pytest.mark.slow),
    ],
)
def test_a_replay_makes_the_same_scripts_without_a_provider(
    tmp_path: Path, name: str, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = WAYS[name]
    first = solve(way, Plodder(), tmp_path / "first", "wine", NODES, **IN_TURN)
    for each in KEYS:
        monkeypatch.delenv(each)
    out = tmp_path / "again"
    words = [f"--set={key}={value}" for key, value in {**IN_TURN, **way.more}.items()]
    words += ["--nodes", str(NODES), "--time", "10m", "--out", str(out), "--plain"]
    told = invoke("run", "wine", "--replay", first.directory, *words)
    assert told.exit_code == 0, told.output
    again = Solved(way, out, ())
    assert scripts(again) == scripts(first)
    assert [event.placement for event in again.events(Proposed)] == [
        event.placement for event in first.events(Proposed)
    ]
    [ended] = again.events(RunEnded)
    assert (ended.reason, ended.calls, ended.usage.tokens) == ("nodes", 0, 0)


def scripts(solved: Solved) -> Mapping[int, str]:
    folders = (solved.directory / "nodes").iterdir()
    return {int(each.name): (each / "solution.py").read_text(encoding="utf-8") for each in folders}
