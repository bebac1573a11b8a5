"""Views: no hidden label is reachable, everything in a view is explained by a rule, rows map back."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.core.cost import Size
from mlmaster.core.score import Direction
from mlmaster.core.task import FileRule, PredictionKind, Task, TaskKind
from mlmaster.core.view import View
from mlmaster.errors import DataError, SettingsError, TaskError
from mlmaster.ports import ViewSource
from mlmaster.tasks import table
from mlmaster.tasks.rebuild import Plan, Source, materialise
from mlmaster.tasks.table import write_rows
from mlmaster.tasks.views import Views


def make_task(directory: Path, **changes: Any) -> Task:
    fields: dict[str, Any] = {
        "name": "t",
        "directory": directory,
        "train": "train.csv",
        "test": "test.csv",
        "sample": "sample_submission.csv",
        "id_column": "id",
        "echo_columns": ("id",),
        "submission_columns": ("id", "y"),
        "prediction_columns": ("y",),
        "targets": ("y",),
        "kind": TaskKind.BINARY,
        "prediction_kind": PredictionKind.LABEL,
        "classes": ("no", "yes"),
        "metric": "accuracy",
        "direction": Direction.MAXIMIZE,
    }
    return Task(**{**fields, **changes})


def write_task(directory: Path, ids: Sequence[str], test_ids: Sequence[str], labels: Sequence[str]) -> Task:
    directory.mkdir(exist_ok=True)
    rows = [[key, f"feature of train row {i}", "secret", y] for i, (key, y) in enumerate(zip(ids, labels, strict=True))]
    write_rows(directory / "train.csv", ["id", "x", "casual", "y"], rows)
    write_rows(directory / "test.csv", ["id", "x"], [[k, f"feature of test row {i}"] for i, k in enumerate(test_ids)])
    write_rows(directory / "sample_submission.csv", ["id", "y"], [[key, "no"] for key in test_ids])
    return make_task(directory, train_only=("casual",))


def read(path: Path, delimiter: str = ",") -> tuple[list[str], list[list[str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = [cells for cells in csv.reader(file, delimiter=delimiter) if cells]
    return header, rows


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def task(tmp_path: Path) -> Task:
    labels = ["yes" if i % 3 == 0 else "no" for i in range(30)]
    return write_task(tmp_path / "task", [f"a{i}" for i in range(30)], [f"b{i}" for i in range(9)], labels)


def check_rows(view: View, train: list[list[str]], test: list[list[str]], columns: tuple[int, ...]) -> None:
    """Every row of the view's test table is the row its number says, but for a renumbered id."""
    _, shown = read(view.directory / "test.csv")
    assert len(shown) == len(view.rows)
    for number, cells in zip(view.rows.tolist(), shown, strict=True):
        expected = train[number] if number >= 0 else test[-1 - number]
        assert [cells[c] for c in columns] == [expected[c] for c in columns]


@settings(deadline=None, max_examples=40)
@given(st.data(), st.integers(0, 1000), st.booleans())
def test_no_hidden_label_is_reachable(data: st.DataObject, seed: int, is_numbered_apart: bool) -> None:
    labels = data.draw(st.lists(st.sampled_from(["no", "yes"]), min_size=4, max_size=25))
    test_rows = data.draw(st.integers(1, 10))
    folds = data.draw(st.integers(1, min(4, len(labels))))
    ids = [str(2 * i) for i in range(len(labels))]
    test_ids = [str(2 * i + (1001 if is_numbered_apart else 1)) for i in range(test_rows)]
    with TemporaryDirectory() as name:
        task = write_task(Path(name) / "task", ids, test_ids, labels)
        train, test = read(task.directory / "train.csv")[1], read(task.directory / "test.csv")[1]
        views = Views(task, Path(name) / "pool", seed, folds)
        seen: list[int] = []
        for fold in range(views.folds):
            view = views.fold(fold)
            hidden = set(view.hidden.tolist())
            seen.extend(sorted(hidden))
            assert hidden == set(np.flatnonzero(views.hidden_in(fold)).tolist())
            header, visible = read(view.directory / "train.csv")
            assert header == ["id", "x", "casual", "y"]
            assert visible == [row for i, row in enumerate(train) if i not in hidden]
            assert read(view.directory / "test.csv")[0] == ["id", "x"]
            check_rows(view, train, test, (1,))
            check_rows(view, train, test, () if view.is_renumbered else (0, 1))
            if is_numbered_apart or test_rows > 1:  # one odd number among even ones says nothing
                assert view.is_renumbered == is_numbered_apart
            assert view.keys is not None
            assert len(set(view.keys)) == len(view.keys)
            assert list(view.keys) == [row[0] for row in read(view.directory / "test.csv")[1]]
            assert read(view.directory / "sample_submission.csv") == (["id", "y"], [[key, "no"] for key in view.keys])
            assert set(snapshot(view.directory)) == {"train.csv", "test.csv", "sample_submission.csv"}
            for path, content in snapshot(view.directory).items():
                for row in hidden:
                    assert path == "test.csv" or f"feature of train row {row}\n".encode() not in content
                    assert f"feature of train row {row},".encode() not in content
        if folds > 1:
            assert sorted(seen) == sorted(list(range(len(labels))) * views.scheme.repeats)


