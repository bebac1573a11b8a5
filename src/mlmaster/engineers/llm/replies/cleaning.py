"""What surrounds an answer and is none of it: invisible characters, marks of chat templates, the model's thinking."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_REPLY = 2_000_000
"""Characters that are read of a reply; more is no answer."""
_INVISIBLE = dict.fromkeys(map(ord, "\x00\ufeff\u200b\u2060\u00ad"))
_SURROGATES = re.compile("[\ud800-\udfff]")
_LAST = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|return|>",
    "<|end|>",
    "<|call|>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",
    "<|im_start|>assistant",
    "<|start|>assistant",
    "<|end_of_solution|>",
    "[/INST]",
    "</s>",
    "<eos>",
)
_MARKS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<antThinking>", "</antThinking>"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
    ("[THINK]", "[/THINK]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<unused94>", "<unused95>"),
)
_OPENS = frozenset(opens.lower() for opens, _ in _MARKS)
_MARK = re.compile("|".join(re.escape(mark) for pair in _MARKS for mark in pair), re.IGNORECASE)
_CHANNEL = re.compile(
    r"(?:<\|start\|>assistant)?[ ]?<\|channel\|>[ ]?(\w{1,20})([^<\n]{0,200})"
    r"(?:<\|constrain\|>[ ]?\w{1,20}[ ]?)?<\|message\|>"
)
_RECIPIENT = re.compile(r"to=(?:functions\.)?(\w{1,64})")
_CHANNEL_END = re.compile(r"<\|(?:end|call|return)\|>")


@dataclass(frozen=True, slots=True)
class Said:
    """A reply taken apart: what it answers, what it thought, and whether it ends within a thought."""

    answer: str
    thoughts: str
    is_thinking: bool


def clean(text: str) -> str:
    """Return a text with plain line ends and without what cannot be seen; of endless ones the beginning."""
    text = text[:LONGEST_REPLY].replace("\r\n", "\n").replace("\r", "\n").translate(_INVISIBLE)
    return _without_last_marks(_SURROGATES.sub("\ufffd", text))


def _without_last_marks(text: str) -> str:
    for _ in range(len(_LAST)):
        bare = text.rstrip()
        mark = next((mark for mark in _LAST if bare.endswith(mark)), None)
        if mark is None:
            return text
        text = bare.removesuffix(mark)
    return text


def take_apart(text: str) -> Said:
    """Return the answer without the thinking before, between or after it.

    A closing mark without an opening one ends a thought that a chat template had begun. A mark that stands within a line, as
    in a pattern a script quotes, is none.

    Args:
        text: A clean reply.
    """
    channels = _channels(text)
    if channels is not None:
        return channels
    kept: list[str] = []
    thoughts: list[str] = []
    place, is_thinking = 0, False
    for mark in _MARK.finditer(text):
        is_opening = mark[0].lower() in _OPENS
        if is_thinking and not is_opening:
            thoughts.append(text[place : mark.start()])
            is_thinking, place = False, mark.end()
        elif not is_thinking and is_opening and _begins_line(text, mark.start()):
            kept.append(text[place : mark.start()])
            is_thinking, place = True, mark.end()
        elif not is_thinking and not is_opening and not thoughts and _is_at_edge(text, mark):
            thoughts += [*kept, text[place : mark.start()]]
            kept, place = [], mark.end()
    (thoughts if is_thinking else kept).append(text[place:])
    return Said("".join(kept), "".join(thoughts), is_thinking)


def _begins_line(text: str, place: int) -> bool:
    start = text.rfind("\n", max(0, place - 80), place) + 1 or max(0, place - 80)
    return not text[start:place].strip()


def _is_at_edge(text: str, mark: re.Match[str]) -> bool:
    rest = text[mark.end() : mark.end() + 80].lstrip(" \t")
    return _begins_line(text, mark.start()) or not rest or rest.startswith("\n")


def _channels(text: str) -> Said | None:
    """Read the channels of OpenAI's open models, whole or with their special tokens stripped by a server."""
    if text.startswith("analysis") and "assistantfinal" in text:
        thoughts, _, answer = text.rpartition("assistantfinal")
        return Said(answer, thoughts.removeprefix("analysis"), is_thinking=False)
    marks = list(_CHANNEL.finditer(text))
    if not marks:
        if (
            text.startswith("Thinking...\n") and "\n...done thinking." in text
        ):  # as the command line of Ollama prints it
            thoughts, _, answer = text.partition("\n...done thinking.")
            return Said(answer, thoughts, is_thinking=False)
        return None
    kept, thought = [text[: marks[0].start()]], [""]
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=True):
        body = _CHANNEL_END.split(text[mark.end() : end], maxsplit=1)[0]
        tool = _RECIPIENT.search(mark[2])
        if tool:
            kept.append(f'\n<tool name="{tool[1]}">\n{body}\n</tool>\n')
        elif mark[1] == "final":
            kept.append(body)
        else:
            thought.append(body)
    found = "".join(kept)
    return Said(found, "".join(thought), is_thinking=not found.strip())
