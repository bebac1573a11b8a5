"""An engineer with nothing usable to say ends a run after a bounded number of tries, and another may go on with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmaster.core.events import Refused, RunEnded
from mlmaster.core.proposal import Context, Proposal
from mlmaster.engine.ends import REFUSED_IN_A_ROW
from mlmaster.engine.run import Run
from mlmaster.errors import Exhausted, MLMasterError, ProposalRefused
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import make_run, tinker

NODES = 30
SILENT = ProposalRefused("unusable", "no script was found in the answer")


class Talker:
    """Proposes so many scripts, and then raises, for ever."""

    def __init__(self, proposals: int, error: MLMasterError) -> None:
        self.engineer = ScriptedEngineer(self._propose)
        self.asked = 0
        self._proposals, self._error = proposals, error

    def _propose(self, context: Context) -> Proposal:
        self.asked += 1
        if self.asked > self._proposals:
            raise self._error
        return tinker(context)


def talk(out: Path, talker: Talker, **changes: object) -> Run:
    return make_run(out, engineer=talker.engineer, budget__nodes=NODES, engine__attempts=1, **changes)  # type: ignore[arg-type]


def ended_by(out: Path) -> tuple[str, int]:
    """Return why the run ended, and how many decisions were refused."""
    store = RunDirectory.open_for_reading(out)
    events = [record.event for record in store.read()]
    store.close()
    assert isinstance(events[-1], RunEnded)
    return events[-1].reason, sum(isinstance(event, Refused) for event in events)


def test_a_large_tree_does_not_make_silence_dear(tmp_path: Path) -> None:
    talker = Talker(25, SILENT)
    run = talk(tmp_path / "run", talker, search__refusals=100)
    assert run.execute() is not None
    assert run.tree.count_nodes() == 25
    assert ended_by(tmp_path / "run") == ("exhausted", REFUSED_IN_A_ROW)


def test_one_proposal_in_time_keeps_a_run_going(tmp_path: Path) -> None:
    asked = 0

    def propose(context: Context) -> Proposal:
        nonlocal asked
        asked += 1
        if asked % REFUSED_IN_A_ROW:
            raise SILENT
        return tinker(context)

    run = make_run(
        tmp_path / "run", engineer=ScriptedEngineer(propose), budget__nodes=4, engine__attempts=1, search__refusals=1000
    )
    assert run.execute() is not None
    assert ended_by(tmp_path / "run")[0] == "nodes"


def test_having_no_more_ideas_is_not_silence(tmp_path: Path) -> None:
    """A catalogue that is used up at each node in turn is asked at every one of them."""
    run = talk(tmp_path / "run", Talker(25, Exhausted("all was tried")))
    run.execute()
    reason, refused = ended_by(tmp_path / "run")
    assert reason == "exhausted"
    assert refused > REFUSED_IN_A_ROW


@pytest.mark.parametrize("error", [SILENT, Exhausted("all was tried")], ids=["silent", "exhausted"])
def test_another_engineer_goes_on_where_one_was_at_its_end(tmp_path: Path, error: MLMasterError) -> None:
    first = Talker(3, error)
    talk(tmp_path / "run", first).execute()
    assert ended_by(tmp_path / "run")[0] == "exhausted"
    again = talk(tmp_path / "run", Talker(1_000, error))
    assert again.execute() is not None
    assert again.tree.count_nodes() == NODES
    assert ended_by(tmp_path / "run")[0] == "nodes"
