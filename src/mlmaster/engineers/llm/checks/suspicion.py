"""What in a script looks as if it fooled itself or its evaluation: worth a second opinion, and nothing more.

Statistics of the target over the rows that are trained on, an answer copied from the sample, a failure that is hidden. Every
rule keeps silent when in doubt: a false alarm costs a call of a model. What can never work is in `violations`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from mlmaster.core.task import Task
from mlmaster.engineers.llm.checks.scripts import Script
from mlmaster.engineers.llm.checks.violations import Rule, Suspicion, find_violations, in_order
from mlmaster.engineers.llm.replies.programs import SUBMISSION, read_module

__all__ = ["Suspicion", "find_suspicions", "find_violations"]

_STATISTICS = frozenset(
    ["mean", "median", "std", "var", "sum", "agg", "aggregate", "transform", "quantile", "min", "max"]
)
_ENCODERS = frozenset(
    [
        "TargetEncoder",
        "LeaveOneOutEncoder",
        "CatBoostEncoder",
        "WOEEncoder",
        "JamesSteinEncoder",
        "MEstimateEncoder",
        "GLMMEncoder",
    ]
)
_ORDER = re.compile(
    r"(?:^|_)(?:row|index|idx|order|position|pos)(?:_?(?:num|number|no|index|id|order))?$", re.IGNORECASE
)

TaskRule = Callable[[Script, Task], Iterator[Suspicion]]


def find_suspicions(code: str, task: Task) -> tuple[Suspicion, ...]:
    """Return what of a script deserves a second opinion, in the order of its lines; nothing of one that does not parse."""
    module = read_module(code)
    if module is None:
        return ()
    script = Script(module)
    plain: list[Rule] = [_hides_failure, _counts_rows]
    rules: list[TaskRule] = [
        _target_statistics,
        _fits_on_both,
        _copies_sample,
        _answers_constants,
        _uses_order,
        _reads_test_labels,
    ]
    found = [each for rule in plain for each in rule(script)]
    return in_order([*found, *(each for rule in rules for each in rule(script, task))])


def _target_statistics(script: Script, task: Task) -> Iterator[Suspicion]:
    """A mean of the target per group over all rows, mapped onto the same rows, teaches a model its own labels."""
    for call in script.calls:
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _STATISTICS:
            continue
        column = call.func.value
        if not isinstance(column, ast.Subscript) or not _is_call(column.value, "groupby"):
            continue
        names = set(script.texts(column.slice))
        if not names & set(task.targets) or script.is_within_folds(call):
            continue
        if call.func.attr == "transform" or script.has_call("map", "merge", "join", "replace"):
            words = "a statistic of the target is computed over all rows and given back to them: compute it out of fold"
            yield Suspicion("target_statistics", call.lineno, words)


def _fits_on_both(script: Script, task: Task) -> Iterator[Suspicion]:
    """An encoder that learns from the target must not be fitted on test rows."""
    for call in script.calls:
        if (
            not isinstance(call.func, ast.Attribute)
            or call.func.attr not in ("fit", "fit_transform")
            or len(call.args) < 2
        ):
            continue
        maker = script.value(call.func.value)
        if not isinstance(maker, ast.Call) or script.name(maker).rpartition(".")[2] not in _ENCODERS:
            continue
        base = call.args[0].value if isinstance(call.args[0], ast.Subscript) else call.args[0]
        value = script.value(base)
        if (
            isinstance(value, ast.Call)
            and script.name(value).rpartition(".")[2] == "concat"
            and "test" in ast.unparse(value)
        ):
            words = f"an encoder that learns from {', '.join(task.targets)} is fitted on train and test together"
            yield Suspicion("fits_on_both", call.lineno, words)


def _hides_failure(script: Script) -> Iterator[Suspicion]:
    """A broad handler that writes an answer of its own turns a failure into a score."""
    for node in script.nodes:
        if not isinstance(node, ast.ExceptHandler) or not _is_broad(node):
            continue
        parts = [part for statement in node.body for part in ast.walk(statement)]
        if any(isinstance(part, ast.Raise) for part in parts):
            continue
        for call in (part for part in parts if isinstance(part, ast.Call)):
            names_it = any(SUBMISSION in text for argument in call.args for text in script.texts(argument))
            if names_it and not _is_call(call, "print"):
                words = "whatever fails, this writes an answer all the same: let the failure be seen and mended"
                yield Suspicion("hides_failure", node.lineno, words)
                break


def _copies_sample(script: Script, task: Task) -> Iterator[Suspicion]:
    """The sample submission holds no predictions; handing it in unchanged is no answer."""
    for name, call in _handed_in(script):
        value = script.value(ast.Name(name, ast.Load()))
        if task.sample is None or not isinstance(value, ast.Call) or not value.args:
            continue
        path = script.text(value.args[0])
        if path is None or not path.endswith(task.sample.rpartition("/")[2]):
            continue
        if not script.stores(name) and not script.is_passed_on(name):
            words = "the sample submission is handed in as it came: its values are no predictions"
            yield Suspicion("copies_sample", call.lineno, words)


def _answers_constants(script: Script, task: Task) -> Iterator[Suspicion]:
    """Every prediction column set to a constant, and to nothing else, is no model."""
    for name, _ in _handed_in(script):
        stores = script.column_stores(name)
        columns = set(task.prediction_columns)
        if (
            columns
            and columns <= stores.keys()
            and all(_is_constant(value) for column in columns for value in stores[column])
        ):
            line = max(value.lineno for column in columns for value in stores[column])
            yield Suspicion("constant", line, "every row is answered with the same constant: nothing is learned")


def _uses_order(script: Script, task: Task) -> Iterator[Suspicion]:
    """The order of rows is an accident of the file."""
    known = {task.id_column, *task.echo_columns, *task.submission_columns}
    for frame, column, value in script.all_column_stores():
        if column in known or not _ORDER.search(column):
            continue
        text = ast.unparse(value)
        if re.fullmatch(
            rf"{re.escape(frame)}\.index(?:\.values)?|(?:np\.arange|range)\(len\({re.escape(frame)}\)\)", text
        ):
            words = f"`{column}` is the place of a row in its file, which says nothing about rows to come"
            yield Suspicion("row_order", value.lineno, words)


def _reads_test_labels(script: Script, task: Task) -> Iterator[Suspicion]:
    """Test rows have no labels; a script that reads them has made them up or found them."""
    if task.test is None:
        return
    file = task.test.rpartition("/")[2]
    for node in script.nodes:
        if (
            not isinstance(node, ast.Subscript)
            or not isinstance(node.ctx, ast.Load)
            or not isinstance(node.value, ast.Name)
        ):
            continue
        if script.text(node.slice) not in task.targets:
            continue
        value = script.value(node.value)
        if (
            not isinstance(value, ast.Call)
            or not value.args
            or not (script.text(value.args[0]) or "").endswith("/" + file)
        ):
            continue
        if not script.stores(node.value.id):
            yield Suspicion(
                "test_labels", node.lineno, f"`{ast.unparse(node)}` reads labels of test rows, which have none"
            )


def _counts_rows(script: Script) -> Iterator[Suspicion]:
    """A script is run on tables of several sizes: a number of rows written into it is wrong on most of them."""
    for node in script.nodes:
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            sides = [node.left, node.comparators[0]]
            if any(map(_is_length, sides)) and any(_is_number(side, 100) for side in sides):
                words = "a number of rows is written into the script, which runs on tables of several sizes"
                yield Suspicion("row_count", node.lineno, words)


def _handed_in(script: Script) -> Iterator[tuple[str, ast.Call]]:
    """Yield each name that is written as the submission, with the call that writes it."""
    for call in script.calls:
        if (
            isinstance(call.func, ast.Attribute)
            and call.func.attr == "to_csv"
            and isinstance(call.func.value, ast.Name)
            and call.args
        ) and (script.text(call.args[0]) or "").endswith(SUBMISSION):
            yield call.func.value.id, call


def _is_call(node: ast.expr, name: str) -> bool:
    if not isinstance(node, ast.Call):
        return False
    return (isinstance(node.func, ast.Attribute) and node.func.attr == name) or (
        isinstance(node.func, ast.Name) and node.func.id == name
    )


def _is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    )


def _is_constant(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant)
    )


def _is_length(node: ast.expr) -> bool:
    text = ast.unparse(node)
    return re.fullmatch(r"len\(\w+\)|\w+\.shape\[0\]", text) is not None


def _is_number(node: ast.expr, least: int) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int)
        and not isinstance(node.value, bool)
        and node.value >= least
    )
