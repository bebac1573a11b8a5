"""How several nodes' predictions become one."""

from __future__ import annotations

from enum import StrEnum


class BlendKind(StrEnum):
    """How members are averaged, by weight.

    MEAN: arithmetic. GEOMETRIC: of numbers or probabilities, the latter normalised afterwards. RANK: of ranks within the
    rows answered together, for metrics that see order alone. VOTE: of hard labels that come without probabilities.
    """

    MEAN = "mean"
    GEOMETRIC = "geometric"
    RANK = "rank"
    VOTE = "vote"
