"""The estimate of runs without a judge: bootstrap bias-corrected cross-validation (BBC-CV) over all that was chosen from.

Few rows cannot be spared for a judge, so all hidden rows have guided the search, and the best of many candidates is
flattered by having been chosen on them. BBC-CV chooses again on every resample of the rows and looks at the rows that the
resample left out; see `intervals.out_of_bag`. A blend is refitted on some resamples in the same way, since its weights are a
choice too, and what it gains over the single node on rows left out is added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mlmaster.core.blend import BlendKind
from mlmaster.engine import noise
from mlmaster.engine.blending import Blender, Members, Space, add_greedily, utility_in
from mlmaster.engine.hidden import Hidden
from mlmaster.engine.intervals import out_of_bag

RESAMPLES, BLEND_RESAMPLES, BLEND_ROUNDS = 400, 20, 6
CANDIDATES = 200
"""The best so many are chosen from again; the others are hardly ever best on a resample."""


def corrected_value(
    blender: Blender,
    kind: BlendKind,
    members: Members,
    candidates: Sequence[int],
    blend_members: int,
    out_of_time: Callable[[], bool],
) -> float:
    """Return the metric value to expect of the chosen finalist, corrected for having been chosen.

    Args:
        blender: Of the run.
        kind: Of the chosen blend.
        members: Of the chosen finalist.
        candidates: All scored nodes, best first.
        blend_members: Best nodes a blend was chosen from.
        out_of_time: True ends the refitting of blends early; without any, a blend is taken to gain nothing.
    """
    hidden, direction = blender.hidden, blender.hidden.metric.direction
    sign = direction.to_utility(1.0)
    nodes = list(candidates[:CANDIDATES])
    inside = np.empty((len(nodes), RESAMPLES))
    outside = np.empty_like(inside)
    for i, node in enumerate(nodes):
        bags = hidden.split_bags(blender.answers(node), hidden.everything, RESAMPLES)
        inside[i], outside[i] = (sign * each for each in bags)
    utilities = out_of_bag(inside, outside)
    if len(utilities) == 0:
        return hidden.score(blender.answers(nodes[0]), hidden.everything)
    utility = float(utilities.mean())
    if len(members) > 1:
        space = blender.space(kind, nodes[:blend_members])
        utility += _gain_of_blending(hidden, space, inside, outside, out_of_time)
    return direction.to_value(utility)


def _gain_of_blending(
    hidden: Hidden, space: Space, inside: noise.Vector, outside: noise.Vector, out_of_time: Callable[[], bool]
) -> float:
    """Return by how much blends fitted on resamples beat the best single nodes of these, on the rows left out."""
    draws = noise.draw(hidden.clusters, hidden.seed, BLEND_RESAMPLES)
    gains = []
    for resample, drawn in enumerate(draws):
        if out_of_time():
            break
        if np.isnan(inside[:, resample]).all():
            continue
        rows, left = np.repeat(np.arange(len(drawn)), drawn), np.flatnonzero(drawn == 0)
        taking_part = list(space.parts)
        counts = add_greedily(
            [space.parts[node][rows] for node in taking_part],
            utility_in(hidden.take(rows), space),
            out_of_time,
            BLEND_ROUNDS,
        )
        total = sum(count * space.parts[node][left] for node, count in zip(taking_part, counts, strict=True))
        blend = utility_in(hidden.take(left), space)(np.asarray(total) / sum(counts))
        single = outside[int(np.nanargmax(inside[:, resample])), resample]
        if np.isfinite(blend) and np.isfinite(single):
            gains.append(blend - single)
    return float(np.mean(gains)) if gains else 0.0
