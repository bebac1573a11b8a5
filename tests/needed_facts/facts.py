"""What a model must be told after the story of `toy_story`: by operator, with what carries it and what a mistake costs.

A fact is found in a request by its pattern, and true as the tree has it. What carries it is a part of the context that can be
taken away; several facts may be lost with one carrier, and a fact may need two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mlmaster.core.chat import Placement
from mlmaster.core.execution import Fault
from mlmaster.core.node import Node, Operator
from mlmaster.core.proposal import Context, Machine
from mlmaster.core.score import Direction
from mlmaster.core.tree import Tree
from mlmaster.engineers.llm.prompting.figures import significant
from mlmaster.testing.choosy_model import Need
from mlmaster.testing.llm_ways import Way

Mistake = Literal["poor", "error", "slow", "late", "large", "malformed", "repeat"]
"""What comes of not knowing: a bad score; a fault; a run beyond the limit of a script; one beyond what the search has left;
too much memory; a submission in another form; what was tried before."""

OUTCOMES: Mapping[Mistake, str] = {
    "poor": "scored, and no better",
    "error": f"failed: {Fault.ERROR}",
    "slow": f"failed: {Fault.TIMEOUT}",
    "late": "deferred",
    "large": f"failed: {Fault.OUT_OF_MEMORY}",
    "malformed": f"failed: {Fault.INVALID_SUBMISSION}",
    "repeat": "refused: duplicate",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """What a model must know.

    Attributes:
        name, pattern: As `Need`.
        truth: What is so, from the tree after the story.
        carriers: All of them are needed.
        mistake: What comes of not knowing it.
        is_memory: It is of the run, and not of the task: it stands in the model's thoughts where there are any.
    """

    name: str
    pattern: str
    truth: Callable[[Tree], str]
    carriers: frozenset[str]
    mistake: Mistake
    is_memory: bool = True

    @property
    def need(self) -> Need:
        return Need(self.name, self.pattern)


# ---- what carries facts, and how it is taken away


def _forget_best(context: Context) -> Context:
    return replace(context, best=None)


def _of_parent(**changes: Any) -> Callable[[Context], Context]:
    """Return what changes the parent, wherever it stands."""

    def change(context: Context) -> Context:
        assert context.parent is not None
        parent = replace(context.parent, **changes)

        def as_it_is(nodes: Sequence[Node]) -> tuple[Node, ...]:
            return tuple(parent if node.id == parent.id else node for node in nodes)

        return replace(context, parent=parent, path=as_it_is(context.path), history=as_it_is(context.history))

    return change


def _of_task(**changes: Any) -> Callable[[Context], Context]:
    return lambda context: replace(context, task=context.task.model_copy(update=changes))


def _without(**fields: Any) -> Callable[[Context], Context]:
    return lambda context: replace(context, **fields)


CARRIERS: Mapping[str, Callable[[Context], Context]] = {
    "nothing": lambda context: context,
    "refusals": _without(refusals=()),
    "packages": _without(packages={}),
    "script_limit": _without(script_limit_s=float("inf")),
    "time_left": _without(time_left_s=float("inf")),
    "nodes_left": _without(nodes_left=None),
    # a task has a direction; what can be taken away is that it is told right
    "direction": _of_task(direction=Direction.MAXIMIZE),
    "description": _without(description=""),
    "columns": lambda context: replace(context, profile=context.profile.model_copy(update={"columns": ()})),
    "format": _of_task(submission_columns=()),
    "machine": _without(machine=Machine()),
    "best": _forget_best,
    "siblings": _without(siblings=()),
    "siblings and history": _without(siblings=(), history=()),
    "path": _without(path=()),
    "path and history": _without(path=(), history=()),
    "history": _without(history=()),
    "successes": _without(successes=()),
    "failures": _without(failures=()),
    "notes": _without(parent_notes={}),
    "log": _without(parent_log=""),
    "script": _without(parent_code=None),
    "fault": _of_parent(fault=None, detail=""),
    "plan": _of_parent(plan=""),
    "others": _without(others=()),
    "other_script": lambda context: replace(context, others=tuple((node, "") for node, _ in context.others)),
}
"""Ways to take something away from a context; nothing else changes."""


# ---- the facts


def _fact(name: str, pattern: str, truth: str | Callable[[Tree], str], carriers: str, mistake: Mistake) -> Fact:
    told = truth if callable(truth) else lambda _: truth
    return Fact(name, pattern, told, frozenset(carriers.split(", ")), mistake)


def _value(node: int) -> Callable[[Tree], str]:
    return lambda tree: _told(tree, node)


def _step(before: int, after: int) -> Callable[[Tree], str]:
    return lambda tree: f"{_told(tree, before)} → {_told(tree, after)}"


def _told(tree: Tree, node: int) -> str:
    value = tree[node].value
    assert value is not None
    return significant(value)


def _detail(node: int) -> Callable[[Tree], str]:
    return lambda tree: tree[node].detail


def _plan(node: int) -> Callable[[Tree], str]:
    return lambda tree: tree[node].plan


COMMON = tuple(
    replace(fact, is_memory=False)
    for fact in (
        _fact("version", r"lightgbm (\d+\.\d+\.\d+)", "4.6.0", "packages", "error"),
        _fact("script limit", r"A run may take (\d+ \w+) of wall time", "12 min", "script_limit", "slow"),
        _fact("time left", r"Of the whole search, about (\d+ \w+) are left", "15 min", "time_left", "late"),
        _fact("nodes left", r"may still be tried after this one: (\d+)", "7", "nodes_left", "poor"),
        _fact("direction", r"Metric: `rmse`, (\w+) is better", "lower", "direction", "poor"),
        _fact("offset", r"constant offset of ([\d.]+)", "0.125", "description", "poor"),
        _fact("missing cells", r"`x`: number, [^\n]*?(\d+ %) missing", "6 %", "columns", "error"),
        _fact("header", r"header: `([^`\n]+)`", "id,y", "format", "malformed"),
        _fact("memory", r"([\d.]+ GB) of memory", "2.1 GB", "machine", "large"),
    )
)
BEST = _fact(
    "best",
    r"(?:Best so far: #\d+ \w+ with|The best I have so far is (?:#\d+ \w+|the very script I work on), with) ([\d.]*\d)",
    _value(4),
    "best",
    "poor",
)
SCRIPT = replace(_fact("script", r"TAG = 'scale_x'\n(?:.+\n)*SCALE = (.+)\n", "3.5", "script", "poor"), is_memory=False)
PATH = (
    _fact("first of the path", r"#1 ridge: scored ([\d.]*\d),", _value(1), "path", "poor"),
    _fact("change of the path", r"#4 scale_x: ([\d.]+ → [\d.]+) \(better\)", _step(1, 4), "path", "poor"),
    _fact("plan of the path", r"#4 scale_x: [^\n]*Plan: ([^\n]+)", _plan(4), "path", "poor"),
)
TRIED = (
    _fact("tried change", r"#5 clip_low: ([\d.]+ → [\d.]+) \(worse\)", _step(4, 5), "siblings", "repeat"),
    _fact("plan of the tried", r"#5 clip_low: [^\n]*Plan: ([^\n]+)", _plan(5), "siblings", "repeat"),
    _fact("fault of the tried", r"#6 log_x: failed with `error`, ([^\n]+?)\. Plan", _detail(6), "siblings", "error"),
)
OWN_WORDS = (
    _fact("notes", r'\{"scale_of_x": ([\d.]+)\}', "3.75", "notes", "poor"),
    _fact("log", r"the slope is ([\d.]+)\n", "0.9975", "log", "poor"),
)
LOST = _fact("lost elsewhere", r"#11 square_x: failed with `error`, ([^\n]+?)\. Plan", _detail(11), "failures", "error")
WORKED = _fact(
    "worked elsewhere", r"#8 finer_bins: ([\d.]+ → [\d.]+) \(better\)", _step(2, 8), "successes, history", "poor"
)
STALLED = _fact("stalled", r"(?:This branch has |- )stalled: (\d+)", "4", "history", "poor")

FACTS: Mapping[Operator, tuple[Fact, ...]] = {
    Operator.DRAFT: (
        _fact("family", r"#1 ridge: [^\n]*Plan: ([^\n]+)", _plan(1), "siblings", "repeat"),
        _fact("its score", r"#1 ridge: scored ([\d.]*\d),", _value(1), "siblings", "repeat"),
        _fact("failed family", r"#3 network: failed with `error`, ([^\n]+?)\. Plan", _detail(3), "siblings", "error"),
        _fact("worked elsewhere", r"#4 scale_x: ([\d.]+ → [\d.]+) \(better\)", _step(1, 4), "successes", "poor"),
        _fact("lost elsewhere", r"#6 log_x: failed with `error`, ([^\n]+?)\. Plan", _detail(6), "failures", "error"),
        BEST,
        *COMMON,
    ),
    Operator.IMPROVE: (
        *TRIED,
        *PATH,
        WORKED,
        LOST,
        *OWN_WORDS,
        replace(STALLED, is_memory=False),
        BEST,
        SCRIPT,
        *COMMON,
    ),
    Operator.EVOLVE: (
        # the whole branch is told: what is not among the siblings or on the path is among the rest
        replace(TRIED[0], carriers=frozenset({"siblings and history", "path and history"})),
        *(replace(fact, carriers=frozenset({"siblings and history"})) for fact in TRIED[1:]),
        *(replace(fact, carriers=frozenset({"path and history"})) for fact in PATH),
        _fact(
            "rest of the branch",
            r"#9 drop_far: ([\d.]+ → [\d.]+) \(worse\)",
            _step(1, 9),
            "history",
            "poor",
        ),
        _fact("plan of the rest", r"#9 drop_far: [^\n]*Plan: ([^\n]+)", _plan(9), "history", "poor"),
        WORKED,
        LOST,
        *OWN_WORDS,
        replace(STALLED, is_memory=False),
        BEST,
        SCRIPT,
        *COMMON,
    ),
    Operator.DEBUG: (
        _fact(
            "tried fix",
            r"#10 guess_the_name: failed with `error`, [^\n]*Plan: ([^\n]+)",
            _plan(10),
            "siblings",
            "repeat",
        ),
        _fact("fault", r"#6 log_x failed with `(\w+)`:", "error", "fault", "error"),
        _fact("its detail", r"#6 log_x failed with `\w+`: ([^\n]+)", _detail(6), "fault", "error"),
        _fact("its log", r"the log of x has (\d+) steps", "17", "log", "error"),
        _fact("its line", r"at line \d+ of the script: `([^`\n]+)`", "TAG = 'log_x'", "log, script", "error"),
        _fact("its plan", r"Its plan was: ([^\n]+)", _plan(6), "plan", "error"),
        _fact("solved like it", r"#7 make_column_first removed it: ([^\n]+?\.) ", _plan(7), "successes", "error"),
        _fact("the fault it had", r"#3 network had `error`: ([^\n]+?)\. #7", _detail(3), "successes, history", "error"),
        _fact("not solved", r"#11 square_x: failed with `error`, ([^\n]+?)\. Plan", _detail(11), "failures", "error"),
        replace(_fact("script", r"TAG = ('log_x')\nFAULT = 'error'\n", "'log_x'", "script", "error"), is_memory=False),
        BEST,
        *COMMON,
    ),
    Operator.MERGE: (
        *TRIED,
        *PATH,
        _fact("strength", r"#8 finer_bins: ([\d.]+ → [\d.]+) \(better\)", _step(2, 8), "others, history", "poor"),
        _fact("plan of the strength", r"#8 finer_bins: [^\n]*Plan: ([^\n]+)", _plan(8), "others", "poor"),
        _fact("where it began", r"#2 trees: scored ([\d.]*\d),", _value(2), "others, history", "poor"),
        replace(
            _fact("other script", r"TAG = 'finer_bins'\n(?:.+\n)*BINS = (\d+)\n", "48", "others, other_script", "poor"),
            is_memory=False,
        ),
        LOST,
        *OWN_WORDS,
        BEST,
        SCRIPT,
        *COMMON,
    ),
}
"""What each operator needs, the surest mistake first: the first fact that is not known decides what comes of it."""


def lost(operator: Operator, carrier: str) -> list[Fact]:
    """Return the facts that go with a carrier; one of several names takes what goes with each of them as well."""
    taken = {carrier, *carrier.split(" and ")}
    return [fact for fact in FACTS[operator] if fact.carriers & taken]


def carriers(operator: Operator) -> list[str]:
    """Return what carries facts for an operator, in the order of `CARRIERS`."""
    needed = {carrier for fact in FACTS[operator] for carrier in fact.carriers}
    return [carrier for carrier in CARRIERS if carrier in needed]


SAME_EVERYWHERE = ("script_limit", "nodes_left", "description", "columns", "format", "machine", "script")
"""Carriers of what stands in the same message however memory is placed; that goes for `packages`, `time_left` and
`direction` as well."""


def losses(ways: Mapping[str, Way]) -> list[tuple[Operator, str, str]]:
    """Return who loses what over which way: everything over each place for memory; those of one place take turns.

    What is the same everywhere is lost over one way.
    """
    places: dict[Placement, list[str]] = {}
    for name, way in ways.items():
        places.setdefault(way.placement, []).append(name)
    found = []
    for number, operator in enumerate(Operator):
        for turn, carrier in enumerate(carriers(operator), start=number):
            if carrier in SAME_EVERYWHERE:
                found.append((operator, carrier, tuple(ways)[turn % len(ways)]))
            else:
                found += [(operator, carrier, names[turn % len(names)]) for names in places.values()]
    return found
