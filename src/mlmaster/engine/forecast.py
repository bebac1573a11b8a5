"""What the next evaluation of a script will cost, from what its own earlier ones took: pure functions, no clock, no files.

A script's cost is taken to be a fixed start plus a part that grows with the rows, and neither is assumed: from one size the
lower bound lets nothing grow, from two the growth between them is measured. The lower bound never lets it go on faster
than linearly, whatever was measured: a script that fits on a sample grows up to its sample and no further, and a good
solution refused is worse than a bad one that runs into its limit. Who acts on this: `mlmaster.engine.foresight` before a
fold, `mlmaster.engine.evaluation` for the second size, `mlmaster.engine.finish` for the last runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp, log
from statistics import fmean, median

from mlmaster.core.cost import Cost, Size
from mlmaster.core.execution import Fault, Limits

ALIKE = 1.1
"""Views whose rows differ by no more than this factor are of one size."""
STEEPEST = 3.0
"""No cost is taken to grow faster than with this power of the rows."""
WORTH_A_SECOND_SIZE_S, WORTH_A_SECOND_SIZE_BYTES = 0.5, 0.1
"""A second size is run when linear growth from the first reaches this share of the time limit, or when the first needs this
share of the memory limit: below, no second size could show that a fold cannot finish."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What an evaluation will take: at least, and most likely."""

    lower_s: float
    expected_s: float
    lower_bytes: float
    expected_bytes: float


@dataclass(frozen=True, slots=True)
class _Law:
    """How one resource behaves.

    Attributes:
        low, high: A single measurement repeats within these factors. Of 172 repeated folds in runs on two shared cores one
            in a hundred took less than 0.72 or more than 1.46 times the median of those before it; memory stayed within 4 %.
        growth: Power of the rows that is expected where only one size is known.
    """

    low: float
    high: float
    growth: float


_TIME = _Law(low=0.7, high=1.5, growth=1.0)
_MEMORY = _Law(low=0.9, high=1.15, growth=0.5)


@dataclass(frozen=True, slots=True)
class _Measured:
    """What evaluations of one size took: medians. `trained` and `predicted` are the means of their rows."""

    trained: float
    predicted: float
    wall_s: float
    peak_bytes: float

    @property
    def rows(self) -> float:
        return self.trained + self.predicted


def forecast(costs: Sequence[Cost], size: Size) -> Forecast | None:
    """Return what an evaluation of a script will take, or None when nothing is known of the script.

    More rows never make any of the figures smaller, and lower <= expected for time and for memory.

    Args:
        costs: What its evaluations so far took. One of unknown size is taken to be as large as the one asked for.
        size: Of the view it would be run on.
    """
    if not costs:
        return None
    measured = _measure(costs, size)
    seconds = _bound(measured, [each.wall_s for each in measured], size, _TIME)
    memory = _bound(measured, [each.peak_bytes for each in measured], size, _MEMORY)
    return Forecast(*seconds, *memory)


def needs_second_size(first: Cost, second: Size, fold: Size, limits: Limits) -> bool:
    """Return True when a script should be run on a second small view, so that the growth of its cost is known.

    Args:
        first: What it took on the smallest view.
        second: The next larger view.
        fold: The largest view of a fold.
        limits: Of one evaluation.
    """
    if fold.rows <= second.rows or second.rows <= first.size.rows:
        return False
    grown_s = first.wall_s * fold.rows / max(1, first.size.rows)
    return (
        grown_s > WORTH_A_SECOND_SIZE_S * limits.wall_s
        or first.peak_bytes > WORTH_A_SECOND_SIZE_BYTES * limits.memory_bytes
    )


def refuse(costs: Sequence[Cost], folds: Sequence[Size], limits: Limits) -> tuple[Fault, str] | None:
    """Return the fault of a script that cannot finish within its limits, with the reason in a sentence; None if it may.

    Args:
        costs: What its evaluations so far took.
        folds: The views it is still to be run on.
        limits: Of one evaluation.
    """
    for size in folds:
        found = forecast(costs, size)
        if found is None:
            return None
        fold = f"a fold of {size.trained or size.predicted:,} rows"
        if found.lower_s > limits.wall_s:
            took = _listed(costs, size, lambda each: seconds(each.wall_s))
            least, allowed = seconds(found.lower_s), seconds(limits.wall_s)
            return Fault.TIMEOUT, f"it took {took}: {fold} would take at least {least}, and {allowed} are allowed"
        if found.lower_bytes > limits.memory_bytes:
            held = _listed(costs, size, lambda each: memory(each.peak_bytes))
            least, allowed = memory(found.lower_bytes), memory(limits.memory_bytes)
            return Fault.OUT_OF_MEMORY, f"it held {held}: {fold} would need at least {least}, and {allowed} are allowed"
    return None


