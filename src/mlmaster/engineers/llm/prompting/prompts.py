"""From a context to what a model is asked, bounded in tokens: a system message, the task, the work.

The first two are the same for every node of a run, so that a provider's prompt cache pays; only the third depends on the
decision. Where all of it does not fit, less is said in this order: the description, the columns of the profile, the end of
the log, memory, the scripts of other parents. The parent's script is never cut, unless it does not fit even so: then its two
ends are shown, and a whole new script is asked for. The steps are few, so that the first two messages take few forms.
The words are in `words/`, memory in `remembering`, the task in `profiles`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isinf
from typing import Literal

from mlmaster.core.chat import Message, ModelFacts, Placement
from mlmaster.core.node import Node, Operator
from mlmaster.core.proposal import Context
from mlmaster.core.tokens import cut_to_tokens, estimate_tokens
from mlmaster.engineers.llm.prompting import profiles, templates
from mlmaster.engineers.llm.prompting.figures import left, seconds, significant, time_left
from mlmaster.engineers.llm.prompting.measures import direction, measure
from mlmaster.engineers.llm.prompting.quotes import inline
from mlmaster.engineers.llm.prompting.remembering import Memory, remember, stalled
from mlmaster.engineers.llm.settings import SessionSettings

Step = Literal["together", "plan", "code"]
Tools = Literal["none", "native", "text"]

MOST_COLUMNS = 300
"""So many columns are described, however much room there is."""
_REFUSAL, _REFUSALS = 800, 0.08
"""Characters of a refusal; of the room, so much may be refusals."""
NATIVE_TOOLS = 800
"""Tokens of a request that describe tools to a model which takes them natively."""
_OVERHEAD = 64
"""Tokens for the words that go with a script that is cut."""

_CUT = "\n# [… {left_out} characters left out …]\n"

ADVICE: Mapping[str, str] = {
    "syntax": "Mend the line; the whole file must parse.",
    "no_op": "Make the change that your plan speaks of.",
    "duplicate": "Running it again would tell nothing: change something that was not tried.",
    "no_submission": "Write `./submission.csv` with an answer for every row of the test file.",
    "policy": "Scripts learn from `./input/`, and do nothing else: see the rules of the sandbox.",
    "import": "Use the packages that are listed.",
    "leak": "A score made with it would say nothing about unseen rows: remove it.",
    "time": "Make the slowest step cheaper.",
}
"""What to do about a refusal that does not say so itself, by its reason."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked.

    Attributes:
        messages: System, task, work; the first two are stable.
        thoughts: Memory for the model's own reasoning; "" where it stands in the messages.
        name: Template and version: `draft@1f3a2b`.
        memory: What of the run is told, in a few words.
    """

    messages: tuple[Message, ...]
    thoughts: str = ""
    name: str = ""
    memory: str = ""


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much of each part is told: shares of the room a prompt has; of other parents' scripts, shares of their own."""

    description: float = 0.25
    columns: float = 0.15
    log: float = 0.10
    memory: float = 0.25
    others: float = 1.0


def _extents() -> Iterator[_Extent]:
    """Yield how much is told, from all of it downwards; the order in which parts give way is documented above."""
    extent = _Extent()
    yield extent
    for part in ("description", "columns", "log", "memory", "others"):
        share: float = getattr(extent, part)
        for less in (share / 2, share / 4, share / 8, 0.0):
            if part == "memory" and not less:
                break  # the last eighth of what is known goes after everything else
            extent = replace(extent, **{part: less})
            yield extent
    yield replace(extent, memory=0.0)


