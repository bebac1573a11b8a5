"""Tiny tasks of every kind, their views on disk, and a way to run many emitted scripts in one process."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mlmaster.core.score import Direction
from mlmaster.core.task import (
    ColumnKind,
    ColumnProfile,
    FileRule,
    Modality,
    PredictionKind,
    Profile,
    Task,
    TaskKind,
)
from mlmaster.engineers.offline.facts import Facts

ROWS, ASKED = 72, 18
WORDS = ["red", "green", "blue", "stone", "river", "night", "house", "quick", "slow", "bird", "fish", "moon"]


@dataclass(frozen=True)
class Tiny:
    """A tiny task and the folder a script sees as its working directory."""

    task: Task
    profile: Profile
    directory: Path

    @property
    def facts(self) -> Facts:
        return Facts.of(self.task, self.profile)


TARGETS: Mapping[str, dict[str, Any]] = {
    "number": {"kind": TaskKind.REGRESSION, "prediction_kind": PredictionKind.NUMBER, "metric": "rmse_log"},
    "two_numbers": {"kind": TaskKind.REGRESSION, "prediction_kind": PredictionKind.NUMBER, "metric": "rmsle"},
    "probability": {"kind": TaskKind.BINARY, "prediction_kind": PredictionKind.PROBABILITY, "metric": "roc_auc"},
    "label": {"kind": TaskKind.BINARY, "prediction_kind": PredictionKind.LABEL, "metric": "f1"},
    "classes": {
        "kind": TaskKind.MULTICLASS,
        "prediction_kind": PredictionKind.CLASS_PROBABILITIES,
        "metric": "log_loss",
    },
    "marked_classes": {
        "kind": TaskKind.MULTICLASS,
        "prediction_kind": PredictionKind.CLASS_PROBABILITIES,
        "metric": "log_loss",
    },
    "grade": {
        "kind": TaskKind.MULTICLASS,
        "prediction_kind": PredictionKind.LABEL,
        "metric": "quadratic_weighted_kappa",
    },
    "ranking": {"kind": TaskKind.MULTICLASS, "prediction_kind": PredictionKind.RANKING, "metric": "map_at_k"},
    "labels": {"kind": TaskKind.MULTILABEL, "prediction_kind": PredictionKind.PROBABILITY, "metric": "roc_auc"},
    "words": {"kind": TaskKind.MULTICLASS, "prediction_kind": PredictionKind.TEXT, "metric": "jaccard"},
}


def _columns(what: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return targets, prediction columns and classes of a kind of target."""
    match what:
        case "two_numbers":
            return ("first", "second"), ("first", "second"), ()
        case "labels":
            return ("warm", "wet"), ("warm", "wet"), ("warm", "wet")
        case "classes":
            return ("answer",), ("low", "mid", "top"), ("low", "mid", "top")
        case "marked_classes":
            return ("low", "mid", "top"), ("low", "mid", "top"), ("low", "mid", "top")
        case "grade":
            return ("answer",), ("answer",), ("0", "1", "2")
        case "ranking":
            return ("answer",), ("answer",), ("low", "mid", "top")
        case "probability" | "label":
            return ("answer",), ("answer",), ("False", "True")
        case _:
            return ("answer",), ("answer",), ()


def _cells(what: str, signal: float, text: str) -> list[object]:
    third = min(2, int(signal * 3))
    match what:
        case "number":
            return [round(1 + 20 * signal**2, 3)]
        case "two_numbers":
            return [round(3 * signal, 3), round(signal**2, 3)]
        case "labels":
            return [int(signal > 0.5), int(0.3 < signal < 0.8)]
        case "classes" | "ranking":
            return [("low", "mid", "top")[third]]
        case "marked_classes":
            return [int(place == third) for place in range(3)]
        case "grade":
            return [third]
        case "words":
            return [text.split()[0]]
        case _:
            return [signal > 0.5]


def _row(number: int, signal: float, draw: random.Random) -> dict[str, object]:
    level = "abcd"[int(signal * 4)]
    words = [WORDS[min(11, int(signal * 12))], *draw.choices(WORDS, k=4), "and so on"]
    return {
        "key": f"{number // 2:03d}_{number % 2 + 1:02d}",
        "size": round(signal + draw.gauss(0, 0.2), 4),
        'height,"odd" name': round(draw.gauss(0, 1), 4),
        "spent": round(max(0.0, draw.gauss(0, 1)) ** 3 * 30, 2),
        "saved": round(max(0.0, draw.gauss(0, 1)) ** 3 * 20, 2),
        "code": draw.randrange(4),
        "level": draw.choice("abcd") if draw.random() < 0.3 else (level if draw.random() < 0.9 else ""),
        "cabin": f"{level.upper()}/{number}/S" if number % 7 else "",
        "day": f"2023-{number % 12 + 1:02d}-{number % 28 + 1:02d} {number % 24:02d}:00:00",
        "person": f"{draw.choice(WORDS).title()} {draw.choice(WORDS).title()}",
        "comment": " ".join(words) + ("!\\n" if number % 5 == 0 else "."),
    }


