"""Chat templates of models that are asked by raw completions: a conversation as the one text they were trained on.

Only what a session needs: system, turns, and the beginning of an answer that thinks. Native tools have no place in it;
their calls and results stand as text. What is said may hold a template's own tags, in a log or a file; such tags are broken,
so that nobody but us opens or ends a turn. What marks the beginning of the text is left to the server, whose tokenizer adds
it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from mlmaster.core.chat import Message
from mlmaster.llm.providers.thoughts import CLOSED, unmarked


@dataclass(frozen=True, slots=True)
class Template:
    """How one family of models writes a conversation; `{}` stands for what is said.

    Attributes:
        name: As `llm.template` names it.
        system, user, assistant: Of a whole turn; earlier answers are without their reasoning.
        opened: Begins the answer, inside an opened think block.
        tags: Have a meaning of their own, and are broken where they are said.
        stops: End an answer, where a server shows them.
    """

    name: str
    system: str
    user: str
    assistant: str
    opened: str
    tags: tuple[str, ...]
    stops: tuple[str, ...]

    def render(self, messages: Sequence[Message], thoughts: str = "") -> str:
        """Return a conversation up to the point where the model goes on thinking, after what it remembers."""
        turns = "".join(
            getattr(self, author).replace("{}", "\n\n".join(said)) for author, said in _turns(messages, self._broken)
        )
        remembered = self._broken(unmarked(thoughts))
        return f"{turns}{self.opened}{remembered}\n" if remembered else f"{turns}{self.opened}"

    def _broken(self, text: str) -> str:
        for tag in self.tags:
            text = text.replace(tag, f"{tag[:2]} {tag[2:]}")
        return text


_DEEPSEEK_TAGS = (
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁outputs▁begin｜>",
)

DEEPSEEK_R1 = Template(
    name="deepseek",
    system="{}",
    user="<｜User｜>{}",
    assistant="<｜Assistant｜>{}<｜end▁of▁sentence｜>",
    opened="<｜Assistant｜><think>\n",
    tags=_DEEPSEEK_TAGS,
    stops=("<｜end▁of▁sentence｜>", "<｜User｜>"),
)
DEEPSEEK_V3_1 = Template(
    name="deepseek",
    system="{}",
    user="<｜User｜>{}",
    # thinking or not is told by the tag; of earlier turns it is closed
    assistant=f"<｜Assistant｜>{CLOSED}{{}}<｜end▁of▁sentence｜>",
    opened="<｜Assistant｜><think>",
    tags=_DEEPSEEK_TAGS,
    stops=("<｜end▁of▁sentence｜>", "<｜User｜>"),
)
QWEN3 = Template(
    name="qwen3",
    system="<|im_start|>system\n{}<|im_end|>\n",
    user="<|im_start|>user\n{}<|im_end|>\n",
    assistant="<|im_start|>assistant\n{}<|im_end|>\n",
    opened="<|im_start|>assistant\n<think>\n",
    tags=("<|im_start|>", "<|im_end|>", "<|endoftext|>"),
    stops=("<|im_end|>", "<|im_start|>"),
)

TEMPLATES = {"deepseek": DEEPSEEK_R1, "qwen3": QWEN3}
"""By the names of `llm.template`."""
_BY_NAME = (
    # a model may be of two families by its name: what was distilled from DeepSeek writes as DeepSeek does
    (re.compile(r"deepseek.*(v3[._-]?[12]|v[4-9]|terminus)"), DEEPSEEK_V3_1),
    (re.compile(r"deepseek.*r1"), DEEPSEEK_R1),
    (re.compile(r"qwen3(?!.*(coder|instruct))|qwq"), QWEN3),
)


def template_of(model: str, name: str = "auto") -> Template | None:
    """Return the template of a model that thinks, None where its name tells of none.

    Args:
        model: As its provider knows it.
        name: `llm.template`: another than `auto` stands above the model's name.
    """
    found = next((template for pattern, template in _BY_NAME if pattern.search(model.lower())), None)
    if name == "auto" or (found is not None and found.name == name):
        return found
    return TEMPLATES[name]


def _turns(messages: Sequence[Message], broken: Callable[[str], str]) -> Iterator[tuple[str, list[str]]]:
    """Yield who speaks and what is said; results of tools are the user's, and what one says in a row is one turn."""
    told = (("user" if each.author == "tool" else each.author, _text(each)) for each in messages)
    for author, said in groupby(told, key=lambda turn: turn[0]):
        yield author, [broken(text) for _, text in said]


def _text(message: Message) -> str:
    if message.author == "tool":
        return f"Result:\n{message.text}"
    if message.author == "assistant":
        calls = [f"{call.name} {call.arguments}" for call in message.calls]
        return "\n\n".join([text for text in (message.text.rpartition(CLOSED)[2].lstrip("\n"), *calls) if text])
    return message.text
