"""From a recipe to a standalone script: constants on top, the library functions it needs, its predictors, `main`.

What each recipe puts into its predictor is said in `tables`, `words` and `pictures`; how answers are decided in `answers`;
how the files are read and written here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import jinja2

from mlmaster.core.task import FileRule, PredictionKind
from mlmaster.engineers.offline import library
from mlmaster.engineers.offline.answers import answer_lines, needs_classes, target_lines, target_names
from mlmaster.engineers.offline.facts import Facts, Goal
from mlmaster.engineers.offline.families import FAMILIES
from mlmaster.engineers.offline.images import PICTURE, image_lines
from mlmaster.engineers.offline.layout import Code, call, literal
from mlmaster.engineers.offline.models import MODELS
from mlmaster.engineers.offline.recipe import Recipe
from mlmaster.engineers.offline.tables import SIDE_FILE, table_lines
from mlmaster.engineers.offline.texts import text_lines

PLAIN_TEST = "test.csv"
"""What a view calls the rows asked for when the task has no test file."""


@dataclass(frozen=True, slots=True)
class Solver:
    """One function of the script, from train, test and targets to answers, and the constants it reads.

    Lines are indented by the template; lines that go on below are laid out for a body indented by four.
    """

    name: str
    doc: str
    lines: Sequence[str]
    constants: Sequence[str] = ()


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("mlmaster.engineers.offline", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )


def write_script(recipe: Recipe, facts: Facts, plan: str) -> str:
    """Return the script of a recipe: complete, self-contained, formatted.

    Args:
        recipe: What to write.
        facts: The task it is for.
        plan: What the script does and why; becomes its header.
    """
    solvers = _solvers(recipe, facts)
    main = [*_reading(recipe, facts), *answer_lines(recipe, facts), *_writing(facts)]
    body = _templates().get_template("body.py.j2").render(solvers=solvers, main=main)
    own = [*_names(facts), *(line for solver in solvers for line in solver.constants)]
    needs = library.gather("\n".join([*own, body]))
    return (
        _templates()
        .get_template("script.py.j2")
        .render(
            title=f"Predict {_listed(target_names(facts))}.",
            plan=textwrap.fill(plan, 100).replace("\\", "\\\\").replace('"""', "'''"),
            imports=needs.imports,
            constants=[*needs.constants, *own],
            functions=needs.functions,
            body=body.rstrip("\n"),
        )
    )


def _listed(names: Sequence[str]) -> str:
    shown = [name.replace("\\", " ").replace('"', "'") for name in names[:4]]
    return ", ".join(shown) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _names(facts: Facts) -> list[str]:
    """Return the constants every script has: the names of the task's columns and classes."""
    task = facts.task
    constants = {"TARGETS": target_names(facts)}
    if needs_classes(facts):
        constants["CLASSES"] = list(task.classes)
    elif facts.goal is Goal.LABELS and facts.is_hard_label:
        constants["CLASSES"] = list(task.classes or task.targets)
    if task.echo_columns:
        constants["COPIED"] = list(task.echo_columns)
    constants["PREDICTED"] = list(task.prediction_columns)
    if [*task.echo_columns, *task.prediction_columns] != [*task.submission_columns]:
        constants["COLUMNS"] = list(task.submission_columns)
    return [f"{name} = {literal(value, used=len(name) + 3)}" for name, value in constants.items()]


def _reader(facts: Facts, name: str, *, as_text: bool) -> Code:
    """Return the call that reads one of the two tables; names of rows and of classes stay text as written."""
    task = facts.task
    named: dict[str, object] = {} if task.delimiter == "," else {"sep": task.delimiter}
    if as_text:
        named |= {"dtype": Code("str"), "keep_default_na": False}
    else:
        texts = [*([task.id_column] if task.id_column else []), *(rule.key for rule in task.file_rules)]
        if facts.goal in (Goal.BINARY, Goal.CLASSES) and name == task.train and len(task.targets) == 1:
            texts += task.targets
        if texts:
            named["dtype"] = {column: Code("str") for column in dict.fromkeys(texts)}
        named["low_memory"] = False
    return call("pd.read_csv", f"input/{name}", indent=4, used=8, **named)


def _reading(recipe: Recipe, facts: Facts) -> list[str]:
    task = facts.task
    lines = [
        f"train = {_reader(facts, task.train, as_text=False)}",
        f"test = {_reader(facts, task.test or PLAIN_TEST, as_text=False)}",
        "train = train.dropna(subset=TARGETS).reset_index(drop=True)",
    ]
    rows = recipe.options.get("most_rows")
    if rows:
        lines.append(f"train = train.sample(min(len(train), {rows}), random_state=SEED).reset_index(drop=True)")
    parts = recipe.members or (recipe,)
    if facts.side_rule is not None and any(part.is_on("side_files") for part in parts):
        lines += _path_lines(facts.side_rule, SIDE_FILE)
    if facts.image_rule is not None and any(FAMILIES[part.family].matrix == "pixels" for part in parts):
        lines += _path_lines(facts.image_rule, PICTURE)
    lines += target_lines(recipe, facts)
    lines.append('print(f"{len(train)} train rows, {len(test)} rows to answer", flush=True)')
    return [*lines, "p = predict(train, test, y)"]


