"""What a model is told of the run so far: one rendering of scoped memory, bounded in tokens, in two voices.

What is in it depends on the operator (DESIGN §8): a draft is told the other drafts; an improvement the path to the script and
what was tried on it; an evolution the whole branch; a debug the fault, the end of the log, what is suspected and the faults
like it that were removed; a merge the two paths. Never another node's script. Where not all of it fits, whole lines go, the
least telling first, and what is missing is counted with what came of it. `Memory.text` speaks of the run, for the prompt;
`Memory.thoughts` is the same in the model's own voice, for its reasoning. What may be known at all is decided in
`mlmaster.memory.scoped`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from mlmaster.core.node import Node, NodeState, Operator
from mlmaster.core.proposal import Context
from mlmaster.core.tokens import cut_to_tokens, estimate_tokens
from mlmaster.engineers.llm.prompting.figures import seconds, significant
from mlmaster.engineers.llm.prompting.measures import direction
from mlmaster.engineers.llm.prompting.quotes import defused, fenced, inline
from mlmaster.engineers.llm.prompting.suspects import suspects

MOST_LINES = 12
"""So many nodes are told of one kind; of the others what came of them."""
PLAN, SHORT_PLAN, DETAIL, NOTES = 400, 200, 240, 600
"""Characters."""
LOG_SHARE, GOOD_LOG_TOKENS = 0.4, 400
"""So much of the tokens may be the end of a log; and of one that ran through, so many at most."""
_REST = 25
"""Tokens kept for the line that says what is missing."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is told.

    Attributes:
        text: Of the run, for a prompt.
        thoughts: The same in the first person, for a model's own reasoning.
        words: What is told, in a few words: `path 2, siblings 3, failures 1`.
    """

    text: str
    thoughts: str
    words: str


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that is told whole or not at all; the lower its rank, the later it goes. `node` is whom it is about."""

    text: str
    rank: int
    node: Node | None = None


@dataclass(frozen=True, slots=True)
class _Section:
    """Lines of one kind: a name for the log, how they are introduced in either voice, and what does not fit."""

    name: str
    heading: str
    voice: str
    lines: Sequence[_Line]
    is_list: bool = True
    missing: Sequence[Node] = ()

    @property
    def is_told(self) -> bool:
        return bool(self.lines or self.missing)

    def render(self, introduction: str) -> str:
        told = [line.text for line in self.lines]
        more = f"- … and {len(self.missing)} more" if told else f"- {len(self.missing)} that are not told here"
        rest = [f"{more}{_outcomes(self.missing)}"] if self.missing else []
        return "\n".join([introduction, *told, *rest])


def remember(context: Context, tokens: int, *, log_tokens: int | None = None) -> Memory:
    """Return what is told for a context.

    Args:
        context: What is asked for, and all that is known.
        tokens: Bound of either voice, by `mlmaster.core.tokens.estimate_tokens`.
        log_tokens: Of these, how many the end of a log may take; by default `LOG_SHARE`.
    """
    narrator = _Narrator(context)
    log_room = int(LOG_SHARE * tokens) if log_tokens is None else min(log_tokens, int(LOG_SHARE * tokens))
    sections = [section for section in narrator.sections(log_room) if section.lines]
    opening, closing = narrator.opening(), narrator.closing(is_empty=not sections)
    room = tokens - estimate_tokens("\n\n".join((*opening, *closing)))
    told = _fit(sections, room)
    while True:
        text = "\n\n".join([*opening[:1], *(each.render(f"**{each.heading}**") for each in told)])
        thoughts = "\n\n".join([*opening[1:], *(each.render(each.voice) for each in told), *closing])
        if not told or max(estimate_tokens(text), estimate_tokens(thoughts)) <= tokens:
            break
        told = _without_last(told)
    if max(estimate_tokens(text), estimate_tokens(thoughts)) > tokens:
        return Memory("", "", "nothing")
    return Memory(text, defused(thoughts), _words(told))


def stalled(context: Context) -> int:
    """Return how many nodes of the parent's branch finished since its best, when that many mean a plateau; else 0.

    A plateau is two that ran through, or five of any kind (MLEvolve's rule).
    """
    if context.parent is None:
        return 0
    after: list[Node] = []
    best: Node | None = None
    for node in context.history:
        if node.branch != context.parent.branch:
            continue
        if node.is_good and (best is None or (node.utility or 0.0) > (best.utility or 0.0)):
            best, after = node, []
        else:
            after.append(node)
    ran = sum(not node.is_faulty for node in after)
    return len(after) if ran >= 2 or len(after) >= 5 else 0


# ---- what is told


