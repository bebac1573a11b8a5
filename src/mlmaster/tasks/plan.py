"""What goes into a view, as pure data: deny by default, a file enters only by a rule written here.

`read_facts` looks at the task's tables once; `make_plan` writes the plan of one view for given visible and hidden rows.
Plans are carried out by `rebuild`; which rows are hidden is decided in `folds` and `views`, whether ids stay in
`numbering`, and in what order rows stand in `row_order`.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlmaster.core.task import PredictionKind, SideTable, Task
from mlmaster.errors import DataError, TaskError
from mlmaster.tasks import table
from mlmaster.tasks.numbering import are_dates, decide_numbering
from mlmaster.tasks.rebuild import (
    FORMAT,
    HIDDEN,
    Plan,
    Renumber,
    RowFiles,
    SampleColumn,
    SideRows,
    Source,
    row_numbers,
)
from mlmaster.tasks.row_order import RowOrder, find_order
from mlmaster.tasks.traces import differ_in_form, find_words

TEST_NAME = "test.csv"
SAMPLE_NAME = "sample_submission.csv"
"""Names in a view of a task that brings no such file."""

PROBED_FILES = 500
MOSTLY_APART = 0.5
"""Real test rows do not ride along where fewer names of files than this share have a form that the others have too."""
_BLOCK_BYTES = 4096
_LINK_BYTES = 128
"""What one more name for a file costs in a folder, at most."""

Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class RowMedia:
    """The files of all rows: how many, their bytes on disk, and a hash of every name, size and modification time."""

    files: int
    bytes: int
    digest: str


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
        order: How the real test's rows stand, or None when a view's are shuffled.
        side_tables: Further tables that may enter a view.
        copies: Files that enter a view unchanged.
        left_out: A sentence for each file of the task that enters no view though it was named.
        media: Files of rows.
        may_ride_along: False when files of hidden and real test rows would bear the same name, or tell them apart by it.
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
    order: RowOrder | None
    side_tables: tuple[SideRows, ...]
    copies: tuple[str, ...]
    left_out: tuple[str, ...]
    media: RowMedia
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
    if len({*names, *(side.path for side in task.side_tables)}) < 3 + len(task.side_tables):
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
    in_test: Columns = {}
    test_rows = 0
    if task.test:
        path = task.directory / task.test
        in_test = table.read_columns(path, _present(real_columns, task), task.delimiter)
        test_rows = len(next(iter(in_test.values()))) if in_test else table.count_rows(path, task.delimiter)
    train_rows = len(next(iter(in_train.values()))) if in_train else table.count_rows(train_path, task.delimiter)
    sample, sample_delimiter = _describe_sample(task, test_columns)
    renumber = None
    if task.id_column in test_columns:
        labels = next((in_train[name] for name in task.targets[:1] if name in in_train), None)
        renumber = decide_numbering(task, in_train.get(task.id_column), in_test.get(task.id_column, ()), labels)
    order = None
    if task.test:
        shown = [c for c in test_columns if c in train_columns and (renumber is None or c != renumber["column"])]
        order = find_order(train_path, task.directory / task.test, task.delimiter, shown)
    side_tables, no_sides = _choose_side_tables(task, test_columns, renumber, in_train, in_test)
    copies, no_copies = _choose_copies(task, in_train)
    return Facts(
        task=task,
        train=train,
        test=test,
        train_columns=train_columns,
        test_columns=test_columns,
        train_rows=train_rows,
        test_rows=test_rows,
        renumber=renumber,
        order=order,
        side_tables=side_tables,
        copies=copies,
        left_out=(*no_sides, *no_copies),
        media=_survey_media(task, in_train, in_test),
        may_ride_along=not _names_tell(task, renumber, in_train, in_test),
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
        order_key: Hexadecimal key of the test table's order, at most 64 bytes: decides what `RowOrder` leaves open; empty
            keeps file order.
    """
    task = facts.task
    has_hidden = HIDDEN in sides
    plan = Plan(
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
        rows=[],
        renumber=facts.renumber if has_hidden else None,
        sample_path=task.sample or SAMPLE_NAME,
        sample_delimiter=facts.sample_delimiter,
        sample=list(facts.sample),
        files=[RowFiles(train=rule.train, test=rule.test, key=rule.key) for rule in task.file_rules],
        side_tables=list(facts.side_tables),
        copies=list(facts.copies),
    )
    if facts.order is not None and order_key:
        plan["rows"] = facts.order.arrange(row_numbers(plan))
    return plan


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
        plan["renumber"] = Renumber(column=str(facts.task.id_column), start=1, prefix="", suffix="", width=1)
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


def estimate_disk(facts: Facts, folds: int, *, rides_along: bool, shares_files: bool) -> int:
    """Return about how many bytes all views of a run take: tables in every view, files of rows once where shared.

    Args:
        facts: Of the task.
        folds: Views that hide a fold; as many smoke views as ever are built, and the full one, come on top.
        rides_along: Whether the real test rows are in every fold's view.
        shares_files: Whether views hold links to one copy of the files of rows.
    """
    task = facts.task
    fixed = [task.train, *facts.copies, *(side["table"]["path"] for side in facts.side_tables)]
    tables = sum((task.directory / name).stat().st_size + _BLOCK_BYTES for name in fixed)
    test = (task.directory / task.test).stat().st_size if task.test else 0
    views = folds + 2
    media = facts.media.bytes + views * facts.media.files * _LINK_BYTES if shares_files else views * facts.media.bytes
    return views * tables + (views if rides_along else 2) * 2 * test + media


