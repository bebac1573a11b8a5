"""From what the user names (a folder, a file, a built-in task) to a resolved task. The way into this package.

`source` finds the folder, `find` its files, `infer` what is asked; `check` looks for what is legal but doubtful.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mlmaster.errors import UserError
from mlmaster.ports import MetricRegistry
from mlmaster.tasks.find import find
from mlmaster.tasks.infer import infer
from mlmaster.tasks.loaded import Inference, LoadedTask, Overrides
from mlmaster.tasks.self_reported import infer_from_sample
from mlmaster.tasks.source import locate, open_place, take_file, take_folder
from mlmaster.tasks.task_file import TASK_FILE, read_task_file

__all__ = ["Inference", "LoadedTask", "Overrides", "load"]


def load(source: Path | str, overrides: Overrides, metrics: MetricRegistry, workspace: Path) -> LoadedTask:
    """Load a task.

    Args:
        source: A folder with a train table or with folders that name classes (an MLE-bench `<id>` folder or its public
            folder too), one CSV, TSV, Parquet or JSON file holding the target, an archive of any of these, or the name
            of a built-in task. A path that exists wins over a name.
        overrides: What the user said by flag; wins over the folder's `task.yaml`, which wins over inference.
        metrics: The metrics by name.
        workspace: The run's own data folder; a source that is no folder of CSV tables is converted into one there.

    Raises:
        DataError: A file or table cannot be used.
        TaskError: The task cannot be made sense of.
    """
    workspace = workspace.absolute()
    place = locate(source, workspace)
    said = overrides
    for folder in dict.fromkeys((place.home, place.path)):
        if (folder / TASK_FILE).is_file():
            said = said.over(read_task_file(folder / TASK_FILE))
    named = place.path
    place, opened = open_place(place, said, workspace)
    is_ours = place.path != named
    try:
        if place.path.is_file():
            found, notes = take_file(place, said, workspace)
            directory = workspace
        else:
            folder = place.path if is_ours else workspace
            directory, found, notes = take_folder(place, find(place.path, said), said, folder)
        loaded = infer(directory, place.name, found, said, metrics)
    except UserError as error:  # name what the user knows, not our copy of it
        if said.is_self_reported and place.path.is_dir():
            alone = infer_from_sample(place.path, place.name, said, metrics, str(error))
            return replace(alone, notes=(*opened, *alone.notes))
        copy = str(place.path) if is_ours else str(workspace / "train.csv") if named.is_file() else None
        raise type(error)(str(error) if copy is None else str(error).replace(copy, str(named))) from error
    return LoadedTask(loaded.task, loaded.inferences, (*opened, *notes, *loaded.notes))