def test_it_is_a_view_source(task: Task, tmp_path: Path) -> None:
    source: ViewSource = Views(task, tmp_path / "pool", 0)
    assert source.folds == source.scheme.folds * source.scheme.repeats == 5 * 2
    assert not source.scheme.has_judge
    assert not source.has_smoke
    assert source.truth.shape == (30, 1)
    assert source.guide.all()
    assert len(set(source.clusters.tolist())) == 30


def test_the_rows_of_a_view_are_known_before_it_is_built(task: Task, tmp_path: Path) -> None:
    views = Views(task, tmp_path / "pool", 0, folds=3)
    names = ["fold-0", "fold-2", "smoke", "smoke-2", "fresh", "full"]
    sizes = [views.size(name) for name in names]
    assert not (tmp_path / "pool" / "fold-0").exists()
    built = [views.fold(0), views.fold(2), views.smoke(), views.smoke(scale=2), views.fresh(), views.full()]
    assert [view.name for view in built] == names
    shown = [len(read(view.directory / "train.csv")[1]) for view in built]
    assert sizes == [Size(rows, len(view.rows)) for rows, view in zip(shown, built, strict=True)]
    with pytest.raises(SettingsError, match="fold 9"):
        views.size("fold-9")


def test_a_view_is_taken_once_and_found_again_by_another_process(task: Task, tmp_path: Path) -> None:
    views = Views(task, tmp_path / "pool", 0)
    view = views.fold(1)
    assert views.fold(1) is view
    built_at = view.directory.stat().st_ctime_ns
    again = Views(task, tmp_path / "pool", 0).fold(1)
    assert (again.directory, again.keys, again.rows.tolist()) == (view.directory, view.keys, view.rows.tolist())
    assert again.directory.stat().st_ctime_ns == built_at


def test_only_what_a_rule_explains_enters_a_view(task: Task, tmp_path: Path) -> None:
    planted = ("train.zip", "labels.csv", "train_full.csv", "data_description.txt", "description.md", "images/a1.png")
    (task.directory / "images").mkdir()
    for name in planted:
        (task.directory / name).write_text("a1,yes", encoding="utf-8")
    (tmp_path / "private").mkdir()
    (tmp_path / "private/test.csv").write_text("id,y", encoding="utf-8")
    task = task.model_copy(update={"description": "description.md", "extra_files": ("data_description.txt",)})
    views = Views(task, tmp_path / "pool", 0)
    allowed = {"train.csv", "test.csv", "sample_submission.csv", "description.md", "data_description.txt"}
    for view in (views.fold(0), views.smoke(), views.full()):
        assert set(snapshot(view.directory)) == allowed


