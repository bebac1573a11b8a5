"""What is known of a task before its files are read, because it is a competition of MLE-bench: corrections and fold rule.

The user's word wins over it, by flag, setting or the folder's task.yaml; beside a split of the user's own it says nothing.
"""

from __future__ import annotations

from pathlib import Path

from mlmaster.core.scheme import SchemeKind
from mlmaster.metrics.registry import Registry
from mlmaster.mlebench.competition import Competition
from mlmaster.mlebench.harness import FoldRule, Harness, harnesses
from mlmaster.mlebench.places import find_home
from mlmaster.mlebench.registry import competitions
from mlmaster.settings import Settings
from mlmaster.tasks.custom_split import SPLIT_FILE
from mlmaster.tasks.loaded import Evaluation, Inference, Overrides
from mlmaster.tasks.task_file import TASK_FILE, read_task_file


def with_known(source: str | Path, settings: Settings) -> tuple[Settings, tuple[Inference, ...]]:
    """Return the settings with what is known of a source added, and a line on it; as they were for any other source.

    Raises:
        UserError: The folder's task.yaml cannot be read.
    """
    home = find_home(Path(source).expanduser())
    if home is None:
        return settings, ()
    folders = (home, home / "prepared" / "public")
    said = settings.task
    for folder in folders:
        if (folder / TASK_FILE).is_file():
            said = said.over(read_task_file(folder / TASK_FILE))
    known, official = harnesses().get(home.name, Harness()), competitions()[home.name]
    has_split = said.split_file is not None or any((folder / SPLIT_FILE).is_file() for folder in folders)
    if said.is_self_reported:
        settings, told = _report(settings, said, known, official), f"self-reported: {_name(official)}"
    elif said.evaluation is not None or has_split:
        return settings, ()
    elif known.folds is not None:
        settings, told = _hide(settings, said, known, known.folds), _tell(known.folds)
    elif known.self_reported and said.metric_file is None:
        told = f"self-reported, because {known.self_reported}: {_name(official)}"
        settings = _report(settings, said, known, official)
    else:
        return settings, ()
    return settings, (Inference("competition", home.name, f"by its folder's name; {told}"),)


def _hide(settings: Settings, said: Overrides, known: Harness, folds: FoldRule) -> Settings:
    task, engine = said.over(known.task), settings.engine
    if said.metric_file is not None:
        task = task.model_copy(update={"metric": said.metric})
    if engine.fold_scheme is None and engine.fold_key is None:
        engine = engine.model_copy(update={"fold_scheme": SchemeKind(folds.kind), "fold_key": folds.key})
    return settings.model_copy(update={"task": task, "engine": engine})


def _report(settings: Settings, said: Overrides, known: Harness, official: Competition) -> Settings:
    """Let scripts report the official metric, where the user names no other."""
    update: dict[str, object] = {"evaluation": Evaluation.SELF_REPORTED}
    if said.metric is None:
        update |= {"metric": known.task.metric or _metric(official), "direction": said.direction or official.direction}
    return settings.model_copy(update={"task": said.model_copy(update=update)})


def _metric(official: Competition) -> str:
    """Return what the official metric is called: by its grader, unless that is a metric of ours that goes the other way."""
    ours = Registry().definition(official.grader)
    return official.grader if ours is None or ours.direction is official.direction else f"1-{official.grader}"


def _tell(folds: FoldRule) -> str:
    return f"rows are hidden {folds}, as MLE-bench split its test off"


def _name(official: Competition) -> str:
    return f"scripts report {official.metric}, to be {official.direction}d"
