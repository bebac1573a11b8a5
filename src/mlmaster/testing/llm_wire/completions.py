"""Raw completions as vLLM and llama.cpp serve them: a prompt in the model's own chat template goes in as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

from mlmaster.core.chat import Finish
from mlmaster.testing.llm_wire import openai
from mlmaster.testing.llm_wire.chat import usage
from mlmaster.testing.llm_wire.exchange import (
    Complaint,
    Counted,
    Heard,
    Manner,
    Received,
    Said,
    event,
    names,
    split,
    think_aloud,
)
from mlmaster.testing.llm_wire.openai import turn_down

_KNOWN = names(
    """model prompt stream stream_options temperature top_p n stop max_tokens presence_penalty frequency_penalty
    logit_bias logprobs user seed suffix echo best_of top_k min_p repetition_penalty add_special_tokens
    skip_special_tokens spaces_between_special_tokens include_stop_str_in_output cache_prompt"""
)
_REFUSALS = {
    "temperature": "temperature",
    "stop": "stop",
    "max_tokens": "max_tokens",
    "stream_options": "stream_options",
}
_FINISHES = {Finish.STOP: "stop", Finish.LENGTH: "length", Finish.FILTERED: "content_filter", Finish.TOOLS: "stop"}
_AUTHORS: Mapping[str, Literal["system", "user", "assistant"]] = {
    "<｜User｜>": "user",
    "<｜Assistant｜>": "assistant",
    "<|im_start|>system\n": "system",
    "<|im_start|>user\n": "user",
    "<|im_start|>assistant\n": "assistant",
}
"""What opens a message in the templates of DeepSeek and of Qwen."""
_OPENING = re.compile("|".join(re.escape(tag) for tag in _AUTHORS))
_ENDINGS = re.compile(r"<｜begin▁of▁sentence｜>|<｜end▁of▁sentence｜>|<\|im_end\|>\n?")


class CompletionsWire:
    """Raw completions."""

    def read(self, path: str, headers: Mapping[str, str], body: Mapping[str, Any], manner: Manner) -> Received:
        """Return what is asked."""
        openai.check_names(body, _KNOWN)
        model = openai.check_model(body)
        openai.check_numbers(body, ("max_tokens",))
        openai.check_refusals(body, manner, _REFUSALS)
        prompt = body.get("prompt")
        if not isinstance(prompt, str) or not prompt:
            turn_down("Either prompt or prompt_embeds must be provided and non-empty.", "prompt")
        messages, begun = read_template(prompt)
        is_thinking = begun.rfind("<think>") > begun.rfind("</think>")
        return Received(
            protocol="completions",
            path=path,
            headers=headers,
            body=body,
            model=model,
            messages=messages,
            thoughts=begun.rpartition("<think>")[2].strip("\n") if is_thinking else begun.strip("\n"),
            is_thinking=is_thinking,
            pieces=((prompt, False),),
            max_tokens=body.get("max_tokens") or 16,
        )

    def plain(self, received: Received, said: Said, counted: Counted, manner: Manner) -> dict[str, Any]:  # noqa: ARG002
        """Return the answer as one JSON object."""
        choice = {
            "index": 0,
            "text": think_aloud(received, said),
            "logprobs": None,
            "finish_reason": _FINISHES[said.finish],
        }
        return {**_head(received), "choices": [choice], "usage": usage(counted)}

    def events(self, received: Received, said: Said, counted: Counted, manner: Manner) -> list[str]:  # noqa: ARG002
        """Return the answer as the events of a stream."""
        head = _head(received)
        choices: list[dict[str, Any]] = [
            {"index": 0, "text": piece, "logprobs": None, "finish_reason": None}
            for piece in split(think_aloud(received, said))
        ]
        choices.append({"index": 0, "text": "", "logprobs": None, "finish_reason": _FINISHES[said.finish]})
        chunks: list[dict[str, Any]] = [{**head, "choices": [choice]} for choice in choices]
        if (received.body.get("stream_options") or {}).get("include_usage"):
            chunks.append({**head, "choices": [], "usage": usage(counted)})
        return [*(event(chunk) for chunk in chunks), event("[DONE]")]

    def complaint(self, kind: str, detail: str = "") -> Complaint:
        """Return what the service answers where it fails."""
        return openai.failure(kind, detail)

    def overflow(self, received: Received, limit: int) -> Complaint:
        """Return what the service answers to a prompt that is too long."""
        message = (
            f"This model's maximum context length is {limit} tokens. However, your request has {received.prompt_tokens} "
            "input tokens. Please reduce the length of the input messages."
        )
        # vLLM puts no envelope around its errors
        return Complaint(
            400, {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}
        )

    def broken(self) -> list[str]:
        """Return the events that end a stream in which the service fails."""
        return [event(openai.failure("error").body)]


def read_template(prompt: str) -> tuple[tuple[Heard, ...], str]:
    """Return the messages of a prompt in a chat template, and what stands after the last tag of the assistant."""
    tags = list(_OPENING.finditer(prompt))
    if not tags:
        return (Heard("user", prompt),), ""
    heard: list[Heard] = []
    opening = _ENDINGS.sub("", prompt[: tags[0].start()])
    if opening.strip():
        heard.append(Heard("system", opening))
    if _AUTHORS[tags[-1].group()] != "assistant":
        turn_down("the prompt does not end with the assistant's turn", "prompt")
    for tag, following in pairwise(tags):
        heard.append(Heard(_AUTHORS[tag.group()], _ENDINGS.sub("", prompt[tag.end() : following.start()])))
    return tuple(heard), prompt[tags[-1].end() :]


def _head(received: Received) -> dict[str, Any]:
    return {
        "id": f"cmpl-{received.number}",
        "object": "text_completion",
        "created": 1_700_000_000,
        "model": received.model,
    }
