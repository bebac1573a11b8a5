"""Each competition with a recipe, from made-up raw files to its hidden evaluation, as `harness.yaml` says of it.

The competitions whose real data can be had are taken through the same steps on those.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tests.mlebench.made_raw import MAKERS

from mlmaster.core.encoding import encode_truth
from mlmaster.core.scheme import SchemeKind
from mlmaster.core.task import PredictionKind, Task
from mlmaster.metrics.definition import DefinedMetric
from mlmaster.metrics.proof import perfect_answer
from mlmaster.metrics.registry import Registry
from mlmaster.metrics.rules import check
from mlmaster.metrics.submission import read_submission, write_submission
from mlmaster.mlebench.grading import judge
from mlmaster.mlebench.harness import FoldRule, harnesses
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.preparation.recipe import has_recipe, recipe_of
from mlmaster.mlebench.registry import competition, competitions
from mlmaster.ports import Array
from mlmaster.settings import Settings
from mlmaster.tasks.layout import Layout, submission_layout
from mlmaster.tasks.scheme import Asked
from mlmaster.tasks.table import count_rows, read_columns, read_header
from mlmaster.tasks.views import Views
from mlmaster.wiring import prepare, preview_scheme

TASKS = Path(os.environ.get("ML_MASTER_TASKS") or Path(__file__).resolve().parents[2].parent / "shared" / "tasks")
ON_REAL_DATA = (
    "detecting-insults-in-social-commentary",
    "nomad2018-predict-transparent-conductors",
    "spaceship-titanic",
    "spooky-author-identification",
)
SLOW = ("tabular-playground-series-may-2022",)
SCORED = [
    pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else [])
    for name, known in harnesses().items()
    if known.folds is not None
]
SELF_REPORTED = [name for name, known in harnesses().items() if known.self_reported]

Prepared = Callable[[str], Place]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Return a function that prepares a competition from made-up raw files, once."""
    data_dir = tmp_path_factory.mktemp("data")

    @cache
    def prepare_once(name: str) -> Place:
        place, recipe = Place(data_dir, competition(name)), recipe_of(competition(name))
        assert recipe is not None
        for folder in (place.raw, place.public, place.private):
            folder.mkdir(parents=True)
        MAKERS[name](place.raw)
        recipe.prepare(place.raw, place.public, place.private)
        return place

    return prepare_once


@dataclass(frozen=True)
class Hidden:
    """A competition as a run would hide its rows."""

    task: Task
    views: Views
    metric: DefinedMetric


def hide(place: Place, folder: Path) -> Hidden:
    given = prepare(place.home, Settings(), folder / "data")
    engine = given.settings.engine
    metric = Registry().for_task(given.task)
    assert isinstance(metric, DefinedMetric)
    asked = Asked(engine.fold_scheme, engine.fold_key)
    views = Views(given.task, folder / "pool", 0, asked=asked, complain=metric.definition.complaint)
    preview = preview_scheme(given.task, given.settings)
    assert preview is not None
    assert (preview.kind, preview.key, preview.folds) == (views.scheme.kind, views.scheme.key, views.scheme.folds)
    return Hidden(given.task, views, metric)


def check_rule(hidden: Hidden, rule: FoldRule) -> None:
    scheme, views, task = hidden.views.scheme, hidden.views, hidden.task
    assert (scheme.kind, scheme.key) == (SchemeKind(rule.kind), rule.key)
    assert views.labelled.all()
    covered = np.sum([views.hidden_in(fold) for fold in range(views.folds)], axis=0)
    assert set(covered.tolist()) == {scheme.repeats}
    if rule.key is not None:
        keys = np.array(read_columns(task.directory / task.train, [rule.key], task.delimiter)[rule.key])
        for fold in range(views.folds):
            assert not set(keys[views.hidden_in(fold)]) & set(keys[views.visible_in(fold)])