def test_the_test_table_never_holds_a_target_even_where_the_real_one_has_its_column(task: Task, tmp_path: Path) -> None:
    write_rows(task.directory / "test.csv", ["y", "casual", "x", "id"], [["", "", "t", f"b{i}"] for i in range(9)])
    view = Views(task, tmp_path / "pool", 0).fold(0)
    assert read(view.directory / "test.csv")[0] == ["x", "id"]


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_order(task: Task, tmp_path: Path) -> None:
    first, again = Views(task, tmp_path / "a", 3), Views(task, tmp_path / "b", 3)
    for fold in range(first.folds):
        assert snapshot(first.fold(fold).directory) == snapshot(again.fold(fold).directory)
        assert np.array_equal(first.fold(fold).rows, again.fold(fold).rows)
    assert first.fold(0).rows.tolist() != Views(task, tmp_path / "c", 4).fold(0).rows.tolist()


def test_the_order_cannot_be_guessed_without_the_hidden_labels(task: Task, tmp_path: Path) -> None:
    before = Views(task, tmp_path / "a", 0).plan("fold-0")["order_key"]
    text = (task.directory / "train.csv").read_text(encoding="utf-8")
    (task.directory / "train.csv").write_text(text.replace("yes", "no", 1), encoding="utf-8")
    assert Views(task, tmp_path / "b", 0).plan("fold-0")["order_key"] != before


def test_the_export_rebuilds_the_same_views(task: Task, tmp_path: Path) -> None:
    views = Views(task, tmp_path / "pool", 0)
    view = views.fold(1)
    views.export(tmp_path / "best", ["fold-1", "full", "smoke"])
    scope: dict[str, Any] = {"__name__": "rebuild"}
    exec((tmp_path / "best/rebuild.py").read_text(encoding="utf-8"), scope)
    plan = scope["json"].loads((tmp_path / "best/views/fold-1.json").read_text(encoding="utf-8"))
    assert scope["materialise"](plan, task.directory, tmp_path / "again") == view.rows.tolist()
    assert snapshot(tmp_path / "again") == snapshot(view.directory)
    assert {path.name for path in (tmp_path / "best/views").iterdir()} == {"fold-1.json", "full.json", "smoke.json"}


def test_the_full_view_shows_every_label_and_the_real_test_as_it_is(task: Task, tmp_path: Path) -> None:
    view = Views(task, tmp_path / "pool", 0).full()
    assert (view.name, view.fold, view.is_renumbered) == ("full", None, False)
    assert view.rows.tolist() == [-1 - i for i in range(9)]
    assert read(view.directory / "train.csv") == read(task.directory / "train.csv")
    assert read(view.directory / "test.csv") == read(task.directory / "test.csv")


def test_real_test_rows_ride_along_unless_they_cost_too_much_or_are_switched_off(tmp_path: Path) -> None:
    labels = ["yes", "no"] * 10
    few = write_task(tmp_path / "few", [f"a{i}" for i in range(20)], ["b0"], labels)
    assert Views(few, tmp_path / "p1", 0).fold(0).has_real_test
    assert not Views(few, tmp_path / "p2", 0, test_rides_along=False).fold(0).has_real_test
    many = write_task(tmp_path / "many", [f"a{i}" for i in range(20)], [f"b{i}" for i in range(20_001)], labels)
    assert not Views(many, tmp_path / "p3", 0).fold(0).has_real_test
    assert Views(many, tmp_path / "p4", 0, test_rides_along=True).fold(0).has_real_test


def test_without_an_id_repeated_rows_keep_apart_by_number(tmp_path: Path) -> None:
    comments = ['"you, sir"', "same", "same", "same", "two\nlines", "same", "naïve 日本", "last"]
    write_rows(tmp_path / "train.csv", ["y", "date", "text"], [[str(i % 2), "", c] for i, c in enumerate(comments)])
    write_rows(tmp_path / "test.csv", ["date", "text"], [["", "same"], ["", "same"]])
    write_rows(tmp_path / "sample_null.csv", ["y", "date", "text"], [["0", "", "same"]] * 2)
    task = make_task(
        tmp_path,
        sample="sample_null.csv",
        id_column=None,
        echo_columns=("date", "text"),
        submission_columns=("y", "date", "text"),
        prediction_kind=PredictionKind.PROBABILITY,
        classes=("0", "1"),
        reads_order=True,
    )
    views = Views(task, tmp_path / "pool", 0, folds=2)
    for fold in range(2):
        view = views.fold(fold)
        assert view.keys is None
        assert not view.is_renumbered
        shown = [row[1] for row in read(view.directory / "test.csv")[1]]
        assert shown == [comments[row] if row >= 0 else "same" for row in view.rows.tolist()]
        assert read(view.directory / "sample_null.csv")[1] == [["0", "", text] for text in shown]


