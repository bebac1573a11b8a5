import math
from pathlib import Path

import pytest

from mlmaster.errors import DataError
from mlmaster.mlebench.medals import (
    Rank,
    leaderboard_notes,
    medal_positions,
    rank,
    read_leaderboard,
    standard_from,
    standard_of,
)
from mlmaster.mlebench.registry import competition, competitions

# worked by hand from the table of kaggle.com/progression as MLE-bench reads it
POSITIONS = {
    1: (1, 1, 1),
    2: (1, 1, 1),
    5: (1, 1, 2),
    19: (1, 3, 7),
    99: (9, 19, 39),
    100: (10, 20, 40),
    249: (10, 49, 99),
    250: (10, 50, 100),
    499: (10, 50, 100),
    500: (11, 50, 100),
    999: (11, 50, 100),
    1000: (12, 50, 100),
    1500: (13, 75, 150),
    4539: (19, 226, 453),
}


@pytest.mark.parametrize("teams", POSITIONS)
def test_positions(teams: int) -> None:
    assert medal_positions(teams) == POSITIONS[teams]


@pytest.mark.parametrize("teams", POSITIONS)
def test_thresholds_stand_at_their_positions(teams: int) -> None:
    lower = standard_from([float(place) for place in range(1, teams + 1)])
    assert (lower.gold, lower.silver, lower.bronze) == POSITIONS[teams]
    assert lower.median == (teams + 1) / 2
    assert lower.is_lower_better == (teams > 1)
    higher = standard_from([float(-place) for place in range(1, teams + 1)])
    assert (-higher.gold, -higher.silver, -higher.bronze) == POSITIONS[teams]
    assert not higher.is_lower_better


def test_a_tie_earns_the_medal_and_not_the_median() -> None:
    standard = standard_of(competition("spaceship-titanic"))
    assert rank(standard.gold, standard) == Rank(gold=True, is_above_median=True)
    assert rank(standard.silver, standard) == Rank(silver=True, is_above_median=True)
    assert rank(standard.bronze, standard) == Rank(bronze=True, is_above_median=True)
    assert rank(standard.median, standard) == Rank()
    assert rank(math.nextafter(standard.median, 1), standard) == Rank(is_above_median=True)


@pytest.mark.parametrize("name", competitions())
def test_every_threshold_earns_its_medal_and_the_sample_earns_none(name: str) -> None:
    known = competition(name)
    standard = standard_of(known)
    assert rank(standard.gold, standard).gold
    assert rank(standard.silver, standard).any
    assert rank(standard.bronze, standard).any
    worse = math.inf if known.is_lower_better else -math.inf
    assert not rank(math.nextafter(standard.bronze, worse), standard).any
    assert not rank(known.sample_score, standard).any


@pytest.mark.parametrize("score", [None, math.nan])
def test_no_score_earns_nothing(score: float | None) -> None:
    assert rank(score, standard_of(competition("spaceship-titanic"))) == Rank()


def test_infinities_rank_by_their_sign() -> None:
    lower = standard_of(competition("champs-scalar-coupling"))
    assert rank(-math.inf, lower).gold
    assert not rank(math.inf, lower).any


def test_a_leaderboard_is_taken_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.csv"
    path.write_text("score,teamId\n0.9,1\n0.5,2\n0.7,3\n0.1,4\n")
    scores = read_leaderboard(path)
    assert scores == [0.9, 0.5, 0.7, 0.1]
    standard = standard_from(scores)
    assert (standard.gold, standard.silver, standard.bronze, standard.median) == (0.9, 0.9, 0.9, 0.6)
    assert not standard.is_lower_better


@pytest.mark.parametrize("scores", [[0.9, 0.5, 0.5, 0.1], [0.9], [0.5, 0.5]])
def test_nothing_is_noted_of_a_leaderboard_in_order(scores: list[float]) -> None:
    assert leaderboard_notes(scores, competition("spaceship-titanic")) == []
    costs = [-score for score in scores]
    assert leaderboard_notes(costs, competition("champs-scalar-coupling")) == []


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ([0.9, 0.5, 0.7, 0.1], ["out of order: row 3 has 0.7 after 0.5"]),
        ([0.9, math.nan, 0.1], ["out of order: row 2 has nan after 0.9"]),
        ([0.1, 0.5, 0.9], ["first score, 0.1, and its last, 0.9, lower is better, and by the registry higher is"]),
        ([0.1, 0.5, 0.4, 0.9], ["row 3 has 0.4 after 0.5", "lower is better"]),
    ],
)
def test_a_leaderboard_that_looks_wrong_is_noted(scores: list[float], words: list[str]) -> None:
    notes = leaderboard_notes(scores, competition("spaceship-titanic"))
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("", "cannot be read"),
        ("score\n", "no rows"),
        ("points\n1\n", "no column score; it has points"),
        ("score\nbest\nworst\n", "something else than numbers"),
    ],
)
def test_a_leaderboard_that_is_none(content: str, match: str, tmp_path: Path) -> None:
    path = tmp_path / "leaderboard.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=match):
        read_leaderboard(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_leaderboard(tmp_path / "nowhere.csv")