class _Narrator:
    """Tells what is known, section by section in the order in which it is read; ranks say what goes first."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known = {node.id: node for node in (*context.history, *context.path, *context.siblings)}
        self._before: dict[int, Node | None] = {}

    def opening(self) -> tuple[str, str]:
        """Return what scores are and which is the best, in both voices."""
        task, best = self._context.task, self._context.best
        where = "by the scripts' own word" if task.is_self_reported else "on hidden rows"
        scale = f"{inline(task.metric, 60)} {where}, rounded; {direction(task)}"
        if best is None or best.value is None:
            return f"Scores are {scale}. No solution has a score yet.", f"Scores are {scale}. Nothing has a score yet."
        score = significant(best.value)
        is_own = self._context.parent is not None and self._context.parent.id == best.id
        named = "the very script I work on" if is_own else f"{_name(best)}"
        return (
            f"Scores are {scale}. Best so far: {_name(best)} with {score}{', the parent' if is_own else ''}.",
            f"Scores are {scale}. The best I have so far is {named}, with {score}.",
        )

    def closing(self, *, is_empty: bool) -> tuple[str, ...]:
        """Return how the thoughts go on."""
        match self._context.operator:
            case Operator.DRAFT if is_empty:
                words = "Nothing has been tried yet, so I begin with something simple that surely runs."
            case Operator.DRAFT:
                words = (
                    "So what I write now must differ from all of these in kind, and avoid what made some of them fail."
                )
            case Operator.DEBUG:
                words = "So I look for the cause of this fault, remove it, and keep the method as it is."
            case Operator.MERGE:
                words = (
                    "So I pick the one strength of the other branch that this script lacks, and carry that over alone."
                )
            case Operator.EVOLVE:
                words = (
                    "So I ask what this history says: what has paid, what has not, and which direction is still open."
                )
            case Operator.IMPROVE:
                words = "So I change one thing that none of these has tried, and keep the rest as it is."
        return (words,)

    def sections(self, log_tokens: int) -> list[_Section]:
        """Return everything that may be told, in the order in which it is read."""
        context = self._context
        path = self._path("How this script came about", "This script came about like this:", SHORT_PLAN)
        tried = self._siblings("siblings", "Tried on this script before", "On this very script I have already tried:")
        match context.operator:
            case Operator.DRAFT:
                own = [self._siblings("drafts", "Drafts so far", "I have already drafted these:")]
            case Operator.DEBUG:
                fault = [self._fault(), self._log(log_tokens), self._suspects()]
                return [*fault, self._solved(), self._tried_fixes(), self._notes()]
            case Operator.MERGE:
                own = [path, *map(self._other_branch, (node for node, _ in context.others)), tried]
            case Operator.EVOLVE:
                trajectory = "The trajectory of this branch", "This is how far I have come on this branch:"
                own = [self._path(*trajectory, PLAN), tried, self._branch()]
            case Operator.IMPROVE:
                own = [path, tried]
        return [*own, *self._retrieved(), self._notes(), self._log(min(log_tokens, GOOD_LOG_TOKENS))]

    def _siblings(self, name: str, heading: str, voice: str) -> _Section:
        lines = [
            _Line(self._tell(node, PLAN), 10 + rank, node)
            for rank, node in enumerate(_by_worth(self._context.siblings))
        ]
        lines.sort(key=lambda line: line.node.id if line.node else 0)
        return _Section(name, heading, voice, lines)

    def _path(self, heading: str, voice: str, plan: int) -> _Section:
        path = self._context.path
        back = range(len(path) - 1, -1, -1)
        lines = [_Line(self._tell(node, plan), 12 + 2 * steps, node) for steps, node in zip(back, path, strict=True)]
        return _Section("path", heading, voice, lines)

    def _branch(self) -> _Section:
        """Return what else was tried on the branch: the latest first to stay."""
        context = self._context
        told = {node.id for node in (*context.path, *context.siblings)}
        branch = 0 if context.parent is None else context.parent.branch
        rest = [node for node in context.history if node.branch == branch and node.id not in told]
        back = range(len(rest) - 1, -1, -1)
        lines = [_Line(self._tell(node, SHORT_PLAN), 20 + steps, node) for steps, node in zip(back, rest, strict=True)]
        return _Section("branch", "Tried elsewhere on this branch", "Elsewhere on this branch I have tried:", lines)

    def _other_branch(self, other: Node) -> _Section:
        path = [other]
        while path[-1].parent in self._known:
            path.append(self._known[path[-1].parent])
        lines = [_Line(self._tell(node, SHORT_PLAN), 6 + 2 * back, node) for back, node in enumerate(path)][::-1]
        return _Section(
            "other branch",
            f"How the other script, {_name(other)}, came about",
            f"The other script, {_name(other)}, came about like this:",
            lines,
        )

    def _retrieved(self) -> list[_Section]:
        worked = [
            _Line(self._tell(node, SHORT_PLAN), 14 + rank, node) for rank, node in enumerate(self._context.successes)
        ]
        failed = [
            _Line(self._tell(node, SHORT_PLAN), 13 + rank, node) for rank, node in enumerate(self._context.failures)
        ]
        return [
            _Section("successes", "Worked elsewhere in this run", "Elsewhere in this run these worked:", worked),
            _Section(
                "failures", "Did not work elsewhere in this run", "Elsewhere in this run these did not work:", failed
            ),
        ]

    # ---- what a debug is told

    def _fault(self) -> _Section:
        parent = self._context.parent
        if parent is None:
            return _Section("fault", "", "", ())
        fault = f"`{parent.fault}`: {inline(parent.detail, 2 * DETAIL)}"
        lines = [
            _Line(f"{_name(parent)} failed with {fault}", 0),
            _Line(f"Its plan was: {inline(parent.plan, PLAN)}", 3),
        ]
        return _Section("fault", "The fault", "The script I am looking at does not work.", lines, is_list=False)

    def _log(self, tokens: int) -> _Section:
        log = cut_to_tokens(self._context.parent_log.strip("\n"), tokens - 20) if tokens > 60 else ""
        lines = [_Line(fenced(log, "text"), 2 if self._context.operator is Operator.DEBUG else 30)] if log else []
        return _Section("log", "The end of its log", "Its log ended like this:", lines, is_list=False)

    def _suspects(self) -> _Section:
        lines = [_Line(f"- {text}", 4 + place) for place, text in enumerate(suspects(self._context))]
        return _Section("suspects", "Suspected causes", "What I suspect:", lines)

    def _solved(self) -> _Section:
        lines = []
        for rank, node in enumerate(self._context.successes):
            failed = self._known.get(node.parent)
            met = (
                f"{_name(failed)} had `{failed.fault}`: {inline(failed.detail, DETAIL).rstrip('.')}. " if failed else ""
            )
            told = f"- {met}{_name(node)} removed it: {inline(node.plan, PLAN)} {_sentence(self._outcome(node))}"
            lines.append(_Line(told, 6 + rank, node))
        return _Section(
            "solved", "Faults like it that were removed", "I have removed faults like this one before:", lines
        )

    def _tried_fixes(self) -> _Section:
        """Return what did not help: earlier fixes of this script, those before it, and unsolved faults like this one."""
        context = self._context
        before = takewhile(lambda node: node.is_faulty, reversed(context.path[:-1]))
        nodes = [*context.siblings, *before, *context.failures]
        lines = [_Line(self._tell(node, PLAN), 5 + rank, node) for rank, node in enumerate(nodes)]
        return _Section(
            "failures", "What did not help, or is not removed yet", "These did not help, or are not removed yet:", lines
        )

    def _notes(self) -> _Section:
        notes = self._context.parent_notes
        text = inline(json.dumps(dict(notes), ensure_ascii=False, default=str), NOTES) if notes else ""
        lines = [_Line(text, 16)] if text else []
        return _Section(
            "notes", "What the script noted (`notes.json`)", "It left me these notes:", lines, is_list=False
        )

    # ---- one node

    def _tell(self, node: Node, plan: int) -> str:
        words = inline(node.plan, plan)
        return f"- {_name(node)}: {self._outcome(node)}.{f' Plan: {words}' if words else ''}"

    def _outcome(self, node: Node) -> str:
        match node.state:
            case NodeState.DECIDED:
                return "being written now"
            case NodeState.PROPOSED:
                return "being tried now"
            case NodeState.FAILED:
                return f"failed with `{node.fault}`, {inline(node.detail, DETAIL).rstrip('.')}"
            case NodeState.RACED:
                about = "" if node.value is None else f" at about {significant(node.value)}"
                return f"stopped early{about}, it could not catch up"
            case _:
                return self._change(node)

    def _change(self, node: Node) -> str:
        """Return what came of a scored node: its score, beside that of the nearest scored node above it."""
        if node.value is None:
            return str(node.state)
        score, took = significant(node.value), f", {seconds(node.wall_s)} in all" if node.wall_s else ""
        before = self._scored_above(node)
        if before is None or before.value is None:
            return f"scored {score}{' (fault removed)' if node.operator is Operator.DEBUG else ''}{took}"
        old = significant(before.value)
        if old == score:
            return f"{old} → {score} (no change){took}"
        is_better = (node.utility or 0.0) > (before.utility or 0.0)
        return f"{old} → {score} ({_verdict(node, is_better=is_better)}){took}"

    def _scored_above(self, node: Node) -> Node | None:
        above = self._known.get(node.parent)
        while above is not None and above.value is None:
            above = self._known.get(above.parent)
        return above


def _verdict(node: Node, *, is_better: bool) -> str:
    removed = ", fault removed" if node.operator is Operator.DEBUG else ""
    if not is_better:
        return f"worse{removed}"
    return f"{'better' if node.gain else 'better, but within noise'}{removed}"


def _name(node: Node) -> str:
    return f"#{node.id} {inline(node.edit, 60) or node.operator}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _by_worth(nodes: Sequence[Node]) -> list[Node]:
    """Return nodes by how much is to be learned of them: what runs now, what failed and what scored best by turns."""
    running = [node for node in reversed(nodes) if not node.state.is_final]
    failed = [node for node in reversed(nodes) if node.is_faulty]
    rest = [node for node in nodes if node.state.is_final and not node.is_faulty]
    rest.sort(key=lambda node: (-(node.utility if node.utility is not None else float("-inf")), node.id))
    ranked = [
        (place, kind, node) for kind, group in enumerate((running, failed, rest)) for place, node in enumerate(group)
    ]
    return [node for _, _, node in sorted(ranked, key=lambda entry: entry[:2])]


def _outcomes(nodes: Sequence[Node]) -> str:
    """Return `: 9 scored 0.75 to 0.8, 3 stopped early, 2 failed (timeout 2)`; "" where nothing is known of them."""
    scored = sorted(node.value for node in nodes if node.is_good and node.value is not None)
    faults = Counter(str(node.fault) for node in nodes if node.is_faulty)
    raced = sum(node.state is NodeState.RACED for node in nodes)
    running = sum(not node.state.is_final for node in nodes)
    parts = []
    if scored:
        low, high = significant(scored[0]), significant(scored[-1])
        parts.append(f"{len(scored)} scored {low if low == high else f'{low} to {high}'}")
    if raced:
        parts.append(f"{raced} stopped early")
    if faults:
        causes = ", ".join(f"{name} {count}" for name, count in sorted(faults.items()))
        parts.append(f"{faults.total()} failed ({causes})")
    if running:
        parts.append(f"{running} being tried now")
    return f": {', '.join(parts)}" if parts else ""


# ---- what fits


def _fit(sections: Sequence[_Section], tokens: int) -> list[_Section]:
    """Return the sections with as many lines as fit, those of low rank first.

    Room for saying what is missing is kept first, so that a section is never dropped in silence while anything is told.
    """
    left = tokens
    kept: dict[int, set[int]] = {}
    for place, section in enumerate(sections):
        introduction = max(estimate_tokens(section.heading) + 2, estimate_tokens(section.voice))
        needed = introduction + 1 + (_REST if section.is_list else 0)
        if needed <= left:
            left -= needed
            kept[place] = set()
    ranked = sorted((line.rank, place, at) for place in kept for at, line in enumerate(sections[place].lines))
    for _, place, at in ranked:
        needed = estimate_tokens(sections[place].lines[at].text) + 1
        if needed <= left and not (sections[place].is_list and len(kept[place]) >= MOST_LINES):
            left -= needed
            kept[place].add(at)
    return [found for place, chosen in kept.items() if (found := _only(sections[place], chosen)).is_told]


def _only(section: _Section, kept: Iterable[int]) -> _Section:
    """Return a section with some of its lines, in the order in which they stand."""
    chosen = set(kept)
    gone = [line.node for at, line in enumerate(section.lines) if at not in chosen and line.node is not None]
    return replace(
        section,
        lines=[line for at, line in enumerate(section.lines) if at in chosen],
        missing=(*section.missing, *gone),
    )


def _without_last(sections: Sequence[_Section]) -> list[_Section]:
    """Return the sections without their line of the highest rank; without the last section where no lines are left."""
    lines = [(line.rank, place, at) for place, each in enumerate(sections) for at, line in enumerate(each.lines)]
    if not lines:
        return list(sections[:-1])
    _, place, worst = max(lines)
    less = _only(sections[place], set(range(len(sections[place].lines))) - {worst})
    return [each for each in (*sections[:place], less, *sections[place + 1 :]) if each.is_told]


def _words(sections: Iterable[_Section]) -> str:
    told = [f"{each.name} {len(each.lines)}" if each.is_list else each.name for each in sections if each.lines]
    return ", ".join(told) or "nothing"