def write_pictures(directory: Path, train: str, test: str) -> Task:
    ids = [str(i + 1) for i in range(20)]
    task = write_task(directory, ids, ids[:5], ["yes", "no"] * 10)
    for pattern, side, count in ((train, "train", 20), (test, "test", 5)):
        for i in range(count):
            path = directory / pattern.format(key=i + 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{side} {i}", encoding="utf-8")
    return task.model_copy(update={"file_rules": (FileRule(train=train, test=test, key="id"),)})


def test_separately_numbered_rows_and_their_files_are_renumbered_together(tmp_path: Path) -> None:
    task = write_pictures(tmp_path / "task", "train/{key}/geometry.xyz", "test/{key}/geometry.xyz")
    (task.directory / "train/stray").mkdir()
    (task.directory / "train/stray/geometry.xyz").write_text("nobody's", encoding="utf-8")
    view = Views(task, tmp_path / "pool", 0).fold(0)
    assert view.is_renumbered
    assert view.keys == tuple(str(i + 1) for i in range(len(view.rows)))
    expected = {f"train/{i + 1}/geometry.xyz": f"train {i}" for i in range(20) if i not in set(view.hidden.tolist())}
    for key, row in zip(view.keys, view.rows.tolist(), strict=True):
        expected[f"test/{key}/geometry.xyz"] = f"train {row}" if row >= 0 else f"test {-1 - row}"
    files = {name: data.decode() for name, data in snapshot(view.directory).items() if name.endswith("xyz")}
    assert files == expected


def test_in_a_shared_folder_new_numbers_avoid_the_train_rows_own(tmp_path: Path) -> None:
    task = write_pictures(tmp_path / "task", "images/{key}.png", "images/{key}.png")
    view = Views(task, tmp_path / "pool", 0).fold(0)
    assert view.keys == tuple(str(21 + i) for i in range(len(view.rows)))
    assert len([name for name in snapshot(view.directory) if name.endswith(".png")]) == 16 + len(view.rows)


def test_files_keyed_by_another_column_never_mix_hidden_and_real_rows(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.csv", ["id", "file", "y"], [[f"a{i}", f"{i}.png", "yes"] for i in range(6)])
    write_rows(tmp_path / "test.csv", ["id", "file"], [["b0", "0.png"]])
    write_rows(tmp_path / "sample_submission.csv", ["id", "y"], [["b0", "no"]])
    rule = FileRule(train="train/{key}", test="test/{key}", key="file")
    views = Views(make_task(tmp_path, file_rules=(rule,)), tmp_path / "pool", 0, 2, test_rides_along=True)
    assert not views.fold(0).has_real_test


def test_order_that_decides_is_hidden_behind_new_numbers(task: Task, tmp_path: Path) -> None:
    view = Views(task.model_copy(update={"reads_order": True}), tmp_path / "pool", 0).fold(0)
    assert view.is_renumbered
    assert view.keys == tuple(f"b{i + 1}" for i in range(len(view.rows)))


def test_repeated_ids_become_unique_numbers_but_dates_stay(tmp_path: Path) -> None:
    labels = ["yes", "no"] * 4
    repeated = write_task(tmp_path / "r", ["g1", "g2"] * 4, ["h1"], labels)
    assert Views(repeated, tmp_path / "p1", 0, 2).fold(0).is_renumbered
    dates = write_task(
        tmp_path / "d", [f"2011-01-0{i % 2 + 1} 10:00:00" for i in range(8)], ["2011-02-01 00:00"], labels
    )
    view = Views(dates, tmp_path / "p2", 0, 2).fold(0)
    assert not view.is_renumbered
    assert view.keys is not None
    assert all(key.startswith("2011-") for key in view.keys)


def test_ids_that_train_lacks_are_numbered(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.csv", ["x", "y"], [[str(i), "yes" if i % 2 else "no"] for i in range(8)])
    write_rows(tmp_path / "test.csv", ["id", "x"], [["q7", "1"], ["q9", "2"]])
    write_rows(tmp_path / "sample_submission.csv", ["id", "y"], [["q7", "no"], ["q9", "no"]])
    views = Views(make_task(tmp_path), tmp_path / "pool", 0, 2)
    assert views.fold(0).keys == tuple(f"q{i + 1}" for i in range(6))
    assert views.full().keys == ("q7", "q9")


def test_an_image_number_that_only_the_sample_has_is_counted(tmp_path: Path) -> None:
    write_rows(tmp_path / "train.csv", ["y", "p0"], [["yes" if i % 2 else "no", str(i)] for i in range(8)])
    write_rows(tmp_path / "test.csv", ["p0"], [["1"], ["2"]])
    write_rows(tmp_path / "sample_submission.csv", ["ImageId", "y"], [["1", "no"], ["2", "no"]])
    columns = {"id_column": None, "echo_columns": ("ImageId",), "submission_columns": ("ImageId", "y")}
    view = Views(make_task(tmp_path, **columns), tmp_path / "pool", 0, 2).fold(0)
    assert read(view.directory / "sample_submission.csv")[1] == [[str(i + 1), "no"] for i in range(6)]


@pytest.fixture
def single(tmp_path: Path) -> Task:
    folder = tmp_path / "single"
    folder.mkdir()
    write_rows(folder / "houses.csv", ["a", "price", "b"], [[f"a{i}", str(i), f"b{i}"] for i in range(12)])
    return make_task(
        folder,
        train="houses.csv",
        test=None,
        sample=None,
        id_column=None,
        echo_columns=(),
        submission_columns=("price",),
        prediction_columns=("price",),
        targets=("price",),
        kind=TaskKind.REGRESSION,
        prediction_kind=PredictionKind.NUMBER,
        classes=(),
    )


def test_a_single_table_is_its_own_test(single: Task, tmp_path: Path) -> None:
    views = Views(single, tmp_path / "pool", 0, 3)
    view = views.fold(0)
    header, rows = read(view.directory / "test.csv")
    assert header == ["a", "b"]
    assert rows == [[f"a{i}", f"b{i}"] for i in view.rows.tolist()]
    assert read(view.directory / "sample_submission.csv") == (["price"], [["0"]] * 4)
    assert not view.has_real_test
    with pytest.raises(TaskError, match="has no test file"):
        views.full()


def test_new_rows_are_predicted_from_all_labelled_rows(single: Task, tmp_path: Path) -> None:
    new = tmp_path / "elsewhere.csv"
    new.write_text("b;noise;a\nB0;1;A0\nB1;2;A1\n", encoding="utf-8")
    views = Views(single, tmp_path / "pool", 0)
    view = views.new_rows(new)
    assert read(view.directory / "test.csv") == (["a", "b"], [["A0", "B0"], ["A1", "B1"]])
    assert read(view.directory / "houses.csv") == read(single.directory / "houses.csv")
    assert view.rows.tolist() == [-1, -2]
    new.write_text("b;noise;a\nB2;1;A2\nB3;2;A3\n", encoding="utf-8")
    assert read(views.new_rows(new).directory / "test.csv")[1] == [["A2", "B2"], ["A3", "B3"]]
    new.write_text("b,c\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"elsewhere.csv: lacks 1 of the columns .*: a;"):
        views.new_rows(new)


def test_new_rows_without_an_id_are_counted(task: Task, tmp_path: Path) -> None:
    write_rows(tmp_path / "new.csv", ["x"], [["A"], ["B"]])
    view = Views(task, tmp_path / "pool", 0).new_rows(tmp_path / "new.csv")
    assert view.keys == ("1", "2")
    assert read(view.directory / "test.csv") == (["id", "x"], [["1", "A"], ["2", "B"]])


def test_the_plan_for_new_rows_is_completed_by_who_has_them(single: Task, tmp_path: Path) -> None:
    Views(single, tmp_path / "pool", 0).export(tmp_path / "best", ["new-rows"])
    plan: Plan = json.loads((tmp_path / "best/views/new-rows.json").read_text(encoding="utf-8"))
    write_rows(tmp_path / "new.csv", ["b", "a"], [["B", "A"]])
    plan["test"] = Source(path=str(tmp_path / "new.csv"), encoding="utf-8", delimiter=",")
    plan["test_rows"] = 1
    rows = materialise(plan, single.directory, tmp_path / "view")
    assert rows == [-1]
    assert read(tmp_path / "view/test.csv") == (["a", "b"], [["A", "B"]])
    assert len(read(tmp_path / "view/houses.csv")[1]) == 12


def test_files_of_new_rows_are_looked_for_beside_their_table(tmp_path: Path) -> None:
    task = write_pictures(tmp_path / "task", "train/{key}.png", "test/{key}.png")
    (tmp_path / "new/test").mkdir(parents=True)
    (tmp_path / "new/test/1.png").write_text("a new picture", encoding="utf-8")
    write_rows(tmp_path / "new/rows.csv", ["id", "x"], [["1", "x"]])
    view = Views(task, tmp_path / "pool", 0).new_rows(tmp_path / "new/rows.csv")
    assert (view.directory / "test/1.png").read_text(encoding="utf-8") == "a new picture"
    assert (view.directory / "train/1.png").read_text(encoding="utf-8") == "train 0"


def test_rows_without_a_label_are_in_no_view(tmp_path: Path) -> None:
    labels = ["yes", "no", "", "yes", "no", "NA", "yes", "no"]
    task = write_task(tmp_path / "task", [f"a{i}" for i in range(8)], ["b"], labels)
    views = Views(task, tmp_path / "pool", 0, 2)
    hidden = np.sum([views.hidden_in(fold) for fold in range(views.folds)], axis=0)
    assert np.flatnonzero(hidden == 0).tolist() == [2, 5]
    assert np.flatnonzero(~views.labelled).tolist() == [2, 5]
    for view in (views.fold(0), views.fold(1), views.full(), views.smoke()):
        text = (view.directory / "train.csv").read_text() + (view.directory / "test.csv").read_text()
        assert "train row 2" not in text
        assert "train row 5" not in text


def test_the_smoke_view_is_small_and_shows_every_class(tmp_path: Path) -> None:
    labels = [("rare" if i in (7, 4000) else "no" if i % 2 else "yes") for i in range(6000)]
    task = write_task(tmp_path / "task", [f"a{i}" for i in range(6000)], ["b0"], labels)
    task = task.model_copy(update={"kind": TaskKind.MULTICLASS, "classes": ("no", "rare", "yes")})
    views = Views(task, tmp_path / "pool", 0)
    assert views.has_smoke
    view = views.smoke()
    _, visible = read(view.directory / "train.csv")
    assert len(visible) == 1000
    assert {row[3] for row in visible} == {"no", "yes", "rare"}
    assert {labels[row] for row in view.rows.tolist()} == {"no", "yes", "rare"}
    assert len(view.rows) == 300
    assert not view.has_real_test
    larger = views.smoke(scale=2)
    assert len(read(larger.directory / "train.csv")[1]) == 2000
    assert len(larger.rows) == 600


def test_a_fold_that_does_not_exist_is_refused(task: Task, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="fold 10 does not exist; there are 10"):
        Views(task, tmp_path / "pool", 0).fold(10)


def test_tables_of_one_name_are_refused(single: Task, tmp_path: Path) -> None:
    shutil.copyfile(single.directory / "houses.csv", single.directory / "test.csv")
    with pytest.raises(TaskError, match="need different names"):
        Views(single.model_copy(update={"train": "test.csv"}), tmp_path / "pool", 0)


TASKS = Path(os.environ.get("ML_MASTER_TASKS", Path(__file__).parents[3] / "shared" / "tasks"))
_ID: dict[str, Any] = {"kind": TaskKind.REGRESSION, "prediction_kind": PredictionKind.NUMBER, "classes": ()}
REAL: dict[str, dict[str, Any]] = {
    "bike-sharing-demand": {
        **_ID,
        "id_column": "datetime",
        "echo_columns": ("datetime",),
        "submission_columns": ("datetime", "count"),
        "prediction_columns": ("count",),
        "targets": ("count",),
        "train_only": ("casual", "registered"),
    },
    "detecting-insults-in-social-commentary": {
        "id_column": None,
        "sample": "sample_submission_null.csv",
        "echo_columns": ("Date", "Comment"),
        "submission_columns": ("Insult", "Date", "Comment"),
        "prediction_columns": ("Insult",),
        "targets": ("Insult",),
        "prediction_kind": PredictionKind.PROBABILITY,
        "classes": ("0", "1"),
        "reads_order": True,
    },
    "house-prices-advanced-regression-techniques": {
        **_ID,
        "id_column": "Id",
        "echo_columns": ("Id",),
        "submission_columns": ("Id", "SalePrice"),
        "prediction_columns": ("SalePrice",),
        "targets": ("SalePrice",),
        "extra_files": ("data_description.txt",),
    },
    "nomad2018-predict-transparent-conductors": {
        **_ID,
        "submission_columns": ("id", "formation_energy_ev_natom", "bandgap_energy_ev"),
        "prediction_columns": ("formation_energy_ev_natom", "bandgap_energy_ev"),
        "targets": ("formation_energy_ev_natom", "bandgap_energy_ev"),
        "file_rules": (FileRule(train="train/{key}/geometry.xyz", test="test/{key}/geometry.xyz", key="id"),),
    },
    "spaceship-titanic": {
        "id_column": "PassengerId",
        "echo_columns": ("PassengerId",),
        "submission_columns": ("PassengerId", "Transported"),
        "prediction_columns": ("Transported",),
        "targets": ("Transported",),
        "classes": ("False", "True"),
    },
    "spooky-author-identification": {
        "submission_columns": ("id", "EAP", "HPL", "MWS"),
        "prediction_columns": ("EAP", "HPL", "MWS"),
        "targets": ("author",),
        "kind": TaskKind.MULTICLASS,
        "prediction_kind": PredictionKind.CLASS_PROBABILITIES,
        "classes": ("EAP", "HPL", "MWS"),
    },
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_tasks(name: str, tmp_path: Path) -> None:
    directory = TASKS / name / "prepared" / "public"
    if not directory.is_dir():
        pytest.skip(f"{directory} is not there; set ML_MASTER_TASKS")
    task = make_task(directory, description="description.md", **REAL[name])
    views = Views(task, tmp_path / "pool", 0)
    view = views.fold(0)
    header = table.read_header(directory / "train.csv")
    train, test = (list(table.iterate_rows(directory / file)) for file in ("train.csv", "test.csv"))
    test_header = list(table.read_header(directory / "test.csv"))
    shown_header, shown = read(view.directory / "test.csv")
    assert shown_header == test_header
    assert view.has_real_test
    assert view.is_renumbered == (name == "nomad2018-predict-transparent-conductors")
    picked = [header.index(column) for column in test_header]
    for number, cells in zip(view.rows.tolist(), shown, strict=True):
        expected = [train[number][p] for p in picked] if number >= 0 else test[-1 - number]
        assert cells[view.is_renumbered :] == expected[view.is_renumbered :]
    hidden = set(view.hidden.tolist())
    assert read(view.directory / "train.csv") == (list(header), [row for i, row in enumerate(train) if i not in hidden])
    files = {
        "train.csv",
        "test.csv",
        "description.md",
        str(task.sample),
        *task.extra_files,
        *(f"train/{row[0]}/geometry.xyz" for i, row in enumerate(train) if i not in hidden and task.file_rules),
        *(f"test/{key}/geometry.xyz" for key in view.keys or () if task.file_rules),
    }
    assert set(snapshot(view.directory)) == files
    sample_header, sample = read(view.directory / str(task.sample))
    assert sample_header == list(task.submission_columns)
    assert len(sample) == len(view.rows)


def test_a_forgotten_view_is_built_anew(task: Task, tmp_path: Path) -> None:
    views = Views(task, tmp_path / "pool", seed=0)
    view = views.fold(0)
    before = snapshot(view.directory)
    (view.directory / "train.csv").chmod(0o644)
    (view.directory / "train.csv").write_text("forged")
    views.forget(view)
    assert snapshot(views.fold(0).directory) == before
