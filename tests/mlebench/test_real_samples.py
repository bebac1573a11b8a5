"""The official sample submissions of real prepared competitions score what MLE-bench says they score.

The data is not part of the project; `ML_MASTER_TASKS` says where it lies.
"""

import os
from pathlib import Path

import pytest

from mlmaster.mlebench.grading import grade
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.registry import competition

TASKS = Path(os.environ.get("ML_MASTER_TASKS", Path(__file__).parents[3] / "shared" / "tasks"))


def prepared(name: str) -> Place:
    place = Place(TASKS, competition(name))
    if not (place.answers.is_file() and place.sample.is_file()):
        pytest.skip(f"{place.prepared} is not there; set ML_MASTER_TASKS to a folder that holds {name}")
    return place


@pytest.mark.parametrize(
    "name",
    [
        "detecting-insults-in-social-commentary",
        "nomad2018-predict-transparent-conductors",
        "spaceship-titanic",
        "spooky-author-identification",
    ],
)
def test_the_sample_submission_has_its_official_score_and_no_medal(name: str) -> None:
    place = prepared(name)
    graded = grade(place.sample, place)
    assert graded.report.score == place.competition.sample_score, graded.reason
    assert not graded.report.any_medal


def test_the_official_answers_as_a_submission_win_gold() -> None:
    place = prepared("detecting-insults-in-social-commentary")
    assert place.competition.gold_submission
    report = grade(place.prepared / place.competition.gold_submission, place).report
    assert (report.score, report.gold_medal) == (1.0, True)
