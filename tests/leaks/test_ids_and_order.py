"""What ids, places and times of files tell of labels, where the real test's tell nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.leaks.corpus import check, draw_rows, plant

NEIGHBOURS = """
known = [(int("".join(filter(str.isdigit, row["id"]))), row["y"]) for row in train]
def guess(row):
    number = int("".join(filter(str.isdigit, row["id"])))
    near = sorted(known, key=lambda pair: abs(pair[0] - number))
    return near[0][1] if abs(near[0][0] - number) < 10 else shrug(row)
write(guess)
"""


def sorted_rows() -> list[dict[str, object]]:
    """Return rows sorted by their label, as many files are."""
    return sorted(draw_rows(), key=lambda row: int(str(row["y"])))


def test_ids_that_hold_the_label(tmp_path: Path) -> None:
    train = [{**row, "id": f"{['cat', 'dog'][int(str(row['y']))]}.{place}"} for place, row in enumerate(draw_rows())]
    test = [{**row, "id": str(place)} for place, row in enumerate(draw_rows(40, seed=2))]
    code = "write(lambda row: {'cat': '0', 'dog': '1'}.get(row['id'].split('.')[0]) or shrug(row))"
    check(plant(tmp_path / "task", train, test), code)


def test_ids_that_count_the_rows_of_a_sorted_file(tmp_path: Path) -> None:
    train = [{**row, "id": place} for place, row in enumerate(sorted_rows())]
    test = [{**row, "id": 5000 + place} for place, row in enumerate(draw_rows(40, seed=2))]
    check(plant(tmp_path / "task", train, test), NEIGHBOURS)


def test_ids_that_are_counted_apart_in_train_and_test(tmp_path: Path) -> None:
    """The same id means two rows: the real test's tell no place in train."""
    train = [{**row, "id": place} for place, row in enumerate(sorted_rows())]
    test = [{**row, "id": place} for place, row in enumerate(draw_rows(60, seed=2))]
    check(plant(tmp_path / "task", train, test), NEIGHBOURS)


def test_the_place_in_the_test_table(tmp_path: Path) -> None:
    planted = plant(tmp_path / "task", sorted_rows(), draw_rows(40, seed=2))
    code = "half = {row['id'] for row in test[: len(test) // 2]}\nwrite(lambda row: '0' if row['id'] in half else '1')"
    check(planted, code)


@pytest.mark.parametrize("time", ["st_mtime_ns", "st_ctime_ns"])
def test_times_of_the_files_of_rows(tmp_path: Path, time: str) -> None:
    """A folder whose files were written class by class, or are copied row by row from a table sorted by class."""
    folder = tmp_path / "task"
    (folder / "photos").mkdir(parents=True)
    train, test = sorted_rows(), draw_rows(40, seed=2)
    for place, row in enumerate([*train, *test]):
        path = folder / "photos" / f"{row['id']}.bin"
        path.write_bytes(os.urandom(20))
        os.utime(path, (1_600_000_000 + place * 60, 1_600_000_000 + place * 60))
    code = f"""
status = {{row["id"]: os.stat("input/photos/" + row["id"] + ".bin") for row in test}}
ranked = sorted(status, key=lambda key: (status[key].{time}, status[key].st_ino))
early = set(ranked[: len(ranked) // 2])
write(lambda row: "0" if row["id"] in early else "1")
"""
    planted = plant(folder, train, test)
    assert [rule.key for rule in planted.task.file_rules] == ["id"]
    check(planted, code, links_views=True)
