"""How the harness scores a competition while it is solved: facts of `harness.yaml`, beside what is inferred from the files.

MLE-bench says how it split its test rows off; the same rule, applied to the public train rows, hides rows as the real test is
hidden. These are facts about public data alone, shown on prepared data. Of competitions without a recipe only expectations
are written down; nothing acts on those.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from mlmaster.core.scheme import SchemeKind
from mlmaster.tasks.loaded import Overrides


class FoldRule(BaseModel):
    """Which rows are hidden together: any row, or all rows that share a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal[SchemeKind.ROW, SchemeKind.GROUPED]
    key: str | None = None

    def __str__(self) -> str:
        return "by row" if self.key is None else f"grouped by {self.key}"


class Harness(BaseModel):
    """What the harness is told of a competition: just one of `folds` and the three reasons.

    Attributes:
        folds: The rule of its test split.
        task: Corrections of what is inferred, beside `folds`.
        self_reported: Why nothing can be hidden.
        expected: From which layout of its files it is expected that rows can be hidden.
        expected_self_reported: Why it is expected that nothing can.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folds: FoldRule | None = None
    task: Overrides = Field(default_factory=Overrides)
    self_reported: str = ""
    expected: str = ""
    expected_self_reported: str = ""


@cache
def harnesses() -> Mapping[str, Harness]:
    """Return what is known or expected, by competition."""
    text = files("mlmaster.mlebench").joinpath("harness.yaml").read_text(encoding="utf-8")
    return {name: Harness.model_validate(entry) for name, entry in yaml.safe_load(text).items()}