def key_columns(task: Task) -> tuple[str, ...]:
    """Return the columns that name rows or their files."""
    return tuple(dict.fromkeys([*([task.id_column] if task.id_column else []), *(r.key for r in task.file_rules)]))


def _present(header: Sequence[str], task: Task) -> list[str]:
    """Return the columns of a header that name rows, their files or what belongs to them, and the target the ids may tell."""
    labels = task.targets[:1] if task.id_column in header else ()
    wanted = [*key_columns(task), *(side.column for side in task.side_tables), *labels]
    return [name for name in dict.fromkeys(wanted) if name in header]


def _choose_side_tables(
    task: Task, test_columns: Sequence[str], renumber: Renumber | None, in_train: Columns, in_test: Columns
) -> tuple[tuple[SideRows, ...], list[str]]:
    """Return the side tables that may enter views, and why others may not.

    Raises:
        DataError: A side table cannot be read, or a key is not where the task says.
    """
    chosen, left_out = [], []
    for side in task.side_tables:
        path = task.directory / side.path
        dialect = table.sniff(path)
        header = table.read_header(path, dialect.delimiter)
        for name, where, columns in ((side.key, path, header), (side.column, task.directory / task.train, in_train)):
            if name not in columns:
                raise DataError(
                    f"{where}: has no column {name!r}, the key of {side.path}; correct the side table's key"
                )
        answers = [name for name in header if name in task.targets and name != side.key]
        ids_clash = renumber is not None and side.column == renumber["column"] and task.test is not None
        if answers:
            left_out.append(f"{side.path} is left out: it holds the target {answers[0]}, also of rows that are hidden")
        elif ids_clash and not set(in_train[side.column]).isdisjoint(in_test.get(side.column, ())):
            left_out.append(f"{side.path} is left out: {side.column} means one row in train and another in the test")
        else:
            keys = set(in_test.get(side.column, ())) if side.has_test and side.column in test_columns else set()
            has_test, withheld = _compare_columns(path, dialect.delimiter, header, side, keys)
            source = Source(path=side.path, encoding=dialect.encoding, delimiter=dialect.delimiter)
            chosen.append(
                SideRows(table=source, key=side.key, column=side.column, has_test=has_test, withheld=withheld)
            )
    return tuple(chosen), left_out


def _compare_columns(
    path: Path, delimiter: str, header: Sequence[str], side: SideTable, keys: set[str]
) -> tuple[bool, list[str]]:
    """Return whether a side table has rows of the real test's keys, and the columns that are empty in all of them."""
    key = header.index(side.key)
    empty = set(range(len(header)))
    has_test = False
    for cells in table.iterate_rows(path, delimiter) if keys else ():
        if cells[key] in keys:
            has_test = True
            empty.difference_update([place for place in empty if cells[place]])
            if not empty:
                break
    return has_test, [header[place] for place in sorted(empty)] if has_test else []


def _choose_copies(task: Task, in_train: Columns) -> tuple[tuple[str, ...], list[str]]:
    """Return the files that enter views unchanged; one that mentions rows of train by their keys enters none."""
    chosen, left_out = [], []
    for name in [*([task.description] if task.description else []), *task.extra_files]:
        words = find_words(task.directory / name)
        columns = [in_train[key] for key in key_columns(task) if key in in_train and not are_dates(in_train[key])]
        key = next((cell for column in columns for cell in column if cell in words), None) if words else None
        if key is None:
            chosen.append(name)
        else:
            left_out.append(f"{name} is left out: it mentions rows of {task.train} ({key})")
    return tuple(chosen), left_out


def _survey_media(task: Task, in_train: Columns, in_test: Columns) -> RowMedia:
    """Look at every file of a row once."""
    digest, count, total, seen = hashlib.blake2b(digest_size=16), 0, 0, set()
    for rule in task.file_rules:
        for pattern, columns in ((rule.train, in_train), (rule.test, in_test)):
            for key in columns.get(rule.key, ()):
                name = pattern.replace("{key}", key)
                if name in seen:
                    continue
                seen.add(name)
                try:
                    status = os.lstat(f"{task.directory}/{name}")
                    if stat.S_ISLNK(status.st_mode):
                        status = (task.directory / name).stat()
                except (OSError, ValueError):
                    continue
                if stat.S_ISREG(status.st_mode):
                    count += 1
                    total += -(-status.st_size // _BLOCK_BYTES) * _BLOCK_BYTES
                    digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode("utf-8", "surrogatepass"))
    return RowMedia(count, total, digest.hexdigest())


def _names_tell(task: Task, renumber: Renumber | None, in_train: Columns, in_test: Columns) -> bool:
    """Return True when a hidden row's file would bear the name of a real test row's, or be told apart by its name."""
    for rule in task.file_rules:
        if renumber is not None and rule.key == renumber["column"]:
            continue
        ours, theirs = set(in_train.get(rule.key, ())), set(in_test.get(rule.key, ()))
        if differ_in_form(ours, theirs, MOSTLY_APART) or (rule.train != rule.test and not ours.isdisjoint(theirs)):
            return True
    return False


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
