"""The competitions by id and by split, and the checksums of what their preparation yields.

`competitions.yaml` and `checksums.yaml` beside this file hold the facts and can be edited by a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from mlmaster.errors import TaskError
from mlmaster.mlebench.competition import Competition, Split

SPLITS: Mapping[str, tuple[Split, ...]] = {
    "low": (Split.LOW,),
    "lite": (Split.LOW,),
    "medium": (Split.MEDIUM,),
    "high": (Split.HIGH,),
    "all": (Split.LOW, Split.MEDIUM, Split.HIGH),
    "dev": (Split.DEV,),
}
"""Names of splits, with the parts they are made of; `lite` is MLE-bench's own name for `low`, and `all` are the 75."""


class Checksums(BaseModel):
    """MD5 of a competition's files, in hexadecimal: the zip from Kaggle, and tables by name in `public` and `private`."""

    model_config = ConfigDict(frozen=True)

    zip: str
    public: Mapping[str, str] = Field(default_factory=dict)
    private: Mapping[str, str] = Field(default_factory=dict)


@cache
def competitions() -> Mapping[str, Competition]:
    """Return all 82 competitions by id, in MLE-bench's order (by id, upper case first)."""
    records = [Competition.model_validate(entry) for entry in _read("competitions.yaml")["competitions"]]
    return {record.id: record for record in sorted(records, key=lambda each: each.id)}


def competition(competition_id: str) -> Competition:
    """Return one competition.

    Raises:
        TaskError: There is none of this id; the nearest are named.
    """
    known = competitions()
    if competition_id not in known:
        lower = {each.lower(): each for each in known}
        near = get_close_matches(competition_id.lower(), lower, n=3)
        hint = f"did you mean {' or '.join(lower[each] for each in near)}? " if near else ""
        raise TaskError(f"{competition_id!r} is no competition of MLE-bench; {hint}`mlmaster bench list` shows all 82")
    return known[competition_id]


def of_split(name: str) -> tuple[Competition, ...]:
    """Return the competitions of a split, by id.

    Raises:
        TaskError: There is no such split.
    """
    if name not in SPLITS:
        raise TaskError(f"{name!r} is no split of MLE-bench; there are {', '.join(SPLITS)}")
    return tuple(each for each in competitions().values() if each.split in SPLITS[name])


def checksums(competition_id: str) -> Checksums:
    """Return the official checksums of a competition.

    Raises:
        TaskError: There is no such competition.
    """
    return _checksums()[competition(competition_id).id]


@cache
def _checksums() -> Mapping[str, Checksums]:
    return {name: Checksums.model_validate(entry) for name, entry in _read("checksums.yaml").items()}


def _read(name: str) -> Any:
    text = files("mlmaster.mlebench").joinpath(name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
