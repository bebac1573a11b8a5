"""What is known of a task before its files are read, because it is a competition of MLE-bench: corrections and fold rule.

The user's word wins over it, by flag, setting or the folder's task.yaml.
"""

from __future__ import annotations

from pathlib import Path

from mlmaster.core.scheme import SchemeKind
from mlmaster.mlebench.harness import Harness, harnesses
from mlmaster.mlebench.places import find_home
from mlmaster.settings import Settings
from mlmaster.tasks.loaded import Evaluation, Inference, Overrides
from mlmaster.tasks.task_file import TASK_FILE, read_task_file


def with_known(source: str | Path, settings: Settings) -> tuple[Settings, tuple[Inference, ...]]:
    """Return the settings with what is known of a source added, and a line on it; as they were for any other source.

    Raises:
        UserError: The folder's task.yaml cannot be read.
    """
    path = Path(source).expanduser()
    home = find_home(path)
    known = None if home is None else harnesses().get(home.name)
    if known is None or home is None:
        return settings, ()
    said = settings.task
    for folder in (home, home / "prepared" / "public"):
        if (folder / TASK_FILE).is_file():
            said = said.over(read_task_file(folder / TASK_FILE))
    if said.split_file is not None or said.evaluation is not None:
        return settings, ()
    return _add(settings, said, known), (Inference("competition", home.name, f"by its folder's name; {_told(known)}"),)


def _add(settings: Settings, said: Overrides, known: Harness) -> Settings:
    task = said.over(known.task)
    engine = settings.engine
    if known.folds is None:
        task = task.model_copy(update={"evaluation": Evaluation.SELF_REPORTED})
    elif engine.fold_scheme is None and engine.fold_key is None:
        rule = {"fold_scheme": SchemeKind(known.folds.kind), "fold_key": known.folds.key}
        engine = engine.model_copy(update=rule)
    return settings.model_copy(update={"task": task, "engine": engine})


def _told(known: Harness) -> str:
    if known.folds is None:
        return f"self-reported, because {known.self_reported}"
    return f"rows are hidden {known.folds}, as MLE-bench split its test off"
