"""Agents made up from counts of medals, so that what their numbers must be is known."""

from collections.abc import Sequence

from mlmaster.bench.outcomes import Outcome
from mlmaster.mlebench.registry import of_split

MEDAL = Outcome(is_there=True, is_valid=True, is_above_median=True, bronze=True)
NOTHING = Outcome(is_there=True, is_valid=True)


def agent(**counts: Sequence[int]) -> dict[str, list[Outcome]]:
    """Return outcomes with so many medals a seed in each split, the first competitions by id."""
    outcomes: dict[str, list[Outcome]] = {}
    for split, medals in counts.items():
        for index, competition in enumerate(of_split(split)):
            outcomes[competition.id] = [MEDAL if index < medal else NOTHING for medal in medals]
    return outcomes
