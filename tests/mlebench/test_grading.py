import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlmaster.errors import DataError, SubmissionError
from mlmaster.mlebench.grading import absence, grade, grade_listed, judge, score_of
from mlmaster.mlebench.medals import Standard
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.registry import competition

SPACESHIP = competition("spaceship-titanic")
CACTUS = competition("aerial-cactus-identification")
ANSWERS = pd.DataFrame({"PassengerId": ["0001_01", "0002_01", "0003_01"], "Transported": [True, False, True]})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "data", SPACESHIP)
    place.answers.parent.mkdir(parents=True)
    ANSWERS.to_csv(place.answers, index=False)
    return place


def submit(folder: Path, labels: Any, name: str = "submission.csv") -> Path:
    path = folder / name
    ANSWERS.assign(Transported=labels).to_csv(path, index=False)
    return path


class Exploding:
    """A submission that nothing can be asked of."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        raise self.error


@pytest.mark.parametrize("name", ["submission.csv", "a.CSV", "a.b.Csv"])
def test_a_submission_is_a_file_named_csv(name: str, tmp_path: Path) -> None:
    assert not absence(submit(tmp_path, True, name))


def test_other_names_folders_and_nothing_are_no_submissions(tmp_path: Path, place: Place) -> None:
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    named, nameless = "does not end in .csv; rename", "there is no such file; write"
    paths = (submit(tmp_path, True, "a.txt"), submit(tmp_path, True, "csv"), folder, tmp_path / "none.csv")
    for path, reason in zip(paths, (named, named, nameless, nameless), strict=True):
        verdict = judge(path, place.answers, SPACESHIP)
        assert not verdict.is_valid
        assert path.name in verdict.reason
        assert reason in verdict.reason
        assert not grade(path, place).report.submission_exists


def test_a_score_is_rounded_to_five_decimals(tmp_path: Path, place: Place) -> None:
    assert judge(submit(tmp_path, [True, True, True]), place.answers, SPACESHIP).score == 0.66667
    assert judge(submit(tmp_path, [True, True, False]), place.answers, SPACESHIP).score == 0.33333
    assert judge(submit(tmp_path, [True, False, True]), place.answers, SPACESHIP).score == 1.0


def test_an_undefined_score_is_valid_and_warns_of_nothing() -> None:
    answers = pd.DataFrame({"id": [1, 2], "has_cactus": [1, 1]})
    assert math.isnan(score_of(answers.assign(has_cactus=[0.1, 0.2]), answers, CACTUS))


@pytest.mark.parametrize(
    "error", [KeyError("SECRET"), AssertionError("SECRET"), ZeroDivisionError("SECRET"), RecursionError("SECRET")]
)
def test_any_exception_of_a_grader_is_an_invalid_submission_and_its_words_are_kept_back(error: Exception) -> None:
    with pytest.raises(SubmissionError) as caught:
        score_of(Exploding(error), ANSWERS, SPACESHIP)
    assert f"cannot be graded ({type(error).__name__})" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_what_a_grader_says_of_a_submission_is_said() -> None:
    with pytest.raises(SubmissionError, match=r"^row 3 is odd$"):
        score_of(Exploding(SubmissionError("row 3 is odd")), ANSWERS, SPACESHIP)


def test_want_of_memory_is_told() -> None:
    with pytest.raises(SubmissionError, match="more memory"):
        score_of(Exploding(MemoryError()), ANSWERS, SPACESHIP)


def test_a_missing_package_is_no_fault_of_the_submission() -> None:
    with pytest.raises(DataError, match="pip install"):
        score_of(Exploding(DataError("pip install it")), ANSWERS, SPACESHIP)


def test_answers_that_lack_a_column_show_none_of_theirs() -> None:
    with pytest.raises(SubmissionError) as caught:
        score_of(ANSWERS, ANSWERS.rename(columns={"Transported": "SECRET"}), SPACESHIP)
    assert "SECRET" not in str(caught.value)


def test_labels_and_ids_of_the_answers_are_in_no_reason(tmp_path: Path) -> None:
    speech = competition("tensorflow-speech-recognition-challenge")
    answers = tmp_path / "test.csv"
    answers.write_text("fname,label\nSECRET_A,SECRET_B\nSECRET_C,SECRET_D\nmine,SECRET_E\n")
    for text in (
        "fname,label\n",
        "fname,other\na,b\nc,d\ne,f\n",
        "fname,label\na,b\nc,d\ne,f\n",
        "fname,label\nmine,b\nmine,d\nmine,f\n",
        "fname,label\nmine,b\nmine,d\n1,\n",
        "fname,label\nmine,1.5\nmine,2.5\n,\n",
        "label\nx\ny\nz\n",
        "x\n1,2\n1,2,3\n",
    ):
        path = tmp_path / "submission.csv"
        path.write_text(text)
        verdict = judge(path, answers, speech)
        assert verdict.score is None
        assert verdict.reason
        assert "SECRET" not in verdict.reason


def test_a_grade_is_a_report_by_the_thresholds_of_the_registry(tmp_path: Path, place: Place) -> None:
    path = submit(tmp_path, [True, False, True])
    found = grade(path, place)
    report = found.report
    assert (report.competition_id, report.score, report.submission_path) == ("spaceship-titanic", 1.0, str(path))
    assert report.gold_threshold == SPACESHIP.thresholds.gold
    assert report.median_threshold == SPACESHIP.thresholds.median
    assert (report.gold_medal, report.any_medal, report.above_median) == (True, True, True)
    assert (report.silver_medal, report.bronze_medal) == (False, False)
    assert (report.submission_exists, report.valid_submission, report.is_lower_better) == (True, True, False)
    assert found.reason == ""
    assert report.created_at.tzinfo is None


def test_an_invalid_submission_has_a_report_without_score(tmp_path: Path, place: Place) -> None:
    found = grade(submit(tmp_path, ["a", "b", "a"]), place)
    report = found.report
    assert (report.score, report.submission_exists, report.valid_submission) == (None, True, False)
    assert not any((report.any_medal, report.gold_medal, report.silver_medal, report.bronze_medal, report.above_median))
    assert report.bronze_threshold == SPACESHIP.thresholds.bronze
    assert "Transported" in found.reason


def test_a_standard_of_ones_own_rules(tmp_path: Path, place: Place) -> None:
    standard = Standard(gold=0.1, silver=0.4, bronze=0.7, median=0.8, is_lower_better=True)
    report = grade(submit(tmp_path, [True, True, True]), place, standard).report
    assert (report.score, report.is_lower_better) == (0.66667, True)
    assert (report.gold_medal, report.silver_medal, report.bronze_medal) == (False, False, True)
    assert report.gold_threshold == 0.1


def test_faults_of_the_official_grader_are_noted(tmp_path: Path) -> None:
    place = Place(tmp_path, competition("text-normalization-challenge-english-language"))
    place.answers.parent.mkdir(parents=True)
    place.answers.write_text("id,after\n0_0,the\n0_1,\n")
    found = grade(place.answers, place)
    assert found.report.score == 1
    assert any("missing value" in note for note in found.notes)


def test_an_unprepared_competition_is_told_before_anything_is_graded(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="mlmaster prepare -c spaceship-titanic"):
        grade(submit(tmp_path, True), Place(tmp_path, SPACESHIP))


def listing(folder: Path, *lines: str) -> Path:
    path = folder / "list.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_listed_submissions_are_graded_in_their_order(tmp_path: Path, place: Place) -> None:
    good, half = submit(tmp_path, [True, False, True], "a.csv"), submit(tmp_path, [True, True, True], "b.csv")

    def entry(path: Path | None) -> str:
        named = {"competition_id": "spaceship-titanic", "submission_path": path and str(path), "logs_path": "x"}
        return json.dumps(named)

    lines = ("# a comment", entry(half), "", "  // another", entry(None), "   ", entry(good))
    graded = list(grade_listed(listing(tmp_path, *lines), place.data_dir))
    assert [each.report.score for each in graded] == [0.66667, None, 1.0]
    assert [each.report.submission_exists for each in graded] == [True, False, True]
    assert graded[1].report.submission_path == "None"
    assert graded[1].reason == "nothing was submitted: the list names no file"


def test_a_list_may_begin_with_a_mark_and_end_its_lines_as_windows_does(tmp_path: Path, place: Place) -> None:
    path = tmp_path / "list.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"competition_id": "spaceship-titanic", "submission_path": "\xe2\x80\xa8.csv"}\r\n\r\n'
    )
    (graded,) = grade_listed(path, place.data_dir)
    assert graded.report.submission_path == "\u2028.csv"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "'{' is no JSON"),
        ("[]", "no object"),
        ("3", "no object"),
        ('{"competition_id": "spaceship-titanic"}', "there is no submission_path; a line is"),
        ("{}", "no competition_id and no submission_path"),
        ('{"competition_id": "spaceship-titanik", "submission_path": "a.csv"}', "did you mean spaceship-titanic"),
        ('{"competition_id": "leaf-classification", "submission_path": "a.csv"}', "is not prepared in"),
    ],
)
def test_a_line_that_lists_no_submission_is_named_before_any_is_graded(
    line: str, reason: str, tmp_path: Path, place: Place
) -> None:
    good = '{"competition_id": "spaceship-titanic", "submission_path": null}'
    with pytest.raises(DataError, match=rf"list\.jsonl, line 3: .*{reason}"):
        grade_listed(listing(tmp_path, "", good, line), place.data_dir)


def test_a_list_that_cannot_be_read_or_lists_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        grade_listed(tmp_path / "none.jsonl", tmp_path)
    with pytest.raises(DataError, match="lists no submission"):
        grade_listed(listing(tmp_path, "# later"), tmp_path)
