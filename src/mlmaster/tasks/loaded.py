"""What loading takes and gives: the user's overrides, the resolved task, and the reasons for what was inferred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mlmaster.core.score import Direction
from mlmaster.core.task import FileRule, Modality, PredictionKind, SideTable, Task, TaskKind

NONE = "none"
"""Written by the user to say that there is no such file or column, where something would be inferred otherwise."""

LAST_RESORT = (
    "where nothing can be hidden, the last resort is evaluation: self_reported in task.yaml (scripts score themselves)"
)


class Evaluation(StrEnum):
    """How solutions are scored: by the harness on rows it hides, or by their own word where nothing can be hidden."""

    HIDDEN = "hidden"
    SELF_REPORTED = "self_reported"


class Overrides(BaseModel):
    """What the user says about a task, by flag or in `task.yaml`; whatever is left out is inferred."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(default=None, description="short name of the task")
    goal: str | None = Field(default=None, description="what is asked for, in words")
    target: tuple[str, ...] = Field(default=(), description="target column(s) of the train table")
    id: str | None = Field(default=None, description="column that names rows, or none")
    kind: TaskKind | None = Field(default=None, description="binary, multiclass, multilabel or regression")
    positive: str | None = Field(default=None, description="the positive class of a binary target")
    metric: str | None = Field(default=None, description="metric by its standard name")
    metric_params: Mapping[str, float] = Field(default_factory=dict, description="parameters of the metric, as k: 3")
    metric_file: str | None = Field(default=None, description="the task's own metric.py")
    direction: Direction | None = Field(
        default=None, description="maximize or minimize; needed where scripts report a metric that is not known here"
    )
    split_file: str | None = Field(
        default=None, description="the task's own split.py, which says which rows are hidden together, or none"
    )
    evaluation: Evaluation | None = Field(
        default=None,
        description="hidden, or self_reported: the last resort, in which scripts see everything and score themselves",
    )
    prediction_kind: PredictionKind | None = Field(
        default=None, description="number, probability, class_probabilities, label, ranking or text"
    )
    modality: Modality | None = Field(default=None, description="tabular, text or image")
    train: str | None = Field(default=None, description="train table")
    test: str | None = Field(default=None, description="test table, or none")
    sample: str | None = Field(default=None, description="sample submission, or none")
    description: str | None = Field(default=None, description="description in words, or none")
    extra_files: tuple[str, ...] | None = Field(
        default=None, description="further files that every script may see because they hold no rows"
    )
    file_rules: tuple[FileRule, ...] | None = Field(
        default=None, description="files that belong to rows: path patterns with {key}, and the column that fills it"
    )
    side_tables: tuple[SideTable, ...] | None = Field(
        default=None,
        description="further tables whose rows belong to rows through a key: path, key, column, has_test; or none",
    )
    reads_order: bool | None = Field(default=None, description="true when answers are matched by position, not by id")

    @property
    def is_self_reported(self) -> bool:
        """Return True when the user chose the last resort."""
        return self.evaluation is Evaluation.SELF_REPORTED

    @field_validator("target", "extra_files", mode="before")
    @classmethod
    def _accept_one(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("side_tables", mode="before")
    @classmethod
    def _accept_none(cls, value: object) -> object:
        return () if isinstance(value, str) and value.lower() == NONE else value

    def over(self, other: Overrides) -> Overrides:
        """Return these overrides, with what they leave out taken from `other`."""
        own = {
            name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if getattr(self, name) != field.get_default(call_default_factory=True)
        }
        return other.model_copy(update=own)


@dataclass(frozen=True, slots=True)
class Inference:
    """One line of the table shown to the user: what was settled, on what, and why."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class LoadedTask:
    """A task ready to be solved, with the reasons and what the user should know.

    Attributes:
        task: The resolved task.
        inferences: What was settled and why, in a fixed order, for display and for `task.yaml`.
        notes: Sentences about what was left out, converted or is unusual; the task is solvable regardless.
    """

    task: Task
    inferences: tuple[Inference, ...]
    notes: tuple[str, ...] = ()
