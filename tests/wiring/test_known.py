from pathlib import Path

import pytest

from mlmaster.core.scheme import SchemeKind
from mlmaster.mlebench.harness import harnesses
from mlmaster.mlebench.registry import competitions
from mlmaster.settings import Settings
from mlmaster.tasks.loaded import Overrides
from mlmaster.wiring.known import with_known

SHIP = "spaceship-titanic"


@pytest.fixture
def public(tmp_path: Path) -> Path:
    folder = tmp_path / SHIP / "prepared" / "public"
    folder.mkdir(parents=True)
    return folder


def test_a_competition_brings_its_fold_rule(public: Path) -> None:
    settings, lines = with_known(public.parent.parent, Settings())
    assert settings.engine.fold_scheme is SchemeKind.ROW
    assert [(each.name, each.value) for each in lines] == [("competition", SHIP)]


def test_the_user_wins(public: Path) -> None:
    own = Settings.model_validate({"engine": {"fold_scheme": "grouped", "fold_key": "PassengerId"}})
    assert with_known(public, own)[0].engine == own.engine
    (public / "task.yaml").write_text("split_file: split.py\n")
    assert with_known(public, Settings()) == (Settings(), ())


def test_other_folders_are_left_alone(tmp_path: Path) -> None:
    assert with_known(tmp_path, Settings()) == (Settings(), ())
    assert with_known("wine", Settings()) == (Settings(), ())


def test_facts_fit_together() -> None:
    assert set(harnesses()) <= set(competitions())
    for known in harnesses().values():
        assert (known.folds is None) == bool(known.self_reported)
        if known.folds is not None:
            assert (known.folds.key is None) == (known.folds.kind is SchemeKind.ROW)
        assert known.self_reported == "" or known.task == Overrides()
