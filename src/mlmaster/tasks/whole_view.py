"""The one view of a task in which nothing can be hidden: its whole folder, read-only, as it stands.

The last resort (`Task.is_self_reported`): scripts see every row and label there is, and say themselves how well they do.
There are no folds, no hidden labels and no judge; `mlmaster.engine.self_reported` takes the scripts at their word.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.cost import Size
from mlmaster.core.scheme import Scheme
from mlmaster.core.task import Task
from mlmaster.core.view import View
from mlmaster.errors import DataError, InfrastructureError, TaskError
from mlmaster.ports import Array
from mlmaster.tasks import table, whole_folder
from mlmaster.tasks.files import walk
from mlmaster.tasks.pool import discard, protect
from mlmaster.tasks.whole_folder import WholePlan
from mlmaster.tasks.writing import HALF_BUILT, write_whole

VIEW_NAME = "fold-0"
REASON = "nothing is hidden: scripts see every label and report their own score (self-reported)"


def plan_whole(task: Task, name: str) -> WholePlan:
    """Return the plan of a view that holds every visible file of the task's folder, `private` left out.

    Raises:
        DataError: The test table cannot be read.
    """
    path = task.test or task.train
    return WholePlan(
        name=name,
        files=list(walk(task.directory)),
        test_path=path,
        test_columns=list(table.read_header(task.directory / path, task.delimiter)),
        test_rows=table.count_rows(task.directory / path, task.delimiter),
        delimiter=task.delimiter,
    )


class WholeView:
    """The whole folder as the only fold; implements `mlmaster.ports.ViewSource`.

    Args:
        task: A self-reported task.
        directory: The pool: a folder of the run, made when absent.

    Raises:
        TaskError: The task has no rows to answer.
        DataError: A table cannot be read, or a file has changed since the run began.
    """

    folds = 1
    has_smoke = False
    rides_along = True
    notes = ()

    def __init__(self, task: Task, directory: Path) -> None:
        if task.test is None:
            raise TaskError(f"task {task.name} has no test table or sample submission; a self-reported task needs one")
        self._task, self._directory, self._lock = task, directory, Lock()
        self._plan = plan_whole(task, VIEW_NAME)
        directory.mkdir(parents=True, exist_ok=True)
        for left in directory.glob(f"{HALF_BUILT}*"):
            discard(left)
        self._compare_sources()

    @property
    def truth(self) -> Array:
        """Return nothing: no label is the harness's to score by."""
        return np.empty((0, len(self._task.prediction_columns)))

    @property
    def guide(self) -> NDArray[np.bool_]:
        """Return nothing: no row is hidden."""
        return np.empty(0, dtype=bool)

    @property
    def clusters(self) -> NDArray[np.int64]:
        """Return nothing: no row is hidden."""
        return np.empty(0, dtype=np.int64)

    @property
    def scheme(self) -> Scheme:
        """Return that nothing is hidden."""
        return Scheme(folds=1, has_judge=False, is_users=True, reason=REASON)

    def fold(self, fold: int) -> View:
        """Return the whole folder."""
        if fold != 0:
            raise TaskError(f"fold {fold} does not exist; a self-reported task has one view, the whole folder")
        return self.full()

    def full(self) -> View:
        """Return the whole folder, copied on first use."""
        with self._lock:
            folder = self._directory / VIEW_NAME / "input"
            if not folder.is_dir():
                self._build(folder)
        keys = None
        column = self._task.id_column
        if column is not None and column in self._plan["test_columns"]:
            path = folder / self._plan["test_path"]
            keys = tuple(table.read_columns(path, [column], self._plan["delimiter"])[column])
        rows = np.array(whole_folder.row_numbers(self._plan), dtype=np.int64)
        return View(name=VIEW_NAME, fold=0, directory=folder, rows=rows, keys=keys)

    def smoke(self, scale: int = 1) -> View:
        """Raise: there is no small view of a folder that cannot be split."""
        raise TaskError(f"a self-reported task has no small view (asked for at scale {scale})")

    def fresh(self) -> View:
        """Raise: nothing can be hidden afresh."""
        raise TaskError("a self-reported task has no rows to hide afresh")

    def size(self, name: str) -> Size:  # noqa: ARG002 - there is only one
        """Return the rows to answer; what a script learns from, nobody counts."""
        return Size(predicted=self._plan["test_rows"])

    def forget(self, view: View) -> None:
        """Throw the copy away; it is made anew when it is next asked for."""
        with self._lock:
            discard(self._directory / view.name)

    def export(self, directory: Path, names: Iterable[str]) -> None:
        """Write what lays the folder out without ML-Master: `rebuild.py` and `views/fold-0.json`; there are no others."""
        if VIEW_NAME in names:
            (directory / "views").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(whole_folder.__file__, directory / "rebuild.py")
            text = json.dumps(self._plan, ensure_ascii=False)
            (directory / "views" / f"{VIEW_NAME}.json").write_text(text, encoding="utf-8", errors="surrogatepass")

    def _build(self, folder: Path) -> None:
        discard(folder.parent)
        building = Path(tempfile.mkdtemp(prefix=HALF_BUILT, dir=self._directory))
        try:
            whole_folder.materialise(self._plan, self._task.directory, building / "input")
            protect(building / "input")
            building.chmod(0o755)
            building.rename(folder.parent)
        except whole_folder.PlanError as error:
            raise DataError(str(error)) from error
        except OSError as error:
            raise InfrastructureError(f"{folder} cannot be written: {error.strerror or error}") from error
        finally:
            discard(building)

    def _compare_sources(self) -> None:
        """Remember the files as they are when the run begins, and refuse to go on with others."""
        now = {}
        for name in self._plan["files"]:
            status = (self._task.directory / name).stat()
            now[name] = [status.st_size, status.st_mtime_ns]
        path = self._directory / "sources.json"
        if not path.exists():
            write_whole(path, json.dumps(now))
            return
        before = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
        for name in sorted({*before, *now}):
            if before.get(name) != now.get(name):
                raise DataError(
                    f"{self._task.directory / name}: has changed since the run began; put the old file back, or start "
                    "a new run"
                )
