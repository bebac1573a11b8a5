"""OpenAI's chat completions, which most servers speak: requests to its messages, its chunks to parts.

Servers differ in the edges, and all the edges known are met here: where reasoning stands, how tools are called in pieces,
what ends a reply, where tokens are counted. Chunks are read as plain JSON, since much of it is in no SDK's types.

Thoughts: CONTINUE begins the answer with an opened think block that the server goes on with (vLLM, SGLang); what comes up to
its end is reasoning. PREFIX hands them over as the `reasoning_content` of a begun answer (DeepSeek, at its address for that).
Both go for every request with thoughts, whatever its last message is. Templates that end thinking in a begun answer (Qwen3's)
put an empty block before ours; where that matters, raw completions are the exact way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlmaster.core.chat import Finish, Message, Placement, Request, Tool, ToolCall
from mlmaster.llm.providers.bodies import ANSWER, Body, is_strict
from mlmaster.llm.providers.counts import usage_of
from mlmaster.llm.providers.headers import is_at
from mlmaster.llm.providers.lines import MAKER, Event, Speaker
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.llm.providers.thoughts import ThinkSplitter, begun, in_prompt, unmarked, without_system

FINISHES = {
    "stop": Finish.STOP,
    "eos": Finish.STOP,
    "eos_token": Finish.STOP,
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "model_length": Finish.LENGTH,
    "tool_calls": Finish.TOOLS,
    "tool_use": Finish.TOOLS,
    "function_call": Finish.TOOLS,
    "content_filter": Finish.FILTERED,
    "safety": Finish.FILTERED,
    "sensitive": Finish.FILTERED,
    "refusal": Finish.FILTERED,
}
BROKEN = frozenset({"error", "abort", "network_error", "insufficient_system_resource"})
"""Ends that are none: the server broke off, and says so."""
CARRIED = "chat"
"""Key of what is carried from turn to turn; another protocol's is left alone."""
_LIMITS = ("max_tokens", "max_completion_tokens")


class ChatProvider:
    """Speaks to one model over chat completions; implements `mlmaster.llm.providers.provider.Provider`."""

    def __init__(
        self,
        model: str,
        *,
        address: str,
        key: str | None = None,
        key_env: str | None = None,
        placement: Placement = Placement.PROMPT,
        has_cache_key: bool | None = None,
    ) -> None:
        """Prepare to speak; nothing is sent.

        Args:
            model: As its provider knows it.
            address: The base URL, for `Placement.PREFIX` the one that takes begun answers.
            key: None where none is wanted.
            key_env: Environment variable of the key, for messages.
            placement: Where thoughts are placed: PROMPT, CONTINUE or PREFIX.
            has_cache_key: Requests may say which of them begin alike (`prompt_cache_key`); by default, where OpenAI is
                spoken to.
        """
        is_openai = is_at(address, MAKER)
        self._speaker = Speaker(model, address, key, key_env)
        self._placement = placement
        self._has_cache_key = is_openai if has_cache_key is None else has_cache_key
        self._limits = _LIMITS[::-1] if is_openai else _LIMITS
        self._has_limit = True

    def placement(self, request: Request, options: Options) -> Placement:
        """Return where the thoughts of a request are placed."""
        return self._placement if request.thoughts.strip() and "prefill" not in options.dropped else Placement.PROMPT

    def stream(self, request: Request, options: Options) -> Iterator[Part]:
        """Send the request and yield the parts of the reply."""
        body = self.body(request, options)
        is_open = self.placement(request, options) is Placement.CONTINUE
        reply = _Reply(self._speaker, f"call_{len(request.messages)}", is_open=is_open)
        return self._speaker.ask(
            "/chat/completions",
            body.fields,
            reply.parts,
            lambda error: self._fault(error, options, body.sent),
        )

    def close(self) -> None:
        """Close all connections."""
        self._speaker.close()

    def body(self, request: Request, options: Options) -> Body:
        """Return what is sent for a request."""
        placement = self.placement(request, options)
        told = request.messages if placement is not Placement.PROMPT else in_prompt(request.messages, request.thoughts)
        messages = [_message(each) for each in (without_system(told) if "system" in options.dropped else told)]
        body = Body(options.dropped, model=self._speaker.model, messages=messages, stream=True)
        if any(each["role"] == "system" for each in messages):
            body.sent.add("system")
        body.put("temperature", temperature=options.temperature)
        body.put("effort", reasoning_effort=options.effort)
        body.put("tools", tools=[_tool(each) for each in request.tools])
        body.put("schema", response_format=_format(request.schema))
        body.put("stream_usage", stream_options={"include_usage": True})
        body.put("cache", prompt_cache_key=cache_key(request) if self._has_cache_key else None)
        if self._has_limit:
            body.fields[self._limits["max_output_tokens" in options.dropped]] = request.max_output_tokens
            body.sent.add("max_output_tokens")
        if placement is Placement.CONTINUE:
            messages.append({"role": "assistant", "content": begun(request.thoughts)})
            body.put("prefill", continue_final_message=True, add_generation_prompt=False)
        elif placement is Placement.PREFIX:
            thoughts = unmarked(request.thoughts)
            messages.append({"role": "assistant", "content": "", "reasoning_content": thoughts, "prefix": True})
            body.sent.add("prefill")
        return body

    def _fault(self, error: Exception, options: Options, sent: Collection[str]) -> Fault:
        fault = self._speaker.fault(error, sent=sent)
        if fault.parameter == "max_output_tokens" and "max_output_tokens" in options.dropped:
            self._has_limit = False  # it has no third name
        return fault


