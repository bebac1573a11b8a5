"""A task's own split: a script that says which train rows are hidden together, run in the sandbox and proven before use.

`split.py` is a plain Python script. `./input/` holds the task's folder, read-only; the script writes `./split.csv`, with a
header and one line for each row of the train table, in file order:

    fold      the fold that hides the row: a whole number from 0, or -1 for a row that is never hidden
    cluster   may be left out: any text; rows of one text belong together, and no fold may tear them apart

There are 1 to 20 folds, numbered without holes. With one fold, at least one row must be left to learn from. The script must
write the same bytes whenever it runs. It decides who is hidden and nothing else: the views are built by the harness as for
any other split, so a hidden row's label stands nowhere in them, whatever the script does.

Source text from anywhere may be proposed by `propose_split`: the user's file goes this way, and so may an engineer's. It
never runs inside the harness. A `metric.py`, which does, is therefore taken from the user alone (`mlmaster.metrics.custom`).
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from threading import Event as Flag

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.cells import shown
from mlmaster.core.execution import Limits
from mlmaster.core.scheme import Scheme, SchemeKind
from mlmaster.core.task import Task
from mlmaster.errors import TaskError
from mlmaster.ports import Sandbox
from mlmaster.tasks import table, whole_folder
from mlmaster.tasks.files import walk
from mlmaster.tasks.frozen import digest, freeze, keep, read_source
from mlmaster.tasks.pool import discard

SPLIT_FILE, ANSWER_FILE = "split.py", "split.csv"
NEVER = -1
MOST_FOLDS = 20
MOST_BYTES = 2**28
"""The largest `split.csv` that is read."""
LAST_WORDS = 400
"""So many characters of a failed script's log are shown."""
CONTRACT = (
    "it must write split.csv with the column fold (and cluster, if rows belong together), one line for each train row"
)


@dataclass(frozen=True, slots=True)
class Split:
    """A proven split.

    Attributes:
        folds: Shape (train rows,): the fold that hides the row, or `NEVER`.
        clusters: Shape (train rows,): rows of one number belong together; every row its own without a cluster column.
        has_clusters: Whether the script named clusters.
        name: Of the script.
        digest: SHA-256 of the script.
    """

    folds: NDArray[np.int64]
    clusters: NDArray[np.int64]
    has_clusters: bool
    name: str
    digest: str

    @property
    def count(self) -> int:
        """Return the number of folds."""
        return int(self.folds.max()) + 1

    @property
    def scheme(self) -> Scheme:
        """Return the layout for the journal and the screens."""
        hidden = int((self.folds != NEVER).sum())
        count = f"{self.count} fold{'s' * (self.count != 1)}"
        clusters = f" in {len(np.unique(self.clusters))} clusters" if self.has_clusters else ""
        return Scheme(
            kind=SchemeKind.GROUPED if self.has_clusters else SchemeKind.ROW,
            key="cluster" if self.has_clusters else None,
            cluster="cluster" if self.has_clusters else None,
            folds=self.count,
            is_users=True,
            reason=f"{self.name} (sha256 {self.digest[:12]}) hides {hidden} of {len(self.folds)} rows{clusters}, in {count}",
        )


def settle_split(task: Task, kept: Path, sandbox: Sandbox, limits: Limits) -> Split | None:
    """Return the task's own split, or None when it brings none: proven when the run begins, read back when it goes on.

    Args:
        task: The task.
        kept: Folder of the run for what is frozen.
        sandbox: Where the script runs.
        limits: Of one run of the script.

    Raises:
        TaskError: The script failed, or what it wrote is no split.
        RunDirectoryError: The script is not what it was when the run began.
        InfrastructureError: The sandbox could not run it.
    """
    if task.split_file is None:
        return None
    source = task.directory / task.split_file
    answer = kept / ANSWER_FILE
    rows = table.count_rows(task.directory / task.train, task.delimiter)
    if answer.exists():
        return read_split(answer.read_bytes(), rows, source.name, freeze(kept, source))
    content = read_source(source)
    kept.mkdir(parents=True, exist_ok=True)
    code = content.decode("utf-8", errors="replace")
    split, written = propose_split(code, task, sandbox, limits, kept, source.name)
    keep(kept / source.name, content)
    keep(answer, written)
    return split


def propose_split(
    code: str, task: Task, sandbox: Sandbox, limits: Limits, scratch: Path, name: str = SPLIT_FILE
) -> tuple[Split, bytes]:
    """Run a split script twice in the sandbox and prove what it wrote; return the split and the proven file.

    Args:
        code: The script's source text, from the user or from an engineer.
        task: The task whose rows are split.
        sandbox: Where it runs.
        limits: Of one run.
        scratch: A folder with room for a copy of the task's files, made for the time of the call.
        name: What the script is called in messages.

    Raises:
        TaskError: The script failed, wrote something else each time, or what it wrote is no split.
        InfrastructureError: The sandbox could not run it.
    """
    rows = table.count_rows(task.directory / task.train, task.delimiter)
    with tempfile.TemporaryDirectory(prefix=".split-", dir=scratch) as copy:
        view = Path(copy, "input")
        plan = whole_folder.WholePlan(
            name="split",
            files=list(walk(task.directory)),
            test_path=task.train,
            test_columns=[],
            test_rows=0,
            delimiter=task.delimiter,
        )
        whole_folder.materialise(plan, task.directory, view)
        first, second = (_run(code, name, view, sandbox, limits) for _ in range(2))
    if first != second:
        raise TaskError(
            f"{name} wrote another split.csv when it was run again; make it the same every time (seed what is random, "
            "sort what has no order)"
        )
    return read_split(first, rows, name, digest(code.encode("utf-8", "surrogatepass"))), first