def check_perfect_answer(hidden: Hidden, folder: Path) -> None:
    """The truth, handed in as a script hands in answers, scores best; that of another row does not."""
    task, views, metric = hidden.task, hidden.views, hidden.metric
    check(metric, task, views.truth)
    view = views.fold(0)
    assert set(read_header(view.directory / str(task.test), task.delimiter)).isdisjoint(task.targets)
    names = [name for name in task.submission_columns if name not in task.prediction_columns]
    echo = read_columns(view.directory / str(task.sample), names)
    rows = np.where(view.rows >= 0, view.rows, 0)
    write_submission(folder / "answer.csv", task, echo, perfect_answer(task, views.truth[rows]))
    answer = read_submission(folder / "answer.csv", task, view.keys, len(rows))[view.rows >= 0]
    truth = views.truth[rows][view.rows >= 0]
    assert metric.perfect is not None
    assert metric.score(truth, answer) == pytest.approx(metric.perfect, abs=1e-9)
    others = metric.score(truth, np.roll(answer, 1, axis=0))
    assert task.direction.to_utility(others) < task.direction.to_utility(metric.perfect) - 0.01


def official_truth(task: Task, layout: Layout, place: Place) -> Array:
    """Return the right answers in the order of the submission."""
    header = read_header(place.answers)
    columns = read_columns(place.answers, header)
    cells = {name: ["0" if cell == "-1" else cell for cell in column] for name, column in columns.items()}
    if task.name == "dogs-vs-cats-redux-kernels-edition":
        cells["label"] = [("cat", "dog")[int(cell)] for cell in cells["label"]]
    truth = encode_truth(task, cells)
    if task.reads_order or task.id_column is None:
        return np.asarray(truth[layout.order])
    row = {key: number for number, key in enumerate(columns[task.id_column])}
    return np.asarray(truth[[row[key] for key in layout.echo[task.id_column]]])


def check_official_grade(hidden: Hidden, place: Place, folder: Path) -> None:
    """The right answers, laid out as a run lays its own out, have the best official grade."""
    task, layout = hidden.task, submission_layout(hidden.task)
    answers = perfect_answer(task, official_truth(task, layout, place))
    write_submission(folder / "submission.csv", task, layout.echo, answers)
    verdict = judge(folder / "submission.csv", place.answers, place.competition)
    best = -np.inf if task.name == "champs-scalar-coupling" else hidden.metric.perfect  # the logarithm of no error
    assert (verdict.reason, verdict.score) == ("", best)
    assert task.direction is place.competition.direction


def test_every_recipe_is_tried() -> None:
    with_recipe = {name for name, each in competitions().items() if has_recipe(each)}
    assert set(MAKERS) == with_recipe == {*SELF_REPORTED, *(str(each.values[0]) for each in SCORED)}


@pytest.mark.parametrize("name", SCORED)
def test_rows_are_hidden_and_scored(name: str, prepared: Prepared, tmp_path: Path) -> None:
    place, rule = prepared(name), harnesses()[name].folds
    assert rule is not None
    hidden = hide(place, tmp_path)
    check_rule(hidden, rule)
    check_perfect_answer(hidden, tmp_path)
    check_official_grade(hidden, place, tmp_path)


@pytest.mark.parametrize("name", ON_REAL_DATA)
def test_rows_of_real_data_are_hidden_and_scored(name: str, tmp_path: Path) -> None:
    place, rule = Place(TASKS, competition(name)), harnesses()[name].folds
    if not place.answers.is_file():
        pytest.skip(f"{place.answers} is absent; set ML_MASTER_TASKS to a folder of prepared competitions")
    assert rule is not None
    hidden = hide(place, tmp_path)
    check_rule(hidden, rule)
    check_perfect_answer(hidden, tmp_path)
    check_official_grade(hidden, place, tmp_path)


@pytest.mark.parametrize("name", SELF_REPORTED)
def test_scripts_report_of_the_whole_folder(name: str, prepared: Prepared, tmp_path: Path) -> None:
    place = prepared(name)
    given = prepare(place.home, Settings(), tmp_path / "data")
    task = given.task
    assert task.is_self_reported
    assert preview_scheme(task, given.settings) is None
    assert (task.train, task.direction) == ("", place.competition.direction)
    assert task.submission_columns == read_header(place.sample)
    assert count_rows(task.directory / str(task.test)) == count_rows(place.sample)
    shown = {path.name for path in place.public.rglob("*") if path.suffix != ".zip" and path.is_file()}
    assert shown <= {path.name for path in task.directory.rglob("*")}
    assert task.prediction_kind in (PredictionKind.NUMBER, PredictionKind.TEXT)
