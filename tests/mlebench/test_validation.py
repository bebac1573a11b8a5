"""Verdicts without scores, and what their words may hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.mlebench.graders.suites import answer_f1
from tests.mlebench.planted import broken_submissions, plant, table
from typer.testing import CliRunner

from mlmaster.cli.app import app
from mlmaster.errors import DataError
from mlmaster.mlebench.disclosure import LONGEST, Known, general, told
from mlmaster.mlebench.grading import judge
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.registry import competition
from mlmaster.mlebench.validation import VALID, validate


@pytest.fixture
def known(tmp_path: Path) -> Known:
    path = tmp_path / "known.csv"
    path.write_text('id,y\n17,spam\n"it\'s, well",0.25\n"a ""b""",x\n', encoding="utf-8")
    return Known(path, ["id", "y", "other"], (3, 2, 870, 2))


@pytest.mark.parametrize(
    "reason",
    [
        "id 'spam' is no id of the test set (4 such rows)",
        "id '17' stands twice (1 such rows)",
        "the submission has no column 'other'; it has 'id', 'y'",
        "the submission has 3 rows, and must have 870",
        "y, row 2: '0.25' is no number",
        "row 1: the probabilities sum to 0.93125, not to 1 (2 such rows)",
        'id "it\'s, well" stands twice (1 such rows)',
        "id 'a \"b\"' stands twice (1 such rows)",
        "id 'spa…' stands twice (1 such rows)",
        "id '17.0' stands twice (1 such rows)",
        "y, row 3: 'nan' is no number",
        "y, row 2: 7 words; a box is six",
    ],
)
def test_reason_that_holds_what_the_reader_has_is_told(reason: str, known: Known) -> None:
    assert told(reason, known) == reason


@pytest.mark.parametrize(
    "reason",
    [
        "id 'qx42' is no id of the test set (4 such rows)",
        "row 2 should be 'wk9ju'",
        "missing: qx42, qx43",
        "the submission has 3 rows, and must have 871",
        "the score is 0.78312",
        "the submission has no column 'hidden'; it has 'id', 'y'",
        "y, row 2: '0.2' is no number",
        "id 'pam' stands twice (1 such rows)",
        "id 'qx42",
        'missing ids: ["qx42"]',
        "Katze",
    ],
)
def test_reason_that_holds_anything_else_is_not(reason: str, known: Known) -> None:
    assert told(reason, known) == general(known)


def test_reason_is_bounded(known: Known) -> None:
    assert len(told("the submission has " * 200, known)) == LONGEST
    wide = Known(known.submission, [f"column{number}" * 20 for number in range(200)], ())
    assert len(told("Katze", wide)) == LONGEST


def test_empty_submission_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    known = Known(tmp_path / "empty.csv", [], ())
    assert told("row 1 holds 'spam'", known) == general(known)


