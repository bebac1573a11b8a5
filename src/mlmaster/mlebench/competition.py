"""What is known of a competition of MLE-bench: a record of facts, as `competitions.yaml` holds them."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mlmaster.core.score import Direction


class Split(StrEnum):
    """The part of the benchmark a competition belongs to: the three of the 75 by difficulty, and those for development."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    DEV = "dev"


class Thresholds(BaseModel):
    """The scores that earn medals, and the median of the leaderboard.

    Attributes:
        gold, silver, bronze, median: Scores.
        agrees: Whether a second source gives the same medals; None where there is none.
        note: What else is known of where they come from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gold: float
    silver: float
    bronze: float
    median: float
    agrees: bool | None = None
    note: str = ""


class Competition(BaseModel):
    """A competition.

    Attributes:
        id: Kaggle's slug.
        name: Title for people.
        split: Part of the benchmark.
        category: Kind of task, in words.
        metric: The metric, in words.
        grader: Module of `graders/` that holds its grader.
        is_lower_better: Direction of the metric.
        answers: Path of the answers below `prepared/`.
        sample: Path of the sample submission below `prepared/`.
        gold_submission: Path of the answers in the form of a submission below `prepared/`, where there is one.
        thresholds: Of the medals.
        sample_score: Official score of the sample submission; NaN where the metric is undefined on it.
        teams_estimate: Rows of the leaderboard, within a few percent.
        format: How the competition was run: `simple` took files, `code` took notebooks.
        awards_medals: Whether Kaggle gave medals; MLE-bench gives them everywhere.
        size_gb: Size of the data in GB, where known.
        known_issue: What is known to be wrong with the official data or grader.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    split: Split
    category: str
    metric: str
    grader: str
    is_lower_better: bool
    answers: str
    sample: str
    gold_submission: str | None = None
    thresholds: Thresholds
    sample_score: float
    teams_estimate: int = Field(ge=1)
    format: Literal["simple", "code"]
    awards_medals: bool
    size_gb: float | None = None
    known_issue: str = ""

    @property
    def direction(self) -> Direction:
        """Return the direction of the metric."""
        return Direction.MINIMIZE if self.is_lower_better else Direction.MAXIMIZE
