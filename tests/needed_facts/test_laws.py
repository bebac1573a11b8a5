"""Laws of what models are told: the same everywhere, bounded however long a run is, and nothing that must stay hidden."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.needed_facts import large_run, toy_story
from tests.needed_facts.large_run import CODE, FILES, NODES, large_context
from tests.needed_facts.staging import Stage, Told, choosy, read_story, run, whole
from tests.needed_facts.toy_story import NEXT

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.chat import Message, ModelFacts, Placement, Request, Role
from mlmaster.core.events import Event, FoldScored, JudgeOpened, NodeFinished, Rescored, Selected
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Context
from mlmaster.core.tokens import estimate_tokens
from mlmaster.core.tree import Tree
from mlmaster.engineers.llm.conversation import request_tokens
from mlmaster.engineers.llm.engineer import LLMEngineer
from mlmaster.engineers.llm.prompting.figures import significant
from mlmaster.engineers.llm.prompting.prompts import NATIVE_TOOLS, Prompts
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.engineers.llm.tools import TOOLS
from mlmaster.memory.scoped import build_context
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing import contexts, toy_run
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.llm_server import Received, Said
from mlmaster.testing.llm_ways import WAYS
from mlmaster.testing.scripted_desk import ScriptedDesk
from mlmaster.testing.scripted_llm import ScriptedLLM

StageOf = Callable[[str], Stage]
ANSWER = whole("import pandas\n" + CODE + 'OUT = "submission.csv"\n')
ROOT = Path(__file__).parents[2]


# ---- the same everywhere


@pytest.mark.parametrize("seed", ["1", "20"])
def test_another_process_is_told_the_same(seed: str) -> None:
    command = [sys.executable, "-m", "tests.needed_facts.large_run"]
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert found.splitlines() == [f"{name} {digest}" for name, digest in large_run.digests().items()]


# ---- bounded


def test_the_run_is_larger_than_any_prompt() -> None:
    history = large_context(Operator.DRAFT).history
    assert len(history) == NODES - 10
    assert sum(estimate_tokens(f"{node.plan} {node.detail}") for node in history) > 200_000


@pytest.mark.parametrize(("tokens", "tools"), [(4_000, "none"), (4_000, "text"), (4_000, "native"), (32_000, "native")])
@pytest.mark.parametrize("operator", Operator, ids=str)
def test_first_requests_keep_the_bound(operator: Operator, tokens: int, tools: str) -> None:
    refusals = tuple(f"edit: of edit {number}, {'what it searches stands nowhere ' * 90}" for number in range(9))
    context = replace(large_context(operator), refusals=refusals)
    for placement in (Placement.PROMPT, Placement.COMPLETION):
        requests = first_requests(context, placement, tokens, tools)
        assert [request.role for request in requests] == [Role.PLANNER, Role.CODER]
        assert [bool(request.tools) for request in requests] == [False, tools == "native"]
        for request in requests:
            assert "of edit 8" in request.messages[-1].text
            assert request_tokens(request) <= tokens


def first_requests(context: Context, placement: Placement, tokens: int, tools: str) -> Sequence[Request]:
    """Return the first requests to a planner and to a coder."""
    plan = '{"name": "as_told", "plan": "Do as I was told.", "changes": []}'
    llm = ScriptedLLM(
        lambda request, node: plan if request.role is Role.PLANNER else ANSWER,
        ModelFacts("m", placement=placement, has_tools=tools == "native"),
    )
    by = SessionSettings(context_tokens=tokens, turns=1 if tools == "none" else 4, plan="apart")
    context = replace(context, description=context.description[: tokens // 2])  # so that nobody has to shorten it
    LLMEngineer(llm, Prompts(by, 5), by, FakeClock()).propose(context, ScriptedDesk(listing=FILES))
    return [request for _, request in llm.requests[:2]]


def test_room_is_kept_for_native_tools() -> None:
    message = Message("user", "")
    plain, tooled = (request_tokens(Request(Role.CODER, (message,), tools=tools)) for tools in ((), TOOLS))
    assert 0.9 * NATIVE_TOOLS < tooled - plain <= NATIVE_TOOLS


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operator", Operator, ids=str)
def test_requests_on_the_wire_keep_the_bound(stage_of: StageOf, operator: Operator, way: str) -> None:
    heard: list[Received] = []

    def say(received: Received) -> Said:
        heard.append(received)
        return Said("I shorten it." if "You shorten" in received.text else ANSWER)

    stage = stage_of(way)
    stage.brain = say
    by = SessionSettings(turns=1)
    LLMEngineer(stage.models, Prompts(by, 5), by, FakeClock()).propose(
        large_context(operator), ScriptedDesk(listing=FILES)
    )
    assert bool(heard[-1].thoughts) == WAYS[way].is_steered
    assert estimate_tokens(heard[-1].text) <= by.context_tokens


# ---- nothing that must stay hidden


VALUES = st.floats(min_value=0.01, max_value=100, allow_nan=False).filter(lambda value: len(repr(value)) > 12)


def _hidden(values: Sequence[float]) -> list[Event]:
    """Return the events of an end, with values that only the user may see."""
    judge, low, high, predicted_low, predicted_high, fresh, reference = values
    return [
        JudgeOpened(finalists=("node 7",)),
        Rescored(choice="node 7", value=fresh, reference=reference, error=0.01, holds=True),
        Selected(
            choice="node 7",
            members=((7, 1.0),),
            guide=None,
            judge=judge,
            expected_low=low,
            expected_high=high,
            predicted_low=predicted_low,
            predicted_high=predicted_high,
        ),
    ]


@settings(max_examples=25, deadline=None)
@given(values=st.lists(VALUES, min_size=7, max_size=7, unique=True), place=st.integers(0, len(contexts.STORY) * 4))
def test_what_the_judge_says_changes_no_prompt(values: list[float], place: int) -> None:
    story = contexts.told_events()
    place = min(place, len(story))
    for operator in Operator:
        plain, ended = (
            _texts(_context_of(operator, events))
            for events in (story, [*story[:place], *_hidden(values), *story[place:]])
        )
        assert ended == plain


@settings(max_examples=25, deadline=None)
@given(values=st.lists(VALUES, min_size=len(contexts.STORY), max_size=len(contexts.STORY), unique=True))
def test_scores_are_told_rounded(values: list[float]) -> None:
    story = [_scored(event, values) for event in contexts.told_events()]
    for operator in Operator:
        for text in _texts(_context_of(operator, story)):
            assert {number for number in _NUMBER.findall(text) if _tells_more(number, values)} == set()
    assert significant(values[6]) in _texts(_context_of(Operator.IMPROVE, story))[0]


_NUMBER = re.compile(r"\d+\.\d+")


def _tells_more(number: str, values: Sequence[float]) -> bool:
    """Return True for a number with more than four digits that is one of the values."""
    is_value = any(abs(float(number) - value) <= 1e-4 * value for value in values)
    return is_value and len(number.replace(".", "").lstrip("0")) > 4


def _scored(event: Event, values: Sequence[float]) -> Event:
    if isinstance(event, NodeFinished) and event.value is not None:
        value = values[event.node - 1]
        return event.model_copy(update={"value": value, "utility": value})
    if isinstance(event, FoldScored):
        return event.model_copy(update={"value": values[event.node - 1]})
    return event


def _context_of(operator: Operator, events: Sequence[Event]) -> Context:
    tree = Tree(events)
    tree.apply(contexts.decided(tree.next_id, operator, contexts.PARENTS[operator]))
    return build_context(
        tree,
        len(tree),
        contexts.make_task(),
        contexts.make_profile(),
        lambda node: contexts.SCRIPTS[node],
        lambda node: contexts.LOG if tree[node].is_faulty else "",
        lambda node: {},
        script_limit_s=120.0,
        threads=2,
        packages=contexts.PACKAGES,
        seed=7,
    )


def _texts(context: Context) -> list[str]:
    """Return what is asked for a context, by placement."""
    by = Prompts(SessionSettings(turns=1), 5)
    asked = [by.first(context, (), ModelFacts("m", placement=each), tokens=32_000) for each in Placement]
    return ["\n".join([*(message.text for message in prompt.messages), prompt.thoughts]) for prompt in asked]


PLANTED = (0.3141592653, 0.2718281828, 0.5772156649, 0.6931471805, 0.1618033988, 0.4142135623, 0.7320508075)


@pytest.fixture(scope="session")
def ended(told: Told, tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, Sequence[float]]:
    """Return the story after a real selection and a planted one, and what the two say that nobody may be told."""
    out = tmp_path_factory.mktemp("ended") / "run"
    shutil.copytree(told.directory, out, symlinks=True)
    limits = BudgetLimits(nodes=NEXT - 1)
    selected = toy_run.make_run(out, behave=toy_story.play, limits=limits, interpreter=toy_story.INTERPRETER).execute()
    assert selected is not None
    own = (
        selected.judge,
        selected.expected_low,
        selected.expected_high,
        selected.predicted_low,
        selected.predicted_high,
    )
    store = RunDirectory.open_for_writing(out)
    store.append(_hidden(PLANTED), store.elapsed_s)
    store.close()
    return read_story(out), (*(value for value in own if value is not None), *PLANTED)


@pytest.mark.parametrize("way", ["chat", "completion"])
@pytest.mark.parametrize("operator", Operator, ids=str)
def test_a_run_that_goes_on_after_its_end_tells_nothing_of_it(
    ended: tuple[Told, Sequence[float]], stage_of: StageOf, out: Path, operator: Operator, way: str
) -> None:
    told, hidden = ended
    model = choosy(operator, told.truths(operator))
    found = run(told, out, stage_of(way), operator, model)
    assert len(hidden) == 5 + len(PLANTED)
    for value in hidden:
        assert significant(value) not in str(model.readings[0].received.body)
    assert found.outcome == "scored, and best"
