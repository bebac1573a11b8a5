"""Values, durations and trees as they are written."""

from __future__ import annotations

import pytest

from mlmaster.core.node import Operator
from mlmaster.core.score import Direction
from mlmaster.core.tree import Tree
from mlmaster.report import text
from mlmaster.report.edits import tried_edits
from mlmaster.report.node import describe
from mlmaster.testing.recorded import recorded_run, scored_node


@pytest.fixture
def tree() -> Tree:
    return Tree(record.event for record in recorded_run())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (8.24, "8.2 s"),
        (60, "1 m 00 s"),
        (245, "4 m 05 s"),
        (3599.7, "1 h 00 m"),
        (7620, "2 h 07 m"),
        (float("inf"), "no limit"),
        (None, "—"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert text.duration(seconds) == words


@pytest.mark.parametrize(("value", "words"), [(None, "—"), (0.123456, "0.12346"), (123456.0, "1.2346e+05"), (0.0, "0")])
def test_scores(value: float | None, words: str) -> None:
    assert text.score(value) == words


def test_tree_shows_lineage_outcome_and_best(tree: Tree) -> None:
    assert list(text.tree_lines(tree)) == [
        "#1 draft lightgbm  0.81",
        "└─ #3 improve target_encoding  0.85 ★",
        "   ├─ #5 improve more_seeds  0.71 raced after 1 fold",
        "   └─ #7 merge stack  running",
        "#2 draft extra_trees  failed: timeout",
        "└─ #4 debug fewer_trees  0.79",
    ]


def test_edits_are_told_by_what_they_brought(tree: Tree) -> None:
    records = {record.name: record for record in tried_edits(tree, Direction.MAXIMIZE)}
    assert records["target_encoding"].gains == 1
    assert records["target_encoding"].best_change == pytest.approx(0.04)
    assert (records["extra_trees"].failed, records["more_seeds"].raced) == (1, 1)
    assert records["fewer_trees"].best_change is None


@pytest.mark.parametrize(("direction", "best"), [(Direction.MAXIMIZE, 0.2), (Direction.MINIMIZE, -0.1)])
def test_the_best_change_follows_the_direction_of_the_metric(direction: Direction, best: float) -> None:
    tree = Tree(
        [
            *scored_node(1, Operator.DRAFT, (0,), "knn", (0.5,), is_new_best=True),
            *scored_node(2, Operator.IMPROVE, (1,), "scale", (0.7,), is_new_best=True),
            *scored_node(3, Operator.IMPROVE, (1,), "scale", (0.4,), is_new_best=False),
        ]
    )
    record = next(record for record in tried_edits(tree, direction) if record.name == "scale")
    assert record.tried == 2
    assert record.best_change == pytest.approx(best)


def test_a_node_is_described_with_lineage_and_folds(tree: Tree) -> None:
    words = describe(tree, 3)
    for part in (
        "#3 improve target_encoding ★",
        "#1 draft lightgbm",
        "#5, #7",
        "0: 0.84, 1: 0.86",
        "+0.04",
        "a gain beyond",
    ):
        assert part in words
    assert "30 s of wall time" in describe(tree, 2)