def _profile(targets: Sequence[str], what: str, modality: Modality) -> Profile:
    def column(name: str, kind: ColumnKind, **more: Any) -> ColumnProfile:
        return ColumnProfile(name=name, kind=kind, missing=more.pop("missing", 0.0), distinct=60, **more)

    amount = {"mean": 10.0, "minimum": 0.0, "maximum": 400.0}
    columns = [
        column("key", ColumnKind.IDENTIFIER, separators="_"),
        column("size", ColumnKind.NUMBER, mean=0.5, minimum=-0.2, maximum=1.3),
        column('height,"odd" name', ColumnKind.NUMBER, mean=0.0, minimum=-2.5, maximum=2.5),
        column("spent", ColumnKind.NUMBER, **amount),
        column("saved", ColumnKind.NUMBER, **amount),
        column("code", ColumnKind.NUMBER, mean=1.5, minimum=0.0, maximum=3.0),
        column("level", ColumnKind.CATEGORY, missing=0.1),
        column("cabin", ColumnKind.CATEGORY, separators="/", missing=0.1),
        column("day", ColumnKind.DATE),
        column("person", ColumnKind.CATEGORY, mean_words=2.0),
        column("comment", ColumnKind.TEXT, mean_words=8.0),
    ]
    if modality is Modality.TEXT:
        columns = [each for each in columns if each.name in ("key", "comment")]
    if modality is Modality.IMAGE:
        columns = columns[:1]
    columns += [column(name, ColumnKind.NUMBER, is_target=True, is_in_test=False) for name in targets]
    is_number = what in ("number", "two_numbers")
    return Profile(
        train_rows=ROWS,
        test_rows=ASKED,
        columns=tuple(columns),
        target_minimum=0.001 if is_number else None,
        target_skew=1.5 if is_number else None,
        image_size=(16, 16) if modality is Modality.IMAGE else None,
        image_channels=3 if modality is Modality.IMAGE else None,
    )


def _write_files(inputs: Path, modality: Modality, rows: Sequence[dict[str, object]], signals: Sequence[float]) -> None:
    draw = random.Random(3)
    for place, (row, signal) in enumerate(zip(rows, signals, strict=True)):
        part = "train" if place < ROWS else "test"
        if modality is Modality.IMAGE:
            folder = inputs / "pictures"
            folder.mkdir(exist_ok=True)
            shade = [int(200 * signal), draw.randrange(80), 40]
            picture = Image.new("RGB", (16, 16), (20, 20, 20))
            picture.paste(Image.new("RGB", (4 + int(10 * signal), 6), (shade[0], shade[1], shade[2])), (1, 4))
            picture.save(folder / f"{row['key']}.png")
        else:
            folder = inputs / "points" / part
            folder.mkdir(parents=True, exist_ok=True)
            lines = ["# made up", *(f"cell {4 * (i == 0)} {4 * (i == 1)} {4 * (i == 2)}" for i in range(3))]
            lines += [f"atom {draw.random() * 4} {draw.random() * 4} {signal + i % 3} {'AB'[i % 2]}" for i in range(8)]
            (folder / f"{row['key']}.xyz").write_text("\n".join(lines))