class Prompts:
    """Words everything a model is asked and told.

    Args:
        settings: How sessions go.
        folds: How often every solution is run; 0 when that is not known.
    """

    def __init__(self, settings: SessionSettings, folds: int = 0) -> None:
        self._settings, self._folds = settings, folds

    def first(
        self,
        context: Context,
        files: Sequence[str],
        facts: ModelFacts,
        *,
        step: Step = "together",
        plan: str = "",
        tools: Tools = "none",
        tools_text: str = "",
        tokens: int,
    ) -> Prompt:
        """Return the first request of a session.

        Args:
            context: What is asked for, and all that is known.
            files: What stands in `./input/`, a line each.
            facts: Of the model; decides where memory is placed.
            step: Plan and code in one reply, or the one or the other.
            plan: For the step "code": what to implement.
            tools: How tools are offered.
            tools_text: How they are used, where they are offered in the text.
            tokens: Bound of messages, thoughts and native tools together. Below about 2,500 the fixed words alone may not
                fit; then they are all that is said.
        """
        if tools == "native":
            tokens -= NATIVE_TOOLS
        words = _Words(context, files, facts, self._settings, self._folds, step, plan, tools, tools_text, tokens)
        for extent in _extents():
            prompt = words.prompt(extent)
            if _size(prompt) <= tokens:
                return prompt
        return words.prompt(extent, script_tokens=max(0, words.script_tokens - (_size(prompt) - tokens) - _OVERHEAD))

    def review(self, code: str, suspicions: Sequence[object], context: Context) -> Prompt:
        """Return the request for a second opinion on a script: does it leak? The answer is `{leak, why, fix}`."""
        task = context.task
        text = templates.render(
            "review",
            goal=inline(task.goal, 300) or inline(task.name, 100),
            targets=profiles.names(task.targets),
            metric=inline(task.metric, 60),
            direction=direction(task),
            suspicions=[inline(str(each), 300) for each in suspicions],
            script=cut_to_tokens(code, self._settings.context_tokens // 2),
        )
        return _single("review", text, is_self_reported=task.is_self_reported)

    def shorten(self, description: str, tokens: int) -> Prompt:
        """Return the request for a shorter description, of at most so many tokens."""
        room = max(1_000, self._settings.context_tokens - 1_000)
        text = templates.render(
            "shorten", description=cut_to_tokens(description, room), words=max(50, int(tokens * 0.6))
        )
        return _single("shorten", text)

    def say(self, name: str, **values: object) -> str:
        """Return what a model is told within a session.

        Args:
            name: `continue`, `declined`, `left_out` (no values); `edited` (lines); `left` (turns, seconds, tools); `log`
                (node, log); `looked`, `trial` (trial); `missed` (done, missed); `no_script` (tools); `refused` (tool, reason,
                detail).
            values: As named above.

        Raises:
            jinja2.UndefinedError: One of them is missing.
        """
        if "seconds" in values:
            values["time"] = time_left(float(str(values["seconds"])))
        return templates.render(f"say/{name}", advice=ADVICE, rewrite=self._settings.rewrite, **values)


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of one first request, more or fewer of them."""

    context: Context
    files: Sequence[str]
    facts: ModelFacts
    settings: SessionSettings
    folds: int
    step: Step
    plan: str
    tools: Tools
    tools_text: str
    tokens: int

    def prompt(self, extent: _Extent, script_tokens: int | None = None) -> Prompt:
        """Return the request, with so much of each part; the parent's script whole, or cut to so many tokens."""
        memory = self._remember(extent)
        is_in_thoughts = self.facts.placement is not Placement.PROMPT and bool(memory.thoughts)
        operator = str(self.context.operator)
        return Prompt(
            messages=(
                Message("system", self._system(), is_stable=True),
                Message("user", self._task(extent), is_stable=True),
                Message("user", self._work(extent, "" if is_in_thoughts else memory.text, script_tokens)),
            ),
            thoughts=memory.thoughts if is_in_thoughts else "",
            name=f"{operator}@{templates.version('system', 'task', operator)}",
            memory=memory.words,
        )

    @property
    def script_tokens(self) -> int:
        """Return the size of the parent's script."""
        return estimate_tokens(self.context.parent_code or "")

    def _remember(self, extent: _Extent) -> Memory:
        if not extent.memory:
            return Memory("", "", "nothing")
        return remember(self.context, int(extent.memory * self.tokens), log_tokens=int(extent.log * self.tokens))

    def _system(self) -> str:
        return templates.render(
            "system",
            is_self_reported=self.context.task.is_self_reported,
            folds=self.folds if self.folds > 1 else 0,
            rewrite=self.settings.rewrite,
            tools=self.tools,
            tools_text=self.tools_text,
        )

    def _task(self, extent: _Extent) -> str:
        task, profile = self.context.task, self.context.profile
        installed, more = profiles.packages(self.context.packages, max(60, self.tokens // 50))
        description = cut_to_tokens(self.context.description.strip(), int(extent.description * self.tokens))
        limit = self.context.script_limit_s
        return templates.render(
            "task",
            goal=inline(task.goal, 2_000),
            metric=inline(task.metric, 60),
            direction=direction(task),
            meaning=_capital(measure(task)),
            targets=profiles.names(task.targets),
            kind=str(task.kind),
            target=profiles.target(task, profile),
            submission=profiles.submission(task),
            layout=profiles.layout(task, profile),
            files=self._bounded(self.files, 0.05),
            columns=profiles.columns(profile, self._most_columns(extent)),
            description=description,
            description_left_out=bool(self.context.description.strip()) and not description,
            machine=profiles.machine(self.context),
            limit="as long as it needs" if isinf(limit) else f"{seconds(limit)} of wall time",
            folds=self.folds,
            packages=installed,
            more_packages=more,
        )

    def _most_columns(self, extent: _Extent) -> int:
        """Return how many columns fit into their share; one more line says what is missing."""
        room, count = int(extent.columns * self.tokens) - 60, 0
        for line in profiles.columns(self.context.profile, MOST_COLUMNS)[:MOST_COLUMNS]:
            room -= estimate_tokens(line) + 1
            if room < 0:
                break
            count += 1
        return max(count, sum(column.is_target for column in self.context.profile.columns[:MOST_COLUMNS]) and 1)

    def _bounded(self, lines: Sequence[str], share: float) -> list[str]:
        """Return the first lines that fit into a share of the room; the last one counts the others."""
        room, kept = int(share * self.tokens), list[str]()
        for line in (inline(each, 200) for each in lines):
            room -= estimate_tokens(line) + 1
            if room < 0:
                return [*kept, f"… and {len(lines) - len(kept)} more"]
            kept.append(line)
        return kept

    def _work(self, extent: _Extent, memory: str, script_tokens: int | None) -> str:
        context = self.context
        script, is_cut = context.parent_code or "", script_tokens is not None
        if script_tokens is not None:
            script = cut_to_tokens(script, script_tokens, _CUT)
        operator = context.operator
        asks_for_whole = operator is Operator.DRAFT or self.settings.rewrite or is_cut
        return templates.render(
            str(operator),
            step=self.step,
            plan=self.plan,
            siblings=len(context.siblings),
            plateau=stalled(context),
            memory=memory,
            script=script,
            script_is_cut=is_cut and bool(context.parent_code),
            script_name=_label(context.parent),
            others=[
                {"name": _label(node), "code": cut_to_tokens(code, int(extent.others * estimate_tokens(code)), _CUT)}
                for node, code in context.others
            ],
            time_left=_time(context),
            nodes_left=_nodes(context),
            refusals=self._refusals(),
            sentences="three to five sentences" if operator is Operator.DRAFT else "two to four sentences",
            form="the whole script" if asks_for_whole else "the edits of the script above",
            tools=self.tools,
            turns=self.settings.turns,
            try_first=self.settings.try_first,
        )

    def _refusals(self) -> list[str]:
        """Return why earlier answers were refused: the last one always, those before it while there is room."""
        room, told = int(_REFUSALS * self.tokens), list[str]()
        for each in (inline(refusal, _REFUSAL) for refusal in reversed(self.context.refusals)):
            room -= estimate_tokens(each) + 1
            if told and room < 0:
                break
            told.append(each)
        return told[::-1]


def _single(name: str, text: str, **values: object) -> Prompt:
    """Return a request of one message that makes no node; the values are for its system message."""
    system = Message("system", templates.render(f"{name}_system", **values), is_stable=True)
    return Prompt((system, Message("user", text)), name=f"{name}@{templates.version(f'{name}_system', name)}")


def _size(prompt: Prompt) -> int:
    return estimate_tokens(prompt.thoughts) + sum(estimate_tokens(message.text) for message in prompt.messages)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _label(node: Node | None) -> str:
    if node is None:
        return ""
    score = "" if node.value is None else f", {significant(node.value)}"
    return f"#{node.id} {inline(node.edit, 60) or node.operator}{score}"


def _time(context: Context) -> str:
    if isinf(context.time_left_s):
        return "There is no limit on the time of the search."
    return f"Of the whole search, {time_left(context.time_left_s)} are left."


def _nodes(context: Context) -> str:
    if context.nodes_left is None:
        return ""
    return f" Solutions that may still be tried after this one: {left(context.nodes_left)}."
