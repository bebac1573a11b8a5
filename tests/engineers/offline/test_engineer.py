"""The engineer as the search sees it: operators, determinism, exhaustion, chains of debugs that end."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engineers.offline.nodes import scored

from mlmaster.core.execution import Fault
from mlmaster.core.node import ROOT, Node, NodeState, Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.task import Modality
from mlmaster.engineers.offline import OfflineEngineer, Recipe
from mlmaster.engineers.offline.cost import seconds
from mlmaster.errors import Exhausted

if TYPE_CHECKING:
    from .conftest import Tiny

ENGINEER = OfflineEngineer()
MODALITIES = tuple(Modality)


def propose(one: Tiny, operator: Operator, parent: Node | None = None, **more: object) -> Proposal:
    context = Context(operator, one.task, one.profile, parent=parent)
    return ENGINEER.propose(replace(context, **more))  # type: ignore[arg-type]


def until_exhausted(step: Callable[[], object], most: int) -> str:
    """Take steps until the engineer has nothing left, and return what it said."""
    for _ in range(most):
        try:
            step()
        except Exhausted as end:
            return str(end)
    raise AssertionError(f"not exhausted after {most} steps")


def all_drafts(one: Tiny) -> list[Node]:
    drafts: list[Node] = []

    def draft() -> None:
        proposal = propose(one, Operator.DRAFT, siblings=tuple(drafts), history=tuple(drafts))
        drafts.append(scored(proposal, len(drafts) + 1, Operator.DRAFT))

    assert "nothing left to draft at the root" in until_exhausted(draft, 50)
    return drafts


@pytest.mark.parametrize("modality", MODALITIES)
def test_drafts_differ_in_family_and_end(modality: Modality, tiny: Callable[..., Tiny]) -> None:
    drafts = all_drafts(tiny("classes", modality))
    families = [draft.edit for draft in drafts]
    assert len(families) == len(set(families)) >= 5


def test_first_draft_is_quicker_than_the_family_by_itself(tiny: Callable[..., Tiny]) -> None:
    one = tiny("number")
    first = Recipe.read(propose(one, Operator.DRAFT).recipe)
    assert first is not None
    assert first.family == "lightgbm"
    assert first.options["rounds"] == 150


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("gains", [False, True])
def test_improving_for_ever_ends(modality: Modality, gains: bool, tiny: Callable[..., Tiny]) -> None:
    one = tiny("classes", modality)
    path = [scored(propose(one, Operator.DRAFT), 1, Operator.DRAFT)]
    codes = set()

    def improve() -> None:
        seen = tuple(path)
        proposal = propose(one, Operator.IMPROVE, path[-1], path=seen, history=seen, seed=len(path), threads=2)
        ast.parse(proposal.code)
        assert proposal.code not in codes
        codes.add(proposal.code)
        path.append(scored(proposal, len(path) + 1, Operator.IMPROVE, path[-1].id, gain=gains))

    until_exhausted(improve, 200)
    edits = [each.edit for each in path]
    assert len(edits) == len(set(edits)) >= 10


def test_siblings_get_different_edits(tiny: Callable[..., Tiny]) -> None:
    one = tiny("label")
    parent = scored(propose(one, Operator.DRAFT), 1, Operator.DRAFT)
    siblings: list[Node] = []
    for number in range(2, 12):
        proposal = propose(one, Operator.IMPROVE, parent, siblings=tuple(siblings), path=(parent,), history=(parent,))
        # unfinished, as when another slot still works on it
        siblings.append(replace(scored(proposal, number, Operator.IMPROVE, 1), state=NodeState.PROPOSED))
    assert len({each.edit for each in siblings}) == 10


def test_siblings_not_yet_proposed_are_left_their_share(tiny: Callable[..., Tiny]) -> None:
    one = tiny("label")
    waiting = [Node(number, Operator.DRAFT, (ROOT,), number, 0, 0) for number in range(1, 4)]
    drafts = [propose(one, Operator.DRAFT, siblings=tuple(waiting[:count])).edit for count in range(4)]
    assert drafts == ["lightgbm", "catboost", "linear", "extra_trees"]
    many = tuple(Node(number, Operator.DRAFT, (ROOT,), number, 0, 0) for number in range(1, 40))
    assert propose(one, Operator.DRAFT, siblings=many).edit == "lightgbm"


def test_refusals_move_on_to_the_next_answer(tiny: Callable[..., Tiny]) -> None:
    one = tiny("label")
    parent = scored(propose(one, Operator.DRAFT), 1, Operator.DRAFT)
    answers = [
        propose(one, Operator.IMPROVE, parent, path=(parent,), refusals=("duplicate: seen",) * count).edit
        for count in range(5)
    ]
    assert len(set(answers)) == 5


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("modality", MODALITIES)
def test_chains_of_debugs_end_in_the_baseline(fault: Fault, modality: Modality, tiny: Callable[..., Tiny]) -> None:
    one = tiny("label", modality)
    draft = scored(propose(one, Operator.DRAFT), 1, Operator.DRAFT)
    better = scored(propose(one, Operator.IMPROVE, draft, path=(draft,)), 2, Operator.IMPROVE, 1)
    path = [draft, replace(better, state=NodeState.FAILED, fault=fault)]

    def debug() -> None:
        proposal = propose(one, Operator.DEBUG, path[-1], path=tuple(path), history=tuple(path))
        answer = scored(proposal, len(path) + 1, Operator.DEBUG, path[-1].id)
        path.append(replace(answer, state=NodeState.FAILED, fault=fault))

    until_exhausted(debug, 20)
    last = Recipe.read(path[-1].recipe)
    assert last is not None
    assert last.family == "baseline"
    assert len(path) <= 8


@pytest.mark.parametrize("detail", ["ran longer than 30 s", "a fold of 50,000 rows would take at least 700 s"])
def test_a_timeout_measured_or_foreseen_makes_the_script_cheaper(detail: str, tiny: Callable[..., Tiny]) -> None:
    one = tiny("label")
    slow = replace(
        scored(propose(one, Operator.DRAFT), 1, Operator.DRAFT),
        state=NodeState.FAILED,
        fault=Fault.TIMEOUT,
        detail=detail,
    )
    answer = propose(one, Operator.DEBUG, slow, path=(slow,), history=(slow,))
    before, after = Recipe.read(slow.recipe), Recipe.read(answer.recipe)
    assert answer.edit == "debug_cheaper"
    assert before is not None
    assert after is not None
    assert seconds(after, one.facts, threads=1) < seconds(before, one.facts, threads=1)


def test_an_error_takes_the_last_edit_back_and_another_instead(tiny: Callable[..., Tiny]) -> None:
    one = tiny("label")
    draft = scored(propose(one, Operator.DRAFT), 1, Operator.DRAFT)
    bad = scored(propose(one, Operator.IMPROVE, draft, path=(draft,)), 2, Operator.IMPROVE, 1)
    bad = replace(bad, state=NodeState.FAILED, fault=Fault.ERROR)
    answer = propose(one, Operator.DEBUG, bad, path=(draft, bad), history=(draft, bad))
    recipe = Recipe.read(answer.recipe)
    assert answer.edit == "debug_replace_last_edit"
    assert recipe is not None
    assert bad.edit not in recipe.edits
    assert len(recipe.edits) == 1


def test_evolve_joins_edits_that_paid_elsewhere(tiny: Callable[..., Tiny]) -> None:
    one = tiny("number")
    first, second, *_ = all_drafts(one)
    history = [first, second]
    wanted = ("count_encoding", "group_statistics", "missing_indicators")
    history += [replace(second, id=10 + place, edit=name, gain=True) for place, name in enumerate(wanted)]
    proposal = propose(one, Operator.EVOLVE, first, path=(first,), history=tuple(history))
    recipe = Recipe.read(proposal.recipe)
    assert recipe is not None
    assert set(proposal.edit.split("+")) == set(wanted) == set(recipe.edits)


def test_merge_averages_then_stacks_then_ends(tiny: Callable[..., Tiny]) -> None:
    one = tiny("two_numbers")
    first, second, *_ = all_drafts(one)
    merged: list[Node] = []

    def merge() -> None:
        known = {"siblings": tuple(merged), "path": (first,), "history": (first, second, *merged)}
        proposal = propose(one, Operator.MERGE, first, others=((second, "code"),), **known)
        merged.append(scored(proposal, 10 + len(merged), Operator.MERGE, first.id))

    until_exhausted(merge, 10)
    assert [each.edit for each in merged] == ["merge_by_mean", "merge_by_stack"]
    blend = Recipe.read(merged[0].recipe)
    assert blend is not None
    assert [member.family for member in blend.members] == [first.edit, second.edit]


@pytest.mark.parametrize("operator", [Operator.IMPROVE, Operator.DEBUG, Operator.EVOLVE, Operator.MERGE])
@pytest.mark.parametrize("recipe", [None, {"prompt": "of another engineer"}])
def test_nodes_of_other_engineers_are_left_alone(
    operator: Operator, recipe: dict[str, str] | None, tiny: Callable[..., Tiny]
) -> None:
    one = tiny("number")
    foreign = replace(scored(propose(one, Operator.DRAFT), 1, Operator.DRAFT), recipe=recipe, fault=Fault.ERROR)
    with pytest.raises(Exhausted, match="node 1"):
        propose(one, operator, foreign, path=(foreign,), history=(foreign,))
    assert propose(one, Operator.DRAFT, siblings=(foreign,), history=(foreign,)).edit == "catboost"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**63), gains=st.lists(st.booleans(), max_size=6), what=st.sampled_from(["grade", "labels"]))
def test_the_same_context_gives_the_same_proposal(
    tiny: Callable[..., Tiny], seed: int, gains: Sequence[bool], what: str
) -> None:
    one = tiny(what)
    parent = scored(propose(one, Operator.DRAFT), 1, Operator.DRAFT)
    history = [parent]
    for place, gain in enumerate(gains):
        improved = propose(one, Operator.IMPROVE, parent, path=(parent,), history=tuple(history), seed=seed + place)
        history.append(scored(improved, 2 + place, Operator.IMPROVE, 1, gain=gain))
    asked = {"path": (parent,), "history": tuple(history), "seed": seed}
    assert propose(one, Operator.IMPROVE, parent, **asked) == propose(one, Operator.IMPROVE, parent, **asked)


def test_a_failing_edit_is_drawn_less_often(tiny: Callable[..., Tiny]) -> None:
    one = tiny("number")
    parent = scored(propose(one, Operator.DRAFT), 1, Operator.DRAFT)

    def first_edits(history: tuple[Node, ...]) -> list[str]:
        return [
            propose(one, Operator.IMPROVE, parent, path=(parent,), history=history, seed=seed).edit
            for seed in range(30)
        ]

    before = first_edits((parent,))
    favourite = max(set(before), key=before.count)
    misses = tuple(replace(parent, id=9 + k, edit=favourite, gain=False, recipe={"family": f"x{k}"}) for k in range(12))
    assert first_edits((parent, *misses)).count(favourite) < before.count(favourite) / 2


def test_the_engineer_itself_loads_no_model_library() -> None:
    code = "import sys, mlmaster.engineers.offline; print(sorted({'pandas', 'sklearn', 'lightgbm'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
