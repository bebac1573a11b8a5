from __future__ import annotations

from collections import Counter
from pathlib import Path

from mlmaster.tasks.survey import FEWEST_ROWS, MOST_ROWS, survey


def write(path: Path, rows: int, text: str = "") -> Path:
    with path.open("w") as file:
        file.write("n,text\n")
        file.writelines(f"{i},{text}\n" for i in range(rows))
    return path


def test_a_short_table_is_sampled_whole(tmp_path: Path) -> None:
    given = survey(write(tmp_path / "t.csv", 150, "x"), ",")
    assert given.is_whole
    assert given.column("n") == tuple(map(str, range(150)))


def test_a_long_table_is_sampled_evenly_in_its_order(tmp_path: Path) -> None:
    rows = 2 * MOST_ROWS + 1000
    seen: list[str] = []
    given = survey(write(tmp_path / "t.csv", rows), ",", lambda cells: seen.append(cells[0]))
    numbers = [int(cell) for cell in given.column("n")]
    assert (given.rows, len(numbers), given.is_whole, len(seen)) == (rows, MOST_ROWS, False, rows)
    assert numbers == sorted(set(numbers))
    tenths = Counter(number * 10 // rows for number in numbers)
    # Each tenth holds 2,000 of the sampled rows but for chance (a standard deviation of about 30).
    assert all(abs(tenths[tenth] - MOST_ROWS / 10) < 200 for tenth in range(10))
    assert survey(tmp_path / "t.csv", ",").sample == given.sample


def test_long_texts_make_a_smaller_sample_just_as_even(tmp_path: Path) -> None:
    given = survey(write(tmp_path / "t.csv", 5000, "x" * 100), ",", most_characters=100_000)
    numbers = [int(cell) for cell in given.column("n")]
    assert FEWEST_ROWS <= len(numbers) <= 1000
    assert given.rows == 5000
    assert 0.3 < sum(number < 2500 for number in numbers) / len(numbers) < 0.7
