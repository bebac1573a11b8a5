"""The four competitions whose raw files are at hand: every table has the official checksum."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlmaster.mlebench.places import Place
from mlmaster.mlebench.preparation.preparing import Outcome, Wish, prepare
from mlmaster.mlebench.preparation.recipes import nomad2018_predict_transparent_conductors as nomad2018
from mlmaster.mlebench.preparation.tables import read_csv
from mlmaster.mlebench.preparation.verifying import State, check_prepared
from mlmaster.mlebench.registry import checksums, competition

TASKS = Path(os.environ.get("ML_MASTER_TASKS") or Path(__file__).resolve().parents[3].parent / "shared" / "tasks")
NOMAD = "nomad2018-predict-transparent-conductors"


def raw_of(name: str) -> Path:
    folder = TASKS.parent / "raw" / name
    if not folder.is_dir():
        pytest.skip(
            f"{folder} is absent; set ML_MASTER_TASKS to a folder beside raw/, which holds Kaggle's files of {name}"
        )
    return folder


def prepared(name: str, data_dir: Path, *, accepts_others: bool = False) -> Outcome:
    wish = Wish(raw_of(name), accepts_others=accepts_others)
    return prepare(Place(data_dir, competition(name)), wish)


@pytest.mark.parametrize(
    "name", ["spooky-author-identification", "detecting-insults-in-social-commentary", "spaceship-titanic"]
)
def test_every_table_is_the_official_one(name: str, tmp_path: Path) -> None:
    outcome = prepared(name, tmp_path)
    official = checksums(name)
    names = [f"public/{each}" for each in sorted(official.public)] + [
        f"private/{each}" for each in sorted(official.private)
    ]
    assert [check.name for check in outcome.checks] == names
    assert outcome.is_official


def test_the_tables_of_nomad2018_are_the_official_ones(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "private").mkdir()
    nomad2018.prepare_tables(raw_of(NOMAD) / "train.csv", tmp_path / "public", tmp_path / "private")
    checks = check_prepared(tmp_path, checksums(NOMAD))
    assert [check.state for check in checks] == [State.EQUAL] * 4


def test_nomad2018_without_geometry_is_prepared_on_demand(tmp_path: Path) -> None:
    outcome = prepared(NOMAD, tmp_path, accepts_others=True)
    assert outcome.is_official
    assert outcome.notes == ("prepared without train/, which the raw files lack",)


@pytest.mark.parametrize("part", ["train", "test"])
def test_geometry_of_nomad2018_keeps_to_its_crystal(part: str, tmp_path: Path) -> None:
    official = TASKS / NOMAD / "prepared" / "public"
    raw = raw_of(NOMAD)
    if not official.is_dir():
        pytest.skip(f"{official} is absent; set ML_MASTER_TASKS to a folder that holds {NOMAD}")
    (tmp_path / "public").mkdir()
    (tmp_path / "private").mkdir()
    numbers = nomad2018.prepare_tables(raw / "train.csv", tmp_path / "public", tmp_path / "private")[part]
    table = read_csv(raw / "train.csv")
    columns = ["id", "number_of_total_atoms", "percent_atom_al", "percent_atom_ga", "percent_atom_in"]
    crystals = {old: facts for old, *facts in table[columns].itertuples(index=False)}
    assert len(numbers) == sum(1 for entry in (official / part).iterdir())
    for old, new in numbers.items():
        geometry = (official / part / str(new) / "geometry.xyz").read_text()
        metals = [geometry.count(f" {metal}\n") for metal in ("Al", "Ga", "In")]
        found = [geometry.count("\natom "), *(count / sum(metals) for count in metals)]
        assert found == pytest.approx(crystals[old], abs=1e-4)