def make_tiny(root: Path, what: str, modality: Modality = Modality.TABULAR) -> Tiny:
    """Write the view of a tiny task below `root` and return the task."""
    targets, predicted, classes = _columns(what)
    profile = _profile(targets, what, modality)
    features = [column.name for column in profile.columns if column.is_in_test]
    draw = random.Random(7)
    signals = [draw.random() * 0.999 for _ in range(ROWS + ASKED)]
    rows = [_row(number, signal, draw) for number, signal in enumerate(signals)]
    directory = root / f"{what}-{modality}"
    inputs = directory / "input"
    inputs.mkdir(parents=True)
    for name, chosen in (("train.csv", range(ROWS)), ("test.csv", range(ROWS, ROWS + ASKED))):
        with (inputs / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*features, *(targets if name == "train.csv" else ())])
            for place in chosen:
                answers = _cells(what, signals[place], str(rows[place]["comment"])) if name == "train.csv" else []
                writer.writerow([*(rows[place][column] for column in features), *answers])
    rules: tuple[FileRule, ...] = ()
    if modality is Modality.IMAGE:
        rules = (FileRule(train="pictures/{key}.png", test="pictures/{key}.png", key="key"),)
    elif modality is Modality.TABULAR:
        rules = (FileRule(train="points/train/{key}.xyz", test="points/test/{key}.xyz", key="key"),)
    if rules:
        _write_files(inputs, modality, rows, signals)
    copied = ("key", "comment") if modality is Modality.TEXT else ("key",)
    columns = (*predicted, *copied) if modality is Modality.TEXT else (*copied, *predicted)
    task = Task(
        name="tiny",
        directory=inputs,
        train="train.csv",
        test="test.csv",
        id_column="key",
        echo_columns=copied,
        submission_columns=columns,
        prediction_columns=predicted,
        targets=targets,
        classes=classes,
        modality=modality,
        file_rules=rules,
        metric_params={"k": 2} if what == "ranking" else {},
        direction=Direction.MAXIMIZE,
        **TARGETS[what],
    )
    return Tiny(task, profile, directory)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Tiny]:
    """Return a maker of tiny tasks; each is written once a session."""
    root = tmp_path_factory.mktemp("tiny")
    made: dict[tuple[str, Modality], Tiny] = {}

    def get(what: str, modality: Modality = Modality.TABULAR) -> Tiny:
        if (what, modality) not in made:
            made[what, modality] = make_tiny(root, what, modality)
        return made[what, modality]

    return get


_RUNNER = """
import contextlib, io, json, os, runpy, sys, traceback, warnings
failures = {}
for directory in sys.argv[1:]:
    os.chdir(directory)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path("solution.py", run_name="__main__")
    except BaseException:
        failures[directory] = traceback.format_exc()
print(json.dumps(failures))
"""


@dataclass(frozen=True)
class Run:
    """One emitted script and its folder after it ran."""

    name: str
    tiny: Tiny
    directory: Path


@pytest.fixture
def run_scripts(tmp_path: Path) -> Callable[[Sequence[tuple[str, Tiny, str]]], list[Run]]:
    """Return a function that runs named scripts one after the other in one process, each in its own folder.

    One process, because importing the libraries takes longer than the scripts.
    """

    def run(scripts: Sequence[tuple[str, Tiny, str]]) -> list[Run]:
        runs = []
        for place, (name, tiny, code) in enumerate(scripts):
            directory = tmp_path / str(place)
            directory.mkdir()
            (directory / "input").symlink_to(tiny.directory / "input")
            (directory / "solution.py").write_text(code, encoding="utf-8")
            runs.append(Run(name, tiny, directory))
        done = subprocess.run(
            [sys.executable, "-W", "error::SyntaxWarning", "-c", _RUNNER, *(str(each.directory) for each in runs)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        failures = json.loads(done.stdout.splitlines()[-1])
        told = {each.name: failures[str(each.directory)] for each in runs if str(each.directory) in failures}
        assert not told, "\n".join(f"{name}\n{textwrap.indent(trace, '  ')}" for name, trace in told.items())
        return runs

    return run


def check_submission(run: Run) -> None:
    """Check that a run's submission is complete, in order and within its domain."""
    task = run.tiny.task
    with (run.directory / "submission.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with (run.directory / "input" / "test.csv").open(newline="", encoding="utf-8") as file:
        asked = list(csv.DictReader(file))
    assert tuple(rows[0]) == task.submission_columns, run.name
    for column in task.echo_columns:
        assert [row[column] for row in rows] == [row[column] for row in asked], run.name
    for row in rows:
        answers = [row[column] for column in task.prediction_columns]
        match task.prediction_kind:
            case PredictionKind.NUMBER:
                assert all(0 <= float(answer) < 1e6 for answer in answers), run.name
            case PredictionKind.PROBABILITY:
                assert all(0 <= float(answer) <= 1 for answer in answers), run.name
            case PredictionKind.CLASS_PROBABILITIES:
                assert abs(sum(map(float, answers)) - 1) < 1e-6, run.name
                assert min(map(float, answers)) > 0, run.name
            case PredictionKind.LABEL:
                assert answers[0] in task.classes, run.name
            case PredictionKind.RANKING:
                ranked = answers[0].split()
                assert len(ranked) == len(set(ranked)) == 2, run.name
                assert set(ranked) <= set(task.classes), run.name
            case PredictionKind.TEXT:
                assert answers[0], run.name
    if task.prediction_kind is PredictionKind.LABEL:
        with (run.directory / "probabilities.csv").open(newline="", encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        assert tuple(table[0]) == ("key", *task.classes), run.name
        assert len(table) == len(rows), run.name
        for row in table:
            assert abs(sum(float(row[label]) for label in task.classes) - 1) < 1e-6, run.name


@pytest.fixture(scope="session")
def check() -> Callable[[Run], None]:
    """Return the check of a run's submission."""
    return check_submission
