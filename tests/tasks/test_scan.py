"""The scan: a finished view passes; each planted violation is found and named, and no label is ever in the words."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import InfrastructureError
from mlmaster.tasks.pool import protect
from mlmaster.tasks.rebuild import (
    FORMAT,
    WRITTEN_AT,
    Plan,
    Renumber,
    RowFiles,
    SampleColumn,
    SideRows,
    Source,
    materialise,
)
from mlmaster.tasks.scan import scan_view
from mlmaster.tasks.table import write_rows

SIDES = "vvvvhhh-"
TEST_ROWS = 3


def make_plan(*, renumbers: bool = False) -> Plan:
    return Plan(
        format=FORMAT,
        name="fold-0",
        train=Source(path="train.csv", encoding="utf-8", delimiter=","),
        train_path="train.csv",
        train_columns=["key", "x", "casual", "y"],
        test=Source(path="test.csv", encoding="utf-8", delimiter=","),
        test_path="test.csv",
        test_columns=["key", "x"],
        test_files="",
        delimiter=",",
        sides=SIDES,
        test_rows=TEST_ROWS,
        order_key="0f" * 16,
        rows=[],
        renumber=Renumber(column="key", start=100, prefix="", suffix="", width=1) if renumbers else None,
        sample_path="sample.csv",
        sample_delimiter=",",
        sample=[SampleColumn(name="key", rule="copy", value="key"), SampleColumn(name="y", rule="fill", value="0")],
        files=[RowFiles(train="train/{key}.png", test="test/{key}.png", key="key")],
        side_tables=[
            SideRows(
                table=Source(path="side.csv", encoding="utf-8", delimiter=","),
                key="who",
                column="key",
                has_test=True,
                withheld=["late"],
            )
        ],
        copies=["about.md"],
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    for name, count in (("train", len(SIDES)), ("test", TEST_ROWS)):
        (folder / name).mkdir(parents=True)
        rows = [[f"{name}-key-{i}", f"x{i}", "secret", "SECRET"] for i in range(count)]
        write_rows(folder / f"{name}.csv", ["key", "x", "casual", "y"], rows)
        for i in range(count):
            (folder / name / f"{name}-key-{i}.png").write_text(f"{name} {i}", encoding="utf-8")
    keys = [*(f"train-key-{i}" for i in range(len(SIDES))), *(f"test-key-{i}" for i in range(TEST_ROWS))]
    write_rows(folder / "side.csv", ["who", "late"], [[key, "late"] for key in keys])
    (folder / "about.md").write_text("Rows such as test-key-1, train-key-0.", encoding="utf-8")
    return folder


def build(source: Path, view: Path, plan: Plan) -> Path:
    materialise(plan, source, view)
    protect(view)
    return view


def scan(view: Path, source: Path, plan: Plan) -> None:
    scan_view(view, plan, source, {"y", "casual"}, ["key"])


@pytest.mark.parametrize("renumbers", [False, True])
def test_a_view_as_it_was_planned_passes(source: Path, tmp_path: Path, renumbers: bool) -> None:
    plan = make_plan(renumbers=renumbers)
    scan(build(source, tmp_path / "view", plan), source, plan)


def edit(name: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def tamper(view: Path) -> None:
        path = view / name
        path.chmod(0o644)
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
        settle(path, 0o444)

    return tamper


def settle(path: Path, mode: int) -> None:
    path.chmod(mode)
    os.utime(path, (WRITTEN_AT, WRITTEN_AT))


def add(name: str, text: str = "planted") -> Callable[[Path], None]:
    def tamper(view: Path) -> None:
        path = view / name
        folder = path.parent
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        path.write_text(text, encoding="utf-8")
        settle(path, 0o444)
        settle(folder, 0o555)
        settle(view, 0o555)

    return tamper


def link(view: Path) -> None:
    (view / "test").chmod(0o755)
    (view / "test/other.png").symlink_to("/etc/passwd")
    os.utime(view / "test/other.png", (WRITTEN_AT, WRITTEN_AT), follow_symlinks=False)
    settle(view / "test", 0o555)


def swap_two_rows(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([lines[0], lines[2], lines[1], *lines[3:]])


HIDDEN_LINE = "train-key-5,x5,secret,SECRET\n"


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (edit("train.csv", lambda text: text + HIDDEN_LINE), "train.csv holds more than the visible rows"),
        (edit("train.csv", lambda text: text.replace("x1", "x9")), "train.csv does not hold the visible rows: row 2 "),
        (edit("train.csv", lambda text: text[: text.rindex("train-key-3")]), "train.csv does not hold .*: row 4 "),
        (edit("train.csv", lambda text: text.replace("casual", "formal")), "train.csv has other columns"),
        (edit("test.csv", lambda text: text.replace("\n", ",1\n").replace("x,1", "x,y")), "test.csv has columns .*y;"),
        (edit("test.csv", lambda text: text.replace("x5", "x6")), "test.csv has another row at place"),
        (edit("test.csv", swap_two_rows), "test.csv has another row at place 1 "),
        (edit("test.csv", lambda text: text + "train-key-7,x7\n"), "test.csv has more than 6 rows"),
        (edit("test.csv", lambda text: text[: text.rindex(",") - 1].rpartition("\n")[0] + "\n"), "test.csv has 5 rows"),
        (edit("sample.csv", lambda text: text.replace(",0\n", ",1\n", 1)), "sample.csv does not say the same"),
        (edit("sample.csv", lambda text: text.rpartition("\n")[0].rpartition("\n")[0] + "\n"), "sample.csv has 5 rows"),
        (edit("side.csv", lambda text: text + "train-key-7,\n"), "side.csv holds a row of 'train-key-7'"),
        (edit("side.csv", lambda text: text.replace("test-key-1,", "test-key-1,late")), "side.csv says more of 'test-"),
        (edit("side.csv", swap_two_rows), None),  # the visible part may stand in any order
        (edit("about.md", lambda text: f"{text} see `train-key-6`."), "about.md mentions 'train-key-6'"),
        (edit("about.md", lambda text: f"{text}\ntrain-key-7;1"), "about.md mentions 'train-key-7'"),
        (edit("about.md", lambda text: f"{text}\ntrain-key-2"), None),
        (add("train/train-key-5.png"), "train/train-key-5.png is named by no rule"),
        (add("labels.csv"), "labels.csv is named by no rule"),
        (add("test/train-key-7.png"), "test/train-key-7.png is named by no rule"),
        (link, "test/other.png (is writable|is neither a file nor a folder)"),
        (lambda view: (view / "train.csv").chmod(0o644), "train.csv is writable"),
        (lambda view: (view / "train").chmod(0o755), "train is writable"),
        (
            lambda view: os.utime(view / "test/train-key-4.png", (1, 1)),
            "test/train-key-4.png is writable or has a time",
        ),
    ],
)
def test_every_planted_violation_is_found_and_no_label_told(
    source: Path, tmp_path: Path, tamper: Callable[[Path], None], words: str | None
) -> None:
    plan = make_plan()
    view = build(source, tmp_path / "view", plan)
    view.chmod(0o755)
    tamper(view)
    settle(view, 0o555)
    if words is None:
        scan(view, source, plan)
        return
    with pytest.raises(InfrastructureError, match="the view fold-0 was built wrongly") as caught:
        scan(view, source, plan)
    assert re.search(words, str(caught.value))
    assert "SECRET" not in str(caught.value)


def test_a_missing_table_is_found(source: Path, tmp_path: Path) -> None:
    plan = make_plan()
    view = build(source, tmp_path / "view", plan)
    view.chmod(0o755)
    (view / "sample.csv").unlink()
    settle(view, 0o555)
    with pytest.raises(InfrastructureError, match=r"sample.csv is not there"):
        scan(view, source, plan)


def test_test_side_rows_out_of_the_tests_order_are_found(source: Path, tmp_path: Path) -> None:
    plan = make_plan()
    view = build(source, tmp_path / "view", plan)
    edit("side.csv", lambda text: "".join(sorted(text.splitlines(keepends=True), reverse=True)))(view)
    with pytest.raises(InfrastructureError, match=r"side.csv holds a row of"):
        scan(view, source, plan)


def test_a_side_table_that_knows_no_test_row_may_not_know_a_hidden_one(source: Path, tmp_path: Path) -> None:
    plan = make_plan()
    view = build(source, tmp_path / "view", plan)
    plan["side_tables"][0]["has_test"] = False
    with pytest.raises(InfrastructureError, match=r"side.csv holds a row of '(train-key-[456]|test-key-\d)'"):
        scan(view, source, plan)


@pytest.mark.parametrize(("of_train", "of_test", "passes"), [(".png", ".png", True), (".png", ".jpeg", False)])
def test_names_that_tell_hidden_rows_from_real_ones_are_found(
    tmp_path: Path, of_train: str, of_test: str, passes: bool
) -> None:
    source = tmp_path / "task"
    for name, ending in (("train", of_train), ("test", of_test)):
        (source / name).mkdir(parents=True)
        write_rows(
            source / f"{name}.csv", ["key", "x", "casual", "y"], [[f"{i}{ending}", "", "", ""] for i in range(50)]
        )
        for i in range(50):
            (source / name / f"{i}{ending}").write_text(f"{name} {i}", encoding="utf-8")
    plan = make_plan()
    plan["sides"], plan["test_rows"], plan["side_tables"], plan["copies"] = "vh" * 25, 50, [], []
    plan["files"] = [RowFiles(train="train/{key}", test="test/{key}", key="key")]
    if passes:  # of one name there can be only one file
        plan["renumber"] = Renumber(column="key", start=100, prefix="", suffix=of_test, width=1)
    view = build(source, tmp_path / "view", plan)
    if passes:
        scan(view, source, plan)
        return
    with pytest.raises(InfrastructureError, match=r"test/1.png tells by its name"):
        scan(view, source, plan)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=6)


@settings(deadline=None, max_examples=30)
@given(st.data(), st.booleans())
def test_the_scan_passes_on_what_is_built(data: st.DataObject, renumbers: bool) -> None:
    keys = data.draw(st.lists(st.text("ab1", min_size=1, max_size=8), min_size=1, max_size=12))
    train = [[key, data.draw(cells), data.draw(cells), data.draw(cells)] for key in keys]
    test = [[key, data.draw(cells)] for key in data.draw(st.lists(st.text("cd2", min_size=1, max_size=8), max_size=6))]
    with TemporaryDirectory() as name:
        folder = Path(name) / "task"
        (folder / "train").mkdir(parents=True)
        write_rows(folder / "train.csv", ["key", "x", "casual", "y"], train)
        write_rows(folder / "test.csv", ["key", "x"], test)
        write_rows(folder / "side.csv", ["who", "late"], [[key, ""] for key in ["abab", "cdcd", *keys]])
        (folder / "about.md").write_text("aaaaaa", encoding="utf-8")
        for key in keys[::2]:
            (folder / "train" / f"{key}.png").write_text(key, encoding="utf-8")
        plan = make_plan(renumbers=renumbers)
        plan["sides"] = data.draw(st.text("vh-", min_size=len(keys), max_size=len(keys)))
        plan["test_rows"] = len(test)
        plan["copies"] = []
        scan(build(folder, Path(name) / "view", plan), folder, plan)


def test_cells_are_compared_as_cells(source: Path, tmp_path: Path) -> None:
    """Quoting and line ends are the builder's own; what a script reads is what counts."""
    plan = make_plan()
    view = build(source, tmp_path / "view", plan)
    with (view / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    (view / "train.csv").chmod(0o644)
    with (view / "train.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    settle(view / "train.csv", 0o444)
    scan(view, source, plan)
