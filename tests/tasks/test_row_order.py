"""The order of a view's test rows follows the real test's, as far as the rows' own cells decide it, and no further."""

from __future__ import annotations

from itertools import groupby, pairwise
from pathlib import Path
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from mlmaster.tasks.row_order import find_order
from mlmaster.tasks.table import write_rows

COLUMNS = ["when", "object", "step", "x", "one"]


def write(folder: Path, train: list[list[str]], test: list[list[str]]) -> None:
    write_rows(folder / "train.csv", COLUMNS, train)
    write_rows(folder / "test.csv", COLUMNS, test)


def rows(count: int, start: int, *, keeps_time: bool = True, keeps_objects: bool = True) -> list[list[str]]:
    rng = Random(start)
    found = []
    for i in range(count):
        day = f"2020-{1 + (start + 3 * i) // 28 % 12:02d}-{1 + (start + 3 * i) % 28:02d}"
        found.append([day, f"o{start}-{(i // 5) * 7 % 1000}", str(i % 5), str(rng.random()), "1"])
    if not keeps_time:
        blocks = [found[i : i + 5] for i in range(0, count, 5)]
        rng.shuffle(blocks)
        found = [row for block in blocks for row in block]
    if not keeps_objects:
        rng.shuffle(found)
    return found


def test_a_file_sorted_by_a_date_stays_sorted_and_hidden_rows_lie_among_real_ones(tmp_path: Path) -> None:
    train, test = rows(100, 0), rows(100, 1)
    write(tmp_path, train, test)
    order = find_order(tmp_path / "train.csv", tmp_path / "test.csv", ",", COLUMNS)
    assert order is not None
    assert order.columns[0] == "when"
    shuffled = Random(5).sample([*range(0, 100, 3), *(-1 - k for k in range(100))], 134)
    arranged = order.arrange(shuffled)
    assert sorted(arranged) == sorted(shuffled)
    shown = [(train[row] if row >= 0 else test[-1 - row])[0] for row in arranged]
    assert shown == sorted(shown)
    assert sum((a < 0) != (b < 0) for a, b in pairwise(arranged)) > 30


def test_rows_of_one_object_stay_together_in_the_order_of_their_steps(tmp_path: Path) -> None:
    train, test = rows(200, 0, keeps_time=False), rows(100, 1, keeps_time=False)
    write(tmp_path, train, test)
    order = find_order(tmp_path / "train.csv", tmp_path / "test.csv", ",", COLUMNS)
    assert order is not None
    assert order.is_grouped
    assert order.columns == ("object", "when") or order.columns == ("object", "step")
    hidden = list(range(50, 100))
    arranged = order.arrange(Random(6).sample([*hidden, *(-1 - k for k in range(100))], 150))
    shown = [train[row] if row >= 0 else test[-1 - row] for row in arranged]
    groups = [list(block) for _, block in groupby(shown, key=lambda row: row[1])]
    assert len(groups) == 30
    assert all([row[2] for row in block] == ["0", "1", "2", "3", "4"] for block in groups)
    assert [block[0][1] for block in groups] != sorted(block[0][1] for block in groups)


def test_a_train_file_sorted_by_its_target_within_equal_dates_tells_nothing(tmp_path: Path) -> None:
    """Ties are left as shuffled: only what the rows show decides."""
    train = [[f"2020-01-{1 + i // 20:02d}", "o", "1", "1", "1"] for i in range(100)]
    write(tmp_path, train, train)
    order = find_order(tmp_path / "train.csv", tmp_path / "test.csv", ",", COLUMNS)
    assert order is not None
    shuffled = Random(7).sample(range(20), 20)
    assert order.arrange(shuffled) == shuffled


def test_no_order_is_kept_that_only_one_table_has_or_that_means_nothing(tmp_path: Path) -> None:
    shuffled = rows(100, 1, keeps_objects=False)
    for train, test in ((rows(100, 0), shuffled), (shuffled, rows(100, 0)), (rows(10, 0), rows(10, 1))):
        write(tmp_path, train, test)
        assert find_order(tmp_path / "train.csv", tmp_path / "test.csv", ",", COLUMNS) is None
        assert find_order(tmp_path / "train.csv", tmp_path / "test.csv", ",", ["one", "x"]) is None
        assert find_order(tmp_path / "train.csv", tmp_path / "test.csv", ",", []) is None


def test_an_order_that_breaks_late_is_no_order(tmp_path: Path) -> None:
    cells = [[str(i), "o", "1", "1", "1"] for i in range(3_000)]
    write(tmp_path, cells, [*cells[:-2], cells[0], cells[1]])
    assert find_order(tmp_path / "train.csv", tmp_path / "test.csv", ",", ["when"]) is None
    write(tmp_path, cells[::-1], cells[::-1])
    order = find_order(tmp_path / "train.csv", tmp_path / "test.csv", ",", ["when"])
    assert order is not None
    assert order.arrange([5, -1, 3]) == [-1, 3, 5]  # descending, as both are


@given(st.lists(st.integers(0, 6), min_size=20, max_size=60), st.randoms())
def test_arranging_is_stable_in_what_it_leaves_open(values: list[int], rng: Random) -> None:
    import numpy as np

    from mlmaster.tasks.row_order import RowOrder

    ranks = np.array(values, dtype=np.int64)
    flat = np.zeros(0, dtype=np.int64)
    for is_grouped in (False, True):
        order = RowOrder(("c",), is_grouped, ranks, flat, np.zeros_like(ranks), flat)
        shuffled = rng.sample(range(len(values)), len(values))
        arranged = order.arrange(shuffled)
        for value in set(values):
            kept = [row for row in shuffled if values[row] == value]
            assert [row for row in arranged if values[row] == value] == kept
        assert len(list(groupby(values[row] for row in arranged))) == len(set(values))
