"""How the real test relates to train through each key, and how the hidden rows of folds relate to the visible ones.

`measure` gives one `Measured` for a key: the line of the table people see, and whether it speaks for folds by that key. Which
of several wins is settled in `scheme`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.scheme import Relation, SchemeKind
from mlmaster.tasks.folds import NEVER, Numbers
from mlmaster.tasks.keys import NO_KEY, Key
from mlmaster.tasks.times import say_span

LEAST_EVIDENCE = 10.0
"""A key speaks against row folds only if they would lead one to expect so many test rows with a mate in train."""
FEWEST_GROUPS, LARGEST_GROUP, LARGEST_TWINS = 10, 0.5, 0.1
"""Rows are kept together by measurement only in so many groups, none with more than that share of the rows: one that holds
most of them cannot be hidden as a test is, and cells that so many rows share are no twins but a coarse table."""
LEAST_SHARE = 0.02
"""Fewer rows with a mate than that change no score."""
PLAIN_TWINS = 0.01
"""From this share of rows with a twin on, twins are kept together where there is no test to ask."""
NEWEST = 0.001
"""So small a share of train's rows may be newer than a test that counts as later than all of train: stray dates."""

Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one key.

    Attributes:
        key: The key.
        relation: The line of the table.
        vote: The folds this key speaks for; None where it is content with row folds.
        why: The same in words, the rest of a sentence.
        span: Times only: how long the test lasts (TIME) or one stretch of it (BLOCKED); 0 when unknown.
        gap: Times only: from the newest train row to the oldest test row, 0 when they overlap.
    """

    key: Key
    relation: Relation
    vote: SchemeKind | None
    why: str
    span: float = 0.0
    gap: float = 0.0


def measure(key: Key, labelled: NDArray[np.bool_], folds: Numbers) -> Measured:
    """Measure one key against row folds.

    Args:
        key: The key, over all rows.
        labelled: Rows of train that have a label; the others are in no view.
        folds: Row folds of the labelled rows, as dealt.
    """
    return _measure_time(key, labelled, folds) if key.kind == "time" else _measure_groups(key, labelled, folds)


def share_with_mates(codes: Numbers, folds: Numbers) -> float:
    """Return the share of hidden rows whose key occurs among the rows their fold's view shows."""
    hidden = (folds != NEVER) & (codes != NO_KEY)
    size = int(codes.max(initial=0)) + 1
    total = np.bincount(codes[codes != NO_KEY], minlength=size)
    width = int(folds.max(initial=0)) + 1
    inside = np.bincount(codes[hidden] * width + folds[hidden], minlength=size * width)
    has_mate = total[codes[hidden]] > inside[codes[hidden] * width + folds[hidden]]
    return float(has_mate.sum() / max(1, (folds != NEVER).sum()))


def _measure_groups(key: Key, labelled: NDArray[np.bool_], folds: Numbers) -> Measured:
    codes = np.asarray(key.train, dtype=np.int64)[labelled]
    row = share_with_mates(codes, folds)
    sizes = np.bincount(codes[codes != NO_KEY])
    sizes = sizes[sizes > 0]
    if key.kind == "duplicates":
        note = f"{int((sizes[sizes > 1]).sum())} train rows have a twin"
    else:
        note = f"{len(sizes)} values, the largest has {int(sizes.max(initial=0))} rows"
    most = LARGEST_TWINS if key.kind == "duplicates" else LARGEST_GROUP
    can_group = len(sizes) >= FEWEST_GROUPS and int(sizes.max(initial=0)) <= most * len(codes)
    test: float | None = None
    vote, why = None, ""
    if key.test is not None:
        in_test = np.asarray(key.test, dtype=np.int64)
        known = np.zeros(int(max(codes.max(initial=0), in_test.max(initial=0))) + 1, dtype=bool)
        known[codes[codes != NO_KEY]] = True
        test = float(((in_test != NO_KEY) & known[in_test]).mean())
        if can_group and _is_unlike(key, test, row, len(in_test), len(sizes)):
            vote = SchemeKind.GROUPED
        why = _compare(key, test, row)
    elif key.kind == "duplicates" and can_group and row >= PLAIN_TWINS and row > 10 * key.by_chance:
        vote = SchemeKind.GROUPED
        why = f"{percent(row)} of hidden rows would have a twin in train under row folds"
    elif key.kind != "duplicates" and key.is_plain:
        note += f"; new data of unseen values? then set engine.fold_key={key.name}"
    return Measured(key, Relation(key=key.name, kind=key.kind, test=test, row=row, by_key=0.0, note=note), vote, why)


def _is_unlike(key: Key, test: float, row: float, test_rows: int, groups: int) -> bool:
    """Return True when hidden rows of grouped folds (none has a mate) are nearer to the test than those of row folds."""
    if row < LEAST_SHARE or row * test_rows < LEAST_EVIDENCE:
        return False
    if key.is_plain or key.kind == "duplicates":
        return test < row / 2
    # Nothing but its shape speaks for such a column: a plain shift of a feature must not pass for unseen entities.
    return test < 0.02 and row > 0.3 and groups >= 20


def _compare(key: Key, test: float, row: float) -> str:
    what = "have a twin in train" if key.kind == "duplicates" else f"share {key.name} with train"
    together = "those that keep twins together" if key.kind == "duplicates" else "grouped ones"
    return (
        f"{percent(test)} of test rows {what}; under row folds {percent(row)} of hidden rows do, under {together} none"
    )


