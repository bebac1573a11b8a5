"""Carrying out a plan: cells survive exactly, nothing else enters, and the file runs without ML-Master."""

from __future__ import annotations

import ast
import csv
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.tasks import rebuild
from mlmaster.tasks.rebuild import Plan, PlanError, RowFiles, SampleColumn, Source, encode, materialise, row_numbers
from mlmaster.tasks.table import write_rows

COLUMNS = ["id", "text", "y"]


def make_plan(sides: str, test_rows: int = 0, order_key: str = "") -> Plan:
    return Plan(
        format=rebuild.FORMAT,
        name="fold-0",
        train=Source(path="train.csv", encoding="utf-8-sig", delimiter=","),
        train_path="train.csv",
        train_columns=list(COLUMNS),
        test=Source(path="test.csv", encoding="utf-8-sig", delimiter=",") if test_rows else None,
        test_path="test.csv",
        test_columns=["id", "text"],
        test_files="",
        delimiter=",",
        sides=sides,
        test_rows=test_rows,
        order_key=order_key,
        rows=[],
        renumber=None,
        sample_path="sample.csv",
        sample_delimiter=",",
        sample=[SampleColumn(name="id", rule="copy", value="id"), SampleColumn(name="y", rule="fill", value="0.5")],
        files=[],
        side_tables=[],
        copies=[],
    )


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write_train(folder: Path, texts: Sequence[str]) -> None:
    write_rows(folder / "train.csv", COLUMNS, [[f"r{i}", text, f"y{i}"] for i, text in enumerate(texts)])


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=12)


@settings(deadline=None)
@given(st.lists(cells, min_size=1, max_size=8), st.data())
def test_cells_survive_exactly_and_every_row_stands_where_the_plan_says(texts: list[str], data: st.DataObject) -> None:
    sides = data.draw(st.text("vh-", min_size=len(texts), max_size=len(texts)))
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_train(folder, texts)
        rows = materialise(make_plan(sides, order_key="ab" * 16), folder, folder / "view")
        train = [[f"r{i}", text, f"y{i}"] for i, text in enumerate(texts) if sides[i] == "v"]
        assert read(folder / "view/train.csv") == [COLUMNS, *train]
        assert read(folder / "view/test.csv") == [["id", "text"], *([f"r{i}", texts[i]] for i in rows)]
        assert read(folder / "view/sample.csv") == [["id", "y"], *([f"r{i}", "0.5"] for i in rows)]
    assert sorted(rows) == [i for i, side in enumerate(sides) if side == "h"]


@given(st.lists(cells, min_size=1, max_size=6), st.sampled_from([",", ";", "\t", "|"]))
def test_an_encoded_line_reads_back(values: list[str], delimiter: str) -> None:
    assert list(csv.reader(io.StringIO(encode(values, delimiter), newline=""), delimiter=delimiter)) == [values]


@pytest.mark.parametrize(
    "text",
    [
        'say "no"',
        "a,b",
        "two\nlines",
        "carriage\r\nreturn",
        "lone\rreturn",
        " spaced ",
        "naïve 日本 🚲",
        "NA",
        "01.50",
        "'",
    ],
)
def test_awkward_cells_survive_on_both_sides(tmp_path: Path, text: str) -> None:
    write_train(tmp_path, [text, text])
    materialise(make_plan("vh"), tmp_path, tmp_path / "view")
    assert read(tmp_path / "view/train.csv")[1][1] == text
    assert read(tmp_path / "view/test.csv")[1][1] == text