def defer(
    costs: Sequence[Cost], folds: Sequence[Size], left_s: float, *, is_measured: bool, needs_all: bool
) -> str | None:
    """Return why the rest of the run does not hold what a script still needs, in a sentence; None when it may.

    Args:
        costs: What its evaluations so far took.
        folds: The views it is still to be run on, the next first.
        left_s: Seconds the search has left.
        is_measured: It was run on a fold before, so that the expected time of the next one can be trusted; else only the
            lower bound is.
        needs_all: It is worth something only when every fold is scored.
    """
    found = [each for size in folds if (each := forecast(costs, size)) is not None]
    if not found:
        return None
    left = f"the search has {seconds(max(0.0, left_s))} left"
    next_s = found[0].expected_s if is_measured else found[0].lower_s
    if next_s > left_s:
        return f"the next fold would take {'about' if is_measured else 'at least'} {seconds(next_s)}; {left}"
    all_s = sum(each.lower_s for each in found)
    if needs_all and all_s > left_s:
        return f"the {len(found)} folds it lacks would take at least {seconds(all_s)}; {left}"
    return None


def seconds(value: float) -> str:
    """Return `0.4 s`, `12 s` or `1,900 s`."""
    return f"{value:,.0f} s" if value >= 9.5 else f"{value:.2g} s"


def memory(value: float) -> str:
    """Return `350 MB` or `12.3 GB`."""
    return f"{value / 1e9:,.1f} GB" if value >= 1e9 else f"{value / 1e6:,.0f} MB"


def _listed(costs: Sequence[Cost], size: Size, figure: Callable[[_Measured], str]) -> str:
    """Return `40 s on 1,000 rows and 95 s on 2,000 rows`."""
    return " and ".join(
        f"{figure(each)} on {round(each.trained or each.predicted):,} rows" for each in _measure(costs, size)
    )


# ---- the law


def _measure(costs: Sequence[Cost], size: Size) -> list[_Measured]:
    """Return what was measured, one entry a size, smallest first."""
    known = sorted(((cost.size if cost.size.rows else size, cost) for cost in costs), key=lambda pair: pair[0].rows)
    groups: list[list[tuple[Size, Cost]]] = []
    for pair in known:
        if groups and pair[0].rows <= ALIKE * groups[-1][0][0].rows:
            groups[-1].append(pair)
        else:
            groups.append([pair])
    return [
        _Measured(
            trained=fmean(each.trained for each, _ in group),
            predicted=fmean(each.predicted for each, _ in group),
            wall_s=median(cost.wall_s for _, cost in group),
            peak_bytes=median(cost.peak_bytes for _, cost in group),
        )
        for group in groups
    ]


def _bound(measured: Sequence[_Measured], took: Sequence[float], size: Size, law: _Law) -> tuple[float, float]:
    """Return (lower, expected) of one resource.

    A bound holds for every measurement, so the tightest is taken. Rows to learn from and rows to answer need not grow
    alike, and nobody knows which cost more: it takes the one that grows less.
    """
    least = list(accumulate(reversed(took), min))[::-1]  # what fewer rows took beyond this was not for their sake
    slow, fast = 0.0, 2.0
    power = law.growth
    if len(measured) > 1:
        (before, now), step = least[-2:], log(measured[-1].rows / measured[-2].rows)
        power = min(STEEPEST, log(now / before) / step) if before > 0.0 else STEEPEST if now > 0.0 else 0.0
        slow = min(1.0, max(0.0, power + log(law.low) / step))
        fast = min(STEEPEST, max(1.0, power + log(law.high) / step))
    lower = 0.0
    for each, low in zip(measured, least, strict=True):
        ratio = min(_ratio(size.trained, each.trained), _ratio(size.predicted, each.predicted))
        lower = max(lower, law.low * low * _grow(ratio, slow, fast))
    expected = _expect([each.rows for each in measured], least, float(size.rows), power)
    return min(lower, expected), expected


def _ratio(rows: float, of: float) -> float:
    """Return how many times as many rows; at least one of each is there."""
    return max(1.0, rows) / max(1.0, of)


def _grow(ratio: float, up: float, down: float) -> float:
    """Return the factor of a cost for a factor of the rows, by one power for more rows and another for fewer."""
    return exp((up if ratio >= 1.0 else down) * log(ratio))


def _expect(rows: Sequence[float], took: Sequence[float], target: float, power: float) -> float:
    """Return the most likely cost: on the line between two sizes; beyond all, on by that line or, if steeper, by the power.

    The line is a fixed start and a part that grows with the rows.
    """
    if len(rows) == 1 or target <= rows[0]:
        return took[0] * _grow(_ratio(target, rows[0]), power, power)
    if target >= rows[-1] and power > 1.0:
        return took[-1] * _grow(target / rows[-1], power, power)
    end = next((place for place, each in enumerate(rows) if each >= target), len(rows) - 1)
    slope = (took[end] - took[end - 1]) / (rows[end] - rows[end - 1])
    return took[end] + slope * (target - rows[end])
