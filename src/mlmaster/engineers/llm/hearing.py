"""Hears one whole reply of the coder: goes on where it was cut off, and says less where the model's context overflows."""

from __future__ import annotations

from dataclasses import replace

from mlmaster.core.chat import Finish, Message, ModelFacts, Reply
from mlmaster.engineers.llm.allowance import Allowance
from mlmaster.engineers.llm.conversation import Conversation
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.replies.parsing import join_continued, read_answer
from mlmaster.errors import ContextOverflow

MOST_CONTINUATIONS = 3
MOST_OVERFLOWS = 3


def hear(conversation: Conversation, allowance: Allowance, prompts: Prompts, facts: ModelFacts) -> Reply:
    """Return the next reply, whole: its usage and what it carries are those of its last part.

    Raises:
        ContextOverflow: It does not fit, and nothing is left to be left out.
        LLMError: As `mlmaster.ports.LLM.ask`.
    """
    reply = _ask(conversation, allowance, facts)
    for _ in range(MOST_CONTINUATIONS):
        if not _is_cut(reply) or allowance.seconds_left <= 0 or allowance.tokens_left <= conversation.tokens:
            break
        said = Message("assistant", reply.text), Message("user", prompts.say("continue"))
        tokens = allowance.reply_tokens(conversation.tokens, facts)
        try:
            more = allowance.ask(conversation.request(tokens, said))
        except ContextOverflow:
            break
        # what a provider wants back belongs to the parts as they were said, and they are kept as one
        reply = replace(
            reply, text=join_continued(reply.text, more.text), finish=more.finish, calls=more.calls, carried=None
        )
    return reply


def _ask(conversation: Conversation, allowance: Allowance, facts: ModelFacts) -> Reply:
    overflows = 0
    while True:
        tokens = conversation.tokens
        request = conversation.request(allowance.reply_tokens(tokens, facts), is_last=allowance.turns_left <= 1)
        try:
            return allowance.ask(request)
        except ContextOverflow as error:
            overflows += 1
            if overflows > MOST_OVERFLOWS or not conversation.shorten(smaller(tokens, error, facts)):
                raise


def smaller(tokens: int, error: ContextOverflow, facts: ModelFacts) -> int:
    """Return how many tokens a request may have after one of `tokens` overflowed: the limit less a reply, else half."""
    if error.limit_tokens is not None:
        named = error.limit_tokens - min(facts.max_output_tokens, error.limit_tokens // 2)
        if named < tokens:
            return named
    return tokens // 2


def _is_cut(reply: Reply) -> bool:
    if reply.calls or not reply.text.strip() or reply.finish is Finish.FILTERED:
        return False
    return reply.finish is Finish.LENGTH or read_answer(reply.text).is_cut
