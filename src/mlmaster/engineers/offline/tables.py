# ruff: noqa: ARG001, ARG005  (one signature for all of a kind, needed or not)
"""Lines of a script that turn the two tables into what a table model is fitted to, block by block in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.families import FAMILIES
from mlmaster.engineers.offline.layout import Code, call
from mlmaster.engineers.offline.recipe import Recipe

SIDE_FILE = "side file"
"""Column that names each row's text file while a script runs."""


@dataclass(frozen=True, slots=True)
class Step:
    """One feature block: the option that turns it on, the library function, its arguments after the table."""

    option: str
    function: str
    arguments: Callable[[Facts, Recipe], Sequence[Any]] = lambda facts, recipe: ()
    applies: Callable[[Facts], bool] = lambda facts: True


def _targets(facts: Facts, recipe: Recipe) -> Sequence[Any]:
    return (Code("targets"),)


STEPS: Sequence[Step] = (
    Step("side_files", "add_file_statistics", lambda f, r: (SIDE_FILE,), lambda f: f.side_rule is not None),
    Step("date_parts", "add_date_parts", lambda f, r: (list(f.dates),), lambda f: bool(f.dates)),
    Step(
        "split_packed",
        "add_group_of_id",
        lambda f, r: (f.task.id_column, f.id_separator),
        lambda f: f.id_separator is not None,
    ),
    Step("split_packed", "split_packed", lambda f, r: (dict(f.packed),), lambda f: bool(f.packed)),
    Step("shared_names", "add_shared_names", lambda f, r: (list(f.names),), lambda f: bool(f.names)),
    Step(
        "text_topics",
        "add_text_topics",
        lambda f, r: (list(f.texts), Code("len(train)"), r.options["text_topics"]),
        lambda f: bool(f.texts),
    ),
    Step("cycles", "add_cycles", applies=lambda f: bool(f.dates)),
    Step("sums", "add_sums", lambda f, r: (list(f.amounts),), lambda f: len(f.amounts) >= 2),
    Step("missing_flags", "add_missing_indicators"),
    Step("number_pairs", "add_number_pairs", _targets),
    Step("group_statistics", "add_group_statistics"),
    Step("codes_are_categories", "categories_from_codes"),
    Step("category_pairs", "add_category_pairs"),
    Step("counts", "add_counts"),
    Step("target_means", "encode_by_target", lambda f, r: (Code("targets"), Code("SEED"))),
    Step("tame_skew", "tame_skew"),
    Step("rank_gauss", "rank_gauss"),
)
"""Feature blocks in the order a script applies them: rows and files first, numbers last."""

_NEED_TARGETS = ("number_pairs", "target_means", "drop_noise")

_ENDINGS = {
    "table": ["table = plain_names(table)", "X, X_test = table.iloc[: len(train)], table.iloc[len(train) :]"],
    "ordinal": ["matrix = ordinal_matrix(table)", "X, X_test = matrix[: len(train)], matrix[len(train) :]"],
    "one_hot": ["matrix = one_hot_matrix(table)", "X, X_test = matrix[: len(train)], matrix[len(train) :]"],
}


def left_out(recipe: Recipe, facts: Facts) -> list[str]:
    """Return the columns of test that the recipe does not use: ids, and what no block that is on would read."""
    unread = {
        "date_parts": facts.dates,
        "split_packed": (facts.task.id_column,) if facts.id_separator else (),
        "shared_names": facts.names,
        "text_topics": facts.texts,
        "side_files": (SIDE_FILE,) if facts.side_rule else (),
    }
    names = [*facts.left_out, *(name for option, names in unread.items() if not recipe.is_on(option) for name in names)]
    return list(dict.fromkeys(name for name in names if name is not None))


def table_lines(recipe: Recipe, facts: Facts) -> list[str]:
    """Return lines (not indented) after which `X` and `X_test` are what the family's model takes."""
    names = left_out(recipe, facts)
    lines = [f"table = {call('stack_rows', Code('train'), Code('test'), leave_out=names, indent=4, used=8)}"]
    if any(recipe.is_on(option) for option in _NEED_TARGETS):
        classes = facts.outputs if facts.goal is Goal.CLASSES else 1
        lines.append(f"targets = target_columns(y, classes={classes})")
    for step in STEPS:
        if recipe.is_on(step.option) and step.applies(facts):
            arguments = step.arguments(facts, recipe)
            lines.append(f"table = {call(step.function, Code('table'), *arguments, indent=4, used=8)}")
    lines.append("table = plain_codes(table)" if recipe.is_on("robust") else "table = code_categories(table)")
    if recipe.is_on("curves"):
        lines.append("table = add_curves(table)")
    if recipe.is_on("drop_noise"):
        lines.append("table = keep_telling_columns(table, targets, SEED)")
    return [*lines, *_ENDINGS[FAMILIES[recipe.family].matrix]]
