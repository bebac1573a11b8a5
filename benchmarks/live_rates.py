"""How a language model got on in a run, read from what the run recorded: its journal, its calls and its scripts.

Replies are read by the parsers that read them in the run, and edits are applied again to the script as it stood, so nothing
but the run directory is needed. Used by `live_check.py`.
"""

from __future__ import annotations

import ast
import statistics
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlmaster.core.calls import Call
from mlmaster.core.chat import Finish, Reply, Request, Role
from mlmaster.core.events import Decided, NodeFinished, Proposed, Refused
from mlmaster.core.node import NodeState
from mlmaster.core.usage import Usage
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.replies.actions import read_arguments
from mlmaster.engineers.llm.replies.edits import apply_edits, find_edits, write_edits
from mlmaster.engineers.llm.replies.parsing import is_refusal, join_continued, read_answer
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.store.run_directory import RunDirectory

RAN, FAILED = "It ran through on the small view", "It failed on the small view"
"""How a session is told what came of a trial."""
TRIED = frozenset({"run_on_smoke", "edit", "submit"})
"""The tools that take a script or edits of it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply of a session, its continuations joined, and what the model was told next; None when nothing was."""

    reply: Reply
    told: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What one reply came to.

    Attributes:
        is_usable: A script, edits or a tool could be read from it.
        is_declined: It would not answer.
        is_cut: It ended for want of tokens, its continuations included.
        scripts: How many whole scripts it gave; `parsed` of them are Python.
        edits: How many edits; `applied` of them fitted.
    """

    is_usable: bool
    is_declined: bool
    is_cut: bool
    scripts: int = 0
    parsed: int = 0
    edits: int = 0
    applied: int = 0


@dataclass(frozen=True, slots=True)
class Solution:
    """One decision that a model was asked for.

    Attributes:
        outcome: The node's final state, or why it has no script.
        heard: Of the coder's replies, in order.
        first_try: Whether the first script that was tried ran through; None when none was.
        placement: Where memory stood; "" when there was no proposal.
    """

    outcome: str
    heard: tuple[Heard, ...]
    first_try: bool | None
    placement: str


@dataclass(frozen=True, slots=True)
class Run:
    """What is read of a run directory."""

    solutions: tuple[Solution, ...]
    calls: tuple[Call, ...]


def read_run(directory: Path) -> Run:
    """Return how a model got on in a run; decisions that no model was asked for are left out."""
    store = RunDirectory.open_for_reading(directory)
    try:
        calls = tuple(store.calls().read())
        events = [record.event for record in store.read()]
        session = SessionSettings.model_validate(store.settings()["session"])
    finally:
        store.close()
    by_node: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        if call.asked.node:
            by_node[call.asked.node].append(call)
    parents = {event.node: event.parents[0] for event in events if isinstance(event, Decided)}
    proposed = {event.node: event for event in events if isinstance(event, Proposed)}
    ended = {event.node: event for event in events if isinstance(event, NodeFinished | Refused)}
    solutions = []
    for node, made in sorted(by_node.items()):
        sessions = list(read_sessions(made, session))
        end = ended.get(node)
        solutions.append(
            Solution(
                outcome=_outcome(end),
                heard=tuple(each for turns in sessions for each in hear(turns, _code(directory, parents[node]))),
                first_try=_first_try(sessions, session, proposed.get(node), end),
                placement=proposed[node].placement if node in proposed else "",
            )
        )
    return Run(tuple(solutions), calls)


def read_sessions(calls: Iterable[Call], settings: SessionSettings) -> Iterator[tuple[Turn, ...]]:
    """Yield the turns of each session of a node; one that was refused is followed by another."""
    go_on = Prompts(settings, folds=1).say("continue")
    turns: list[Turn] = []
    for call in calls:
        request, answered = call.asked.request, call.answered
        if request.role is not Role.CODER or answered is None or answered.reply is None:
            continue
        reply = answered.reply
        if request.messages[-1].text == go_on and turns:
            first = turns[-1].reply
            joined = join_continued(first.text, reply.text)
            turns[-1] = Turn(replace(first, text=joined, finish=reply.finish, calls=reply.calls), None)
            continue
        if not any(message.author == "assistant" for message in request.messages):
            if turns:
                yield tuple(turns)
            turns = []
        elif turns:
            turns[-1] = replace(turns[-1], told=_told(request))
        turns.append(Turn(reply, None))
    if turns:
        yield tuple(turns)


def hear(turns: Sequence[Turn], code: str) -> Iterator[Heard]:
    """Yield what each reply of a session came to, beginning with its parent's script."""
    for turn in turns:
        reply = turn.reply
        wishes = list(_wishes(reply))
        heard = Heard(
            is_usable=bool(wishes),
            is_declined=reply.finish is Finish.FILTERED or (not wishes and is_refusal(reply.text)),
            is_cut=reply.finish is Finish.LENGTH,
        )
        for tool, arguments in wishes:
            script, edits = arguments.get("code", ""), arguments.get("edits", "")
            if tool in TRIED and script.strip():
                code = script
                heard = replace(heard, scripts=heard.scripts + 1, parsed=heard.parsed + _parses(script))
            elif tool in TRIED and edits.strip():
                found = find_edits(edits)
                made = apply_edits(code, found)
                code = made.code
                # edits that cannot be read are one that does not fit
                heard = replace(heard, edits=heard.edits + max(1, len(found)), applied=heard.applied + made.done)
        yield heard


