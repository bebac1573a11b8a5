from pathlib import Path

import pytest

from mlmaster.mlebench.places import find_place
from mlmaster.wiring.official import official_grade

SHIP = "spaceship-titanic"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    prepared = tmp_path / SHIP / "prepared"
    (prepared / "private").mkdir(parents=True)
    (prepared / "public").mkdir()
    (prepared / "private" / "test.csv").write_text("PassengerId,Transported\na,True\nb,False\n", encoding="utf-8")
    return tmp_path / SHIP


@pytest.mark.parametrize("below", ["", "prepared", "prepared/public"])
def test_a_competition_is_known_by_its_folder(home: Path, below: str, tmp_path: Path) -> None:
    place = find_place(home / below)
    assert place is not None
    assert (place.competition.id, place.data_dir) == (SHIP, tmp_path)


def test_a_folder_without_answers_is_no_competition(home: Path, tmp_path: Path) -> None:
    (home / "prepared" / "private" / "test.csv").unlink()
    assert find_place(home) is None
    assert find_place(tmp_path) is None


def test_a_run_is_graded_by_the_first_place_that_is_one(home: Path, tmp_path: Path) -> None:
    submission = tmp_path / "submission.csv"
    submission.write_text("PassengerId,Transported\na,True\nb,True\n", encoding="utf-8")
    graded = official_grade([tmp_path / "elsewhere", home / "prepared" / "public"], submission)
    assert graded is not None
    assert graded.report.score == 0.5
    assert official_grade([tmp_path], submission) is None


def test_answers_that_cannot_be_read_do_not_spoil_a_run(home: Path, tmp_path: Path) -> None:
    (home / "prepared" / "private" / "test.csv").write_bytes(b"\xff\xfe\x00")
    submission = tmp_path / "submission.csv"
    submission.write_text("PassengerId,Transported\na,True\n", encoding="utf-8")
    assert official_grade([home], submission) is None
