"""From a chosen scheme to the sides of every row: dealt among the labelled rows, then told for all rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.scheme import SchemeKind
from mlmaster.tasks.folds import (
    HOLD_OUT_PARTS,
    NEVER,
    Numbers,
    cut_pieces,
    cut_stretches,
    cut_windows,
    deal_folds,
    guide_mask,
)
from mlmaster.tasks.hiding import Hiding, Mask
from mlmaster.tasks.keys import NO_KEY
from mlmaster.tasks.relation import Measured

PIECES_A_FOLD = 12
"""Time is cut into so many clusters a fold, of which a third goes to the judge."""
STRETCHES_A_FOLD = 4
"""So many stretches a fold hides where no test says how long they are."""
LEAST_WINDOW = 0.02
"""A window of time hides that share of the rows at least, however short the test is."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What dealing starts from.

    Attributes:
        kind: Of the scheme.
        strata: Of the labelled rows.
        labelled: Shape (rows,).
        by: The key the folds are made by; None for rows.
        cluster: The key whose rows stay together in guide or judge; None where every row stands for itself.
        seed: Decides.
    """

    kind: SchemeKind
    strata: Numbers
    labelled: Mask
    by: Measured | None
    cluster: Measured | None
    seed: int


@dataclass(frozen=True, slots=True)
class Grain:
    """How finely: folds of one repeat, repeats, and whether there is a judge."""

    folds: int
    repeats: int
    has_judge: bool


@dataclass(frozen=True, slots=True)
class _Dealt:
    assignment: Numbers
    clusters: Numbers
    blocks: Numbers
    order: Numbers
    limits: Numbers


def deal_hiding(ground: Ground, grain: Grain) -> Hiding:
    """Return who is hidden where; fewer folds than asked for where there are not enough clusters or times."""
    match ground.kind:
        case SchemeKind.TIME:
            dealt = _deal_windows(ground, grain)
        case SchemeKind.BLOCKED:
            dealt = _deal_stretches(ground, grain)
        case _:
            dealt = _deal_clusters(ground, grain)
    rng = np.random.default_rng([ground.seed, 1])
    guide = (
        guide_mask(ground.strata, dealt.clusters, dealt.assignment[0], rng)
        if grain.has_judge
        else np.ones(len(ground.strata), dtype=bool)
    )
    whole = np.ones(len(ground.labelled), dtype=bool)
    whole[ground.labelled] = guide
    assignment = np.full((len(dealt.assignment), len(ground.labelled)), NEVER, dtype=np.int64)
    assignment[:, ground.labelled] = dealt.assignment
    return Hiding(
        kind=ground.kind,
        assignment=assignment,
        guide=whole,
        clusters=_tell_all(dealt.clusters, ground.labelled),
        blocks=_tell_all(dealt.blocks, ground.labelled),
        order=_spread(dealt.order, ground.labelled),
        limits=dealt.limits,
    )


def _deal_clusters(ground: Ground, grain: Grain) -> _Dealt:
    rows = len(ground.strata)
    clusters = np.arange(rows) if ground.cluster is None else _make_clusters(ground.cluster, ground.labelled)
    blocks = np.arange(rows) if ground.kind is SchemeKind.ROW else clusters
    return _without_time(_repeat(ground, blocks, grain), clusters, blocks)


def _deal_stretches(ground: Ground, grain: Grain) -> _Dealt:
    times, order = _read_times(ground)
    assert ground.by is not None
    span = ground.by.span or float(np.nanmax(times) - np.nanmin(times)) / (STRETCHES_A_FOLD * grain.folds)
    blocks = cut_stretches(times, span, 2 * max(grain.folds, HOLD_OUT_PARTS if grain.folds == 1 else 0))
    hidden = len(times) // (1 if grain.folds > 1 else HOLD_OUT_PARTS)
    clusters = cut_pieces(order, blocks, hidden // (grain.folds * PIECES_A_FOLD))
    return _without_time(_repeat(ground, blocks, grain), clusters, blocks)


def _deal_windows(ground: Ground, grain: Grain) -> _Dealt:
    times, order = _read_times(ground)
    assert ground.by is not None
    timed = ~np.isnan(times)
    rows, newest = int(timed.sum()), float(np.nanmax(times))
    alike = int((times[timed] > newest - ground.by.span).sum()) if ground.by.span else rows
    most = rows // (grain.folds + 1) if grain.folds > 1 else rows // HOLD_OUT_PARTS
    window = max(1, min(most, max(alike, int(LEAST_WINDOW * rows))))
    assigned = cut_windows(order, grain.folds, window)
    limits = []
    for fold in range(int(assigned.max()) + 1):
        start = int(order[assigned == fold].min())
        # Test begins some time after train ends: so does a window after what its view shows, while enough is left.
        border = float(times[order == start][0]) - ground.by.gap * (1 - 1e-9)
        older = timed & (order < start)
        shown = older & (times <= border)
        limits.append(int(order[shown].max()) + 1 if shown.sum() * 4 >= older.sum() and shown.any() else start)
    clusters = cut_pieces(order, assigned, max(1, window // PIECES_A_FOLD))
    return _Dealt(assigned[None, :], clusters, clusters, order, np.array(limits, dtype=np.int64))


def _repeat(ground: Ground, blocks: Numbers, grain: Grain) -> Numbers:
    folds = max(1, min(grain.folds, len(np.unique(blocks))))
    seeds = [[ground.seed, 0], *([ground.seed, 0, each] for each in range(1, grain.repeats))]
    return np.stack([deal_folds(ground.strata, blocks, folds, np.random.default_rng(seed)) for seed in seeds])


def _without_time(assignment: Numbers, clusters: Numbers, blocks: Numbers) -> _Dealt:
    limits = np.ones(int(assignment.max()) + 1, dtype=np.int64)
    return _Dealt(assignment, clusters, blocks, np.zeros(len(clusters), dtype=np.int64), limits)


def _make_clusters(measured: Measured, labelled: Mask) -> Numbers:
    """Return the cluster of each labelled row; a row without a key is one of its own."""
    codes = np.array(measured.key.train, dtype=np.int64)[labelled]
    alone = np.flatnonzero(codes == NO_KEY)
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(len(alone))
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)


def _read_times(ground: Ground) -> tuple[NDArray[np.float64], Numbers]:
    """Return the times of the labelled rows, NaN where there is none, and their dense ranks, -1 where there is none."""
    assert ground.by is not None
    times = np.asarray(ground.by.key.train, dtype=np.float64)[ground.labelled]
    order = np.full(len(times), -1, dtype=np.int64)
    timed = ~np.isnan(times)
    order[timed] = np.unique(times[timed], return_inverse=True)[1]
    return times, order


def _tell_all(numbers: Numbers, labelled: Mask) -> Numbers:
    """Return numbers for all rows: rows without a label get ones that no other row has."""
    told = np.empty(len(labelled), dtype=np.int64)
    told[labelled] = numbers
    told[~labelled] = int(numbers.max(initial=-1)) + 1 + np.arange(int((~labelled).sum()))
    return told


def _spread(order: Numbers, labelled: Mask) -> Numbers:
    told = np.zeros(len(labelled), dtype=np.int64)
    told[labelled] = order
    return told
