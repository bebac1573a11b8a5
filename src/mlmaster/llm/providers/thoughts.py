"""Memory in a model's own voice: how it is written into a request, and how reasoning and answer are told apart after it.

Where it stands is decided by capability (`mlmaster.core.chat.Placement`); that it reads the same in all places is decided
here. A begun answer is the last thing in every request that has thoughts. Which requests of a session have them is the
engineer's affair: what a model thought on earlier turns is not kept in its messages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from mlmaster.core.chat import Finish, Message
from mlmaster.llm.providers.provider import Part

HEADING = "## Your notes so far"
OPENED = "<think>"
CLOSED = "</think>"
_TAGS = re.compile(r"</?think(?:ing)?>", re.IGNORECASE)


def in_prompt(messages: Sequence[Message], thoughts: str) -> tuple[Message, ...]:
    """Return messages with the thoughts at the end of the last one of the user, under a heading; as they are without any."""
    if not thoughts.strip():
        return tuple(messages)
    last = max((i for i, each in enumerate(messages) if each.author == "user"), default=None)
    if last is None:
        return (*messages, Message("user", f"{HEADING}\n\n{thoughts}"))
    noted = replace(messages[last], text=f"{messages[last].text.rstrip()}\n\n{HEADING}\n\n{thoughts}")
    return (*messages[:last], noted, *messages[last + 1 :])


def without_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return messages without those of the system; what they say opens the first message of the user."""
    told = "\n\n".join(each.text for each in messages if each.author == "system" and each.text.strip())
    others = [each for each in messages if each.author != "system"]
    if not told:
        return tuple(others)
    first = next((i for i, each in enumerate(others) if each.author == "user"), None)
    if first is None:
        return (Message("user", told), *others)
    others[first] = replace(others[first], text=f"{told}\n\n{others[first].text}")
    return tuple(others)


def unmarked(thoughts: str) -> str:
    """Return thoughts without think tags, which would end the block they are placed in."""
    return _TAGS.sub("", thoughts).strip()


def begun(thoughts: str) -> str:
    """Return the beginning of an answer that thinks: an opened think block with the thoughts, without a space at its end."""
    return f"{OPENED}\n{unmarked(thoughts)}"


class ThinkSplitter:
    """Tells reasoning from answer in what continues an opened think block, piece by piece.

    What comes up to the closing tag is reasoning, even where the tag comes in pieces. A model that ends of itself without
    closing the block has answered in it: then what it wrote is given as the answer too, for it is all there is.
    """

    def __init__(self, *, is_open: bool) -> None:
        """Begin inside an opened block, or outside of one."""
        self._is_open = is_open
        self._held = ""
        self._reasoned: list[str] = []
        self._has_begun = False
        self._has_answered = not is_open

    def close(self) -> None:
        """Take what follows for the answer: the server tells the two apart by itself."""
        self._is_open, self._has_answered = False, True

    def feed(self, text: str) -> Part:
        """Return what a piece of text adds."""
        if not self._is_open:
            return Part(text=self._answer(self._take(text)))
        written = self._take(text)
        if not self._has_begun:
            written = written.lstrip()
            if OPENED.startswith(written):  # "" too
                self._held = written
                return Part()
            self._has_begun = True
            written = written.removeprefix(OPENED)  # some templates open a block of their own
        reasoning, tag, answer = written.partition(CLOSED)
        if tag:
            self._is_open = False
            return Part(reasoning=self._reason(reasoning), text=self._answer(answer))
        kept = _half_tag(reasoning)
        self._held = reasoning[len(reasoning) - kept :]
        return Part(reasoning=self._reason(reasoning[: len(reasoning) - kept]))

    def finish(self, finish: Finish) -> Part:
        """Return what was held back, when the reply has ended."""
        left = self._take("")
        if not self._is_open:
            return Part(text=left)
        self._is_open = False
        reasoning = self._reason(left)
        return Part(reasoning=reasoning, text="".join(self._reasoned).strip() if finish is Finish.STOP else "")

    def _take(self, text: str) -> str:
        taken, self._held = self._held + text, ""
        return taken

    def _reason(self, text: str) -> str:
        self._reasoned.append(text)
        return text

    def _answer(self, text: str) -> str:
        """Return a piece of the answer; the blank lines between block and answer belong to neither."""
        if self._has_answered:
            return text
        text = text.lstrip()
        self._has_answered = bool(text)
        return text


def _half_tag(text: str) -> int:
    """Return how many characters at the end may be the beginning of a closing tag."""
    return next((n for n in range(min(len(CLOSED) - 1, len(text)), 0, -1) if CLOSED.startswith(text[-n:])), 0)
