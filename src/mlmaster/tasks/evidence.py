"""Everything inference looks at, gathered once: the surveys of the tables, the words, the columns, the labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mlmaster.core.task import PredictionKind
from mlmaster.errors import DataError
from mlmaster.tasks.cells import MISSING
from mlmaster.tasks.columns import Columns, find_columns
from mlmaster.tasks.encoding import WESTERN
from mlmaster.tasks.find import Found
from mlmaster.tasks.loaded import Overrides
from mlmaster.tasks.survey import Survey, survey
from mlmaster.tasks.table import sniff
from mlmaster.tasks.target import TargetColumn, read_targets

MOST_TEXT_BYTES = 200_000


@dataclass(frozen=True)
class Evidence:
    """What there is to judge a task by.

    Attributes:
        directory, found: The folder and the names of its files.
        train, test, sample: Surveys of the tables.
        columns: Which columns are what.
        targets: Every label of every target.
        overrides: What the user said.
        description: The description in words, or an empty text.
        notes: What the user should know of the files.
    """

    directory: Path
    found: Found
    train: Survey
    test: Survey | None
    sample: Survey | None
    columns: Columns
    targets: tuple[TargetColumn, ...]
    overrides: Overrides
    description: str
    notes: tuple[str, ...]

    @property
    def asks_text(self) -> bool:
        """Return True when the answers are free text, so that labels are no classes: each may stand alone, or be empty."""
        return self.overrides.prediction_kind is PredictionKind.TEXT

    @cached_property
    def sample_values(self) -> frozenset[str]:
        """Return the values in the prediction columns of the sample submission."""
        if self.sample is None:
            return frozenset()
        return frozenset(cell for name in self.columns.predicted for cell in self.sample.column(name)) - MISSING

    @property
    def features(self) -> list[str]:
        """Return the columns that train and test share and that are no targets, in the order of the test table."""
        header = (self.test or self.train).header
        return [name for name in header if name in self.train.header and name not in self.columns.targets]


def gather(directory: Path, found: Found, overrides: Overrides) -> Evidence:
    """Read the tables and the description of a task.

    Raises:
        DataError: A table is broken, or the tables disagree.
        TaskError: The columns cannot be told, or the targets cannot be used.
    """
    notes = []
    surveys: dict[str, Survey] = {}
    for name in filter(None, (found.train, found.test, found.sample)):
        dialect = sniff(directory / name)
        if dialect.encoding == WESTERN:
            notes.append(f"{name} is not UTF-8; it is read as Windows-1252 (Western)")
        surveys[name] = survey(directory / name, dialect.delimiter)
    train = surveys[found.train]
    test = surveys[found.test] if found.test else None
    sample = surveys[found.sample] if found.sample else None
    if test is not None and test.delimiter != train.delimiter and len(test.header) > 1 and len(train.header) > 1:
        raise DataError(
            f"{test.path}: is delimited by {test.delimiter!r}, but {train.path.name} by {train.delimiter!r}; "
            "save both with the same delimiter"
        )
    description = ""
    if found.description is not None:
        content = (directory / found.description).read_bytes()
        description = content[:MOST_TEXT_BYTES].decode("utf-8", errors="replace")
    columns = find_columns(train, test, sample, overrides, f"{overrides.goal or ''}\n{description}")
    is_text = overrides.prediction_kind is PredictionKind.TEXT
    targets = read_targets(train.path, columns.targets, train.delimiter, may_be_empty=is_text)
    return Evidence(directory, found, train, test, sample, columns, targets, overrides, description, tuple(notes))