def test_a_western_table_with_a_byte_order_of_its_own_becomes_utf8(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes("id,text,y\r\n1,caf\u00e9 \u20ac,0\r\n2,x,1\r\n".encode("cp1252"))
    plan = make_plan("vh")
    plan["train"]["encoding"] = "cp1252"
    materialise(plan, tmp_path, tmp_path / "view")
    assert read(tmp_path / "view/train.csv")[1] == ["1", "café €", "0"]


def test_real_test_rows_are_interleaved_and_bear_negative_numbers(tmp_path: Path) -> None:
    write_train(tmp_path, ["t"] * 40)
    write_rows(tmp_path / "test.csv", ["text", "id"], [["real", f"s{i}"] for i in range(40)])
    rows = materialise(make_plan("h" * 40, 40, "00" * 32), tmp_path, tmp_path / "view")
    shown = [cells[0] for cells in read(tmp_path / "view/test.csv")[1:]]
    assert shown == [f"r{row}" if row >= 0 else f"s{-1 - row}" for row in rows]
    changes = sum((a < 0) != (b < 0) for a, b in pairwise(rows))
    assert changes > 20


@given(st.text("vh-", max_size=60), st.integers(0, 60), st.binary(min_size=1, max_size=64))
def test_row_numbers_are_a_permutation_decided_by_the_key(sides: str, test_rows: int, key: bytes) -> None:
    plan = make_plan(sides, test_rows, key.hex())
    expected = [i for i, side in enumerate(sides) if side == "h"] + [-1 - k for k in range(test_rows)]
    assert sorted(row_numbers(plan)) == sorted(expected)
    assert row_numbers(plan) == row_numbers(plan)
    assert row_numbers(make_plan(sides, test_rows)) == expected


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_file_alone_rebuilds_the_same_bytes(tmp_path: Path) -> None:
    write_train(tmp_path, ["a", 'b"', "c\nd", "e"])
    plan = make_plan("vhvh", order_key="0f")
    materialise(plan, tmp_path, tmp_path / "ours")
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "rebuild.py").write_bytes(Path(rebuild.__file__).read_bytes())
    (alone / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    command = [sys.executable, "-I", "-S", "rebuild.py", "plan.json", str(tmp_path), str(tmp_path / "theirs")]
    subprocess.run(command, cwd=alone, check=True)
    assert snapshot(tmp_path / "ours") == snapshot(tmp_path / "theirs")


def test_the_file_imports_the_standard_library_only() -> None:
    imported = set()
    for node in ast.walk(ast.parse(Path(rebuild.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported <= sys.stdlib_module_names


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    write_train(tmp_path, ["t"] * 3)
    write_rows(tmp_path / "test.csv", ["id", "text"], [["r0", "real"]])
    for folder, keys in (("train", ("r0", "r1", "r2", "stray")), ("test", ("r0", "stray"))):
        (tmp_path / folder).mkdir()
        for key in keys:
            (tmp_path / folder / f"{key}.png").write_text(f"{folder} {key}", encoding="utf-8")
    return tmp_path


def picture_plan() -> Plan:
    plan = make_plan("vh-", 1)
    plan["files"] = [RowFiles(train="train/{key}.png", test="test/{key}.png", key="id")]
    plan["renumber"] = rebuild.Renumber(column="id", start=7, prefix="", suffix="", width=1)
    return plan


def test_files_follow_their_rows_and_are_renamed_with_them(pictures: Path) -> None:
    materialise(picture_plan(), pictures, pictures / "view")
    files = snapshot(pictures / "view")
    assert {name: content for name, content in files.items() if name.endswith(".png")} == {
        "train/r0.png": b"train r0",
        "test/7.png": b"train r1",
        "test/8.png": b"test r0",
    }
    assert read(pictures / "view/test.csv") == [["id", "text"], ["7", "t"], ["8", "real"]]
    assert read(pictures / "view/sample.csv")[1:] == [["7", "0.5"], ["8", "0.5"]]


def test_a_row_without_its_file_is_no_error(pictures: Path) -> None:
    (pictures / "train/r1.png").unlink()
    materialise(picture_plan(), pictures, pictures / "view")
    assert not (pictures / "view/test/7.png").exists()


def test_modification_times_tell_nothing(pictures: Path) -> None:
    materialise(picture_plan(), pictures, pictures / "view")
    times = {path.stat().st_mtime for path in [pictures / "view", *(pictures / "view").rglob("*")]}
    assert times == {rebuild.WRITTEN_AT}


@pytest.mark.parametrize("key", ["../secret", "/etc/passwd", "a/../../secret"])
def test_a_key_cannot_lead_out_of_the_folder(tmp_path: Path, key: str) -> None:
    (tmp_path / "task").mkdir()
    (tmp_path / "secret").write_text("answers", encoding="utf-8")
    write_rows(tmp_path / "task/train.csv", COLUMNS, [[key, "t", "y"]])
    plan = make_plan("v")
    plan["files"] = [RowFiles(train="{key}", test="{key}", key="id")]
    with pytest.raises(PlanError, match="leads outside"):
        materialise(plan, tmp_path / "task", tmp_path / "view")


def test_an_empty_key_does_not_bring_in_the_whole_folder(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train/other.png").write_text("not ours", encoding="utf-8")
    write_rows(tmp_path / "train.csv", COLUMNS, [["", "t", "y"]])
    plan = make_plan("v")
    plan["files"] = [RowFiles(train="train/{key}", test="test/{key}", key="id")]
    materialise(plan, tmp_path, tmp_path / "view")
    assert not (tmp_path / "view/train").exists()


@pytest.mark.parametrize(("sides", "words"), [("v", "has more rows"), ("vhv", "has 2 rows, the plan is for 3")])
def test_another_number_of_rows_is_refused(tmp_path: Path, sides: str, words: str) -> None:
    write_train(tmp_path, ["a", "b"])
    with pytest.raises(PlanError, match=words):
        materialise(make_plan(sides), tmp_path, tmp_path / "view")


def test_another_number_of_test_rows_is_refused(tmp_path: Path) -> None:
    write_train(tmp_path, ["a", "b"])
    write_rows(tmp_path / "test.csv", ["id", "text"], [["1", "a"], ["2", "b"]])
    for test_rows, words in ((1, "has more rows"), (3, "has 2 rows")):
        with pytest.raises(PlanError, match=words):
            materialise(make_plan("vh", test_rows), tmp_path, tmp_path / str(test_rows))


def test_a_missing_column_a_ragged_row_and_a_foreign_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id,y\n1,2\n", encoding="utf-8")
    with pytest.raises(PlanError, match="has no column 'text'"):
        materialise(make_plan("v"), tmp_path, tmp_path / "a")
    (tmp_path / "train.csv").write_text("id,text,y\n1,2\n", encoding="utf-8")
    with pytest.raises(PlanError, match="a row has 2 cells, but the header has 3"):
        materialise(make_plan("v"), tmp_path, tmp_path / "b")
    plan = make_plan("v")
    plan["format"] = 99
    with pytest.raises(PlanError, match="format 99"):
        materialise(plan, tmp_path, tmp_path / "c")


def test_an_existing_destination_is_never_written_into(tmp_path: Path) -> None:
    write_train(tmp_path, ["a"])
    (tmp_path / "view").mkdir()
    with pytest.raises(FileExistsError):
        materialise(make_plan("v"), tmp_path, tmp_path / "view")
