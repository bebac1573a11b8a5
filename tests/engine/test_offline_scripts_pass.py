"""No script of the offline engineer's library is taken for one that carries train rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmaster.core.task import Profile, Task
from mlmaster.engine.checks import check
from mlmaster.engine.telling import TellingValues
from mlmaster.engineers.offline import combine
from mlmaster.engineers.offline.catalogue import EDITS
from mlmaster.engineers.offline.facts import Facts
from mlmaster.engineers.offline.families import default_recipe, drafting_order
from mlmaster.engineers.offline.script import write_script
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.builtin import BUILTIN, write_builtin
from mlmaster.tasks.load import Overrides, load
from mlmaster.tasks.profile import profile


def scripts(task: Task, shape: Profile) -> Iterator[str]:
    """Yield every family's first script, each with one edit after the other, and a blend."""
    facts = Facts.of(task, shape)
    recipes = [default_recipe(name, facts) for name in drafting_order(facts)]
    for place, recipe in enumerate(recipes):
        full = recipe
        for edit in EDITS[place :: len(recipes)]:
            full = edit.apply(full, facts) or full
        yield write_script(recipe, facts, "Plan.")
        yield write_script(full, facts, "Plan.")
    yield write_script(next(combine.merged(recipes[:3], facts))[1], facts, "Plan.")


@pytest.mark.parametrize("name", BUILTIN)
def test_nothing_is_refused(name: str, tmp_path: Path) -> None:
    task = load(write_builtin(name, tmp_path), Overrides(), Registry(), tmp_path / "data").task
    shape = profile(task)
    values = TellingValues(task, shape)
    for code in scripts(task, shape):
        check(code, frozenset(), {}, values)
