"""Emitted scripts read like a person's: no unused or missing names, only the imports they need, formatted, one plan."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlmaster.core.task import Modality
from mlmaster.engineers.offline import combine
from mlmaster.engineers.offline.catalogue import EDITS
from mlmaster.engineers.offline.families import default_recipe, drafting_order
from mlmaster.engineers.offline.script import write_script

if TYPE_CHECKING:
    from .conftest import Tiny

KINDS = ("two_numbers", "probability", "label", "grade", "labels")


def some_scripts(tiny: Callable[..., Tiny]) -> Iterator[tuple[str, str]]:
    for modality in Modality:
        for kind in KINDS:
            one = tiny(kind, modality)
            recipes = [default_recipe(name, one.facts) for name in drafting_order(one.facts)]
            blend = next(combine.merged(recipes[:3], one.facts))[1]
            full = recipes[0]
            for edit in EDITS:
                full = edit.apply(full, one.facts) or full
            for place, recipe in enumerate([*recipes, blend, full]):
                yield f"{modality}-{kind}-{place}", write_script(recipe, one.facts, 'Plan: fit, "answer" and C:\\path.')


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")
def test_scripts_pass_ruff_and_its_formatter(tiny: Callable[..., Tiny], tmp_path: Path) -> None:
    for name, code in some_scripts(tiny):
        (tmp_path / f"{name}.py".replace("-", "_")).write_text(code, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    rules = ["--isolated", "--line-length", "126", "--select", "E,F,I,W,B,UP", "--target-version", "py311"]
    done = subprocess.run([*ruff, "check", *rules, "--quiet", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]
    layout = [*ruff, "format", "--isolated", "--line-length", "120", "--diff", "--quiet", str(tmp_path)]
    done = subprocess.run(layout, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:]


def test_every_function_and_constant_is_used(tiny: Callable[..., Tiny]) -> None:
    for name, code in some_scripts(tiny):
        module = ast.parse(code)
        defined = {part.name for part in module.body if isinstance(part, ast.FunctionDef)}
        defined |= {
            target.id
            for part in module.body
            if isinstance(part, ast.Assign)
            for target in part.targets
            if isinstance(target, ast.Name)
        }
        read = {part.id for part in ast.walk(module) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}
        assert defined <= read, (name, defined - read)


def test_the_first_draft_imports_only_what_it_needs(tiny: Callable[..., Tiny]) -> None:
    one = tiny("number")
    code = write_script(default_recipe("lightgbm", one.facts), one.facts, "Plan.")
    imported = {alias.name for part in ast.parse(code).body if isinstance(part, ast.Import) for alias in part.names} | {
        part.module for part in ast.parse(code).body if isinstance(part, ast.ImportFrom)
    }
    assert imported <= {"os", "re", "collections.abc", "functools", "lightgbm", "numpy", "pandas"}


def test_scripts_speak_of_the_task_alone(tiny: Callable[..., Tiny]) -> None:
    for name, code in some_scripts(tiny):
        assert "mlmaster" not in code.lower(), name
        assert "noqa" not in code, name
        assert "mypy" not in code, name
        assert max(map(len, code.splitlines())) <= 126, name