def cache_key(request: Request) -> str:
    """Return the same short name for requests that begin alike: with the same system message."""
    first = request.messages[0].text if request.messages else ""
    return "mlmaster-" + hashlib.sha256(first.encode("utf-8", "replace")).hexdigest()[:16]


def _message(message: Message) -> dict[str, Any]:
    if message.author == "tool":
        return {"role": "tool", "tool_call_id": message.answers, "content": message.text}
    found: dict[str, Any] = {"role": message.author, "content": message.text}
    if message.author == "assistant":
        carried = dict((message.carried or {}).get(CARRIED, {}))
        extra = carried.pop("extra_content", {})
        found |= carried
        if message.calls:
            found["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                    **({"extra_content": extra[call.id]} if call.id in extra else {}),
                }
                for call in message.calls
            ]
    return found


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _format(schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not schema:
        return None
    return {"type": "json_schema", "json_schema": {"name": ANSWER, "schema": schema, "strict": is_strict(schema)}}


@dataclass
class _Reply:
    """What has arrived of one reply.

    Attributes:
        speaker: Who is spoken to.
        prefix: Begins the ids of calls that a server gives none.
        is_open: It continues an opened think block.
    """

    speaker: Speaker
    prefix: str
    is_open: bool
    _splitter: ThinkSplitter = field(init=False)
    _calls: _Calls = field(init=False)
    _reasoning_content: list[str] = field(default_factory=list)
    _reasoning_details: list[Any] = field(default_factory=list)
    _is_refused: bool = False

    def __post_init__(self) -> None:
        self._splitter = ThinkSplitter(is_open=self.is_open)
        self._calls = _Calls(self.prefix)

    def parts(self, events: Iterator[Event]) -> Iterator[Part]:
        """Yield the parts of the chunks.

        Raises:
            Fault: The server says that it broke off, or there was no choice in any of them.
        """
        has_choice, is_finished = False, False
        for event in events:
            choice = first_choice(event)
            model = event.get("model")
            usage = usage_of(event.get("usage")) or usage_of(choice.get("usage")) or usage_of(_groq(event))
            has_choice |= bool(choice)
            said = self._piece(choice)
            yield Part(
                text=said.text,
                reasoning=said.reasoning,
                usage=usage,
                model=model if isinstance(model, str) else "",
            )
            reason = choice.get("finish_reason")
            if reason and not is_finished:
                is_finished = True
                yield self._end(str(reason))
        if not has_choice:
            raise Fault("garbled", f"{self.speaker.model} at {self.speaker.address}: no choices in the answer")

    def _piece(self, choice: Mapping[str, Any]) -> Part:
        """Return the words of one chunk, and keep what is only whole in the end."""
        delta = choice.get("delta") or choice.get("message")  # the latter of a reply that came in one piece
        if not isinstance(delta, Mapping):
            return Part()
        self._calls.add(delta)
        reasoning = words(delta.get("reasoning_content")) or words(delta.get("reasoning"))
        if reasoning:
            self._splitter.close()
        self._reasoning_content.append(words(delta.get("reasoning_content")))
        if isinstance(details := delta.get("reasoning_details"), list):
            self._reasoning_details += details
        refusal = words(delta.get("refusal"))
        self._is_refused |= bool(refusal)
        said = self._splitter.feed(words(delta.get("content"))) if delta.get("content") else Part()
        return Part(text=said.text + refusal, reasoning=reasoning + said.reasoning)

    def _end(self, reason: str) -> Part:
        reason = reason.lower()
        if reason in BROKEN:
            raise Fault(
                "away", f"{self.speaker.model} at {self.speaker.address} broke off ({reason}); it may work again"
            )
        calls = self._calls.whole()
        finish = Finish.FILTERED if self._is_refused else FINISHES.get(reason, Finish.STOP)
        if calls and finish is Finish.STOP:  # not all servers say that tools are wanted
            finish = Finish.TOOLS
        last = self._splitter.finish(finish)
        return Part(
            text=last.text, reasoning=last.reasoning, finish=finish, calls=calls, carried=self._carried(bool(calls))
        )

    def _carried(self, has_calls: bool) -> Mapping[str, Any] | None:
        """Return what some servers want back with the answers of tools: reasoning (DeepSeek, OpenRouter), marks (Gemini)."""
        if not has_calls:
            return None
        kept = {
            "reasoning_content": "".join(self._reasoning_content),
            "reasoning_details": self._reasoning_details,
            "extra_content": self._calls.extra,
        }
        wanted = {name: value for name, value in kept.items() if value}
        return {CARRIED: wanted} if wanted else None


class _Calls:
    """Tool calls that come in pieces.

    Attributes:
        extra: What a server wants back with a call, by its id.
    """

    def __init__(self, prefix: str) -> None:
        self.extra: dict[str, Any] = {}
        self._prefix = prefix
        self._found: list[dict[str, str]] = []
        self._by_index: dict[Any, int] = {}

    def add(self, delta: Mapping[str, Any]) -> None:
        """Take the pieces of one chunk."""
        pieces = delta.get("tool_calls")
        if isinstance(old := delta.get("function_call"), Mapping):
            pieces = [{"index": 0, "function": old}]
        for piece in pieces if isinstance(pieces, list) else ():
            if isinstance(piece, Mapping):
                self._add_piece(piece)

    def _add_piece(self, piece: Mapping[str, Any]) -> None:
        function = piece.get("function")
        function = function if isinstance(function, Mapping) else {}
        id_, name = words(piece.get("id")), words(function.get("name"))
        index = piece.get("index")
        if index is None:
            index = len(self._found) - (not id_ and not name)
        place = self._by_index.get(index)
        # Gemini gives all its calls the same index
        if place is None or (id_ and self._found[place]["id"] not in ("", id_)):
            place = len(self._found)
            self._found.append({"id": "", "name": "", "arguments": ""})
            self._by_index[index] = place
        call = self._found[place]
        call["id"] = call["id"] or id_ or f"{self._prefix}_{place}"
        call["name"] = call["name"] or name
        arguments = function.get("arguments")
        call["arguments"] += json.dumps(arguments) if isinstance(arguments, Mapping) else words(arguments)
        if extra := piece.get("extra_content"):
            self.extra[call["id"]] = extra

    def whole(self) -> tuple[ToolCall, ...]:
        """Return the calls; those without a name are none."""
        return tuple(
            ToolCall(each["id"], each["name"], each["arguments"] or "{}") for each in self._found if each["name"]
        )


def first_choice(event: Event) -> Mapping[str, Any]:
    """Return the first choice of a chunk, empty where there is none."""
    choices = event.get("choices")
    found = choices[0] if isinstance(choices, list) and choices else None
    return found if isinstance(found, Mapping) else {}


def words(found: Any) -> str:
    """Return a text, also of a list of pieces of content; "" for anything else."""
    if isinstance(found, list):
        return "".join(words(each.get("text")) for each in found if isinstance(each, Mapping))
    return found if isinstance(found, str) else ""


def _groq(event: Event) -> Any:
    found = event.get("x_groq")
    return found.get("usage") if isinstance(found, Mapping) else None
