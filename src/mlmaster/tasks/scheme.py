"""The decision how rows are hidden: the scheme whose hidden rows look to the visible ones as the real test looks to train.

`lay_out` finds keys, measures each, chooses, deals, and sees to it that every part can be scored. `keep` does so once for a
run: the result lies in the run's pool, and a resumed run reads it. Read next: `relation` for what is measured, `folds` for
how rows are dealt, `hiding` for who is on which side.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from mlmaster.core.scheme import Scheme, SchemeKind
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import DataError, SettingsError, TaskError
from mlmaster.ports import Array
from mlmaster.tasks.dealing import Grain, Ground, deal_hiding
from mlmaster.tasks.folds import MOST_FOLDS, SMALL_ROWS, count_folds, deal_folds, find_strata
from mlmaster.tasks.hiding import Hiding, Mask
from mlmaster.tasks.keys import NO_KEY, find_keys, survey_tables
from mlmaster.tasks.relation import LEAST_SHARE, Measured, measure
from mlmaster.tasks.shift import measure_shift
from mlmaster.tasks.writing import write_whole

LEAST_JUDGE_ROWS, LEAST_JUDGE_CLASS = 100, 10
"""Fewer rows, or fewer of the second class, tell too little to be worth keeping from the search."""
REPEATS_INSTEAD = 2
"""Folds are dealt so often where there is no judge."""
MOST_LINES = 8
"""So many lines has the table at most."""
FEWEST_CLUSTERS, LARGEST_CLUSTER = 50, 0.05
"""Under row folds, a key makes clusters when it has so many values, none of which has more than that share of the rows."""

Complain = Callable[[Array], str | None]
"""Says why a metric cannot be computed on the truth of some hidden rows, or None when it can."""


def find_nothing_wrong(truth: Array) -> str | None:  # noqa: ARG001
    """Return None: any truth can be scored."""
    return None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user settles; None leaves it to what is measured.

    Attributes:
        kind: The scheme.
        key: The column or derived key the folds are made by; under row folds, the one that makes clusters.
        folds: Folds of one repeat.
        repeats: How often all rows are dealt.
        judge: Whether labels are kept for the judge.
    """

    kind: SchemeKind | None = None
    key: str | None = None
    folds: int | None = None
    repeats: int | None = None
    judge: bool | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The decision, for people and for the views."""

    scheme: Scheme
    hiding: Hiding


@dataclass(frozen=True, slots=True)
class _Choice:
    kind: SchemeKind
    by: Measured | None
    cluster: Measured | None
    reason: str


def lay_out(
    task: Task,
    truth: Array,
    labelled: Mask,
    seed: int,
    asked: Asked | None = None,
    media_bytes: int = 0,
    complain: Complain = find_nothing_wrong,
) -> Layout:
    """Decide how rows are hidden.

    Args:
        task: The task.
        truth: Of all train rows.
        labelled: Rows that have a label.
        seed: Decides who is dealt where, together with the data.
        asked: What the user settles.
        media_bytes: Size of the rows' files; large ones make for fewer folds.
        complain: Of the metric.

    Raises:
        DataError: A table cannot be read.
        TaskError: Fewer than two labelled rows, or no folds could be scored.
        SettingsError: What was asked for is out of range or names nothing.
    """
    asked = asked or Asked()
    rows = np.flatnonzero(labelled)
    count = _count_folds(task, len(rows), media_bytes, asked)
    surveys = survey_tables(task)
    as_time = None if asked.kind is None else asked.kind in (SchemeKind.TIME, SchemeKind.BLOCKED)
    strata = find_strata(task, truth[rows])
    row_folds = deal_folds(strata, np.arange(len(rows)), count, np.random.default_rng([seed, 0]))
    measured = [measure(key, labelled, row_folds) for key in find_keys(task, surveys, asked.key, as_time)]
    choice = _obey(measured, asked) if asked.kind or asked.key else _choose(measured, has_test=task.test is not None)
    choice = choice if choice.cluster is not None else _add_clusters(choice, measured, labelled)
    ground = Ground(
        kind=choice.kind,
        strata=strata,
        labelled=labelled,
        by=choice.by,
        cluster=choice.cluster,
        seed=seed,
    )
    hiding = _deal(ground, truth, count, asked, complain, task)
    cluster = _name_cluster(choice)
    scheme = Scheme(
        kind=choice.kind,
        key=choice.by.key.name if choice.by is not None and choice.kind is not SchemeKind.ROW else None,
        cluster=cluster,
        folds=hiding.folds,
        repeats=hiding.repeats,
        has_judge=bool((~hiding.guide).any()),
        is_users=bool(asked.kind or asked.key),
        reason=choice.reason,
        relations=tuple(each.relation for each in _most_telling(measured, choice)),
        shift=measure_shift(task, surveys, seed),
    )
    return Layout(scheme, hiding)


def keep(
    directory: Path,
    task: Task,
    truth: Array,
    labelled: Mask,
    seed: int,
    asked: Asked | None = None,
    media_bytes: int = 0,
    complain: Complain = find_nothing_wrong,
) -> Layout:
    """Return the layout kept in a run's pool; decided and stored when there is none, or it answers another question.

    Raises:
        MLMasterError: As `lay_out`; or what was kept has been changed.
    """
    question = json.dumps([task.model_dump(mode="json"), seed, asdict(asked or Asked())], default=str)
    stamp = hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()
    told, sides = directory / "scheme.json", directory / "hiding.npz"
    try:
        kept = json.loads(told.read_text(encoding="utf-8"))
        if kept["stamp"] == stamp:
            scheme = Scheme.model_validate(kept["scheme"])
            return Layout(scheme, Hiding.load(sides, scheme.kind))
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise DataError(f"{told}: was changed and cannot be read ({error}); start a new run") from error
    layout = lay_out(task, truth, labelled, seed, asked, media_bytes, complain)
    directory.mkdir(parents=True, exist_ok=True)
    # The words last: they say that the sides are whole.
    layout.hiding.save(sides)
    write_whole(told, json.dumps({"stamp": stamp, "scheme": layout.scheme.model_dump(mode="json")}, indent=1))
    return layout


# ---- the choice


def _choose(measured: Sequence[Measured], *, has_test: bool) -> _Choice:
    """Return what the measurements speak for; time outweighs groups, and groups outweigh twins."""
    for kind in (SchemeKind.TIME, SchemeKind.BLOCKED, SchemeKind.GROUPED):
        voters = [each for each in measured if each.vote is kind]
        named = [each for each in voters if each.key.kind != "duplicates"] or voters
        if named:
            # The coarsest key: whole patients keep each patient's scans together too.
            by = min(named, key=_count_values) if kind is SchemeKind.GROUPED else named[0]
            name = "Twins stay in one fold" if by.key.kind == "duplicates" else f"{_title(kind)} by {by.key.name}"
            return _Choice(kind, by, by if kind is SchemeKind.GROUPED else None, f"{name}: {by.why}.")
    telling = _telling(measured)
    if not has_test:
        reason = "there is no test file to compare with"
    elif telling is not None:
        reason = telling.why
    else:
        reason = "nothing was found that ties test rows to train rows"
    return _Choice(SchemeKind.ROW, None, None, f"Row folds: {reason}.")


def _obey(measured: Sequence[Measured], asked: Asked) -> _Choice:
    names = ", ".join(each.key.name for each in measured) or "none"
    by = next((each for each in measured if each.key.name == asked.key), None)
    if asked.key is not None and by is None:
        raise SettingsError(
            f"engine.fold_key: there is no key {asked.key!r}; found were {names}; any other column of train and test "
            "can be named too"
        )
    kind = asked.kind
    if kind is None:
        assert by is not None
        kind = (by.vote or SchemeKind.TIME) if by.key.kind == "time" else SchemeKind.GROUPED
    if by is None and kind is not SchemeKind.ROW:
        wants_time = kind is not SchemeKind.GROUPED
        fitting = [each for each in measured if (each.key.kind == "time") is wants_time]
        if not fitting:
            what = "a time" if wants_time else "what rows have in common"
            raise SettingsError(
                f"engine.fold_scheme: {kind} folds need a column that says {what}, and none was found; "
                "name one with --set engine.fold_key=COLUMN"
            )
        by = next((each for each in fitting if each.vote is not None), fitting[0])
    if by is not None and _count_values(by) < 2:
        raise SettingsError(f"engine.fold_key: {by.key.name} holds a single value; name another column")
    reason = (
        f"{_title(kind)}{f' by {by.key.name}' if by is not None and kind is not SchemeKind.ROW else ''}: as asked for."
    )
    is_cluster = by is not None and kind in (SchemeKind.ROW, SchemeKind.GROUPED)
    return _Choice(kind, by, by if is_cluster else None, reason)


def _add_clusters(choice: _Choice, measured: Sequence[Measured], labelled: Mask) -> _Choice:
    """Return the choice with the key whose rows depend on each other under row folds, if there is one."""
    if choice.kind is not SchemeKind.ROW:
        return choice
    for each in sorted(measured, key=lambda each: each.key.kind == "duplicates"):
        is_twins = each.key.kind == "duplicates"
        if each.key.kind == "time" or not (each.key.is_plain or is_twins) or each.relation.row < LEAST_SHARE:
            continue
        codes = np.asarray(each.key.train, dtype=np.int64)[labelled]
        sizes = np.bincount(codes[codes != NO_KEY])
        is_fine = int((sizes > 0).sum()) >= FEWEST_CLUSTERS and sizes.max() <= LARGEST_CLUSTER * len(codes)
        if is_fine and not (is_twins and each.relation.row <= 10 * each.key.by_chance):
            return _Choice(choice.kind, choice.by, each, choice.reason)
    return choice


def _title(kind: SchemeKind) -> str:
    names = {SchemeKind.ROW: "Row folds", SchemeKind.GROUPED: "Grouped", SchemeKind.BLOCKED: "Stretches of time"}
    return names.get(kind, "Folds in time")


def _count_values(measured: Measured) -> int:
    """Return the number of different values; rows without one count as a value each where they are no times."""
    values = measured.key.train
    if measured.key.kind == "time":
        return len(np.unique(values[~np.isnan(values)]))
    return len(np.unique(values[values != NO_KEY])) + int((values == NO_KEY).sum())


def _name_cluster(choice: _Choice) -> str | None:
    if choice.kind in (SchemeKind.TIME, SchemeKind.BLOCKED):
        assert choice.by is not None
        return f"stretches of {choice.by.key.name}"
    return None if choice.cluster is None else choice.cluster.key.name


def _telling(measured: Sequence[Measured]) -> Measured | None:
    """Return the key whose agreement with row folds says most."""

    def weight(each: Measured) -> tuple[bool, bool, float]:
        # A key that nearly all rows share, or hardly any, would agree with any folds.
        is_named = each.key.is_plain and each.key.kind in ("group", "files")
        return is_named, each.key.kind == "time", -abs(each.relation.row - 0.5)

    heavy = [
        each
        for each in measured
        if each.key.kind == "time" or (each.relation.row >= LEAST_SHARE and not each.key.is_measure)
    ]
    return max((each for each in heavy if each.why), key=weight, default=None)


def _most_telling(measured: Sequence[Measured], choice: _Choice) -> list[Measured]:
    """Return the lines of the table: what was chosen, then plain keys, then those that differ most from row folds."""

    def weight(each: Measured) -> tuple[bool, bool, float]:
        test = each.relation.row if each.relation.test is None else each.relation.test
        return each in (choice.by, choice.cluster), each.key.is_plain, abs(test - each.relation.row)

    listed = [each for each in measured if not each.key.is_measure or each.vote is not None]
    return sorted(listed, key=weight, reverse=True)[:MOST_LINES]


# ---- folds that can be scored


def _count_folds(task: Task, rows: int, media_bytes: int, asked: Asked) -> int:
    if rows < 2:
        raise TaskError(
            f"{task.train}: has {rows} labelled rows; at least 2 are needed, to learn from one and score the other"
        )
    if asked.folds is None:
        return min(rows, count_folds(rows, media_bytes))
    if not 1 <= asked.folds <= min(rows, MOST_FOLDS):
        raise SettingsError(f"folds: {asked.folds} is out of range; give 1 to {min(rows, MOST_FOLDS)}")
    return asked.folds


def _deal(ground: Ground, truth: Array, folds: int, asked: Asked, complain: Complain, task: Task) -> Hiding:
    """Return the first layout that can be scored: as asked, else with fewer folds, else without a judge."""
    if ground.kind is SchemeKind.TIME and (asked.repeats or 1) > 1:
        raise SettingsError("engine.fold_repeats: folds in time cannot be repeated, the newest rows are what they are")
    counts = [folds] if asked.folds is not None or folds == 1 else range(folds, 1, -1)
    if complain(truth[ground.labelled]) is not None:
        complain = find_nothing_wrong  # no fold is to blame, and the caller says so better
    said = ""
    for with_judge in [asked.judge] if asked.judge is not None else [True, False]:
        repeats = asked.repeats or _count_repeats(ground, with_judge=with_judge)
        for count in counts:
            hiding = deal_hiding(ground, Grain(count, repeats, with_judge))
            if with_judge and asked.judge is None and not can_judge(task, truth[~hiding.guide]):
                break
            complaint = find_complaint(hiding, truth, complain)
            if complaint is None:
                return hiding
            said = complaint
    wants = f"with {folds} folds; leave engine.folds out" if asked.folds is not None else "however they are dealt"
    raise TaskError(
        f"{task.train}: {said}, {wants}; give more labelled rows of every kind, or choose another metric with --metric"
    )


def _count_repeats(ground: Ground, *, with_judge: bool) -> int:
    is_plain = with_judge or ground.kind is SchemeKind.TIME or len(ground.strata) >= SMALL_ROWS
    return 1 if is_plain else REPEATS_INSTEAD


def can_judge(task: Task, truth: Array) -> bool:
    """Return True when so many judge rows tell something: 100 at least, and 10 of the second class."""
    if len(truth) < LEAST_JUDGE_ROWS:
        return False
    if task.kind is TaskKind.REGRESSION or task.prediction_kind is PredictionKind.TEXT:
        return True
    columns = truth.reshape(len(truth), -1).T
    seconds = [np.sort(np.unique(column, return_counts=True)[1])[-2:] for column in columns]
    return max(int(counts[0]) if len(counts) == 2 else 0 for counts in seconds) >= LEAST_JUDGE_CLASS


def find_complaint(hiding: Hiding, truth: Array, complain: Complain) -> str | None:
    """Return what keeps the guide or the judge part of some fold from being scored, or None."""
    for fold in range(hiding.folds * hiding.repeats):
        hidden = hiding.hidden_in(fold)
        parts: list[tuple[str, NDArray[np.bool_]]] = [("guide", hidden & hiding.guide)]
        if not hiding.guide.all():
            parts.append(("judge", hidden & ~hiding.guide))
        for name, mask in parts:
            if not mask.any():
                return f"the {name} part of fold {fold} has no rows to score"
            if (said := complain(truth[mask])) is not None:
                return f"the {name} rows of fold {fold} are too few to score: {said}"
    return None