def _wishes(reply: Reply) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the tools a reply uses; a script or edits alone are submitted."""
    answer = read_answer(reply.text)
    if reply.calls:
        yield from ((call.name, read_arguments(call)) for call in reply.calls)
    elif answer.actions:
        yield from ((action.name, action.arguments) for action in answer.actions)
    elif answer.script or answer.edits:
        yield "submit", {"code": answer.script or "", "edits": write_edits(answer.edits)}


def _told(request: Request) -> str:
    last = max(place for place, message in enumerate(request.messages) if message.author == "assistant")
    return "\n".join(message.text for message in request.messages[last + 1 :])


def _first_try(
    sessions: Sequence[Sequence[Turn]],
    settings: SessionSettings,
    proposed: Proposed | None,
    end: NodeFinished | Refused | None,
) -> bool | None:
    for turn in (turn for turns in sessions for turn in turns):
        if turn.told is not None and (FAILED in turn.told or RAN in turn.told):
            return FAILED not in turn.told
    if proposed is None or not isinstance(end, NodeFinished):
        return None
    # what is handed in before the last reply has passed; the last one may be handed in though it failed, or untried
    return proposed.turns < settings.turns or end.state is not NodeState.FAILED


def _outcome(end: NodeFinished | Refused | None) -> str:
    if end is None:
        return "unfinished"
    return str(end.state) if isinstance(end, NodeFinished) else f"refused: {end.reason}"


def _code(directory: Path, node: int) -> str:
    path = directory / "nodes" / str(node) / "solution.py"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _parses(code: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


# ---- from facts to rates


def summarise(runs: Iterable[Run]) -> dict[str, Any]:
    """Return rates, counts and costs of runs together; a rate is None where nothing was counted."""
    runs = list(runs)
    solutions = [solution for run in runs for solution in run.solutions]
    calls = [call for run in runs for call in run.calls]
    heard = [each for solution in solutions for each in solution.heard]
    tries = [solution.first_try for solution in solutions if solution.first_try is not None]
    answered = [call.answered for call in calls if call.answered is not None]
    replies = [each.reply for each in answered if each.reply is not None]
    used = sum((each.usage for each in answered), Usage())
    outcomes = Counter(solution.outcome for solution in solutions)
    return {
        "solutions": len(solutions),
        "outcomes": dict(sorted(outcomes.items())),
        "scored": _rate(outcomes["scored"] + outcomes["raced"], len(solutions)),
        "replies": len(heard),
        "replies_per_solution": round(len(heard) / len(solutions), 2) if solutions else None,
        "parse": _rate(sum(each.is_usable for each in heard), len(heard)),
        "declined": _rate(sum(each.is_declined for each in heard), len(heard)),
        "cut": _rate(sum(each.is_cut for each in heard), len(heard)),
        "scripts_parse": _rate(sum(each.parsed for each in heard), sum(each.scripts for each in heard)),
        "edits_apply": _rate(sum(each.applied for each in heard), sum(each.edits for each in heard)),
        "smoke_pass": _rate(sum(tries), len(tries)),
        "cache_hit": _rate(used.cached_tokens, used.input_tokens),
        "calls": used.calls,
        "failed_calls": sum(each.outcome == "failed" for each in answered),
        "tokens": {
            "read": used.input_tokens,
            "cached": used.cached_tokens,
            "written": used.output_tokens,
            "reasoning": used.reasoning_tokens,
            "unpriced": used.unpriced_tokens,
        },
        "cost_usd": round(used.cost_usd, 4),
        "seconds_per_reply": _spread([reply.seconds for reply in replies]),
        "answered_as": sorted({reply.model for reply in replies if reply.model}),
        "placements": dict(Counter(solution.placement for solution in solutions if solution.placement)),
        "left_out": sorted({name for each in answered for name in each.dropped}),
    }


def _rate(part: float, whole: float) -> dict[str, float] | None:
    return {"rate": round(part / whole, 3), "of": whole} if whole else None


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 1),
        "p90": round(ordered[int(0.9 * (len(ordered) - 1))], 1),
        "longest": round(ordered[-1], 1),
    }
