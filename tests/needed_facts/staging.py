"""Runs in which a choosy model must act on what it was told: over the wire, in each way to place memory.

The world is `toy_story`, what must be known is in `facts`. A script says what its author believed; the sandbox plays the
mistake that follows from the first belief that is wrong.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.needed_facts import toy_story
from tests.needed_facts.facts import FACTS, Fact, Mistake
from tests.needed_facts.toy_story import FOLDS, NEXT, NODES_LEFT, PARENTS, STORY, TIME_LEFT_S, write_script

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.chat import ToolCall
from mlmaster.core.clock import SystemClock
from mlmaster.core.events import Deferred, Event, Proposed, Refused
from mlmaster.core.execution import Fault
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.tree import Tree
from mlmaster.engineers.llm.engineer import LLMEngineer
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.llm.models import make_models
from mlmaster.llm.settings import LLMSettings
from mlmaster.ports import LLM, Desk
from mlmaster.store.calls import CallBook
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.choosy_model import ChoosyModel, Reading
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.fake_sandbox import Outcome
from mlmaster.testing.llm_server import Brain, LLMServer, Received, Said
from mlmaster.testing.llm_ways import KEYS, Way

GOOD = 0.2
"""How far off a script is whose author knew everything: better than all of the story."""
REPEATED: Mapping[Operator, int] = {
    Operator.DRAFT: 1,
    Operator.IMPROVE: 5,
    Operator.EVOLVE: 5,
    Operator.DEBUG: 10,
    Operator.MERGE: 5,
}
"""What somebody does again who does not know that it was done."""
_EDITED: Mapping[Operator, tuple[str, str]] = {
    Operator.DEBUG: ("FAULT = 'error'", "FAULT = ''"),
    **dict.fromkeys((Operator.IMPROVE, Operator.EVOLVE, Operator.MERGE), ("ERROR = 1.2", f"ERROR = {GOOD}")),
}
_OUT = 'OUT = "submission.csv"'


# ---- who is asked


@dataclass(slots=True)
class Stage:
    """A provider that is there for many runs, whose model is another in each."""

    way: Way
    models: LLM
    brain: Brain = lambda received: Said("Nobody is playing.")


@contextmanager
def open_stage(way: Way, folder: Path) -> Iterator[Stage]:
    stages: list[Stage] = []
    with ExitStack() as stack:
        server = stack.enter_context(LLMServer(lambda received: stages[0].brain(received), key="a-key"))
        named = {name.removeprefix("llm."): value for name, value in way.settings(server).items()}
        book = CallBook(folder, writable=True)
        stack.callback(book.disconnect)
        models = make_models(
            LLMSettings.model_validate(named),
            limits=BudgetLimits(),
            log=book,
            environ=dict.fromkeys(KEYS, "a-key"),
            clock=SystemClock(),
            say=lambda line: None,
            patience_s=0,
        )
        stages.append(Stage(way, stack.enter_context(closing(models))))
        yield stages[0]


# ---- the world


@dataclass(frozen=True, slots=True)
class Told:
    """The story as it stands on disk."""

    directory: Path
    tree: Tree

    def truths(self, operator: Operator) -> dict[str, str]:
        return {fact.name: fact.truth(self.tree) for fact in FACTS[operator]}


def read_story(directory: Path) -> Told:
    store = RunDirectory.open_for_reading(directory)
    try:
        return Told(directory, Tree(record.event for record in store.read()))
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class World:
    """What comes of scripts whose authors believed something."""

    facts: Sequence[Fact]
    truths: Mapping[str, str]

    def play(self, code: str, view: Path) -> Outcome:
        found = toy_story.play(code, view)
        believed = toy_story.lines_of(code).get("BELIEVES")
        if believed is None:
            return found
        wrong = (fact.mistake for fact in self.facts if believed.get(fact.name) != self.truths[fact.name])
        mistake = next(wrong, None)
        return found if mistake is None else _spoil(found, mistake, code, view)


def _spoil(found: Outcome, mistake: Mistake, code: str, view: Path) -> Outcome:
    match mistake:
        case "error":
            return replace(found, fault=Fault.ERROR, detail="it went wrong as before", files={})
        case "slow":
            return replace(found, wall_s=10 * toy_story.SCRIPT_LIMIT_S)
        case "late":
            return replace(found, wall_s=0.9 * toy_story.SCRIPT_LIMIT_S)
        case "large":
            return replace(found, peak_bytes=1 << 40)
        case "malformed":
            answer = str(found.files["submission.csv"])
            return replace(found, files={"submission.csv": answer.replace("id,y", "row,value")})
        case _:
            return toy_story.play(f"{code}\nERROR = 9.0\n", view)


# ---- the model


def choosy(operator: Operator, truths: Mapping[str, str]) -> ChoosyModel:
    """Return a model that answers an operator, and repeats what was done where it has to know that and does not."""
    facts = FACTS[operator]
    repeats = {fact.name for fact in facts if fact.mistake == "repeat"}

    def ill(reading: Reading) -> Said:
        if repeats.intersection(reading.missing):
            return Said(whole(STORY[REPEATED[operator] - 1].code))
        return Said(answer(operator, reading.facts))

    return ChoosyModel([fact.need for fact in facts], lambda reading: Said(answer(operator, reading.facts)), ill)


def answer(operator: Operator, believed: Mapping[str, str]) -> str:
    """Return a script made of what is believed: the edits of the one that is shown, or a whole one."""
    belief = f"BELIEVES = {dict(believed)!r}"
    if "script" not in believed:
        return whole(write_script(GOOD, "anew") + belief + "\n")
    search, replacement = _EDITED[operator]
    edits = ((search, replacement), (_OUT, f"{_OUT}\n{belief}"))
    blocks = "\n\n".join(f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE" for old, new in edits)
    return f"As I was told.\n\nName: as_told\n\n{blocks}"


def whole(code: str) -> str:
    return f"As I was told.\n\nName: as_told\n\n```python\n{code}```\n"


def looks_first(brain: Brain) -> Brain:
    """Return a model that looks at the data before it answers, by a tool, and is asked again."""

    def say(received: Received) -> Said:
        if any("90 rows" in heard.text for heard in received.messages):
            return brain(received)
        code = 'import csv\nprint(sum(1 for _ in open("./input/train.csv")))'
        if received.tools:
            return Said(calls=(ToolCall("", "look_at_data", json.dumps({"code": code})),))
        return Said(f'<tool name="look_at_data">\n{code}\n</tool>')

    return say


def planning(operator: Operator) -> ChoosyModel:
    """Return a model that answers a request for a plan with all that it knows."""

    def plan(reading: Reading) -> Said:
        changes = [f"{name}: {value}" for name, value in reading.facts.items()]
        return Said(json.dumps({"name": "as_told", "plan": "Do as I was told.", "changes": changes}))

    return ChoosyModel([fact.need for fact in FACTS[operator]], plan)


def plans_first(planner: Brain, coder: Brain) -> Brain:
    """Return a model that is asked for a plan, and then for a script."""
    return lambda received: (planner if "Only plan now" in received.text else coder)(received)


# ---- the run


class Forgetful:
    """An engineer that was told less than it should have been."""

    name = "forgetful"
    operators = frozenset(Operator)

    def __init__(self, engineer: LLMEngineer, forget: Callable[[Context], Context]) -> None:
        self._engineer, self._forget = engineer, forget

    def propose(self, context: Context, desk: Desk) -> Proposal:
        return self._engineer.propose(self._forget(context), desk)


@dataclass(frozen=True, slots=True)
class Found:
    """What came of one decision."""

    tree: Tree
    events: Sequence[Event]

    @property
    def proposed(self) -> Proposed:
        return next(event for event in self.events if isinstance(event, Proposed))

    @property
    def outcome(self) -> str:
        """Return what the harness says of the node, in words that `facts.OUTCOMES` uses too."""
        node = self.tree[NEXT]
        for event in self.events:
            if isinstance(event, Refused):
                return f"refused: {event.reason}"
            if isinstance(event, Deferred):
                return "deferred"
        if node.is_faulty:
            return f"failed: {node.fault}"
        has_removed = node.operator is not Operator.DEBUG or self.tree[node.parent].is_faulty
        return "scored, and best" if self.tree.best == NEXT and has_removed else "scored, and no better"


def run(
    told: Told,
    out: Path,
    stage: Stage,
    operator: Operator,
    brain: Brain,
    forget: Callable[[Context], Context] = lambda context: context,
    **session: Any,
) -> Found:
    """Let the story go on by one decision that the stage's model answers."""
    shutil.copytree(told.directory, out, symlinks=True)
    spent = read_elapsed(out)
    limits = BudgetLimits(nodes=NEXT, time_s=spent + TIME_LEFT_S)
    # what it is told to be left may be more than it gets: one decision is enough here
    toy_story.decide(out, operator, PARENTS[operator], limits.model_copy(update={"nodes": NEXT + NODES_LEFT}))
    settings = SessionSettings(**{"turns": 1, **session})
    engineer = Forgetful(LLMEngineer(stage.models, Prompts(settings, FOLDS), settings, FakeClock()), forget)
    world = World(FACTS[operator], told.truths(operator))
    stage.brain = brain
    tree, records = toy_story.go_on(out, engineer, world.play, limits)
    return Found(tree, [record.event for record in records])


def read_elapsed(directory: Path) -> float:
    store = RunDirectory.open_for_reading(directory)
    try:
        return store.elapsed_s
    finally:
        store.close()