def _measure_time(key: Key, labelled: NDArray[np.bool_], folds: Numbers) -> Measured:
    times = np.asarray(key.train, dtype=np.float64)[labelled]
    timed = ~np.isnan(times)
    times, folds = times[timed], folds[timed]
    row = _later_in_folds(times, folds)
    missing = 1 - float(timed.mean())
    notes = [f"{percent(missing)} of train rows have no time"] if missing > 0 else []
    first, last = float(times.min()), float(times.max())
    in_test = np.empty(0) if key.test is None else np.asarray(key.test, dtype=np.float64)
    in_test = in_test[~np.isnan(in_test)]
    if not len(in_test):
        notes.insert(0, f"train spans {say_span(last - first, is_seconds=key.is_seconds)}")
        relation = Relation(key=key.name, kind="time", test=None, row=row, by_key=1.0, note="; ".join(notes))
        return Measured(key, relation, None, "")
    limit = float(np.quantile(times, 1 - NEWEST, method="higher"))
    later = float((in_test > limit).mean())
    within = float(((in_test >= first) & (in_test <= last)).mean())
    gap = max(0.0, float(in_test.min()) - last)
    span = float(in_test.max() - in_test.min())
    beside, stretch = _look_beside(times, in_test)
    beside_rows = _beside_in_folds(times, folds)
    # By chance a test time stands alone when both its neighbours hold no train row either.
    without = 1 - len(np.unique(times)) / len(np.unique(np.concatenate([times, in_test])))
    is_blocked = later <= 0.5 and beside < 0.5 * min(beside_rows, 1 - without**2)
    vote = SchemeKind.TIME if later > 0.5 else SchemeKind.BLOCKED if is_blocked else None
    if gap > 0:
        notes.insert(0, f"test begins {say_span(gap, is_seconds=key.is_seconds)} after train ends")
    else:
        notes.insert(0, f"{percent(within)} of test rows within train's time")
        notes.insert(1, f"{percent(beside)} have a train row beside them, {percent(beside_rows)} under row folds")
    if vote is SchemeKind.TIME:
        why = f"{percent(later)} of test rows are later than all of train in {key.name}; under row folds hardly any are"
    elif vote is SchemeKind.BLOCKED:
        length = say_span(stretch, is_seconds=key.is_seconds)
        notes.insert(1, f"stretches of {length}")
        why = (
            f"the test lies in stretches of {length} between train's in {key.name}: {percent(beside)} of its rows have a "
            f"train row beside them, {percent(beside_rows)} of hidden rows under row folds"
        )
    else:
        why = (
            f"the test lies among train's rows in {key.name}: {percent(beside)} of its rows have a train row beside them, "
            f"{percent(beside_rows)} of hidden rows under row folds"
        )
    relation = Relation(key=key.name, kind="time", test=later, row=row, by_key=1.0, note="; ".join(notes))
    return Measured(key, relation, vote, why, span if vote is SchemeKind.TIME else stretch, gap)


def _later_in_folds(times: Times, folds: Numbers) -> float:
    """Return the share of hidden rows that are later than every row their fold's view shows."""
    hidden = later = 0
    for fold in range(int(folds.max(initial=NEVER)) + 1):
        inside = folds == fold
        shown = times[~inside]
        hidden += int(inside.sum())
        later += int((times[inside] > shown.max()).sum()) if len(shown) else 0
    return later / max(1, hidden)


def _beside_in_folds(times: Times, folds: Numbers) -> float:
    """Return the share of hidden rows that have a visible row at their time or at the time before or after."""
    hidden, beside = 0, 0.0
    for fold in range(int(folds.max(initial=NEVER)) + 1):
        inside = folds == fold
        if inside.any() and not inside.all():
            hidden += int(inside.sum())
            beside += _look_beside(times[~inside], times[inside])[0] * int(inside.sum())
    return beside / max(1, hidden)


def _look_beside(train: Times, test: Times) -> tuple[float, float]:
    """Return the share of test rows with a train row at their time or the one before or after, and the usual stretch.

    A stretch is a run of times without any train row; its length is the time it lasts, as the median test row has it.
    """
    moments, places = np.unique(np.concatenate([train, test]), return_inverse=True)
    has_train = np.zeros(len(moments) + 2, dtype=bool)
    has_train[places[: len(train)] + 1] = True
    beside = has_train[:-2] | has_train[1:-1] | has_train[2:]
    run = np.cumsum(has_train[1:-1])
    is_alone = ~has_train[1:-1]
    lasts = np.zeros(len(moments))
    if is_alone.any():
        _, run_of = np.unique(run[is_alone], return_inverse=True)
        alone = moments[is_alone]
        starts = np.full(run_of.max() + 1, np.inf)
        ends = np.full(run_of.max() + 1, -np.inf)
        np.minimum.at(starts, run_of, alone)
        np.maximum.at(ends, run_of, alone)
        lasts[is_alone] = (ends - starts)[run_of]
    mine = places[len(train) :]
    return float(beside[mine].mean()), float(np.median(lasts[mine]))


def percent(share: float) -> str:
    """Return a share as people write it: whole percents, and not 0 % or 100 % for what is nearly so."""
    if 0 < share < 0.01:
        return "under 1 %"
    if 0.99 < share < 1:
        return "over 99 %"
    return f"{share:.0%}".replace("%", " %")
