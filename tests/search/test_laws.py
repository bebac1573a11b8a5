"""Laws that hold for every policy, engineer and interleaving: policy, tree and judgement driven together."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.core.events import Decided, Event, NodeFinished, Refused
from mlmaster.core.node import ROOT, NodeState, Operator
from mlmaster.core.score import Direction
from mlmaster.core.tree import Tree
from mlmaster.search import POLICIES, SearchSettings, make_policy
from mlmaster.search.chains import find_continuations
from mlmaster.search.simulation import Simulation, World

CHANCE = st.sampled_from([0.0, 0.1, 0.3, 0.7])
SETTINGS = st.builds(
    SearchSettings,
    policy=st.sampled_from(sorted(POLICIES)),
    drafts=st.integers(1, 5),
    debugs=st.integers(1, 2),
    improves=st.integers(1, 3),
    refusals=st.integers(1, 3),
    chain_failures=st.integers(1, 3),
    chain_debug_depth=st.integers(1, 3),
    terminal_debug_depth=st.integers(1, 20),
    elite_improves=st.integers(1, 10),
    merges=st.integers(0, 3),
    exploration_schedule=st.sampled_from(["budget", "published"]),
)
WORLDS = st.builds(
    World,
    refused=CHANCE,
    abandoned=st.sampled_from([0.0, 0.2]),
    failed=CHANCE,
    raced=CHANCE,
    abandonments=st.integers(0, 10),
    drift=st.sampled_from([-1.0, 0.0, 1.0]),
    standard_error=st.sampled_from([0.0, 0.5]),
    operators=st.sets(st.sampled_from(sorted(Operator))).map(lambda some: frozenset({Operator.DRAFT, *some})),
)
SEEDS = st.integers(0, 2**32)
SLOTS = st.integers(1, 7)
check = settings(deadline=None, max_examples=40)


def simulate(chosen: SearchSettings, world: World, seed: int, nodes: int = 50) -> Simulation:
    return Simulation(make_policy(chosen), chosen, world, seed=seed, nodes=nodes)


def fold_of(tree: Tree) -> dict[str, object]:
    """Everything a tree knows."""
    return dict(vars(tree))


def grown(chosen: SearchSettings, world: World, seed: int, slots: int) -> Simulation:
    run = simulate(chosen, world, seed)
    run.run(slots)
    return run


# ---- the fold


@given(SETTINGS, WORLDS, SEEDS, SLOTS, st.floats(0, 1))
@check
def test_a_prefix_then_the_rest_is_the_whole_and_a_replay_is_the_same(
    chosen: SearchSettings, world: World, seed: int, slots: int, share: float
) -> None:
    run = grown(chosen, world, seed, slots)
    events = run.board.events
    middle = int(share * len(events))
    resumed = Tree(events[:middle])
    for event in events[middle:]:
        resumed.apply(event)
    assert fold_of(Tree(events)) == fold_of(resumed) == fold_of(run.tree)


@given(SETTINGS, WORLDS, SEEDS, SLOTS)
@check
def test_a_policy_answers_the_same_about_a_replayed_tree(
    chosen: SearchSettings, world: World, seed: int, slots: int
) -> None:
    run = simulate(chosen, world, seed)

    def watch() -> None:
        assert run.choose() == run.choose(make_policy(chosen), Tree(run.board.events))

    run.run(slots, watch)


@given(SETTINGS, WORLDS, SEEDS, SLOTS)
@check
def test_visits_rewards_and_pending_are_sums_over_subtrees(
    chosen: SearchSettings, world: World, seed: int, slots: int
) -> None:
    run = simulate(chosen, world, seed)

    def watch() -> None:
        tree = run.tree
        finished, in_flight = set(tree.finished), set(tree.in_flight)
        below: Counter[int] = Counter()
        flying: Counter[int] = Counter()
        rewards: dict[int, float] = dict.fromkeys((ROOT, *tree.nodes), 0.0)
        for node in sorted(tree.nodes, reverse=True):
            below[node] += node in finished
            flying[node] += node in in_flight
            rewards[node] += tree[node].reward or 0.0
            below[tree[node].parent] += below[node]
            flying[tree[node].parent] += flying[node]
            rewards[tree[node].parent] += rewards[node]
        for node in (ROOT, *tree.nodes):
            assert tree.finished_visits(node) == below[node]
            assert tree.pending(node) == flying[node]
            assert tree.visits(node) == below[node] + flying[node]
            assert tree.total_reward(node) == pytest.approx(rewards[node])
        outcomes = [event for event in run.board.events if isinstance(event, NodeFinished) and event.reward is not None]
        assert tree.finished_visits(ROOT) == len(outcomes) == len(tree.finished)
        assert tree.total_reward(ROOT) == sum(event.reward or 0.0 for event in outcomes)

    run.run(slots, watch)


@given(SETTINGS, WORLDS, SEEDS, SLOTS, SEEDS)
@check
def test_any_interleaving_of_the_same_outcomes_gives_the_same_visits_and_rewards(
    chosen: SearchSettings, world: World, seed: int, slots: int, order: int
) -> None:
    events = grown(chosen, world, seed, slots).board.events
    one, other = Tree(events), Tree(interleave(events, Random(order)))
    for node in (ROOT, *one.nodes):
        assert one.finished_visits(node) == other.finished_visits(node)
        assert one.total_reward(node) == pytest.approx(other.total_reward(node))
        assert one.pending(node) == other.pending(node) == 0
        assert set(one.children(node)) == set(other.children(node))
    assert one.nodes == other.nodes
    assert one.count_nodes() == other.count_nodes()


def interleave(events: list[Event], rng: Random) -> list[Event]:
    """Return the events in another order: decisions keep theirs and follow their parents' outcomes and their chain's."""
    branch_of = {node.id: node.branch for node in Tree(events).nodes.values()}
    decisions = [event for event in events if isinstance(event, Decided)]
    lives: dict[int, list[Event]] = {event.node: [] for event in decisions}
    for event in events:
        if not isinstance(event, Decided):
            lives[event.node].append(event)  # type: ignore[union-attr]
    found: list[Event] = []
    flying: set[int] = set()

    def advance(node: int) -> None:
        found.append(lives[node].pop(0))
        if not lives[node]:
            flying.discard(node)

    for decision in decisions:
        leased = (
            () if decision.chain == "none" else [node for node in flying if branch_of[node] == branch_of[decision.node]]
        )
        for before in (*decision.parents, *leased):
            while before in flying:
                advance(before)
        while flying and rng.random() < 0.5:
            advance(rng.choice(sorted(flying)))
        found.append(decision)
        flying.add(decision.node)
    while flying:
        advance(rng.choice(sorted(flying)))
    assert sorted(map(repr, found)) == sorted(map(repr, events))
    return found


# ---- choices


@given(SETTINGS, WORLDS, SEEDS, SLOTS)
@check
def test_every_choice_is_legal_and_within_the_caps(chosen: SearchSettings, world: World, seed: int, slots: int) -> None:
    run = simulate(chosen, world, seed)

    def watch() -> None:
        choice = run.choose()
        if choice is None:
            return
        primary, operator, tree = choice.parents[0], choice.operator, run.tree
        assert operator in world.operators
        assert not tree.is_exhausted(primary, operator)
        assert tree.refusals(primary, operator) < chosen.refusals
        assert (choice.chain == "none") == (chosen.policy != "mcts")
        if operator is Operator.DRAFT:
            assert choice.parents == (ROOT,)
            assert choice.reason == "widen" or len(tree.children(ROOT)) < chosen.drafts
            return
        if operator is Operator.DEBUG:
            assert tree[primary].debug_depth < chosen.terminal_debug_depth
            assert len(tree.children(primary)) < chosen.debugs
        if operator is Operator.MERGE:
            one, other = choice.parents
            assert tree[one].branch != tree[other].branch
            assert (tree[one].utility or 0.0) >= (tree[other].utility or 0.0)
            assert tree.count_nodes(Operator.MERGE) < chosen.merges
        if chosen.policy == "mcts":
            assert tree.pending(tree[primary].branch) == 0
        if operator in (Operator.IMPROVE, Operator.EVOLVE) and chosen.policy != "greedy":
            cap = chosen.elite_improves if "elite" in choice.reason else chosen.improves
            assert tree.count_children(primary, Operator.IMPROVE) + tree.count_children(primary, Operator.EVOLVE) < cap

    run.run(slots, watch)


@given(SETTINGS, WORLDS, SEEDS, SLOTS)
@check
def test_choices_do_not_depend_on_the_direction_of_the_metric(
    chosen: SearchSettings, world: World, seed: int, slots: int
) -> None:
    up = grown(chosen, replace(world, direction=Direction.MAXIMIZE), seed, slots)
    down = grown(chosen, replace(world, direction=Direction.MINIMIZE), seed, slots)
    assert up.choices == down.choices
    assert list(up.tree.ranking()) == list(down.tree.ranking())
    for node in up.tree.finished:
        value = up.tree[node].value
        assert down.tree[node].value == (None if value is None else -value)
        assert down.tree[node].reward == up.tree[node].reward
    scored = [up.tree[node] for node in up.tree.ranking()]
    assert [node.value for node in scored] == sorted((node.value for node in scored), key=float, reverse=True)  # type: ignore[arg-type]


@given(SETTINGS, WORLDS, SEEDS, SLOTS)
@check
def test_a_node_budget_is_never_exceeded(chosen: SearchSettings, world: World, seed: int, slots: int) -> None:
    run = simulate(chosen, world, seed, nodes=20)

    def watch() -> None:
        assert run.tree.count_nodes() <= 20

    run.run(slots, watch)


# ---- the end


@given(SETTINGS, WORLDS, SEEDS, SLOTS, st.integers(0, 40))
@check
def test_with_a_finite_engineer_the_search_ends_with_nothing_left_open(
    chosen: SearchSettings, world: World, seed: int, slots: int, scripts: int
) -> None:
    run = simulate(chosen, replace(world, scripts=scripts), seed, nodes=10_000)

    def watch() -> None:
        assert len(run.board.events) < 5_000, "spins"

    run.run(slots, watch)
    assert run.choose() is None
    assert not run.tree.in_flight
    assert next(find_continuations(run.tree, world.operators, chosen), None) is None
    assert all(branch.chain is None or branch.chain.in_flight is None for branch in run.tree.branches.values())
    assert run.tree.pending(ROOT) == 0
    assert run.tree.is_exhausted(ROOT, Operator.DRAFT) or run.tree.refusals(ROOT, Operator.DRAFT) >= chosen.refusals


@given(SETTINGS, WORLDS, SEEDS, SLOTS)
@check
def test_with_an_engineer_that_never_ends_the_whole_budget_is_used(
    chosen: SearchSettings, world: World, seed: int, slots: int
) -> None:
    run = grown(chosen, replace(world, refused=0.0), seed, slots)
    assert run.budget.is_spent


@given(SETTINGS, WORLDS, SEEDS, SLOTS)
@check
def test_nothing_at_rest_is_left_waiting_while_it_could_be_worked_on(
    chosen: SearchSettings, world: World, seed: int, slots: int
) -> None:
    """None is an answer only while something is in flight or everything is used up."""
    run = simulate(chosen, replace(world, refused=0.0), seed)

    def watch() -> None:
        if not run.tree.in_flight and not run.budget.is_spent:
            assert run.choose() is not None

    run.run(slots, watch)


@given(SETTINGS.map(lambda chosen: chosen.model_copy(update={"policy": "mcts"})), WORLDS, SEEDS, SLOTS)
@check
def test_a_chain_pays_for_its_end_at_most_once_and_closes_with_it(
    chosen: SearchSettings, world: World, seed: int, slots: int
) -> None:
    run = grown(chosen, world, seed, slots)
    tree, chain_of, ended = Tree(), {}, Counter[int]()
    for event in run.board.events:
        tree.apply(event)
        if isinstance(event, Decided):
            chain = tree.branches[tree[event.node].branch].chain
            assert chain is not None
            assert chain.in_flight == event.node
            chain_of[event.node] = chain.start
        elif isinstance(event, NodeFinished | Refused):
            chain = tree.branches[tree[event.node].branch].chain
            assert chain is not None
            assert chain.in_flight is None
            is_over = isinstance(event, Refused) or event.chain_ended or event.state is NodeState.ABANDONED
            assert chain.is_open != is_over
            ended[chain_of[event.node]] += is_over
    assert all(count <= 1 for count in ended.values())
