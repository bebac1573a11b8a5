import math
from statistics import mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.bench.agents import MEDAL, NOTHING, agent

from mlmaster.bench.aggregate import MEASURES, aggregate, mean_of, seeds_of
from mlmaster.bench.outcomes import Outcome
from mlmaster.errors import DataError
from mlmaster.mlebench.registry import of_split

# Medals by seed are whole numbers that give the published figures of all four columns at once, found by trying all triples.
# Source of the figures: the leaderboard of openai/mle-bench, early 2026; some are cut there rather than rounded.
PUBLISHED = {
    "MLEvolve, 12 h": (((17, 18, 18), (22, 21, 23), (6, 6, 7)), "80.30 1.52 57.89 1.52 42.22 2.22 61.33 1.33"),
    "PiEvolve, 24 h": (((17, 18, 18), (22, 22, 23), (6, 6, 6)), "80.30 1.52 58.77 0.88 40.00 0.00 61.33 0.77"),
    "Famou-Agent 2.0": (((16, 17, 17), (22, 21, 23), (6, 6, 6)), "75.76 1.52 57.89 1.52 40.00 0.00 59.56 0.89"),
    "ML-Master 2.0": (((16, 17, 17), (18, 18, 22), (6, 6, 7)), "75.76 1.51 50.88 3.51 42.22 2.22 56.44 2.47"),
    "PiEvolve, 12 h": (((15, 17, 17), (17, 17, 18), (6, 5, 5)), "74.24 3.03 45.61 0.88 35.55 2.22 52.00 0.77"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_rows_come_out_of_their_medals(name: str) -> None:
    (low, medium, high), figures = PUBLISHED[name]
    outcomes = agent(low=low, medium=medium, high=high)
    found = []
    for split in ("low", "medium", "high", "all"):
        numbers = aggregate(outcomes, [each.id for each in of_split(split)])
        assert numbers.seeds == 3
        found += [numbers.means["any_medal_percentage"].mean, numbers.means["any_medal_percentage"].standard_error]
    assert found == pytest.approx(list(map(float, figures.split())), abs=0.0101)


def test_the_official_form() -> None:
    ids = [each.id for each in of_split("high")]
    written = aggregate(agent(high=(6, 6, 7)), ids).to_dict()
    assert written["num_seeds_averaged"] == 3
    assert written["num_competitions_per_seed"] == 15
    assert list(written["metrics"]) == ["total_competitions", *MEASURES]
    assert written["metrics"]["total_competitions"] == {"mean": 15, "ci_lower": 15, "ci_upper": 15, "standard_error": 0}
    medal = written["metrics"]["any_medal_percentage"]
    percentages = [40, 40, 100 * 7 / 15]
    error = stdev(percentages) / math.sqrt(3)
    assert medal["mean"] == pytest.approx(mean(percentages))
    assert medal["standard_error"] == pytest.approx(error)
    assert (medal["ci_lower"], medal["ci_upper"]) == pytest.approx(
        (mean(percentages) - 1.96 * error, mean(percentages) + 1.96 * error)
    )


def test_each_measure_counts_its_own_flag() -> None:
    outcomes = {
        "a": [Outcome(is_there=True, is_valid=True, is_above_median=True, gold=True)],
        "b": [Outcome(is_there=True, is_valid=True, is_above_median=True, silver=True)],
        "c": [Outcome(is_there=True, is_valid=True)],
        "d": [Outcome(is_there=True)],
        "e": [Outcome()],
    }
    means = {name: each.mean for name, each in aggregate(outcomes, list("abcde")).means.items()}
    assert means == {
        "submission_exists_percentage": 80,
        "valid_submissions_percentage": 60,
        "above_median_percentage": 40,
        "gold_medal_percentage": 20,
        "silver_medal_percentage": 20,
        "bronze_medal_percentage": 0,
        "any_medal_percentage": 40,
    }


def test_extra_attempts_are_left_out_and_padding_fills_holes() -> None:
    outcomes = {"a": [MEDAL, NOTHING, MEDAL], "b": [MEDAL, MEDAL]}
    plain, padded = aggregate(outcomes, ["a", "b"]), aggregate(outcomes, ["a", "b"], pad=True)
    assert (plain.seeds, plain.padded, plain.means["any_medal_percentage"].mean) == (2, 0, 75)
    assert (padded.seeds, padded.padded) == (3, 1)
    assert padded.means["any_medal_percentage"].mean == pytest.approx((100 + 50 + 50) / 3)
    assert padded.means["submission_exists_percentage"].mean == pytest.approx((100 + 100 + 50) / 3)


def test_as_many_seeds_as_the_competition_tried_least_often_has() -> None:
    assert seeds_of({"a": [MEDAL, NOTHING], "b": [NOTHING]}, ["a", "b"]) == [[MEDAL, NOTHING]]


def test_a_competition_without_reports_is_named() -> None:
    with pytest.raises(DataError, match="1 of 2 competitions have no report \\(b\\)"):
        aggregate({"a": [MEDAL]}, ["a", "b"])
    assert aggregate({"a": [MEDAL]}, ["a", "b"], pad=True).means["any_medal_percentage"].mean == 50
    for pad in (False, True):
        with pytest.raises(DataError, match="none of the 2 competitions has a report"):
            aggregate({"c": [MEDAL]}, ["a", "b"], pad=pad)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=9))
def test_mean_and_error_are_those_of_the_standard_library(values: list[float]) -> None:
    found = mean_of(values)
    assert found.mean == pytest.approx(mean(values), abs=1e-9)
    assert found.standard_error == pytest.approx(stdev(values) / math.sqrt(len(values)), abs=1e-9)


def test_one_seed_has_no_error() -> None:
    assert mean_of([40.0]).standard_error == 0