def test_common_cell_does_not_hold_up(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("id,y\n1," + "a" * 3_000_000 + "\n", encoding="utf-8")
    known = Known(path, ["id", "y"], (1, 2))
    assert told("id 'a' stands twice (1 such rows)", known) == general(known)


def test_valid_submission(tmp_path: Path) -> None:
    planted = plant(tmp_path)
    path = tmp_path / "s.CSV"
    path.write_text(table(dict.fromkeys(planted.ids, "guess")), encoding="utf-8")
    found = validate(path, planted.place)
    assert (found.is_valid, found.message) == (True, VALID)


def test_invalid_submissions_tell_nothing_of_the_answers(tmp_path: Path) -> None:
    planted = plant(tmp_path)
    path = tmp_path / "submission.csv"
    for name, content in broken_submissions(planted):
        path.write_bytes(content)
        found = validate(path, planted.place)
        assert not found.is_valid, name
        assert found.message.startswith("Submission invalid! "), name
        assert not planted.leaks(found.message, content.decode(errors="replace")), name
        assert len(found.message) < 600, name
        assert not judge(path, planted.place.answers, planted.place.competition).is_valid, name


def test_reason_is_of_use(tmp_path: Path) -> None:
    planted = plant(tmp_path)
    path = tmp_path / "submission.csv"
    path.write_text(table(dict.fromkeys(planted.ids[:5], "guess")), encoding="utf-8")
    assert validate(path, planted.place).message.endswith("the submission has 5 rows, and must have 12")
    path.write_text(table(dict.fromkeys(planted.ids, "guess"), ("id", "Transported")), encoding="utf-8")
    assert "no column 'PassengerId'" in validate(path, planted.place).message


def test_private_sample_lends_its_columns_and_nothing_else(tmp_path: Path) -> None:
    place = Place(tmp_path, competition("billion-word-imputation"))
    place.private.mkdir(parents=True)
    place.answers.write_text("id,sentence\n1,one\n", encoding="utf-8")
    place.sample.write_text("id,sentence\n1,qxzv\n", encoding="utf-8")
    path = tmp_path / "s.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    message = validate(path, place).message
    assert message.endswith("the submission has no column 'id', 'sentence'; it has 'a', 'b'")
    path.write_text("id,sentence\n7,qxzv\n", encoding="utf-8")
    assert "qxzv" not in validate(path, place).message


def test_undefined_score_is_valid(tmp_path: Path) -> None:
    place = plant(tmp_path, rows=0).place
    path = tmp_path / "s.csv"
    path.write_text("PassengerId,Transported\n", encoding="utf-8")
    score = judge(path, place.answers, place.competition).score
    assert score is not None
    assert np.isnan(score)
    assert validate(path, place).is_valid


@pytest.mark.parametrize("name", ["spaceship-titanic", "text-normalization-challenge-english-language"])
def test_far_too_long_a_submission_has_the_verdict_of_the_whole(name: str, tmp_path: Path) -> None:
    place = Place(tmp_path, competition(name))
    place.private.mkdir(parents=True)
    header = "PassengerId,Transported\n" if name == "spaceship-titanic" else "id,after\n"
    place.answers.write_text(f"{header}one,True\ntwo,False\n", encoding="utf-8")
    path = tmp_path / "s.csv"
    path.write_text(header + "one,False\n" * 2_000_000, encoding="utf-8")
    verdict = judge(path, place.answers, place.competition)
    found = validate(path, place)
    assert (found.is_valid, verdict.is_valid) == (False, False)
    assert "far more rows" in found.message
    # as long, and yet two rows: blank lines are none
    path.write_text(header + "one,False\ntwo,True\n" + "\n" * 17_000_000, encoding="utf-8")
    assert judge(path, place.answers, place.competition).is_valid
    assert validate(path, place).is_valid


def test_long_submission_is_judged_whole_where_more_rows_are_allowed(tmp_path: Path) -> None:
    place = Place(tmp_path, competition("h-and-m-personalized-fashion-recommendations"))
    place.private.mkdir(parents=True)
    header = "customer_id,prediction\n"
    place.answers.write_text(f"{header}one,7 8\ntwo,9\n", encoding="utf-8")
    path = tmp_path / "s.csv"
    path.write_text(
        header + "".join(f"c{n},1 2 3 4 5 6 7 8\n" for n in range(900_000)) + "one,7\ntwo,9\n", encoding="utf-8"
    )
    assert path.stat().st_size > 2**24
    verdict = judge(path, place.answers, place.competition)
    assert validate(path, place).is_valid is verdict.is_valid is True


def test_missing_and_wrongly_named_files(tmp_path: Path) -> None:
    place = plant(tmp_path).place
    assert "no such file" in validate(tmp_path / "nowhere.csv", place).message
    assert not validate(tmp_path, place).is_valid
    (tmp_path / "s.txt").write_text("PassengerId,Transported\n", encoding="utf-8")
    assert ".csv" in validate(tmp_path / "s.txt", place).message


def test_unprepared_competition_is_nobodys_verdict(tmp_path: Path) -> None:
    (tmp_path / "s.csv").touch()
    with pytest.raises(DataError, match="not prepared"):
        validate(tmp_path / "s.csv", Place(tmp_path, competition("spaceship-titanic")))


def test_cli(tmp_path: Path) -> None:
    planted = plant(tmp_path)
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(table(dict.fromkeys(planted.ids, "guess")), encoding="utf-8")
    bad.write_text("a,b\n1,2\n", encoding="utf-8")
    options = ["-c", "spaceship-titanic", "--data-dir", str(tmp_path)]
    result = CliRunner().invoke(app, ["validate", str(good), *options])
    assert (result.exit_code, result.output) == (0, "Submission is valid.\n")
    result = CliRunner().invoke(app, ["validate", str(bad), *options, "--json"])
    assert result.exit_code == 2
    told = json.loads(result.output)
    assert (told["competition_id"], told["is_valid"]) == ("spaceship-titanic", False)
    assert told["message"].startswith("Submission invalid!")


def test_cli_names_what_is_wrong_with_the_call(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["validate", "s.csv", "-c", "spaceship", "--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "spaceship-titanic" in result.stderr
    (tmp_path / "s.csv").touch()
    result = CliRunner().invoke(
        app, ["validate", str(tmp_path / "s.csv"), "-c", "spaceship-titanic", "--data-dir", str(tmp_path)]
    )
    assert result.exit_code == 2
    assert "not prepared" in result.stderr


def test_answers_that_are_no_csv_have_verdicts_too(tmp_path: Path) -> None:
    suite = next(each for each in answer_f1.suites() if each.competition == "tensorflow2-question-answering")
    place = Place(tmp_path, competition(suite.competition))
    place.private.mkdir(parents=True)
    assert isinstance(suite.answers, list)
    place.answers.write_text("".join(json.dumps(record) + "\n" for record in suite.answers), encoding="utf-8")
    for case in suite.cases:
        case.write(tmp_path / "s.csv")
        assert validate(tmp_path / "s.csv", place).is_valid is (case.expected is not None), case.name
