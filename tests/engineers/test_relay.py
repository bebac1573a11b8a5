"""Who is asked: the offline engineer for the first draft and while nobody else can be, the model otherwise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from mlmaster.core.node import ROOT, Node, NodeState, Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.task import Profile
from mlmaster.engineers.relay import Relay
from mlmaster.errors import CallCancelled, Exhausted, MLMasterError, ProviderError
from mlmaster.testing.scripted_desk import ScriptedDesk
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import write_task

MODEL, OFFLINE = (
    Proposal("from the model", "print(1)"),
    Proposal("from the library", "print(2)", recipe={"family": "a"}),
)
RECIPE = {"family": "boosting"}


def node(number: int, recipe: dict[str, str] | None, state: NodeState = NodeState.SCORED) -> Node:
    return Node(
        id=number,
        operator=Operator.DRAFT,
        parents=(ROOT,),
        branch=number,
        depth=0,
        debug_depth=0,
        state=state,
        code_hash="" if state is NodeState.DECIDED else f"{number:x}",
        recipe=recipe,
    )


COMPOSED, WRITTEN, OPEN = node(1, RECIPE), node(2, None), node(3, None, NodeState.DECIDED)


@pytest.fixture
def first(tmp_path: Path) -> Context:
    return Context(Operator.DRAFT, write_task(tmp_path), Profile(train_rows=90, test_rows=20, columns=()))


def fails(error: MLMasterError) -> ScriptedEngineer:
    def answer(context: Context) -> Proposal:
        raise error

    return ScriptedEngineer(answer)


def relay(
    model: ScriptedEngineer,
    offline: ScriptedEngineer | None = None,
    *,
    baseline: bool = False,
    fallback: bool = False,
    patience_s: float = 0.0,
) -> Relay:
    return Relay(
        model,
        offline or ScriptedEngineer(lambda _: OFFLINE),
        has_baseline=baseline,
        has_fallback=fallback,
        patience_s=patience_s,
    )


def model() -> ScriptedEngineer:
    return ScriptedEngineer(lambda _: MODEL)


def test_its_name_is_that_of_both() -> None:
    joined = relay(model())
    assert (joined.name, joined.operators) == ("scripted, scripted", frozenset(Operator))


@pytest.mark.parametrize(
    ("change", "baseline", "expected"),
    [
        ({}, True, OFFLINE),
        ({}, False, MODEL),
        ({"siblings": (OPEN,)}, True, MODEL),
        ({"history": (COMPOSED,)}, True, MODEL),
        ({"operator": Operator.IMPROVE, "parent": COMPOSED}, True, MODEL),
    ],
    ids=["first", "switched-off", "beside-another", "later", "improvement"],
)
def test_the_first_draft_of_a_run_comes_from_the_library(
    first: Context, change: dict[str, object], baseline: bool, expected: Proposal
) -> None:
    context = replace(first, **change)  # type: ignore[arg-type]
    assert relay(model(), baseline=baseline).propose(context, ScriptedDesk()) == expected


def test_a_library_without_a_first_draft_leaves_it_to_the_model(first: Context) -> None:
    joined = relay(model(), fails(Exhausted("nothing for this task")), baseline=True)
    assert joined.propose(first, ScriptedDesk()) == MODEL


@pytest.mark.parametrize(
    ("cause", "change", "stands_in"),
    [
        ("away", {"siblings": (COMPOSED,)}, True),
        ("away", {"operator": Operator.IMPROVE, "parent": COMPOSED}, True),
        ("away", {"operator": Operator.DEBUG, "parent": WRITTEN}, False),
        ("quota", {"history": (WRITTEN,)}, True),
        ("quota", {"history": (COMPOSED,)}, False),
        ("key", {"siblings": (OPEN,)}, False),
        ("key", {"siblings": (WRITTEN,)}, True),
        ("model", {"history": (WRITTEN,)}, False),
        ("request", {"history": (WRITTEN,)}, False),
    ],
)
def test_the_library_stands_in_for_a_model_that_cannot_be_asked(
    first: Context, cause: str, change: dict[str, object], stands_in: bool
) -> None:
    context = replace(first, **change)  # type: ignore[arg-type]
    failing = fails(ProviderError(cause, "no answer"))
    if stands_in:
        assert relay(failing, fallback=True).propose(context, ScriptedDesk()) == OFFLINE
    else:
        with pytest.raises(ProviderError):
            relay(failing, fallback=True).propose(context, ScriptedDesk())
    with pytest.raises(ProviderError):
        relay(failing).propose(context, ScriptedDesk())


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"operator": "improve", "parent": COMPOSED}, ["improve 1", "improve 5", "draft 0"]),
        ({"operator": "improve", "parent": WRITTEN}, ["improve 5", "draft 0"]),
        ({"operator": "merge", "parent": WRITTEN, "others": ((WRITTEN, ""),)}, ["improve 5", "draft 0"]),
        ({}, ["draft 0", "improve 5"]),
        ({"operator": "debug", "parent": WRITTEN}, []),
        ({"operator": "debug", "parent": COMPOSED}, ["debug 1"]),
        ({"operator": "evolve", "parent": WRITTEN, "history": (WRITTEN,)}, ["draft 0"]),
    ],
    ids=["own", "model's", "merge", "draft", "model's fault", "own fault", "nothing of its own"],
)
def test_where_the_library_has_no_next_step_it_takes_one_of_its_own(
    first: Context, change: dict[str, object], asked: list[str]
) -> None:
    offline = fails(Exhausted("nothing left"))
    best, worse = (replace(node(number, RECIPE), utility=-float(number)) for number in (5, 6))
    change = {name: Operator(str(value)) if name == "operator" else value for name, value in change.items()}
    context = replace(first, **{"history": (worse, best, WRITTEN), **change})  # type: ignore[arg-type]
    with pytest.raises(ProviderError):
        relay(fails(ProviderError("away", "no answer")), offline, fallback=True).propose(context, ScriptedDesk())
    assert [f"{each.operator} {each.parent.id if each.parent else 0}" for each in offline.contexts] == asked
    drafts = [each.siblings for each in offline.contexts if each.operator is Operator.DRAFT and change]
    assert drafts == [context.history] * len(drafts), "a draft is told of the others"


class Waits(Event):
    """A flag that is not waited for: it notes how long one would have."""

    def __init__(self, most: int = 1_000) -> None:
        super().__init__()
        self.seconds: list[float | None] = []
        self._most = most

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout)
        return len(self.seconds) > self._most


def waiting_desk(most: int = 1_000) -> tuple[ScriptedDesk, Waits]:
    desk = ScriptedDesk()
    desk.cancel = waits = Waits(most)
    return desk, waits


@pytest.mark.parametrize("has_recipe", [False, True], ids=["place-of-the-model", "library-has-nothing"])
def test_where_nobody_stands_in_the_provider_is_waited_for_and_the_place_is_not_closed(
    first: Context, has_recipe: bool
) -> None:
    failing = fails(ProviderError("away", "no answer"))
    joined = relay(failing, fails(Exhausted("nothing left")), fallback=True, patience_s=25)
    context = replace(first, operator=Operator.IMPROVE, parent=COMPOSED if has_recipe else WRITTEN)
    desk, waits = waiting_desk()
    with pytest.raises(ProviderError, match="no answer"):
        joined.propose(context, desk)
    assert (waits.seconds, len(failing.contexts)) == ([10, 10, 5], 4)


def test_a_provider_that_comes_back_is_asked_again(first: Context) -> None:
    def answer(context: Context) -> Proposal:
        if len(returning.contexts) < 3:
            raise ProviderError("away", "no answer")
        return MODEL

    returning = ScriptedEngineer(answer)
    joined = relay(returning, fallback=True, patience_s=1_000)
    assert joined.propose(replace(first, operator=Operator.DEBUG, parent=WRITTEN), waiting_desk()[0]) == MODEL


def test_the_end_of_the_run_ends_the_waiting(first: Context) -> None:
    joined = relay(fails(ProviderError("away", "no answer")), fallback=True, patience_s=1_000)
    with pytest.raises(CallCancelled):
        joined.propose(replace(first, operator=Operator.DEBUG, parent=WRITTEN), waiting_desk(most=2)[0])


def test_only_a_provider_that_fails_is_stood_in_for(first: Context) -> None:
    with pytest.raises(Exhausted):
        relay(fails(Exhausted("all said")), fallback=True).propose(replace(first, history=(WRITTEN,)), ScriptedDesk())
