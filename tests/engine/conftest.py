"""A train table of each sort and the index of what tells its rows apart."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.engine.telling import TellingValues
from mlmaster.tasks.profile import profile

WORDS = (
    "river",
    "stone",
    "night",
    "house",
    "quick",
    "slow",
    "bird",
    "fish",
    "moon",
    "sand",
    "rain",
    "tower",
    "lamp",
    "wolf",
)


def write(folder: Path, header: Sequence[str], rows: Sequence[Sequence[object]], target: str) -> TellingValues:
    folder.mkdir(exist_ok=True)
    with (folder / "train.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    classes = tuple(sorted({str(row[-1]) for row in rows}))
    is_number = len(classes) > 3
    task = Task(
        name="rows",
        directory=folder,
        train="train.csv",
        id_column=header[0],
        echo_columns=(header[0],),
        submission_columns=(header[0], target),
        prediction_columns=(target,),
        targets=(target,),
        kind=TaskKind.REGRESSION if is_number else TaskKind.MULTICLASS,
        prediction_kind=PredictionKind.NUMBER if is_number else PredictionKind.LABEL,
        classes=() if is_number else classes,
        metric="rmse" if is_number else "accuracy",
        direction=Direction.MINIMIZE if is_number else Direction.MAXIMIZE,
    )
    return TellingValues(task, profile(task))


@pytest.fixture
def passengers(tmp_path: Path) -> TellingValues:
    """Keys like 0007_01, a comment, a class."""
    draw = random.Random(1)
    rows = [
        (
            f"{i:04d}_01",
            draw.choice("AB"),
            i % 5,
            " ".join(draw.choices(WORDS, k=12)).title(),
            draw.choice(["low", "high"]),
        )
        for i in range(300)
    ]
    return write(tmp_path / "passengers", ("PassengerId", "Deck", "Size", "Remark", "Answer"), rows, "Answer")


@pytest.fixture
def houses(tmp_path: Path) -> TellingValues:
    """Short numbers as ids, a measurement of many digits, a price."""
    draw = random.Random(2)
    rows = [
        (i + 1, draw.choice("AB"), round(draw.uniform(1, 99), 5), draw.randrange(500, 5000) * 100) for i in range(300)
    ]
    return write(tmp_path / "houses", ("Id", "Zone", "Area", "Price"), rows, "Price")


@pytest.fixture
def read_rows() -> Callable[[str, Path], list[dict[str, str]]]:
    """Return a reader of the rows of one of these tables."""

    def read(name: str, tmp_path: Path) -> list[dict[str, str]]:
        with (tmp_path / name / "train.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read
