"""The engineer behind whom language models stand: for each operator a plan and a bounded session that makes one script.

Everything is a function of the context, the desk and the replies; what is kept between proposals is the shortened description
alone, which is the same for all. Read next: `prompting.prompts` (what is asked), `session` (what is done with the answers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import TypeVar

from mlmaster.core.chat import Finish, ModelFacts, Reply, Request, Role
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.tokens import estimate_tokens
from mlmaster.engineers.llm.allowance import Allowance
from mlmaster.engineers.llm.checks.inspection import Inspection
from mlmaster.engineers.llm.conversation import Conversation
from mlmaster.engineers.llm.hearing import MOST_OVERFLOWS, smaller
from mlmaster.engineers.llm.prompting.prompts import Prompt, Prompts
from mlmaster.engineers.llm.replies.actions import describe_tools
from mlmaster.engineers.llm.replies.loose_json import read_json
from mlmaster.engineers.llm.replies.parsing import is_refusal, read_answer
from mlmaster.engineers.llm.replies.prose import as_name, shorten
from mlmaster.engineers.llm.session import PATIENCE, Session
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.engineers.llm.tools import TOOLS, Workbench
from mlmaster.engineers.llm.workpiece import Candidate, Workpiece
from mlmaster.errors import ContextOverflow, ProposalRefused, ProviderError
from mlmaster.ports import LLM, Clock, Desk

DESCRIPTION_SHARE = 0.25
"""Of a prompt's bound; a longer description is shortened once, by the summariser."""
RESULT_SHARE = 1 / 16
"""Of a prompt's bound: most that is told of one tool's result."""
LEAST_PROMPT = 3_000
"""Tokens of a prompt, whatever the caps say: less says nothing."""
PLAN = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "plan": {"type": "string"},
        "changes": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "plan", "changes"],
    "additionalProperties": False,
}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a planner says is to be done."""

    name: str = ""
    text: str = ""


class LLMEngineer:
    """Proposes what language models write; see `mlmaster.ports.Engineer`. May be used from several threads.

    Args:
        llm: Who is asked.
        prompts: Words what is asked and told.
        settings: How sessions go.
        clock: The time.
    """

    operators = frozenset(Operator)

    def __init__(self, llm: LLM, prompts: Prompts, settings: SessionSettings, clock: Clock) -> None:
        self.name = f"llm ({llm.facts(Role.CODER).name})"
        self._llm, self._prompts, self._settings, self._clock = llm, prompts, settings, clock
        self._descriptions: dict[str, str] = {}
        self._lock = Lock()

    def propose(self, context: Context, desk: Desk) -> Proposal:
        """Return the script that one session makes."""
        allowance = Allowance(self._llm, desk, self._clock, self._settings)
        context = replace(context, description=self._short_description(context.description, desk, allowance))
        files = tuple(desk.files())
        plan = self._plan(context, files, allowance) if self._plans_apart else Plan()
        session, prompt, candidate = self._fitting(
            self._llm.facts(Role.CODER),
            allowance,
            lambda facts, tokens: self._code(context, files, plan, desk, allowance, facts, tokens),
        )
        return Proposal(
            plan=_bounded_plan(candidate, plan),
            code=candidate.code,
            edit=_edit_name(candidate.name) or _edit_name(plan.name) or str(context.operator),
            usage=allowance.usage,
            placement=session.placement,
            memory=prompt.memory,
            prompt_tokens=allowance.largest,
            turns=allowance.turns,
        )

    @property
    def _plans_apart(self) -> bool:
        if self._settings.plan != "auto":
            return self._settings.plan == "apart"
        return self._llm.facts(Role.PLANNER).name != self._llm.facts(Role.CODER).name

    def _code(
        self,
        context: Context,
        files: Sequence[str],
        plan: Plan,
        desk: Desk,
        allowance: Allowance,
        facts: ModelFacts,
        tokens: int,
    ) -> tuple[Session, Prompt, Candidate]:
        """Hold a session whose first request has at most so many tokens."""
        settings = self._settings
        has_tools = settings.turns > 1
        is_native = has_tools and facts.has_tools and settings.tools != "text"
        prompt = self._prompts.first(
            context,
            files,
            facts,
            step="code" if plan.text else "together",
            plan=plan.text,
            tools="native" if is_native else "text" if has_tools else "none",
            tools_text=describe_tools(TOOLS) if has_tools and not is_native else "",
            tokens=tokens,
        )
        conversation = Conversation(
            prompt.messages,
            name=prompt.name,
            thoughts=prompt.thoughts,
            left_out=self._prompts.say("left_out"),
            tools=TOOLS if is_native else (),
        )
        work = Workpiece(context.parent_code or "")
        bench = Workbench(desk, work, self._prompts, int(settings.context_tokens * RESULT_SHARE))
        inspection = Inspection(
            context, desk, bench, work, allowance, self._prompts, self._llm.facts(Role.FEEDBACK), settings
        )
        session = Session(
            conversation, allowance, work, bench, inspection, self._prompts, facts, offers_tools=has_tools
        )
        return session, prompt, session.run()

    def _plan(self, context: Context, files: Sequence[str], allowance: Allowance) -> Plan:
        """Ask the planner what is to be done.

        Raises:
            ProposalRefused: It would not say (`declined`), or said nothing (`unusable`).
        """

        def ask(facts: ModelFacts, tokens: int) -> Reply:
            prompt = self._prompts.first(context, files, facts, step="plan", tokens=tokens)
            conversation = Conversation(prompt.messages, name=prompt.name, thoughts=prompt.thoughts)
            for _ in range(PATIENCE):
                request = conversation.request(allowance.reply_tokens(conversation.tokens, facts), is_last=True)
                schema = PLAN if facts.has_schema else None
                reply = allowance.ask(replace(request, role=Role.PLANNER, schema=schema))
                if not _declines(reply):
                    return reply
                conversation.ask_otherwise(self._prompts.say("declined"))
            raise ProposalRefused(
                "declined", "the planner would not answer; word the task's goal more plainly, or ask another model"
            )

        plan = _read_plan(self._fitting(self._llm.facts(Role.PLANNER), allowance, ask).text)
        if not plan.text:
            raise ProposalRefused("unusable", "the planner gave no plan")
        return plan

    def _fitting(self, facts: ModelFacts, allowance: Allowance, ask: Callable[[ModelFacts, int], T]) -> T:
        """Ask with as large a prompt as may be, and with smaller ones where the model's context overflows.

        Raises:
            ProviderError: Not even a small one fits.
        """
        tokens = self._most_tokens(facts, allowance)
        for _ in range(MOST_OVERFLOWS):
            try:
                return ask(facts, tokens)
            except ContextOverflow as error:
                tokens = smaller(tokens, error, facts)
                if error.limit_tokens is not None:
                    facts = replace(facts, context_tokens=error.limit_tokens)
        try:
            return ask(facts, tokens)
        except ContextOverflow as error:
            raise ProviderError(
                "request",
                f"{facts.name} takes no request of {tokens:,} tokens and its reply: {error}; choose a model, or start its "
                "server, with a larger context",
            ) from error

    def _most_tokens(self, facts: ModelFacts, allowance: Allowance) -> int:
        """Return the bound of a first request: that of the settings, what the model holds, half of what may be spent."""
        rooms = [self._settings.context_tokens, allowance.tokens_left // 2]
        if facts.context_tokens is not None:
            rooms.append(facts.context_tokens - min(facts.max_output_tokens, facts.context_tokens // 2))
        return max(LEAST_PROMPT, min(rooms))

    def _short_description(self, description: str, desk: Desk, allowance: Allowance) -> str:
        """Return a description that fits into its share of a prompt; a longer one is shortened once in a run."""
        most = int(self._settings.context_tokens * DESCRIPTION_SHARE)
        if estimate_tokens(description) <= most:
            return description
        with self._lock:
            if description not in self._descriptions:
                self._descriptions[description] = self._shorten(description, most, desk, allowance)
            return self._descriptions[description]

    def _shorten(self, description: str, tokens: int, desk: Desk, allowance: Allowance) -> str:
        prompt = self._prompts.shorten(description, tokens)
        limit = min(2 * tokens, self._llm.facts(Role.SUMMARISER).max_output_tokens)
        request = Request(Role.SUMMARISER, prompt.messages, max_output_tokens=limit, prompt=prompt.name)
        try:
            reply = self._llm.ask(request, node=0, cancel=desk.cancel)
        except ContextOverflow:
            return description  # its beginning and end are shown instead
        allowance.usage += reply.usage
        return description if _declines(reply) or not reply.text.strip() else reply.text.strip()


def _declines(reply: Reply) -> bool:
    return reply.finish is Finish.FILTERED or is_refusal(reply.text)


def _read_plan(text: str) -> Plan:
    """Return the plan of a reply: the JSON that was asked for, however it is wrapped, else its words."""
    start = text.find("{")
    found = read_json(text, start) if start >= 0 else None
    said = found.value if found is not None and isinstance(found.value, dict) else {}
    plan = str(said.get("plan") or "").strip()
    if not plan:
        answer = read_answer(text)
        return Plan(answer.name, answer.plan)
    changes = said.get("changes")
    steps = [str(each).strip() for each in changes if str(each).strip()] if isinstance(changes, list) else []
    return Plan(str(said.get("name") or ""), shorten("\n".join([plan, *(f"- {step}" for step in steps)])))


def _bounded_plan(candidate: Candidate, plan: Plan) -> str:
    return shorten(candidate.plan.strip() or plan.text or "The model gave no plan.")


def _edit_name(name: str) -> str:
    """Return a name in snake case, of its first words where it has too many."""
    return as_name(name) or as_name(" ".join(name.split()[:4]))