def read_split(content: bytes, rows: int, name: str, sha256: str) -> Split:
    """Return the split that a script wrote, proven to be one.

    Args:
        content: Of `split.csv`.
        rows: Number of train rows.
        name: Of the script, for messages.
        sha256: Of the script.

    Raises:
        TaskError: Not one line for each train row, a fold that is no whole number from -1, an empty fold, too many folds,
            nothing left to learn from, or a cluster that is torn apart.
    """
    try:
        records = [record for record in csv.reader(StringIO(content.decode("utf-8-sig"), newline="")) if record]
    except (UnicodeDecodeError, csv.Error) as error:
        raise TaskError(f"{name}: its split.csv is no CSV in UTF-8 ({error}); {CONTRACT}") from error
    header = [cell.strip() for cell in records[0]] if records else []
    if "fold" not in header or set(header) - {"fold", "cluster"} or len(set(header)) < len(header):
        raise TaskError(f"{name}: its split.csv has the columns {', '.join(header) or 'none'}; {CONTRACT}")
    lines = records[1:]
    if len(lines) != rows:
        raise TaskError(f"{name}: its split.csv has {len(lines)} lines for {rows} train rows; {CONTRACT}")
    for number, line in enumerate(lines, start=1):
        if len(line) != len(header):
            raise TaskError(f"{name}: line {number} of its split.csv has {len(line)} cells, the header {len(header)}")
    place = header.index("fold")
    folds = np.array([_fold(line[place], number, name) for number, line in enumerate(lines, start=1)], dtype=np.int64)
    _require_folds(folds, name)
    clusters = np.arange(rows, dtype=np.int64)
    if "cluster" in header:
        texts = [line[header.index("cluster")] for line in lines]
        clusters = _number(texts)
        _require_whole_clusters(folds, clusters, texts, name)
    return Split(folds, clusters, "cluster" in header, name, sha256)


# ---- running


def _run(code: str, name: str, view: Path, sandbox: Sandbox, limits: Limits) -> bytes:
    execution = sandbox.run(code, view, limits, Flag())
    try:
        if execution.fault is not None:
            words = execution.log.strip()[-LAST_WORDS:]
            raise TaskError(
                f"{name} did not run through ({execution.fault}): {execution.detail}; correct it, or say split_file: none"
                + (f"\nits last words: {words}" if words else "")
            )
        answer = execution.directory / ANSWER_FILE
        if answer.is_symlink() or not answer.is_file():
            raise TaskError(f"{name} wrote no split.csv; {CONTRACT}")
        if answer.stat().st_size > MOST_BYTES:
            raise TaskError(
                f"{name}: its split.csv has {answer.stat().st_size:,} bytes; at most {MOST_BYTES:,} are read"
            )
        return answer.read_bytes()
    finally:
        discard(execution.directory)


# ---- proving


def _fold(text: str, number: int, name: str) -> int:
    try:
        fold = int(text)
    except ValueError:
        fold = NEVER - 1
    if not NEVER <= fold < MOST_FOLDS:
        raise TaskError(
            f"{name}: the fold of line {number} of its split.csv is {shown(text)}, and must be a whole number from 0 to "
            f"{MOST_FOLDS - 1}, or -1 for a row that is never hidden"
        )
    return fold


def _require_folds(folds: NDArray[np.int64], name: str) -> None:
    used = np.unique(folds[folds != NEVER])
    if len(used) == 0:
        raise TaskError(f"{name} hides no row: every fold in its split.csv is -1; give some rows a fold from 0")
    empty = sorted(set(range(int(used[-1]) + 1)) - set(used.tolist()))
    if empty:
        raise TaskError(f"{name}: fold {empty[0]} is empty in its split.csv; number the folds from 0 without holes")
    if len(used) == 1 and (folds != NEVER).all():
        raise TaskError(
            f"{name} hides every row in one fold; leave rows to learn from: more folds, or -1 for some rows"
        )


def _number(texts: Sequence[str]) -> NDArray[np.int64]:
    known: dict[str, int] = {}
    return np.array([known.setdefault(text, len(known)) for text in texts], dtype=np.int64)


def _require_whole_clusters(
    folds: NDArray[np.int64], clusters: NDArray[np.int64], texts: Sequence[str], name: str
) -> None:
    """A cluster partly visible while its other rows are hidden is the very leak that clusters are named to prevent."""
    first = np.full(int(clusters.max()) + 1, NEVER - 1, dtype=np.int64)
    first[clusters[::-1]] = folds[::-1]
    torn = np.flatnonzero(first[clusters] != folds)
    if len(torn):
        row = int(torn[0])
        raise TaskError(
            f"{name} tears {len(np.unique(clusters[torn]))} cluster(s) apart: {shown(texts[row])} has rows in fold "
            f"{first[clusters[row]]} and in fold {folds[row]}; keep a cluster in one fold, or leave the column cluster out"
        )
