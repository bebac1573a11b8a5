"""What goes into a view, as pure data: deny by default, a file enters only by a rule written here.

`read_facts` looks at the task's tables once; `make_plan` writes the plan of one view for given visible and hidden rows.
Plans are carried out by `rebuild`; which rows are hidden is decided in `folds` and `views`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mlmaster.core.task import FileRule, PredictionKind, Task
from mlmaster.errors import DataError, TaskError
from mlmaster.tasks import table
from mlmaster.tasks.rebuild import FORMAT, Plan, Renumber, RowFiles, SampleColumn, Source

TEST_NAME = "test.csv"
SAMPLE_NAME = "sample_submission.csv"
"""Names in a view of a task that brings no such file."""

PROBED_FILES = 500
_DATE = re.compile(
    r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T\s].*)?"
    r"|\s*(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(T?\d*Z?)"
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What every plan of a task needs to know of its tables.

    Attributes:
        task: The task.
        train, test: Where the tables lie and how they are written.
        train_columns: All columns of train.
        test_columns: Columns of every view's test table: the real test file's, as far as train has them (the id always);
            never a target or a train-only column.
        train_rows, test_rows: Numbers of rows.
        renumber: How ids of hidden rows are replaced, or None when they stay.
        may_ride_along: False when files of hidden and real test rows would bear the same name.
        sample: Columns of the sample submission and what stands in them.
        sample_delimiter: As the task's own sample has it.
    """

    task: Task
    train: Source
    test: Source | None
    train_columns: tuple[str, ...]
    test_columns: tuple[str, ...]
    train_rows: int
    test_rows: int
    renumber: Renumber | None
    may_ride_along: bool
    sample: tuple[SampleColumn, ...]
    sample_delimiter: str


def read_facts(task: Task) -> Facts:
    """Read headers, ids and keys of the task's tables.

    Raises:
        DataError: A table cannot be read or lacks a column the task names.
        TaskError: The task has no test file and its train table has the name a view's test table gets.
    """
    names = [task.train, task.test or TEST_NAME, task.sample or SAMPLE_NAME]
    if len(set(names)) < 3:
        raise TaskError(f"{', '.join(names)}: train, test and sample submission need different names; rename the file")
    train = _source(task, task.train)
    test = _source(task, task.test) if task.test else None
    train_path = task.directory / task.train
    train_columns = table.read_header(train_path, task.delimiter)
    real_columns = table.read_header(task.directory / task.test, task.delimiter) if task.test else train_columns
    withheld = {*task.targets, *task.train_only}
    test_columns = tuple(c for c in real_columns if c not in withheld and (c in train_columns or c == task.id_column))
    if not test_columns:
        raise DataError(f"{task.directory / (task.test or task.train)}: has no feature column that train has too")
    wanted = _present(train_columns, task)
    in_train = table.read_columns(train_path, wanted, task.delimiter)
    in_test: Mapping[str, Sequence[str]] = {}
    test_rows = 0
    if task.test:
        path = task.directory / task.test
        in_test = table.read_columns(path, _present(real_columns, task), task.delimiter)
        test_rows = len(next(iter(in_test.values()))) if in_test else table.count_rows(path, task.delimiter)
    train_rows = len(next(iter(in_train.values()))) if in_train else table.count_rows(train_path, task.delimiter)
    sample, sample_delimiter = _describe_sample(task, test_columns)
    renumber = _decide_numbering(task, in_train, in_test) if task.id_column in test_columns else None
    return Facts(
        task=task,
        train=train,
        test=test,
        train_columns=train_columns,
        test_columns=test_columns,
        train_rows=train_rows,
        test_rows=test_rows,
        renumber=renumber,
        may_ride_along=not _names_collide(task, renumber, in_train, in_test),
        sample=sample,
        sample_delimiter=sample_delimiter,
    )


def make_plan(facts: Facts, name: str, sides: str, *, with_test: bool, order_key: str) -> Plan:
    """Return the plan of a view.

    Args:
        facts: Of the task.
        name: Of the view.
        sides: One character per train row, see `rebuild.Plan`.
        with_test: Whether all real test rows are in the view's test table.
        order_key: Hexadecimal key of the test table's order, at most 64 bytes; empty keeps file order.
    """
    task = facts.task
    has_hidden = "h" in sides
    return Plan(
        format=FORMAT,
        name=name,
        train=facts.train,
        train_path=task.train,
        train_columns=list(facts.train_columns),
        test=facts.test if with_test else None,
        test_path=task.test or TEST_NAME,
        test_columns=list(facts.test_columns),
        test_files="",
        delimiter=task.delimiter,
        sides=sides,
        test_rows=facts.test_rows if with_test else 0,
        order_key=order_key,
        renumber=facts.renumber if has_hidden else None,
        sample_path=task.sample or SAMPLE_NAME,
        sample_delimiter=facts.sample_delimiter,
        sample=list(facts.sample),
        files=[RowFiles(train=rule.train, test=rule.test, key=rule.key) for rule in task.file_rules],
        copies=[*([task.description] if task.description else []), *task.extra_files],
    )


