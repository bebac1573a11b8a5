"""Tables that break careless scripts: empty columns, infinities, mixed types, one row to answer, unseen categories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlmaster.core.task import ColumnKind, ColumnProfile
from mlmaster.engineers.offline.families import default_recipe, drafting_order
from mlmaster.engineers.offline.script import write_script

if TYPE_CHECKING:
    from .conftest import Run, Tiny

COLUMNS = ("key", "empty", "blank", "endless", "mixed", "naïve käse", "same", "answer")


def row(number: int, *, is_test: bool) -> str:
    endless = ("inf", "-inf", "", str(number))[number % 4]
    mixed = ("7", "seven", "", "7.5")[number % 4]
    name = f"new {number}" if is_test else f"old {number % 3}"
    cells = [f"r{number}", "", "", endless, mixed, name, "always"]
    return ",".join(cells if is_test else [*cells, str(number % 5 / 2 + 0.25)])


def odd(one: Tiny, root: Path, asked: int) -> Tiny:
    """Return a regression task over a table where every column is odd."""
    inputs = root / "odd" / "input"
    inputs.mkdir(parents=True)
    (inputs / "train.csv").write_text("\n".join([",".join(COLUMNS), *(row(n, is_test=False) for n in range(40))]))
    header = ",".join(COLUMNS[:-1])
    (inputs / "test.csv").write_text("\n".join([header, *(row(n, is_test=True) for n in range(asked))]))
    kinds = (ColumnKind.CONSTANT, ColumnKind.CATEGORY, ColumnKind.NUMBER, ColumnKind.CATEGORY, ColumnKind.CATEGORY)
    columns = tuple(
        ColumnProfile(name=name, kind=kind, missing=0.2, distinct=4)
        for name, kind in zip(COLUMNS[1:6], kinds, strict=True)
    )
    profile = one.profile.model_copy(update={"columns": columns, "train_rows": 40, "test_rows": asked})
    task = one.task.model_copy(update={"file_rules": (), "directory": inputs})
    return replace(one, task=task, profile=profile, directory=root / "odd")


def test_every_table_family_takes_an_odd_table(
    tiny: Callable[..., Tiny],
    tmp_path: Path,
    run_scripts: Callable[[Sequence[tuple[str, Tiny, str]]], list[Run]],
    check: Callable[[Run], None],
) -> None:
    scripts = []
    for asked in (12, 1):
        one = odd(tiny("number"), tmp_path / f"asked-{asked}", asked)
        for family in drafting_order(one.facts):
            code = write_script(default_recipe(family, one.facts), one.facts, "Plan.")
            scripts.append((f"{family} {asked}", one, code))
    for run in run_scripts(scripts):
        check(run)
