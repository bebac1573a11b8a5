from pathlib import Path

import pytest

from mlmaster.core.scheme import SchemeKind
from mlmaster.metrics.registry import Registry
from mlmaster.mlebench.harness import harnesses
from mlmaster.mlebench.preparation.recipe import has_recipe
from mlmaster.mlebench.registry import competitions
from mlmaster.settings import Settings
from mlmaster.tasks.load import load
from mlmaster.tasks.loaded import Overrides
from mlmaster.wiring.known import with_known

SHIP = "spaceship-titanic"


def said(**task: object) -> Settings:
    return Settings.model_validate({"task": task})


@pytest.fixture
def public(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / getattr(request, "param", SHIP) / "prepared" / "public"
    folder.mkdir(parents=True)
    return folder


def test_a_competition_brings_its_fold_rule(public: Path) -> None:
    settings, lines = with_known(public.parent.parent, Settings())
    assert settings.engine.fold_scheme is SchemeKind.ROW
    assert settings.task == Overrides(metric="accuracy")
    assert [(each.name, each.value) for each in lines] == [("competition", SHIP)]


def test_the_user_wins(public: Path) -> None:
    own = Settings.model_validate({"engine": {"fold_scheme": "grouped", "fold_key": "PassengerId"}})
    assert with_known(public, own)[0].engine == own.engine
    assert with_known(public, said(metric="f1"))[0].task == Overrides(metric="f1")
    assert with_known(public, said(metric_file="metric.py"))[0].task == Overrides(metric_file="metric.py")
    assert with_known(public, said(evaluation="hidden")) == (said(evaluation="hidden"), ())
    (public / "task.yaml").write_text("split_file: split.py\n")
    assert with_known(public, Settings()) == (Settings(), ())


def test_a_split_that_lies_there_is_the_users_word(public: Path) -> None:
    (public / "split.py").write_text("pass\n")
    assert with_known(public, Settings()) == (Settings(), ())


@pytest.mark.parametrize("public", ["osic-pulmonary-fibrosis-progression"], indirect=True)
def test_what_nothing_can_be_hidden_of_reports_the_official_metric(public: Path) -> None:
    official = {"evaluation": "self_reported", "metric": "laplace_log_likelihood", "direction": "maximize"}
    settings, (line,) = with_known(public, Settings())
    assert settings == said(**official)
    assert "self-reported, because the target is a column" in line.why
    assert "scripts report modified Laplace log likelihood, to be maximized" in line.why
    assert with_known(public, said(metric="mae"))[0] == said(evaluation="self_reported", metric="mae")
    for own in (said(evaluation="hidden"), said(metric_file="metric.py")):
        assert with_known(public, own) == (own, ())


@pytest.mark.parametrize("public", ["AI4Code"], indirect=True)
def test_nothing_acts_on_expectations(public: Path) -> None:
    assert with_known(public, Settings()) == (Settings(), ())
    wish = said(evaluation="self_reported")
    settings, lines = with_known(public, wish)
    assert settings == said(evaluation="self_reported", metric="kendall_tau", direction="maximize")
    assert [line.name for line in lines] == ["competition"]


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    assert with_known(tmp_path, Settings()) == (Settings(), ())
    assert with_known("wine", Settings()) == (Settings(), ())


def test_facts_fit_together() -> None:
    assert set(harnesses()) == set(competitions())
    for name, known in harnesses().items():
        words = (known.self_reported, known.expected, known.expected_self_reported)
        assert [known.folds is not None, *map(bool, words)].count(True) == 1, name
        assert has_recipe(competitions()[name]) == (known.folds is not None or bool(known.self_reported)), name
        if known.folds is not None:
            assert (known.folds.key is None) == (known.folds.kind is SchemeKind.ROW)
            assert known.task.metric is not None
        else:
            assert known.task == Overrides()


@pytest.mark.parametrize("name", competitions())
def test_every_competition_can_be_self_reported(name: str, tmp_path: Path) -> None:
    public = tmp_path / name / "prepared" / "public"
    public.mkdir(parents=True)
    (public / "sample_submission.csv").write_text("id,answer\n1,a\n")
    settings, _ = with_known(public, said(evaluation="self_reported"))
    task = load(public, settings.task, Registry(), tmp_path / "workspace").task
    assert task.direction is competitions()[name].direction
    wanted = harnesses()[name].task.metric or competitions()[name].grader
    ours = Registry().definition(wanted)
    if name == "inaturalist-2019-fgvc6":  # 1 - accuracy of the first label
        assert task.metric == "1-accuracy"
    else:
        assert task.metric == (wanted if ours is None else ours.name)
