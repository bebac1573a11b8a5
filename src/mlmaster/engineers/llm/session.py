"""One session: a conversation in which a model makes one script, within caps on replies, tokens and seconds.

A reply may use tools, or be the script or its edits alone, which submits them. What a reply comes to is answered until the
script passes (`checks.inspection`) or a cap ends the session; then the best there is is handed in. One reply allowed
(`turns: 1`) is the same with nothing to answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlmaster.core.chat import Finish, Message, ModelFacts, Reply
from mlmaster.engineers.llm.allowance import SHORTEST_REPLY, Allowance
from mlmaster.engineers.llm.checks.inspection import Inspection
from mlmaster.engineers.llm.conversation import Conversation
from mlmaster.engineers.llm.hearing import hear
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.replies.arguments import read_arguments
from mlmaster.engineers.llm.replies.cleaning import clean, take_apart
from mlmaster.engineers.llm.replies.edits import write_edits
from mlmaster.engineers.llm.replies.parsing import Answer, is_refusal, read_answer
from mlmaster.engineers.llm.tools import SUBMIT, Objection, Workbench
from mlmaster.engineers.llm.workpiece import Candidate, Standing, Workpiece
from mlmaster.errors import BudgetSpent, ContextOverflow, ProposalRefused

MOST_REPEATS = 2
"""Times a script that was refused may be submitted again as it was."""
MOST_CALLS = 8
"""Tools carried out for one reply."""
PATIENCE = 2
"""Replies in a row that neither use a tool nor hold a script, or that decline."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A tool a model wants used; `call` is the id of a native call; one that is cut must not be carried out."""

    tool: str
    arguments: Mapping[str, str]
    call: str = ""
    is_cut: bool = False


