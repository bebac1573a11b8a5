"""The search tree as a fold over events.

`Tree.apply` is the only way it changes. It keeps what every policy needs at hand: visits and rewards summed along primary
parents, decisions in flight, branches with their chain, the ranking of good nodes. It holds no constant of any policy:
whatever depends on one (reward, gain, end of a chain) is computed once by the engine and stored in the event.
Read next: `mlmaster.search`.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isnan

from mlmaster.core.events import (
    BUDGET,
    EXHAUSTED,
    PROVIDER,
    Decided,
    Deferred,
    Event,
    FoldScored,
    NodeFinished,
    Proposed,
    Refused,
    RunEnded,
    RunResumed,
    RunStarted,
)
from mlmaster.core.node import OUTCOMES, ROOT, TRANSITIONS, Node, NodeState, Operator


@dataclass(frozen=True, slots=True)
class Chain:
    """Consecutive greedy work on one branch between two selections; while open it is the branch's lease.

    Attributes:
        start: The node its first decision made.
        current: The node to work on next: a faulty node to debug, else the branch's best. None before the first outcome.
        failures: Improvements without gain so far.
        is_open: False once ended; a new selection must start another. An open chain with nothing in flight that its
            policy cannot continue has expired: the next selection takes over from it.
        in_flight: The node being made for it, or None.
    """

    start: int
    current: int | None = None
    failures: int = 0
    is_open: bool = True
    in_flight: int | None = None


@dataclass(slots=True)
class Branch:
    """The subtree under one draft.

    Attributes:
        draft: Id of the draft, and of the branch.
        best: Its SCORED node of highest utility; the one scored first on a tie.
        chain: The last chain started on it, or None.
        outcomes: (node, utility) of its SCORED nodes in order of completion.
        compared: Its SCORED and RACED nodes in order of completion.
    """

    draft: int
    best: int | None = None
    chain: Chain | None = None
    outcomes: list[tuple[int, float]] = field(default_factory=list)
    compared: list[int] = field(default_factory=list)


class IllegalEventError(ValueError):
    """An event that cannot follow the ones before it: the journal is damaged or the engine is wrong."""


class Tree:
    """Nodes, statistics and branches after the events applied so far. Node ids are 1, 2, 3, … without holes.

    Attributes:
        nodes, branches: By id.
        is_self_reported: Every value is its script's own word.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.nodes: dict[int, Node] = {}
        self.branches: dict[int, Branch] = {}
        self.is_self_reported = False
        self._parent: list[int] = [ROOT]
        self._children: dict[int, list[int]] = {ROOT: []}
        self._visits: list[int] = [0]
        self._rewards: list[float] = [0.0]
        self._pending: list[int] = [0]
        self._exhausted: set[tuple[int, Operator]] = set()
        self._refusals: Counter[tuple[int, Operator]] = Counter()
        self._ranking: list[tuple[float, int, int]] = []
        self._in_flight: dict[int, None] = {}
        self._finished: list[int] = []
        self._compared: list[int] = []
        self._faulty_leaves: dict[int, None] = {}
        self._counts: Counter[Operator] = Counter()
        self._made: Counter[tuple[int, Operator]] = Counter()
        for event in events:
            self.apply(event)

    # ---- reading

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, node: int) -> Node:
        return self.nodes[node]

    @property
    def next_id(self) -> int:
        """Return the id the next decision will get."""
        return len(self.nodes) + 1

    def children(self, node: int) -> Sequence[int]:
        """Return the ids of the node's children by primary parent, refused and abandoned ones left out."""
        return self._children[node]

    def count_children(self, node: int, operator: Operator) -> int:
        """Return the number of `children` made by one operator."""
        return self._made[node, operator]

    def visits(self, node: int) -> int:
        """Return finished visits plus decisions in flight below (each a visit of value 0)."""
        return self._visits[node] + self._pending[node]

    def finished_visits(self, node: int) -> int:
        """Return finished visits alone."""
        return self._visits[node]

    def pending(self, node: int) -> int:
        """Return the number of decisions in flight at or below the node."""
        return self._pending[node]

    def total_reward(self, node: int) -> float:
        """Return the sum of rewards backed up through the node."""
        return self._rewards[node]

    def is_exhausted(self, node: int, operator: Operator) -> bool:
        """Return True when an engineer had nothing left for this operator here (`ROOT` for drafts)."""
        return (node, operator) in self._exhausted

    def refusals(self, node: int, operator: Operator) -> int:
        """Return how many decisions in a row were refused here (`ROOT` for drafts) since a proposal or an end of the run."""
        return self._refusals[node, operator]

    @property
    def in_flight(self) -> Sequence[int]:
        """Return ids of decisions without an outcome, oldest first."""
        return tuple(self._in_flight)

    @property
    def finished(self) -> Sequence[int]:
        """Return ids of SCORED, RACED and FAILED nodes in order of completion."""
        return self._finished

    @property
    def compared(self) -> Sequence[int]:
        """Return ids of SCORED and RACED nodes in order of completion."""
        return self._compared

    @property
    def faulty_leaves(self) -> Sequence[int]:
        """Return ids of FAILED nodes without children, by when they last became one."""
        return tuple(self._faulty_leaves)

    @property
    def best(self) -> int | None:
        """Return the id of the SCORED node of highest utility; the one scored first on a tie."""
        return self._ranking[-1][2] if self._ranking else None

    def ranking(self) -> Iterator[int]:
        """Yield ids of SCORED nodes, best first; the one scored first on a tie."""
        return (node for _, _, node in reversed(self._ranking))

    def path(self, node: int) -> tuple[int, ...]:
        """Return ids from the draft down to the node, both included."""
        found = []
        while node != ROOT:
            found.append(node)
            node = self._parent[node]
        return tuple(reversed(found))

    def count_nodes(self, operator: Operator | None = None) -> int:
        """Return the number of decisions (of one operator) that count against a node budget.

        All but refused and abandoned ones.
        """
        return self._counts.total() if operator is None else self._counts[operator]

    # ---- the fold

    def apply(self, event: Event) -> None:
        """Take in the next event.

        Raises:
            IllegalEventError: When the event cannot follow the ones before it.
        """
        match event:
            case Decided():
                self._decide(event)
            case Proposed():
                node = self._move(event.node, NodeState.PROPOSED)
                self._refusals.pop((node.parent, node.operator), None)
                self.nodes[event.node] = replace(
                    node, plan=event.plan, edit=event.edit, recipe=event.recipe, code_hash=event.code_hash
                )
            case Refused():
                self._refuse(event)
            case FoldScored():
                node = self._known(event.node)
                if node.state is not NodeState.PROPOSED:
                    raise IllegalEventError(f"node {event.node} is {node.state} and cannot be scored on a fold")
                if any(fold == event.fold for fold, _ in node.folds):
                    raise IllegalEventError(f"node {event.node} already has a score for fold {event.fold}")
                self.nodes[event.node] = replace(node, folds=(*node.folds, (event.fold, event.value)))
            case Deferred():
                node = self._known(event.node)
                if node.state is not NodeState.PROPOSED:
                    raise IllegalEventError(f"node {event.node} is {node.state} and cannot be deferred")
                self.nodes[event.node] = replace(node, detail=event.detail)
            case NodeFinished():
                self._finish(event)
            case RunResumed():
                for id_ in self._in_flight:
                    self.nodes[id_] = replace(self.nodes[id_], detail="")
            case RunStarted():
                self.is_self_reported = event.is_self_reported
            case RunEnded():
                # whoever resumes a run that ended asks for another try, with another model perhaps
                self._refusals.clear()
                if event.reason == EXHAUSTED:
                    self._exhausted.clear()
            case _:
                pass

    def _decide(self, event: Decided) -> None:
        self._check_decision(event)
        parent = event.parents[0]
        if event.operator is Operator.DRAFT:
            branch, depth = event.node, 0
            self.branches[branch] = Branch(draft=branch)
        else:
            branch, depth = self.nodes[parent].branch, self.nodes[parent].depth + 1
        chain = self.branches[branch].chain
        if event.chain == "continue" and chain is not None:
            self.branches[branch].chain = replace(chain, in_flight=event.node)
        elif event.chain == "new":
            self.branches[branch].chain = Chain(start=event.node, in_flight=event.node)
        debug_depth = self.nodes[parent].debug_depth + 1 if event.operator is Operator.DEBUG else 0
        self.nodes[event.node] = Node(event.node, event.operator, event.parents, branch, depth, debug_depth)
        self._parent.append(parent)
        self._children[parent].append(event.node)
        self._children[event.node] = []
        self._visits.append(0)
        self._rewards.append(0.0)
        self._pending.append(0)
        self._in_flight[event.node] = None
        self._counts[event.operator] += 1
        self._made[parent, event.operator] += 1
        self._faulty_leaves.pop(parent, None)
        self._depart(event.node)

    def _check_decision(self, event: Decided) -> None:
        """Raise unless the decision may follow; nothing has been changed yet."""
        what = f"{event.operator} {event.node}"
        if event.node != self.next_id:
            raise IllegalEventError(f"decision {event.node} arrived, {self.next_id} was next")
        if event.operator is Operator.DRAFT:
            if event.parents != (ROOT,):
                raise IllegalEventError(f"{what} must have the root as its only parent, not {event.parents}")
            if event.chain == "continue":
                raise IllegalEventError(f"{what} cannot continue a chain: its branch is new")
            return
        fitting = len(event.parents) > 1 if event.operator is Operator.MERGE else len(event.parents) == 1
        if not fitting or len(set(event.parents)) != len(event.parents):
            raise IllegalEventError(f"{what} cannot have the parents {event.parents}")
        wanted = NodeState.FAILED if event.operator is Operator.DEBUG else NodeState.SCORED
        for parent in event.parents:
            if self._known(parent).state is not wanted:
                raise IllegalEventError(f"{what} needs a {wanted} parent; node {parent} is {self.nodes[parent].state}")
        branch = self.nodes[event.parents[0]].branch
        chain = self.branches[branch].chain
        if event.chain == "continue" and (chain is None or not chain.is_open or chain.in_flight is not None):
            raise IllegalEventError(f"{what} continues a chain of branch {branch} that cannot go on")
        if event.chain == "new" and chain is not None and chain.in_flight is not None:
            raise IllegalEventError(f"{what} starts a chain on branch {branch}, whose chain has a node in flight")

    def _known(self, node: int) -> Node:
        if node not in self.nodes:
            raise IllegalEventError(f"node {node} was never decided")
        return self.nodes[node]

    def _depart(self, node: int) -> None:
        pending, parents = self._pending, self._parent
        while node != ROOT:
            pending[node] += 1
            node = parents[node]
        pending[ROOT] += 1

    def _land(self, node: int) -> None:
        del self._in_flight[node]
        pending, parents = self._pending, self._parent
        while node != ROOT:
            pending[node] -= 1
            node = parents[node]
        pending[ROOT] -= 1

    def _back_up(self, node: int, reward: float) -> None:
        visits, rewards, parents = self._visits, self._rewards, self._parent
        while node != ROOT:
            visits[node] += 1
            rewards[node] += reward
            node = parents[node]
        visits[ROOT] += 1
        rewards[ROOT] += reward

    def _move(self, node: int, state: NodeState) -> Node:
        before = self._known(node)
        if state not in TRANSITIONS.get(before.state, frozenset()):
            raise IllegalEventError(f"node {node} cannot go from {before.state} to {state}")
        after = replace(before, state=state)
        self.nodes[node] = after
        return after

    def _refuse(self, event: Refused) -> None:
        node = self._move(event.node, NodeState.REFUSED)
        self.nodes[event.node] = replace(
            node, detail=f"{event.reason}: {event.detail}" if event.detail else event.reason
        )
        if event.reason not in (BUDGET, PROVIDER):
            self._refusals[node.parent, node.operator] += 1
        if event.reason == EXHAUSTED:
            self._exhausted.add((node.parent, node.operator))
        self._detach(event.node)

    def _detach(self, node: int) -> None:
        """Take a node that never got an outcome out of the statistics, exactly, and close its chain."""
        self._land(node)
        record = self.nodes[node]
        self._counts[record.operator] -= 1
        self._made[record.parent, record.operator] -= 1
        self._children[record.parent].remove(node)
        if record.operator is Operator.DEBUG and not self._children[record.parent]:
            self._faulty_leaves[record.parent] = None
        chain = self.branches[record.branch].chain
        if chain is not None and chain.in_flight == node:
            self.branches[record.branch].chain = replace(chain, in_flight=None, is_open=False)

    def _finish(self, event: NodeFinished) -> None:
        if event.state not in OUTCOMES:
            raise IllegalEventError(f"node {event.node} cannot finish as {event.state}")
        if event.state is NodeState.SCORED and (event.utility is None or isnan(event.utility)):
            raise IllegalEventError(f"node {event.node} is scored and needs a utility, not {event.utility}")
        node = self._move(event.node, event.state)
        node = replace(
            node,
            value=event.value,
            utility=event.utility,
            fault=event.fault,
            detail=event.detail,
            gain=event.gain,
            reward=event.reward,
            wall_s=event.wall_s,
        )
        self.nodes[event.node] = node
        if event.state is NodeState.ABANDONED:
            self._detach(event.node)
            return
        self._land(event.node)
        self._finished.append(event.node)
        self._back_up(event.node, event.reward or 0.0)
        branch = self.branches[node.branch]
        if node.is_faulty:
            self._faulty_leaves[event.node] = None
        else:
            self._compared.append(node.id)
            branch.compared.append(node.id)
        if node.is_good and node.utility is not None:
            if self._is_best_of(branch, node.utility):
                branch.best = node.id
            branch.outcomes.append((node.id, node.utility))
            insort(self._ranking, (node.utility, -len(self._finished), node.id))
        self._follow(branch, node, has_ended=event.chain_ended)

    def _is_best_of(self, branch: Branch, utility: float) -> bool:
        best = None if branch.best is None else self.nodes[branch.best].utility
        return best is None or utility > best

    def _follow(self, branch: Branch, node: Node, *, has_ended: bool) -> None:
        chain = branch.chain
        if chain is None or chain.in_flight != node.id:
            return
        has_failed_to_gain = node.operator.is_improvement and not node.is_faulty and not node.gain
        branch.chain = replace(
            chain,
            current=node.id if node.is_faulty or branch.best is None else branch.best,
            failures=0 if node.gain else chain.failures + has_failed_to_gain,
            in_flight=None,
            is_open=not has_ended,
        )
