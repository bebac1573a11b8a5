"""The statistics of the grid: rank correlation, cluster bootstrap, coverage, paired gain. Higher is better throughout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
CONFIDENCE = 0.95
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FEWEST_NODES = 4
"""A rank correlation over fewer nodes says nothing."""

Clusters = Mapping[str, Sequence[float]]
"""Values by task: splits of one task share rows, so tasks are what is drawn."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over all values, and the interval of a bootstrap that draws whole clusters with replacement.

    Attributes:
        mean: Over all values, whatever cluster they are in; None without values.
        low, high: Bounds of the 95 % percentile interval; None with fewer than two clusters.
        values, clusters: How many there are.
    """

    mean: float | None
    low: float | None
    high: float | None
    values: int
    clusters: int

    def __str__(self) -> str:
        if self.mean is None:
            return "–"
        bounds = "" if self.low is None or self.high is None else f" [{self.low:.3f}, {self.high:.3f}]"
        return f"{self.mean:.3f}{bounds}"


def estimate(clusters: Clusters, seed: int = 0) -> Estimate:
    """Return the mean over all values with its cluster-bootstrap interval."""
    kept = [values for values in clusters.values() if len(values)]
    sums = np.array([sum(values) for values in kept], dtype=np.float64)
    sizes = np.array([len(values) for values in kept], dtype=np.float64)
    if not kept:
        return Estimate(None, None, None, 0, 0)
    mean, values = float(sums.sum() / sizes.sum()), int(sizes.sum())
    if len(kept) < 2:
        return Estimate(mean, None, None, values, len(kept))
    drawn = np.random.default_rng(seed).multinomial(len(kept), np.full(len(kept), 1 / len(kept)), size=RESAMPLES)
    means = (drawn @ sums) / (drawn @ sizes)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(mean, float(low), float(high), values, len(kept))


def ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Return ranks from 1; equal values share the mean of theirs."""
    array = np.asarray(values, dtype=np.float64)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    found: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return found


def spearman(mine: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Return the rank correlation, or None where it says nothing: few values, or all equal on one side."""
    if len(mine) < FEWEST_NODES or len(set(mine)) < 2 or len(set(theirs)) < 2:
        return None
    return float(np.corrcoef(ranks(mine), ranks(theirs))[0, 1])


@dataclass(frozen=True, slots=True)
class Promise:
    """An interval that was promised for a sealed score, in utilities, and the score that came."""

    low: float
    high: float
    sealed: float

    @property
    def is_kept(self) -> bool:
        """Return True when the interval holds the score."""
        return self.low <= self.sealed <= self.high

    @property
    def place(self) -> float:
        """Return where the score lies: 0 in the middle, 1 at the better bound, −1 at the worse one."""
        half = (self.high - self.low) / 2
        return (self.sealed - self.low) / half - 1 if half > 0 else float(np.sign(self.sealed - self.low))


def cover(promises: Mapping[str, Sequence[Promise]]) -> dict[str, Any]:
    """Return how often promises were kept, on which side they were missed, and how far off scores lie.

    Args:
        promises: By task.

    Returns:
        `places` are quantiles of `Promise.place`. Were the error normal and a 90 % interval right, its mean would be 0 and
        its standard deviation 1/1.645 = 0.61: more means too narrow, less too wide.
    """
    flat = [promise for each in promises.values() for promise in each]
    places = np.array([promise.place for promise in flat])
    return {
        "coverage": asdict(estimate({task: [float(p.is_kept) for p in each] for task, each in promises.items()})),
        "worse_than_promised": sum(p.sealed < p.low for p in flat),
        "better_than_promised": sum(p.sealed > p.high for p in flat),
        "place_mean": float(places.mean()) if flat else None,
        "place_deviation": float(places.std(ddof=1)) if len(flat) > 1 else None,
        "places": {f"{share:.0%}": float(np.quantile(places, share)) for share in QUANTILES} if flat else {},
    }


@dataclass(frozen=True, slots=True)
class Pair:
    """Two utilities of one split: of what is tried and of what it is held against."""

    mine: float
    theirs: float


def gain(pairs: Mapping[str, Sequence[Pair]]) -> dict[str, Any]:
    """Return the paired gain by task and over all.

    A task's unit is the standard deviation of `theirs` over its splits: how much a score moves by the split alone. A task
    with one split, or without spread, has none and counts only among won, tied and lost.
    """
    units = {task: _spread(pair.theirs for pair in each) for task, each in pairs.items()}
    scaled = {
        task: [(pair.mine - pair.theirs) / unit for pair in each]
        for task, each in pairs.items()
        if (unit := units[task]) is not None
    }
    flat = [pair for each in pairs.values() for pair in each]
    return {
        "gain_in_deviations": asdict(estimate(scaled)),
        "won_minus_lost": asdict(
            estimate({task: [float(np.sign(p.mine - p.theirs)) for p in each] for task, each in pairs.items()})
        ),
        "won": sum(pair.mine > pair.theirs for pair in flat),
        "tied": sum(pair.mine == pair.theirs for pair in flat),
        "lost": sum(pair.mine < pair.theirs for pair in flat),
        "by_task": {task: float(np.mean(values)) for task, values in scaled.items()},
    }


def _spread(values: Iterable[float]) -> float | None:
    found = np.array(list(values))
    spread = float(found.std(ddof=1)) if len(found) > 1 else 0.0
    return spread if spread > 0 else None
