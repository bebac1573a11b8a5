"""Raw completions: the whole conversation as one text in the model's own template, ending inside its opened think block.

The exact way to place thoughts: nothing but what is written here stands between them and what the model thinks next. What
comes up to the closing tag is reasoning. There are no native tools and no schemas here; both are asked for in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mlmaster.core.chat import Finish, Placement, Request
from mlmaster.llm.providers.bodies import Body
from mlmaster.llm.providers.chat import BROKEN, FINISHES, first_choice, words
from mlmaster.llm.providers.counts import usage_of
from mlmaster.llm.providers.lines import Event, Speaker
from mlmaster.llm.providers.provider import Fault, Options, Part
from mlmaster.llm.providers.templates import Template
from mlmaster.llm.providers.thoughts import ThinkSplitter, in_prompt


class CompletionsProvider:
    """Speaks to one model over raw completions; implements `mlmaster.llm.providers.provider.Provider`."""

    def __init__(
        self, model: str, template: Template, *, address: str, key: str | None = None, key_env: str | None = None
    ) -> None:
        """Prepare to speak; nothing is sent.

        Args:
            model: As its provider knows it.
            template: How the model writes a conversation.
            address: The base URL.
            key: None where none is wanted.
            key_env: Environment variable of the key, for messages.
        """
        self._speaker = Speaker(model, address, key, key_env)
        self._template = template

    def placement(self, request: Request, options: Options) -> Placement:
        """Return COMPLETION for a request with thoughts, unless that was refused."""
        is_placed = request.thoughts.strip() and "prefill" not in options.dropped
        return Placement.COMPLETION if is_placed else Placement.PROMPT

    def stream(self, request: Request, options: Options) -> Iterator[Part]:
        """Send the request and yield the parts of the reply."""
        body = self.body(request, options)
        return self._speaker.ask(
            "/completions",
            body.fields,
            partial(_parts, self._speaker),
            lambda error: self._speaker.fault(error, sent=body.sent),
        )

    def close(self) -> None:
        """Close all connections."""
        self._speaker.close()

    def body(self, request: Request, options: Options) -> Body:
        """Return what is sent for a request; tools and schema are not, nor is the limit where it was refused."""
        is_placed = self.placement(request, options) is Placement.COMPLETION
        messages = request.messages if is_placed else in_prompt(request.messages, request.thoughts)
        prompt = self._template.render(messages, request.thoughts if is_placed else "")
        body = Body(
            options.dropped,
            model=self._speaker.model,
            prompt=prompt,
            stop=list(self._template.stops),
            stream=True,
        )
        body.put("temperature", temperature=options.temperature)
        body.put("max_output_tokens", max_tokens=request.max_output_tokens)
        body.put("stream_usage", stream_options={"include_usage": True})
        return body


def _parts(speaker: Speaker, events: Iterator[Event]) -> Iterator[Part]:
    """Yield the parts of the chunks of one reply, which goes on inside an opened think block.

    Raises:
        Fault: The server says that it broke off, or there was no choice in any of them.
    """
    splitter = ThinkSplitter(is_open=True)
    has_choice, is_finished = False, False
    for event in events:
        choice = first_choice(event)
        has_choice |= bool(choice)
        said = splitter.feed(words(choice.get("text"))) if choice.get("text") else Part()
        yield Part(
            text=said.text,
            reasoning=said.reasoning,
            usage=usage_of(event.get("usage")),
            model=words(event.get("model")),
        )
        reason = words(choice.get("finish_reason")).lower()
        if reason in BROKEN:
            raise Fault("away", f"{speaker.model} at {speaker.address} broke off ({reason}); it may work again")
        if reason and not is_finished:
            is_finished = True
            finish = FINISHES.get(reason, Finish.STOP)
            last = splitter.finish(finish)
            yield Part(text=last.text, reasoning=last.reasoning, finish=finish)
    if not has_choice:
        raise Fault("garbled", f"{speaker.model} at {speaker.address}: no choices in the answer")
