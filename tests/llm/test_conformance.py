"""Our models pass the suite of the port, over each protocol and each way to place memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.clock import SystemClock
from mlmaster.llm.models import make_models
from mlmaster.llm.settings import LLMSettings
from mlmaster.ports import LLM
from mlmaster.store.calls import FILE_NAME, CallBook
from mlmaster.testing.llm import LLMConformance, OpenLLM
from mlmaster.testing.llm_server import Brain, LLMServer


class _Ours(LLMConformance):
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Callable[[], str]:
        return lambda: "".join(path.read_text("latin-1") for path in tmp_path.rglob(f"{FILE_NAME}*"))

    @pytest.fixture
    def open_llm(self, tmp_path: Path) -> Iterator[OpenLLM]:
        with ExitStack() as stack:

            def open_llm(brain: Brain, *, is_key_right: bool = True) -> LLM:
                directory = tmp_path / f"{is_key_right}"
                directory.mkdir()
                server = stack.enter_context(LLMServer(brain, key=self.KEY))
                book = CallBook(directory, writable=True)
                stack.callback(book.disconnect)
                models = make_models(
                    self.settings(server),
                    limits=BudgetLimits(),
                    log=book,
                    environ={"A_KEY": self.KEY if is_key_right else self.WRONG_KEY},
                    clock=SystemClock(),
                    say=lambda line: None,
                    patience_s=60,
                )
                return stack.enter_context(closing(models))

            yield open_llm

    def settings(self, server: LLMServer) -> LLMSettings:
        raise NotImplementedError


class TestChat(_Ours):
    def settings(self, server: LLMServer) -> LLMSettings:
        return LLMSettings(model="llamacpp:m", base_url=server.openai_url, key_env="A_KEY", steering="prompt")


class TestContinue(_Ours):
    def settings(self, server: LLMServer) -> LLMSettings:
        return LLMSettings(model="vllm:m", base_url=server.openai_url, key_env="A_KEY")


class TestPrefix(_Ours):
    def settings(self, server: LLMServer) -> LLMSettings:
        return LLMSettings(model="deepseek:deepseek-reasoner", base_url=server.beta_url, key_env="A_KEY")


class TestCompletion(_Ours):
    def settings(self, server: LLMServer) -> LLMSettings:
        return LLMSettings(model="vllm:qwen3-8b", base_url=server.openai_url, key_env="A_KEY", steering="completion")


class TestResponses(_Ours):
    def settings(self, server: LLMServer) -> LLMSettings:
        return LLMSettings(model="openai:gpt-5", base_url=server.openai_url, key_env="A_KEY")


class TestMessages(_Ours):
    def settings(self, server: LLMServer) -> LLMSettings:
        return LLMSettings(model="anthropic:claude-sonnet-4-5", base_url=server.url, key_env="A_KEY")