def plan_new_rows(facts: Facts, new_table: Path, sides: str) -> Plan:
    """Return the plan of a view with the rows of a new file as its test table; its name tells the file's content.

    Files of the new rows are looked for beside the new table, under the test pattern. Columns the task does not know are
    left out; ids are counted where the file has none.

    Raises:
        DataError: The file cannot be read or lacks a column.
    """
    path = new_table.absolute()
    dialect = table.sniff(path)
    header = table.read_header(path, dialect.delimiter)
    missing = [column for column in facts.test_columns if column not in header]
    has_no_id = facts.task.id_column in missing and all(r.key != facts.task.id_column for r in facts.task.file_rules)
    if has_no_id:
        missing.remove(str(facts.task.id_column))
    if missing:
        raise DataError(
            f"{path}: lacks {len(missing)} of the columns the solution was trained on: {', '.join(missing[:8])}; "
            "give a table with the same columns as the task's rows"
        )
    with path.open("rb") as file:
        name = f"new-rows-{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
    plan = make_plan(facts, name, sides, with_test=False, order_key="")
    plan["test"] = Source(path=str(path), encoding=dialect.encoding, delimiter=dialect.delimiter)
    plan["test_rows"] = table.count_rows(path, dialect.delimiter)
    plan["test_files"] = str(path.parent)
    if has_no_id:
        plan["renumber"] = Renumber(column=str(facts.task.id_column), start=1)
    return plan


def digest_column(cells: Iterable[str], seed: int, name: str) -> str:
    """Return a key for a view's order: the same for the same data and seed, and unknown to who lacks the hidden labels."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=32)
    for cell in cells:
        digest.update(cell.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def weigh_files(task: Task, train_columns: Mapping[str, Sequence[str]]) -> int:
    """Return the bytes of all files of train rows, estimated from files of rows spread evenly over the table."""
    total = 0.0
    for rule in task.file_rules:
        keys = train_columns[rule.key]
        probed = keys[:: max(1, len(keys) // PROBED_FILES)]
        paths = [task.directory / rule.train.replace("{key}", key) for key in probed]
        total += sum(path.stat().st_size for path in paths if path.is_file()) * len(keys) / max(1, len(probed))
    return int(total)


def _source(task: Task, path: str) -> Source:
    return Source(path=path, encoding=table.sniff(task.directory / path).encoding, delimiter=task.delimiter)


def _present(header: Sequence[str], task: Task) -> list[str]:
    """Return the columns of a header that name rows or their files."""
    keys = [*([task.id_column] if task.id_column else []), *(rule.key for rule in task.file_rules)]
    return [name for name in dict.fromkeys(keys) if name in header]


def _decide_numbering(
    task: Task, in_train: Mapping[str, Sequence[str]], in_test: Mapping[str, Sequence[str]]
) -> Renumber | None:
    """Return how a view numbers the ids of its test rows, or None when ids stay as they are.

    Ids are replaced where train has none, where they are counted separately in train and test (the same id would mean two
    rows), where one stands for several rows, and where order decides. Dates stay in any case: they are features.
    """
    column = task.id_column
    assert column is not None
    train, test = in_train.get(column), in_test.get(column, ())
    if train is None:
        return Renumber(column=column, start=1)
    if all(_DATE.fullmatch(cell) for cell in islice(train, 100)):
        return None
    known = set(train)
    is_ambiguous = len(known) < len(train) or len(set(test)) < len(test) or not known.isdisjoint(test)
    if not (is_ambiguous or task.reads_order):
        return None
    if not any(rule.key == column and _folder_is_shared(rule) for rule in task.file_rules):
        return Renumber(column=column, start=1)
    # Train and test files share a folder: a new id must not be a train row's.
    return Renumber(column=column, start=1 + max((int(cell) for cell in known if cell.isdecimal()), default=0))


def _names_collide(
    task: Task,
    renumber: Renumber | None,
    in_train: Mapping[str, Sequence[str]],
    in_test: Mapping[str, Sequence[str]],
) -> bool:
    """Return True when a hidden row's file would bear the name of a real test row's, and no renumbering prevents it."""
    return any(
        (renumber is None or rule.key != renumber["column"])
        and not _folder_is_shared(rule)
        and not set(in_train.get(rule.key, ())).isdisjoint(in_test.get(rule.key, ()))
        for rule in task.file_rules
    )


def _folder_is_shared(rule: FileRule) -> bool:
    return rule.train == rule.test


def _describe_sample(task: Task, test_columns: Sequence[str]) -> tuple[tuple[SampleColumn, ...], str]:
    """Return what stands in each column of a view's sample submission, and its delimiter."""
    delimiter, first = ",", {}
    if task.sample:
        path = task.directory / task.sample
        delimiter = table.sniff(path).delimiter
        header = table.read_header(path, delimiter)
        first = dict(zip(header, next(table.iterate_rows(path, delimiter)), strict=True))
    columns = []
    for name in task.submission_columns:
        if name in task.prediction_columns:
            columns.append(SampleColumn(name=name, rule="fill", value=first.get(name, neutral(task))))
        elif name in test_columns:
            columns.append(SampleColumn(name=name, rule="copy", value=name))
        else:
            start = first.get(name, "0")
            columns.append(SampleColumn(name=name, rule="count", value=start if start.isdecimal() else "0"))
    return tuple(columns), delimiter


def neutral(task: Task) -> str:
    """Return a cell that is valid in any prediction column and says nothing."""
    match task.prediction_kind:
        case PredictionKind.NUMBER:
            return "0"
        case PredictionKind.PROBABILITY:
            return "0.5"
        case PredictionKind.CLASS_PROBABILITIES:
            return repr(1 / max(1, len(task.classes)))
        case PredictionKind.LABEL | PredictionKind.RANKING:
            return task.classes[0] if task.classes else ""
        case PredictionKind.TEXT:
            return ""
