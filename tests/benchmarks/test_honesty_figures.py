from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from honesty import figures
from honesty.figures import Pair, Promise
from honesty.summarise import summarise, to_markdown

VALUES = st.lists(st.integers(-3, 3), min_size=4, max_size=12)


def node(number: int, guide: float, sealed: float, state: str = "scored") -> dict[str, Any]:
    return {"node": number, "state": state, "guide": guide, "sealed": sealed}


def cell(task: str, seed: int, sealed: float, **changes: Any) -> dict[str, Any]:
    """Return a cell of a metric that is minimised, promised to lie in [1, 3]; guide and sealed agree but for one swap."""
    guides = [5.0, 4.0, 3.0, 2.0]
    truths = [5.0, 3.0, 4.0, 2.0]
    selected = {
        "basis": "judge",
        "predicted_low": 1.0,
        "predicted_high": 3.0,
        "expected_low": 1.5,
        "expected_high": 2.5,
    }
    return {
        "task": task,
        "seed": seed,
        "variant": "default",
        "commit": "c",
        "machine": "m",
        "origin": "planted",
        "metric": "rmse",
        "direction": "minimize",
        "scheme": {"kind": "row", "folds": 5, "repeats": 1},
        "train_rows": 100,
        "test_rows": 50,
        "evaluations": 60,
        "scripts_cpu_s": 30.0,
        "harness_cpu_s": 2.0,
        "nodes": [
            *(node(i, guide, truth) for i, (guide, truth) in enumerate(zip(guides, truths, strict=True))),
            node(9, 0.0, 99.0, "raced"),
        ],
        "best_guide": {"node": 3, "guide": 2.0, "sealed": 2.0 + seed},
        "best_possible_sealed": 1.0,
        "selected": selected,
        "sealed": sealed,
        **changes,
    }


@given(VALUES, VALUES)
def test_spearman_is_scipys(mine: list[int], theirs: list[int]) -> None:
    size = min(len(mine), len(theirs))
    mine, theirs = mine[:size], theirs[:size]
    assert figures.ranks(mine).tolist() == rankdata(mine).tolist()
    found = figures.spearman(mine, theirs)
    if len(set(mine)) < 2 or len(set(theirs)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(mine, theirs).statistic)


def test_few_nodes_have_no_correlation() -> None:
    assert figures.spearman([1, 2, 3], [1, 2, 3]) is None


def test_the_bootstrap_draws_whole_clusters() -> None:
    """Twenty splits that agree within their task are worth two values, not twenty."""
    alike = figures.estimate({"a": [0.0] * 10, "b": [1.0] * 10})
    assert (alike.mean, alike.low, alike.high) == (0.5, 0.0, 1.0)
    assert (alike.values, alike.clusters) == (20, 2)
    mixed = figures.estimate({"a": [0.0, 1.0] * 5, "b": [0.0, 1.0] * 5})
    assert (mixed.mean, mixed.low, mixed.high) == (0.5, 0.5, 0.5)


def test_the_interval_of_the_bootstrap_is_that_of_independent_means() -> None:
    values = np.random.default_rng(0).normal(size=200)
    found = figures.estimate({str(i): [value] for i, value in enumerate(values.tolist())})
    half = 1.96 * values.std() / len(values) ** 0.5
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)


def test_no_values_have_no_mean() -> None:
    assert figures.estimate({"a": []}).mean is None
    assert figures.estimate({"a": [1.0]}).low is None


def test_coverage_of_planted_promises() -> None:
    rng = np.random.default_rng(1)
    promises = {
        str(task): [Promise(-1.645, 1.645, sealed) for sealed in rng.normal(size=200).tolist()] for task in range(20)
    }
    found = figures.cover(promises)
    assert found["coverage"]["mean"] == pytest.approx(0.9, abs=0.015)
    assert found["coverage"]["low"] < 0.9 < found["coverage"]["high"]
    assert found["place_mean"] == pytest.approx(0, abs=0.03)
    assert found["place_deviation"] == pytest.approx(1 / 1.645, abs=0.02)
    assert found["places"]["95%"] == pytest.approx(1, abs=0.05)


def test_sides_and_places() -> None:
    promises = [Promise(0, 2, 1), Promise(0, 2, 2), Promise(0, 2, 3), Promise(0, 2, -1), Promise(0, 2, -3)]
    assert [promise.place for promise in promises] == [0, 1, 2, -2, -4]
    found = figures.cover({"a": promises})
    assert (found["worse_than_promised"], found["better_than_promised"]) == (2, 1)
    assert found["coverage"]["mean"] == pytest.approx(0.4)


def test_gain_is_paired_and_in_the_tasks_own_unit() -> None:
    """The same gain in each split has no spread, however much scores move from split to split."""
    small = [Pair(score + 1, score) for score in (0.0, 10.0, 20.0)]
    large = [Pair(pair.mine * 1000, pair.theirs * 1000) for pair in small]
    found = figures.gain({"small": small, "large": large, "single": [Pair(0, 1)]})
    assert found["by_task"] == {"small": pytest.approx(0.1), "large": pytest.approx(0.1)}
    assert found["gain_in_deviations"]["mean"] == pytest.approx(0.1)
    assert (found["won"], found["tied"], found["lost"]) == (6, 0, 1)


def test_summary_of_planted_cells() -> None:
    cells = [
        cell("a", 0, 2.0),
        cell("a", 1, 3.5),  # worse than promised: the metric is minimised
        cell("b", 0, 0.5),  # better
        cell("b", 1, 2.5),
        cell("b", 1, 2.0, variant="no-racing", evaluations=80, scripts_cpu_s=60.0),
        {"task": "b", "seed": 2, "variant": "default", "error": "Traceback\nValueError: planted"},
    ]
    found = summarise(cells)
    assert found["failed"] == ["b-2-default: ValueError: planted"]
    assert found["spearman"]["mean"] == pytest.approx(0.8)
    assert found["predicted"]["coverage"]["mean"] == 0.5
    assert (found["predicted"]["worse_than_promised"], found["predicted"]["better_than_promised"]) == (1, 1)
    best = found["against_best_guide"]
    assert (best["won"], best["tied"], best["lost"]) == (2, 1, 1)
    assert best["by_task"]["b"] == pytest.approx((1.5 + 0.5) / 2 / 0.5**0.5)
    assert found["racing"]["splits"] == 1
    assert (found["racing"]["won"], found["racing"]["lost"]) == (0, 1)
    assert found["racing"]["cost"] == {"evaluations": 0.75, "scripts_cpu_s": 0.5}
    assert found["tasks"]["a"]["kept"] == 1
    assert "ValueError: planted" in to_markdown(found)


def test_a_run_without_an_interval_is_named_and_not_covered() -> None:
    bare = cell("a", 0, 2.0)
    bare["selected"] = {**bare["selected"], "predicted_low": None, "predicted_high": None}
    found = summarise([bare, cell("a", 1, 2.0)])
    assert found["without_interval"] == ["a-0"]
    assert found["predicted"]["coverage"]["values"] == 1
