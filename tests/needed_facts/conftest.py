"""The story is told once, and each provider is opened once: what differs between cases is the model and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.needed_facts import toy_story
from tests.needed_facts.staging import Stage, Told, open_stage, read_story

from mlmaster.testing.llm_ways import WAYS


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    directory = tmp_path_factory.mktemp("story") / "run"
    toy_story.tell(directory)
    return read_story(directory)


@pytest.fixture(scope="session")
def stage_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Stage]]:
    stages: dict[str, Stage] = {}
    with ExitStack() as stack:

        def find(way: str) -> Stage:
            if way not in stages:
                stages[way] = stack.enter_context(open_stage(WAYS[way], tmp_path_factory.mktemp("calls")))
            return stages[way]

        yield find


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"
