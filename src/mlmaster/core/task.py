"""What is to be solved: the task, its columns and files, and what a prediction for it looks like.

A `Task` is the resolved answer to "what is asked": made by `mlmaster.tasks` from a folder or a file, corrected by the
user, then fixed for the whole run. It holds paths and names only, never data.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from mlmaster.core.score import Direction


class TaskKind(StrEnum):
    """The kind of target."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    MULTILABEL = "multilabel"
    REGRESSION = "regression"


class Modality(StrEnum):
    """What most of the signal is made of; decides which families of solutions fit."""

    TABULAR = "tabular"
    TEXT = "text"
    IMAGE = "image"


class PredictionKind(StrEnum):
    """What stands in the prediction columns of a submission.

    NUMBER: one float per target. PROBABILITY: one float in [0, 1] per target, of the positive class (binary: one column;
    multilabel: one per label). CLASS_PROBABILITIES: one column per class, in the order of `Task.classes`. LABEL: one
    hard label. RANKING: one cell of up to k labels separated by spaces, best first. TEXT: free text.
    """

    NUMBER = "number"
    PROBABILITY = "probability"
    CLASS_PROBABILITIES = "class_probabilities"
    LABEL = "label"
    RANKING = "ranking"
    TEXT = "text"


class FileRule(BaseModel):
    """Files that belong to rows: where the file of a row lies, as patterns over one key column.

    `train` and `test` are paths relative to the task folder with one ``{key}`` placeholder (`images/{key}.png`,
    `train/{key}/geometry.xyz`). They are equal where train and test files share a folder. `key` names the column whose
    value fills the placeholder.
    """

    model_config = ConfigDict(frozen=True)

    train: str
    test: str
    key: str


class SideTable(BaseModel):
    """A further table whose rows belong to rows of train and test through a key (purchases of a customer, facts of a store).

    Attributes:
        path: Relative to the task folder.
        key: The side table's own key column.
        column: The column of train (and test) whose value stands there.
        has_test: Whether it holds rows for keys of the real test table as well: only then may a view's hidden rows have
            theirs; otherwise it would tell about hidden rows what is not known of test rows.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    key: str
    column: str
    has_test: bool


class Task(BaseModel):
    """A resolved task.

    Attributes:
        name: Short identifier, used in run names and reports.
        goal: What the user asked for, in words; may be empty.
        directory: Absolute folder holding the files below.
        train: Train table, relative to `directory`.
        test: Test table, or None when the task is one labelled table (then answers are out-of-fold).
        sample: Sample submission, or None; then the submission is the id column plus the prediction columns.
        description: Description in words (Markdown or text), or None.
        extra_files: Other files every view may hold unchanged because they cannot hold rows (data dictionaries).
        file_rules: Files that belong to rows.
        side_tables: Tables that belong to rows through a key.
        id_column: Column of test (and of the submission) that names rows, or None when there is none. Values may repeat.
        echo_columns: Columns of the sample that are copied from the test table and are not predictions (id included).
        submission_columns: All columns of a submission, in order (echo and prediction columns).
        prediction_columns: The predicted columns of a submission, in order.
        targets: Target columns of the train table.
        train_only: Columns of train that are neither targets nor in test: never usable as features.
        kind, modality, prediction_kind: See the enums.
        classes: Class labels as written in a submission (empty for regression). Binary: (negative, positive).
            Multilabel: the label names. CLASS_PROBABILITIES: same order as `prediction_columns`.
        metric: Registry name; `metric_params` its parameters (`{"k": 3}`).
        metric_file: The task's own `metric.py` relative to `directory`, or None.
        direction: Fixed once, from the registry.
        delimiter: Delimiter of the train and test tables.
        reads_order: True when submissions are matched to answers by position, not by id.
        split_file: The task's own `split.py` relative to `directory`, or None; it says which rows are hidden together.
        is_self_reported: The last resort: nothing can be hidden, scripts see everything and report their own score.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    goal: str = ""
    directory: Path
    train: str
    test: str | None = None
    sample: str | None = None
    description: str | None = None
    extra_files: tuple[str, ...] = ()
    file_rules: tuple[FileRule, ...] = ()
    side_tables: tuple[SideTable, ...] = ()
    id_column: str | None = None
    echo_columns: tuple[str, ...] = ()
    submission_columns: tuple[str, ...]
    prediction_columns: tuple[str, ...]
    targets: tuple[str, ...]
    train_only: tuple[str, ...] = ()
    kind: TaskKind
    modality: Modality = Modality.TABULAR
    prediction_kind: PredictionKind
    classes: tuple[str, ...] = ()
    metric: str
    metric_params: Mapping[str, float] = Field(default_factory=dict)
    metric_file: str | None = None
    direction: Direction
    delimiter: str = ","
    reads_order: bool = False
    split_file: str | None = None
    is_self_reported: bool = False


class ColumnKind(StrEnum):
    """What a column holds, as profiled."""

    NUMBER = "number"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATE = "date"
    IDENTIFIER = "identifier"
    CONSTANT = "constant"


class ColumnProfile(BaseModel):
    """Aggregates over one column of the train table; no single cell of a hidden row."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: ColumnKind
    missing: float = Field(ge=0, le=1, description="share of missing cells")
    distinct: int = Field(ge=0, description="distinct values seen (a lower bound on very large tables)")
    mean: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    mean_words: float | None = Field(default=None, description="mean number of words, for text")
    separators: str = Field(
        default="", description="characters that split every value into equally many parts ('/', '_')"
    )
    is_target: bool = False
    is_in_test: bool = True


class Profile(BaseModel):
    """What an engineer may know of the data before looking: sizes, columns, files."""

    model_config = ConfigDict(frozen=True)

    train_rows: int
    test_rows: int
    columns: tuple[ColumnProfile, ...]
    file_extensions: tuple[str, ...] = Field(default=(), description="per file rule: '.png', '.xyz', …")
    image_size: tuple[int, int] | None = Field(default=None, description="median (width, height) in pixels")
    image_channels: int | None = None
    class_shares: Mapping[str, float] = Field(default_factory=dict, description="share of each class in train")
    target_skew: float | None = Field(default=None, description="skewness of a single numeric target")
    target_minimum: float | None = None

    def of_kind(self, *kinds: ColumnKind) -> tuple[str, ...]:
        """Return the names of feature columns of the given kinds: in test, and not a target."""
        return tuple(c.name for c in self.columns if c.kind in kinds and c.is_in_test and not c.is_target)
