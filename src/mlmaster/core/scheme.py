"""How the hidden evaluation is laid out: the fold scheme, what was measured to choose it, and the shift found.

A `Scheme` is decided once for a run, from the data (`mlmaster.tasks`) or by the user, recorded in `RunStarted`, and shown.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SchemeKind(StrEnum):
    """Which rows are hidden together.

    ROW: single rows, stratified. GROUPED: all rows that share a key. BLOCKED: stretches of time with visible rows before and
    after. TIME: the newest rows; what a view shows is older than what it hides.
    """

    ROW = "row"
    GROUPED = "grouped"
    BLOCKED = "blocked"
    TIME = "time"


class Relation(BaseModel):
    """One line of the table the scheme is chosen by: how the real test relates to train through one key.

    `test`, `row` and `by_key` are shares of rows: of the real test, of the hidden rows of row folds, of the hidden rows of
    folds by this key. For `group`, `duplicates` and `files` it is the share whose key occurs in train (among the visible
    rows); for `time` the share that is later than every train row (every visible row).
    """

    model_config = ConfigDict(frozen=True)

    key: str
    kind: Literal["group", "time", "duplicates", "files"]
    test: float | None = Field(description="None without a test file")
    row: float
    by_key: float
    note: str = ""


class Shift(BaseModel):
    """How well a classifier tells test rows from train rows: ROC AUC on rows it has not seen, and what gives them away."""

    model_config = ConfigDict(frozen=True)

    auc: float
    columns: tuple[str, ...] = ()

    @property
    def is_strong(self) -> bool:
        """Return True when train and test plainly differ."""
        return self.auc > 0.65


class Scheme(BaseModel):
    """The layout of the hidden evaluation.

    Attributes:
        kind, key: Which rows are hidden together, and the column (or derived key) that says so; None for rows.
        cluster: The key whose rows stay on one side of guide and judge and are drawn together by the bootstrap; None when
            rows stand for themselves.
        folds: Folds of one repeat.
        repeats: How often all rows are dealt into folds anew.
        has_judge: False when the judge part would be too small to mean anything: then all hidden rows guide, and repeated
            folds take its place.
        is_users: The user said so; nothing was chosen.
        reason: One sentence for people.
        relations: The table.
        shift: Of the real test against train, or None when not measured.
    """

    model_config = ConfigDict(frozen=True)

    kind: SchemeKind = SchemeKind.ROW
    key: str | None = None
    cluster: str | None = None
    folds: int = Field(ge=1)
    repeats: int = Field(default=1, ge=1)
    has_judge: bool = True
    is_users: bool = False
    reason: str = ""
    relations: tuple[Relation, ...] = ()
    shift: Shift | None = None
