"""`mlmaster.solve` on one table without a test file, and predictions for rows made afterwards."""

import random
from pathlib import Path

import pandas as pd
import pytest

import mlmaster
from mlmaster.errors import UserError


def make_rows(count: int, seed: int) -> pd.DataFrame:
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        area, kind = rng.uniform(30, 200), rng.choice(["house", "flat"])
        rows.append(
            {"area": area, "kind": kind, "price": 1000 * area * (1.3 if kind == "house" else 1) + rng.gauss(0, 9e3)}
        )
    return pd.DataFrame(rows)


@pytest.mark.slow
def test_solve_and_predict(tmp_path: Path) -> None:
    table = tmp_path / "prices.csv"
    make_rows(400, 1).to_csv(table, index=False)
    result = mlmaster.solve(table, target="price", metric="rmse", nodes=2, out=tmp_path / "run")
    assert result.selected is not None
    assert result.selected.judge is not None
    assert len(pd.read_csv(result.submission)) == 400

    fresh = make_rows(50, 2)
    found = result.predict(fresh.drop(columns="price"))
    error = float(((found["price"] - fresh["price"]) ** 2).mean() ** 0.5)
    assert error < 0.5 * float(fresh["price"].std())

    path = tmp_path / "new.csv"
    fresh.drop(columns="price").to_csv(path, index=False)
    assert result.predict(path)["price"].tolist() == found["price"].tolist()

    with pytest.raises(UserError, match="kind"):
        result.predict(fresh[["area"]])


def test_a_wrong_setting_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="slots"):
        mlmaster.solve("wine", out=tmp_path / "run", settings={"engine.slotz": 2})
    assert not (tmp_path / "run").exists()


def test_folds_that_cannot_be_scored_are_refused_before_anything_runs(tmp_path: Path) -> None:
    """One positive cannot be in every fold, however few there are."""
    table = tmp_path / "rare.csv"
    rows = [f"{i * 0.37 % 1:.3f},{i % 7},{int(i == 17)}" for i in range(40)]
    table.write_text("a,b,y\n" + "\n".join(rows) + "\n")
    with pytest.raises(UserError, match=r"fold \d are too few to score.*give more labelled rows"):
        mlmaster.solve(table, target="y", metric="roc_auc", nodes=1, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_forty_rows_and_seven_positives_just_run(tmp_path: Path) -> None:
    table = tmp_path / "few.csv"
    rows = [f"{i * 0.37 % 1:.3f},{i % 7},{int(i % 6 == 1)}" for i in range(40)]
    table.write_text("a,b,y\n" + "\n".join(rows) + "\n")
    result = mlmaster.solve(table, target="y", metric="roc_auc", nodes=1, time="2m", out=tmp_path / "run")
    assert result.selected is not None
