"""Policies by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mlmaster.errors import SettingsError
from mlmaster.ports import Policy
from mlmaster.search.greedy import GreedyPolicy
from mlmaster.search.mcts import MctsPolicy
from mlmaster.search.random import RandomPolicy
from mlmaster.search.settings import SearchSettings

POLICIES: Mapping[str, Callable[[SearchSettings], Policy]] = {
    "mcts": MctsPolicy,
    "greedy": GreedyPolicy,
    "random": RandomPolicy,
}
"""A new policy is a new file and a line here."""


def make_policy(settings: SearchSettings) -> Policy:
    """Return the policy the settings name.

    Raises:
        SettingsError: No such policy; the message lists the names.
    """
    if settings.policy not in POLICIES:
        raise SettingsError(
            f"search.policy: there is no policy {settings.policy!r}; choose one of {', '.join(POLICIES)}"
        )
    return POLICIES[settings.policy](settings)
