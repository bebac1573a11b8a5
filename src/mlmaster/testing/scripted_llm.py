"""Language models whose replies are a function: no provider, no network, no waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from threading import Event as Flag
from threading import Lock, Thread

from mlmaster.core.chat import Finish, Message, ModelFacts, Placement, Reply, Request, Role
from mlmaster.core.tokens import estimate_tokens
from mlmaster.core.usage import Usage
from mlmaster.errors import CallCancelled, LLMError
from mlmaster.testing.llm_wire.exchange import Brain, Heard, Received, Said

Script = Callable[[Request, int], Reply | str] | Sequence[Reply | str | LLMError]
"""What is answered: a function of the request and its node, or replies and errors one after the other."""

_LOOK_S = 0.01


class ScriptedLLM:
    """A scripted double of `mlmaster.ports.LLM` and of `mlmaster.ports.Expenses`.

    Args:
        answer: What is answered. A function may raise any `LLMError` and may block: the call ends all the same when it is
            cancelled. Of a sequence, one element is used up by each call, in the order of calls.
        facts: What is known of the model, the same in every role.
        cost_usd_per_call: What every call costs, failed ones included, unless a reply says what it used.

    Attributes:
        requests: Node and request of every call, in order.
    """

    def __init__(self, answer: Script, facts: ModelFacts | None = None, cost_usd_per_call: float = 0.0) -> None:
        self.requests: list[tuple[int, Request]] = []
        self._answer = answer if callable(answer) else _in_turn(answer)
        self._facts = facts or ModelFacts("scripted:model")
        self._cost_usd = cost_usd_per_call
        self._used: dict[int, Usage] = {}
        self._closed = Flag()
        self._lock = Lock()

    def facts(self, role: Role) -> ModelFacts:  # noqa: ARG002 - one model plays all roles
        """Return what is known of the model."""
        return self._facts

    def ask(self, request: Request, *, node: int, cancel: Flag) -> Reply:
        """Return the scripted reply."""
        self._check(cancel)
        with self._lock:
            self.requests.append((node, request))
        try:
            reply = self._wait_for(request, node, cancel)
        except LLMError:
            self._count(node, Usage(calls=1, cost_usd=self._cost_usd))
            raise
        if reply.usage.calls == 0:
            reply = replace(reply, usage=self._measure(request, reply))
        if reply.placement is Placement.PROMPT and request.thoughts:
            reply = replace(reply, placement=self._facts.placement)
        self._count(node, reply.usage)
        return replace(reply, model=reply.model or self._facts.name)

    def close(self) -> None:
        """End the calls in flight."""
        self._closed.set()

    def total(self) -> Usage:
        """Return what all calls have used."""
        with self._lock:
            return sum(self._used.values(), Usage())

    def of(self, node: int) -> Usage:
        """Return what the calls for a node have used."""
        with self._lock:
            return self._used.get(node, Usage())

    def _wait_for(self, request: Request, node: int, cancel: Flag) -> Reply:
        """Answer in a thread of its own, so that a script that blocks can be cancelled as a real call can."""
        found: Future[Reply | str] = Future()
        Thread(target=_fill, args=(found, self._answer, request, node), daemon=True, name="scripted-llm").start()
        while True:
            try:
                said = found.result(timeout=_LOOK_S)
            except TimeoutError:
                if found.done():
                    raise
                self._check(cancel)
                continue
            return Reply(said) if isinstance(said, str) else said

    def _check(self, cancel: Flag) -> None:
        if cancel.is_set() or self._closed.is_set():
            raise CallCancelled("the call was cancelled")

    def _count(self, node: int, usage: Usage) -> None:
        with self._lock:
            self._used[node] = self._used.get(node, Usage()) + usage

    def _measure(self, request: Request, reply: Reply) -> Usage:
        reasoning = estimate_tokens(reply.reasoning)
        written = reply.text + "".join(call.name + call.arguments for call in reply.calls)
        return Usage(
            input_tokens=max(1, estimate_tokens(as_received(request).text)),
            output_tokens=max(1, estimate_tokens(written) + reasoning),
            reasoning_tokens=reasoning,
            cost_usd=self._cost_usd,
            calls=1,
        )


def as_received(request: Request) -> Received:
    """Return a request as a model would read it."""
    heard = tuple(Heard(message.author, _text(message)) for message in request.messages)
    return Received(
        protocol="chat",
        path="",
        headers={},
        body={},
        model=str(request.role),
        messages=heard,
        thoughts=request.thoughts,
        tools=request.tools,
        max_tokens=request.max_output_tokens,
    )


def spoken(brain: Brain) -> Callable[[Request, int], Reply]:
    """Return a script for `ScriptedLLM` that answers as a brain of `mlmaster.testing.llm_server` does."""

    def answer(request: Request, node: int) -> Reply:  # noqa: ARG001 - a model does not know of nodes
        said = brain(as_received(request))
        calls = tuple(call if call.id else replace(call, id=f"call_{i}") for i, call in enumerate(said.calls))
        return Reply(said.text or said.refusal, said.reasoning, calls, _finish(said))

    return answer


def _finish(said: Said) -> Finish:
    if said.refusal:
        return Finish.FILTERED
    return Finish.TOOLS if said.calls else said.finish


def _text(message: Message) -> str:
    return "\n".join([message.text, *(f"{call.name} {call.arguments}" for call in message.calls)])


def _fill(
    found: Future[Reply | str], answer: Callable[[Request, int], Reply | str], request: Request, node: int
) -> None:
    try:
        found.set_result(answer(request, node))
    except BaseException as error:  # noqa: BLE001 - whatever a script raises is raised again where it was asked
        found.set_exception(error)


def _in_turn(replies: Sequence[Reply | str | LLMError]) -> Callable[[Request, int], Reply | str]:
    rest: Iterator[Reply | str | LLMError] = iter(replies)
    lock = Lock()

    def answer(request: Request, node: int) -> Reply | str:
        with lock:
            said = next(rest, None)
        if said is None:
            raise AssertionError(
                f"the script has {len(replies)} replies, and node {node} asks for one more: {request.prompt}"
            )
        if isinstance(said, LLMError):
            raise said
        return said

    return answer