class Session:
    """Makes one script.

    Args:
        conversation: The prompt.
        allowance: What may still be taken.
        work: The script.
        bench: The tools.
        inspection: Judges what is submitted.
        prompts: Words what the model is told.
        facts: Of the model.
        offers_tools: Whether the model was told of tools, in either way.
    """

    def __init__(
        self,
        conversation: Conversation,
        allowance: Allowance,
        work: Workpiece,
        bench: Workbench,
        inspection: Inspection,
        prompts: Prompts,
        facts: ModelFacts,
        *,
        offers_tools: bool,
    ) -> None:
        self._conversation, self._allowance, self._work = conversation, allowance, work
        self._bench, self._inspection = bench, inspection
        self._prompts, self._facts, self._offers_tools = prompts, facts, offers_tools
        self._refused: ProposalRefused | None = None
        self._repeats = self._silent = self._declined = 0
        self._submitted: Candidate | None = None
        self.placement = ""

    def run(self) -> Candidate:
        """Return the script, or the best there was when a cap ended the session.

        Raises:
            ProposalRefused: Nothing can be handed in; for the last reason that the model was told.
            ContextOverflow: Not even the prompt fits.
            LLMError: As `mlmaster.ports.LLM.ask`, but when the budget ends a script that passed is handed in.
        """
        while not (end := self._allowance.ended_by()):
            try:
                candidate = self._turn()
            except BudgetSpent:
                candidate = self._best(Standing.PASSED)
                if candidate is None:
                    raise
            if candidate is not None:
                return candidate
        return self._hand_in(end)

    def _turn(self) -> Candidate | None:
        """Hear one reply and answer it; return a script when that ends the session."""
        if self._conversation.has_begun:
            self._conversation.shorten(self._room())
            if self._conversation.tokens + SHORTEST_REPLY > self._allowance.tokens_left:
                return self._hand_in("with the tokens left for less than another reply (session.tokens)")
        try:
            reply = hear(self._conversation, self._allowance, self._prompts, self._facts)
        except ContextOverflow:
            if not self._conversation.has_begun:
                raise
            return self._hand_in("with a conversation that no longer fits the model's context")
        self._allowance.count_turn()
        self.placement = self.placement or str(reply.placement)
        answer = read_answer(reply.text)
        wishes = self._wishes(reply, answer)
        if reply.finish is Finish.FILTERED or (not wishes and is_refusal(reply.text)):
            return self._meet_refusal()
        if not wishes:
            return self._meet_silence(reply)
        self._silent = self._declined = 0
        return self._grant(reply, answer, wishes)

    def _room(self) -> int:
        """Return how many tokens a request may have so that a reply fits as well."""
        rooms = [self._allowance.tokens_left - SHORTEST_REPLY]
        if self._facts.context_tokens is not None:
            rooms.append(
                self._facts.context_tokens - min(self._facts.max_output_tokens, self._facts.context_tokens // 2)
            )
        return min(rooms)

    def _wishes(self, reply: Reply, answer: Answer) -> list[Wish]:
        """Return what a reply wants done: its native calls, else those in its text, else its script or edits submitted."""
        if reply.calls:
            last = len(reply.calls) if reply.finish is Finish.LENGTH else 0
            return [
                Wish(call.name, read_arguments(call), call.id, is_cut=number == last)
                for number, call in enumerate(reply.calls, start=1)
            ]
        if self._offers_tools and answer.actions:
            last = len(answer.actions) if answer.is_cut else 0
            return [
                Wish(action.name, action.arguments, is_cut=number == last)
                for number, action in enumerate(answer.actions, start=1)
            ]
        if answer.script or answer.edits:
            return [Wish(SUBMIT, {"code": answer.script or "", "edits": write_edits(answer.edits)})]
        return []

    def _meet_refusal(self) -> Candidate | None:
        """Ask once more in other words; the reply that declined is not kept."""
        self._refused = ProposalRefused(
            "declined", "the model would not answer; word the task's goal more plainly, or ask another"
        )
        self._declined += 1
        if self._declined >= PATIENCE:
            return self._hand_in("with a model that declines")
        self._conversation.ask_otherwise(self._prompts.say("declined"))
        return None

    def _meet_silence(self, reply: Reply) -> Candidate | None:
        """Tell a model once that it gave no script."""
        self._refused = ProposalRefused(
            "unusable", "no script was found in the answer; give one whole script in a code block"
        )
        self._silent += 1
        if self._silent >= PATIENCE:
            return self._hand_in("with a model that gives no script")
        words = self._closing(self._prompts.say("no_script", tools=self._offers_tools))
        if reply.text.strip():
            self._conversation.add(_said(reply), (Message("user", words),))
        else:
            self._conversation.ask_otherwise(words)
        return None

    def _grant(self, reply: Reply, answer: Answer, wishes: Sequence[Wish]) -> Candidate | None:
        """Carry out what a reply wants, and tell what came of it."""
        results: list[str] = []
        for place, wish in enumerate(wishes):
            if place >= MOST_CALLS or (place and self._allowance.seconds_left <= 0):
                results.append("Not carried out: too much was wanted at once.")
                continue
            try:
                results.append(self._carry_out(wish, answer))
            except ProposalRefused as refused:
                if wish.tool == SUBMIT:
                    self._refused = refused
                detail = refused.words if isinstance(refused, Objection) else refused.detail
                results.append(self._prompts.say("refused", tool=wish.tool, reason=refused.reason, detail=detail))
            if self._submitted is not None:
                return self._submitted
            if self._repeats > MOST_REPEATS:
                return self._hand_in("with a model that submits the same script again and again")
        self._tell(reply, wishes, results)
        return None

    def _carry_out(self, wish: Wish, answer: Answer) -> str:
        if wish.is_cut:
            raise ProposalRefused(
                "unusable", "the reply was cut off in the middle of it; say less around it, or use edits"
            )
        if wish.tool != SUBMIT:
            return self._bench.carry_out(wish.tool, wish.arguments)
        self._submit(wish.arguments, answer)
        return ""

    def _submit(self, arguments: Mapping[str, str], answer: Answer) -> None:
        self._work.describe_change(arguments.get("plan") or answer.plan, arguments.get("name") or answer.name)
        self._bench.change(arguments)
        before = self._work.refusal()
        if before:
            self._repeats += 1
            raise ProposalRefused("duplicate", f"this is the very script that was refused before: {before}")
        try:
            self._inspection.judge()
        except ProposalRefused as refused:
            self._work.refuse(refused.detail)
            raise
        self._submitted = self._work.candidate()

    def _tell(self, reply: Reply, wishes: Sequence[Wish], results: Sequence[str]) -> None:
        *first, last = results
        if reply.calls:
            told = [
                Message("tool", text, answers=wish.call)
                for wish, text in zip(wishes, (*first, self._closing(last)), strict=True)
            ]
        else:
            titled = [
                text if len(wishes) == 1 else f"{wish.tool}: {text}" for wish, text in zip(wishes, results, strict=True)
            ]
            told = [Message("user", self._closing("\n\n".join(titled)))]
        self._conversation.add(_said(reply), told)

    def _closing(self, words: str) -> str:
        """Return words with what is left of the session after them."""
        left = self._prompts.say(
            "left", turns=self._allowance.turns_left, seconds=self._allowance.seconds_left, tools=self._offers_tools
        )
        return f"{words}\n\n{left}"

    def _best(self, least: Standing) -> Candidate | None:
        """Return the best script of at least a standing that may be handed in."""
        for candidate in self._work.candidates():
            if candidate.standing >= least:
                try:
                    self._inspection.check(candidate.code)
                except ProposalRefused as refused:
                    self._refused = self._refused or refused
                else:
                    return candidate
        return None

    def _hand_in(self, end: str) -> Candidate:
        """Return the best there is when a cap ends the session.

        A script that is known to fail is better than none: the search knows its fault then, and may debug it.
        """
        if self._work.is_begun and not self._work.refusal() and self._work.trial() is None:
            self._work.keep(Standing.UNTRIED)
        found = self._best(Standing.FAILED)
        if found is not None:
            return found
        if self._refused is None:
            self._refused = ProposalRefused("unusable", f"the session ended {end}, and no script was submitted")
        raise ProposalRefused(self._refused.reason, self._refused.detail, is_final=self._offers_tools)


def _said(reply: Reply) -> Message:
    """Return a reply as the message it becomes: without thinking written into its text, which no template shows again."""
    said = take_apart(clean(reply.text))
    text = said.answer.strip() if said.thoughts and said.answer.strip() else reply.text
    return Message("assistant", text, calls=reply.calls, carried=reply.carried)
