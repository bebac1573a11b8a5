"""A task's own split as the layout of its hidden evaluation: its folds as they are, guide and judge dealt by its clusters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlmaster.core.task import Task
from mlmaster.errors import SettingsError, TaskError
from mlmaster.ports import Array
from mlmaster.tasks.custom_split import Split
from mlmaster.tasks.folds import NEVER, find_strata, guide_mask
from mlmaster.tasks.hiding import Hiding, Mask
from mlmaster.tasks.scheme import Asked, Complain, Layout, can_judge, find_complaint


def lay_out_split(
    split: Split, task: Task, truth: Array, labelled: Mask, seed: int, asked: Asked, complain: Complain
) -> Layout:
    """Return who is hidden when, as a task's own split has it; rows without a label are in no view.

    Args:
        split: The proven split.
        task: The task.
        truth: Of all train rows.
        labelled: Rows that have a label.
        seed: Deals the hidden rows to guide and judge.
        asked: What the user settles; only the judge is left to settle.
        complain: Of the metric.

    Raises:
        SettingsError: The user asked for folds of another kind or number.
        TaskError: A fold cannot be scored, or leaves nothing to learn from.
    """
    if asked.kind or asked.key or asked.repeats or asked.folds not in (None, split.count):
        raise SettingsError(
            f"engine.fold_scheme, fold_key, fold_repeats and folds have no place beside {split.name}, which makes "
            f"{split.count} folds; leave them out, or say split_file: none in task.yaml"
        )
    folds = np.where(labelled, split.folds, NEVER)
    if len(np.unique(folds[folds != NEVER])) < split.count:
        raise TaskError(f"{split.name}: a fold in its split.csv holds no row with a label; give every fold some")
    said = ""
    for with_judge in [asked.judge] if asked.judge is not None else [True, False]:
        hiding = _hide(split, task, truth, labelled, folds, seed, with_judge=with_judge)
        if not all((hiding.visible_in(fold) & labelled).any() for fold in range(hiding.folds)):
            raise TaskError(f"{split.name} leaves no row with a label to learn from; hide fewer rows at a time")
        if with_judge and asked.judge is None and not can_judge(task, truth[~hiding.guide]):
            continue
        complaint = find_complaint(hiding, truth, complain)
        if complaint is None:
            return Layout(split.scheme.model_copy(update={"has_judge": with_judge}), hiding)
        said = complaint
    raise TaskError(f"{split.name}: {said}; make fewer or larger folds, with rows of every kind in each")


def _hide(
    split: Split, task: Task, truth: Array, labelled: Mask, folds: Array, seed: int, *, with_judge: bool
) -> Hiding:
    guide = np.ones(len(labelled), dtype=bool)
    hiding = Hiding(
        kind=split.scheme.kind,
        assignment=folds[None],
        guide=guide,
        clusters=split.clusters,
        blocks=split.clusters,
        order=np.zeros(len(labelled), dtype=np.int64),
        limits=np.ones(split.count, dtype=np.int64),
    )
    if not with_judge:
        return hiding
    rng = np.random.default_rng([seed, 1])
    guide = guide.copy()
    guide[labelled] = guide_mask(find_strata(task, truth[labelled]), split.clusters[labelled], folds[labelled], rng)
    return replace(hiding, guide=guide)