def _path_lines(rule: FileRule, column: str) -> list[str]:
    """Return lines that name each row's own file, so that a part of train can later stand in for test."""
    return [
        f"{table}[{literal(column)}] = {call('file_paths', Code(table), rule.key, f'input/{pattern}')}"
        for table, pattern in (("train", rule.train), ("test", rule.test))
    ]


def _writing(facts: Facts) -> list[str]:
    task = facts.task
    keys = _reader(facts, task.test or PLAIN_TEST, as_text=True)
    if task.echo_columns:
        lines = [f"submission = {keys}[COPIED]", "submission[PREDICTED] = answers"]
    else:
        lines = ["submission = pd.DataFrame(answers, columns=PREDICTED)"]
    has_own_order = [*task.echo_columns, *task.prediction_columns] != [*task.submission_columns]
    lines.append(f'submission{"[COLUMNS]" if has_own_order else ""}.to_csv("submission.csv", index=False)')
    if facts.is_hard_label and facts.goal is not Goal.WORDS and task.prediction_kind is PredictionKind.LABEL:
        lines.append("table = pd.DataFrame(probabilities, columns=CLASSES)")
        if task.id_column:
            lines.append(f"table.insert(0, {literal(task.id_column)}, submission[{literal(task.id_column)}])")
        lines.append('table.to_csv("probabilities.csv", index=False)')
    return [*lines, 'print("submission.csv written", flush=True)']


def _solvers(recipe: Recipe, facts: Facts) -> list[Solver]:
    """Return the predictors of a script; `predict` is the one `main` calls."""
    if not recipe.members:
        return [_solver(recipe, facts, "predict", "")]
    names = [f"predict_{number}" for number in range(1, len(recipe.members) + 1)]
    members = [
        _solver(member, facts, name, f"_{number}")
        for number, (member, name) in enumerate(zip(recipe.members, names, strict=True), 1)
    ]
    return [*members, _blend(recipe, facts, names)]


def _blend(recipe: Recipe, facts: Facts, names: Sequence[str]) -> Solver:
    if recipe.combine == "stack":
        loss = {Goal.NUMBERS: "numbers", Goal.CLASSES: "classes"}.get(facts.goal, "labels")
        lines = [f"return stacked([{', '.join(names)}], train, test, y, {literal(loss)})"]
        return Solver("predict", "Weigh the members by their answers on rows they have not seen.", lines)
    function = {"mean": "np.mean(answers, axis=0)", "rank": "mean_of_ranks(answers)"}
    lines = [f"members = [{', '.join(names)}]", "answers = [member(train, test, y) for member in members]"]
    lines.append(f"return {function.get(recipe.combine, 'geometric_mean(answers)')}")
    return Solver("predict", "Average the members.", lines)


def _solver(recipe: Recipe, facts: Facts, name: str, ending: str) -> Solver:
    family = FAMILIES[recipe.family]
    doc = f"Answer with {family.title}."
    if facts.goal is Goal.WORDS:
        return Solver(name, doc, [_spoken_answer(recipe, facts)])
    fit = MODELS[family.model](recipe.options, facts)
    constant = f"{family.model.upper()}{ending}"
    arguments = {**({"params": Code(constant)} if fit.params else {}), **fit.arguments}
    each = "each_label" if facts.goal is Goal.LABELS else "each_target"
    lines = _input_lines(recipe, facts)
    lines.append(f"fit = {call('partial', Code(fit.function), indent=4, used=6, **arguments)}")
    lines.append(f"return {each}(fit, X, y, X_test)")
    params = [f"{constant} = {literal(dict(fit.params), used=len(constant) + 3)}"] if fit.params else []
    return Solver(name, doc, lines, params)


def _input_lines(recipe: Recipe, facts: Facts) -> list[str]:
    match FAMILIES[recipe.family].matrix:
        case "none":
            return ["X, X_test = train, test"]
        case "words":
            return text_lines(recipe, facts)
        case "pixels":
            return image_lines(recipe)
        case _:
            return table_lines(recipe, facts)


def _spoken_answer(recipe: Recipe, facts: Facts) -> str:
    columns = facts.texts_or_names
    if recipe.family == "copied_text" and columns:
        return f"return copied_text(test, {literal(columns[0])})"
    if recipe.family == "remembered_text" and columns:
        return f"return remembered_answers(train, test, y, {literal(columns[0])})"
    return "return frequent_answer(test, y)"
