"""Hidden rows that are nearer to the visible ones than the real test is to train."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import fmean

from tests.leaks.corpus import Planted, check, draw_rows, plant, score_carelessly, score_ours

from mlmaster.core.scheme import SchemeKind
from mlmaster.tasks.views import Views


def kind_of(planted: Planted) -> SchemeKind:
    return Views(planted.task, Path(f"{planted.folder}-looked-at"), seed=3).scheme.kind


def test_copies_of_rows_in_train_alone(tmp_path: Path) -> None:
    draw = random.Random(5)
    rows = [{**row, "u": round(draw.random(), 6), "v": round(draw.random(), 6)} for row in draw_rows(160)]
    copies = [{**row, "id": f"r{place:010x}"} for place, row in enumerate([*rows, *rows, *rows])]
    draw.shuffle(copies)
    test = [{**row, "u": round(draw.random(), 6), "v": round(draw.random(), 6)} for row in draw_rows(80, seed=2)]
    planted = plant(tmp_path / "task", copies, test)
    assert kind_of(planted) is SchemeKind.GROUPED
    check(
        planted,
        "known = {row['x']: row['y'] for row in train}\nwrite(lambda row: known.get(row['x']) or shrug(row))",
        3,
    )


def test_groups_that_the_real_test_does_not_share(tmp_path: Path) -> None:
    """Many pictures of one patient, one label a patient; the test has other patients."""
    draw = random.Random(6)
    train = [{**row, "patient": f"p{place % 60:03d}", "y": place % 60 % 2} for place, row in enumerate(draw_rows(480))]
    test = [{**row, "patient": f"q{place % 20:03d}", "y": 0} for place, row in enumerate(draw_rows(120, seed=2))]
    draw.shuffle(train)
    planted = plant(tmp_path / "task", train, test)
    assert kind_of(planted) is SchemeKind.GROUPED
    code = "known = {row['patient']: row['y'] for row in train}\n"
    check(planted, code + "write(lambda row: known.get(row['patient']) or shrug(row))", 3)


def test_the_future_of_rows_in_time(tmp_path: Path) -> None:
    """A value that wanders; the real test is later than all of train. Row folds show both neighbours of a hidden day."""
    draw = random.Random(7)
    value, rows = 0.0, []
    for day in range(400):
        value += draw.gauss(0, 1)
        date = f"{2001 + day // 336}-{day % 336 // 28 + 1:02d}-{day % 28 + 1:02d}"
        rows.append(
            {"id": f"r{draw.getrandbits(40):010x}", "date": date, "x": round(draw.random(), 6), "y": round(value, 4)}
        )
    planted = plant(tmp_path / "task", rows[:300], rows[300:], metric="rmse")
    assert kind_of(planted) is SchemeKind.TIME
    code = """
import datetime, bisect
day = lambda row: datetime.date.fromisoformat(row["date"]).toordinal()
known = sorted((day(row), float(row["y"])) for row in train)
def guess(row):
    place = bisect.bisect(known, (day(row), 0.0))
    near = known[max(0, place - 1) : place + 1]
    return sum(y for _, y in near) / len(near)
write(guess)
"""
    careless, ours = score_carelessly(planted, code, 5), score_ours(planted, code, 5)
    assert fmean(careless) < 1.2, careless
    assert fmean(ours) > 2.5, ours
