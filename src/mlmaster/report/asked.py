"""What language models were asked for one node, and what they answered, for a person to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlmaster.core.calls import Call
from mlmaster.core.chat import Message
from mlmaster.report import text

RULE = "=" * 78


def call_lines(calls: Sequence[Call]) -> Iterator[str]:
    """Yield a heading and a line for each call; nothing for none."""
    if calls:
        yield "\nasked:"
    for call in calls:
        asked, answered = call.asked, call.answered
        if answered is None:
            outcome = "never answered: the process ended"
        elif answered.reply is None:
            outcome = f"failed: {' '.join(answered.detail.split())}"
        else:
            placement = f", memory in {answered.reply.placement}" if asked.request.thoughts else ""
            outcome = f"{answered.reply.finish} after {text.duration(answered.reply.seconds)}{placement}"
        paid = "" if answered is None else f"; {text.spent(answered.usage)}"
        prompt = f" ({asked.request.prompt})" if asked.request.prompt else ""
        yield f"  {call.id}. {asked.role} {asked.model}{prompt}: {outcome}{paid}"


def conversation(call: Call) -> str:
    """Return a whole call: every message, the thoughts put into the model's mouth, and the reply."""
    asked = call.asked
    parts = [f"{RULE}\ncall {call.id}: {asked.role} {asked.model}"]
    parts += [f"--- {message.author}\n{_said(message)}" for message in asked.request.messages]
    if asked.request.thoughts:
        parts.append(f"--- thoughts begun for the model\n{asked.request.thoughts}")
    reply = None if call.answered is None else call.answered.reply
    if reply is not None:
        if reply.reasoning:
            parts.append(f"--- reasoning\n{reply.reasoning}")
        parts.append(
            f"--- reply ({reply.model or asked.model})\n{_said(Message('assistant', reply.text, reply.calls))}"
        )
    return "\n".join(parts)


def _said(message: Message) -> str:
    calls = (f"[{call.name}] {call.arguments}" for call in message.calls)
    return "\n".join(part for part in (message.text, *calls) if part)
