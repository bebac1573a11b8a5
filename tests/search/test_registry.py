"""Policies by name, and the settings."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from mlmaster.errors import SettingsError
from mlmaster.search import POLICIES, SearchSettings, make_policy


@pytest.mark.parametrize("name", ["mcts", "greedy", "random"])
def test_a_policy_is_made_by_its_name(name: str) -> None:
    assert make_policy(SearchSettings(policy=name)).name == name


def test_mcts_is_the_default() -> None:
    assert make_policy(SearchSettings()).name == "mcts"


def test_an_unknown_policy_is_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"'mtcs'.*mcts, greedy, random"):
        make_policy(SearchSettings(policy="mtcs"))


def test_policies_call_themselves_what_the_registry_calls_them() -> None:
    assert all(make(SearchSettings()).name == name for name, make in POLICIES.items())


def test_every_setting_is_documented() -> None:
    missing = [name for name, field in SearchSettings.model_fields.items() if not field.description]
    assert missing == []


@pytest.mark.parametrize(
    "change",
    [
        {"improve": 3},
        {"drafts": 0},
        {"elite_uct_share": 1.1},
        {"exploration_schedule": "linear"},
        {"elite_from": 0.8, "elite_until": 0.7},
        {"published_hold": 0.8, "published_floor": 0.7},
    ],
)
def test_unknown_or_absurd_settings_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SearchSettings.model_validate(change)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SearchSettings().drafts = 3
