"""The scheme is the one whose hidden rows look as the real test does: planted relations, the user's word, real tasks."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tasks.planted import Row, day, decide, groups, hidden, write

from mlmaster.core.scheme import SchemeKind
from mlmaster.core.task import Task, TaskKind
from mlmaster.errors import DataError, SettingsError, TaskError
from mlmaster.metrics.registry import Registry
from mlmaster.report.scheme import scheme_lines
from mlmaster.tasks.load import Overrides, load
from mlmaster.tasks.scheme import Asked, Layout, keep, lay_out
from mlmaster.tasks.table import read_columns, write_rows
from mlmaster.tasks.truth import read_truth

ROW, GROUPED, BLOCKED, TIME = SchemeKind.ROW, SchemeKind.GROUPED, SchemeKind.BLOCKED, SchemeKind.TIME


def chosen(layout: Layout) -> tuple[SchemeKind, str | None]:
    return layout.scheme.kind, layout.scheme.key


def rows_of(values: list[str]) -> list[Row]:
    return [(value,) for value in values]


def test_unseen_groups_are_hidden_whole(tmp_path: Path) -> None:
    task = write(tmp_path, ["patient"], rows_of(groups(600, 60, "p")), rows_of(groups(200, 20, "q")))
    layout = decide(task)
    assert chosen(layout) == (GROUPED, "patient")
    assert layout.scheme.cluster == "patient"
    (line,) = layout.scheme.relations
    assert (line.kind, line.test, line.by_key) == ("group", 0.0, 0.0)
    assert line.row > 0.95
    assert "patient" in layout.scheme.reason
    patients = np.array(read_columns(tmp_path / "train.csv", ["patient"])["patient"])
    for mask in hidden(layout):
        assert not set(patients[mask]) & set(patients[~mask])


def test_groups_that_the_test_shares_make_clusters_under_row_folds(tmp_path: Path) -> None:
    names = groups(800, 100, "p")
    layout = decide(write(tmp_path, ["patient"], rows_of(names[:600]), rows_of(names[600:])))
    assert chosen(layout) == (ROW, None)
    assert layout.scheme.cluster == "patient"
    patients = np.array(names[:600])
    for patient in set(names[:600]):
        assert len(set(layout.hiding.guide[patients == patient].tolist())) == 1
        assert len(set(layout.hiding.clusters[patients == patient].tolist())) == 1


def test_a_column_of_few_whole_numbers_is_a_group_only_where_the_test_has_others(tmp_path: Path) -> None:
    train: list[Row] = [(str(number % 30),) for number in range(360)]
    unseen = write(tmp_path / "unseen", ["hen"], train, [(str(30 + number % 20),) for number in range(200)])
    assert chosen(decide(unseen)) == (GROUPED, "hen")
    seen = decide(write(tmp_path / "seen", ["hen"], train, train[:200]))
    assert (seen.scheme.kind, seen.scheme.relations) == (ROW, ())


def test_a_mixed_share_goes_to_the_nearer_scheme(tmp_path: Path) -> None:
    seen, unseen = groups(160, 60, "p", 1), groups(160, 20, "q", 1)
    for share, kind in ((0.2, GROUPED), (0.8, ROW)):
        test = seen[: int(160 * share)] + unseen[int(160 * share) :]
        task = write(tmp_path / str(share), ["patient"], rows_of(groups(600, 60, "p")), rows_of(test))
        assert decide(task).scheme.kind is kind


def test_parts_of_ids_are_groups(tmp_path: Path) -> None:
    def ids(first: int, last: int) -> list[Row]:
        return [(f"{group:04d}_{member}",) for group in range(first, last) for member in range(3)]

    layout = decide(write(tmp_path, ["id"], ids(0, 150), ids(150, 200), id_column="id"))
    assert chosen(layout) == (GROUPED, "id_0")
    assert decide(write(tmp_path, ["id"], ids(0, 150), [], id_column="id")).scheme.kind is ROW


def test_folders_of_paths_are_keys(tmp_path: Path) -> None:
    def paths(first: int, last: int) -> list[Row]:
        return [(f"scans/p{patient}/{patient * 10 + i}.png",) for patient in range(first, last) for i in range(5)]

    layout = decide(write(tmp_path, ["path"], paths(0, 80), paths(80, 110)))
    assert chosen(layout) == (GROUPED, "path_1")
    assert layout.scheme.relations[0].kind == "files"


def test_a_later_test_makes_folds_in_time(tmp_path: Path) -> None:
    train = [(day(i // 3),) for i in range(900)]
    test = [(day(310 + i // 3),) for i in range(60)]
    Random(1).shuffle(train)
    task = write(tmp_path, ["date"], train, test)
    layout = decide(task)
    assert chosen(layout) == (TIME, "date")
    (line,) = layout.scheme.relations
    assert (line.test, line.by_key) == (1.0, 1.0)
    assert "11 days after train ends" in line.note
    days = np.array(read_columns(tmp_path / "train.csv", ["date"])["date"]).astype("datetime64[D]")
    for fold, mask in enumerate(hidden(layout)):
        shown = layout.hiding.visible_in(fold)
        # The test begins 11 days after train ends and lasts 19 days: so does each window.
        assert (days[mask].min() - days[shown].max()).astype(int) >= 11
        assert 15 <= np.ptp(days[mask]).astype(int) <= 25
    assert layout.scheme.cluster == "stretches of date"


def test_a_test_between_train_makes_stretches(tmp_path: Path) -> None:
    hours = [(f"{day(d)} {h:02d}:00:00", d % 30 >= 19) for d in range(240) for h in range(0, 24, 4)]
    task = write(tmp_path, ["datetime"], [(t,) for t, late in hours if not late], [(t,) for t, late in hours if late])
    layout = decide(task)
    assert chosen(layout) == (BLOCKED, "datetime")
    assert "stretches of 10.8 days" in layout.scheme.reason
    blocks = layout.hiding.blocks
    for mask in hidden(layout):
        assert not set(blocks[mask].tolist()) & set(blocks[~mask].tolist())
        assert len(set(layout.hiding.clusters[mask].tolist())) >= 10


def test_the_same_times_dealt_at_random_make_row_folds(tmp_path: Path) -> None:
    hours = [f"{day(d)} {h:02d}:00:00" for d in range(240) for h in range(0, 24, 4)]
    Random(0).shuffle(hours)
    layout = decide(write(tmp_path, ["datetime"], rows_of(hours[:1000]), rows_of(hours[1000:])))
    assert chosen(layout) == (ROW, None)
    assert "among train's rows in datetime" in layout.scheme.reason


def test_a_year_month_and_day_are_a_time(tmp_path: Path) -> None:
    def date(i: int) -> Row:
        return str(2018 + i // 336), str(1 + i // 28 % 12), str(1 + i % 28)

    task = write(tmp_path, ["Year", "Month", "Day"], [date(i) for i in range(600)], [date(i) for i in range(600, 700)])
    assert chosen(decide(task)) == (TIME, "Year+Month+Day")


def twins(rows: int, seed: int) -> list[Row]:
    random = Random(seed)
    texts = [" ".join(random.choice("abcdefghij") * 3 for _ in range(12)) for _ in range(rows // 2)]
    return [(text,) for text in [*texts, *(f"{text.upper()}!" for text in texts)]]


def test_twins_that_the_test_does_not_share_stay_together(tmp_path: Path) -> None:
    layout = decide(write(tmp_path, ["text"], twins(400, 0), twins(200, 1)))
    assert chosen(layout) == (GROUPED, "duplicates")
    pairs = np.arange(400).reshape(2, 200)
    for mask in hidden(layout):
        assert (mask[pairs[0]] == mask[pairs[1]]).all()


def test_twins_that_the_test_shares_only_make_clusters(tmp_path: Path) -> None:
    rows = twins(600, 0)
    Random(0).shuffle(rows)
    layout = decide(write(tmp_path, ["text"], rows[:400], rows[400:]))
    assert chosen(layout) == (ROW, None)
    assert layout.scheme.cluster == "duplicates"


def test_without_a_test_twins_stay_together_and_a_group_is_the_users_to_name(tmp_path: Path) -> None:
    assert chosen(decide(write(tmp_path / "a", ["text"], twins(400, 0), []))) == (GROUPED, "duplicates")
    task = write(tmp_path / "b", ["patient"], rows_of(groups(600, 100, "p")), [])
    layout = decide(task)
    assert chosen(layout) == (ROW, None)
    assert "engine.fold_key=patient" in layout.scheme.relations[0].note
    assert layout.scheme.relations[0].test is None
    assert layout.scheme.shift is None
    said = decide(task, key="patient")
    assert chosen(said) == (GROUPED, "patient")
    assert said.scheme.is_users


def test_a_coarse_table_has_no_twins(tmp_path: Path) -> None:
    """Equal cells of few values are chance, not copies."""
    random = Random(0)
    rows = [tuple(str(random.randrange(5)) for _ in range(3)) for _ in range(500)]
    task = write(tmp_path, ["k", "l", "m"], rows, [])
    cells = [line.split(",") for line in (tmp_path / "train.csv").read_text().splitlines()]
    write_rows(tmp_path / "train.csv", ["k", "l", "m", "y"], [[*row[:3], row[-1]] for row in cells[1:]])
    assert chosen(decide(task)) == (ROW, None)


def test_measurements_that_shift_are_no_groups(tmp_path: Path) -> None:
    random = Random(0)
    train = [(str(random.randrange(100, 200)),) for _ in range(600)]
    test = [(str(random.randrange(160, 260)),) for _ in range(200)]
    layout = decide(write(tmp_path, ["pressure"], train, test))
    assert chosen(layout) == (ROW, None)
    assert layout.scheme.shift is not None
    assert layout.scheme.shift.is_strong
    assert layout.scheme.shift.columns == ("pressure",)


# ---- the user's word


@pytest.fixture
def dated(tmp_path: Path) -> Task:
    names = groups(400, 40, "p")
    rows = [(day(i), name) for i, name in enumerate(names)]
    Random(0).shuffle(rows)
    return write(tmp_path, ["date", "patient"], rows[:300], rows[300:])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"kind": TIME}, (TIME, "date")),
        ({"kind": BLOCKED}, (BLOCKED, "date")),
        ({"kind": GROUPED}, (GROUPED, "patient")),
        ({"kind": ROW}, (ROW, None)),
        ({"key": "patient"}, (GROUPED, "patient")),
        ({"key": "date"}, (TIME, "date")),
        ({"kind": GROUPED, "key": "date"}, (GROUPED, "date")),
        ({"kind": TIME, "key": "a"}, (TIME, "a")),
        ({"kind": GROUPED, "key": "c", "folds": 2}, (GROUPED, "c")),
    ],
)
def test_the_user_wins(dated: Task, asked: dict[str, Any], expected: tuple[SchemeKind, str | None]) -> None:
    layout = decide(dated, **asked)
    assert chosen(layout) == expected
    assert layout.scheme.is_users
    assert layout.scheme.reason.endswith("as asked for.")
    assert layout.scheme.folds == asked.get("folds", 5)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"key": "pacient"}, "engine.fold_key: there is no key 'pacient'; found were .*patient"),
        ({"folds": 301}, "folds: 301 is out of range; give 1 to 100"),
        ({"folds": 0}, "folds: 0 is out of range"),
        ({"kind": TIME, "repeats": 2}, "folds in time cannot be repeated"),
    ],
)
def test_what_cannot_be_had_is_refused(dated: Task, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        decide(dated, **asked)


def test_time_folds_need_a_time(tmp_path: Path) -> None:
    task = write(tmp_path, ["patient"], rows_of(groups(300, 40, "p")), [])
    with pytest.raises(SettingsError, match=r"time folds need a column that says a time.*engine\.fold_key=COLUMN"):
        decide(task, kind=TIME)


def test_repeats_and_judge_are_the_users_too(dated: Task) -> None:
    layout = decide(dated, repeats=3, judge=False, folds=2)
    assert (layout.scheme.folds, layout.scheme.repeats, layout.scheme.has_judge) == (2, 3, False)
    assert layout.hiding.guide.all()
    assert (hidden(layout).sum(axis=0) == 3).all()
    kept = decide(dated, judge=True)
    assert kept.scheme.has_judge
    assert kept.scheme.repeats == 1


# ---- folds that can be scored, and judges that tell something


def needs_both(truth: np.ndarray[Any, Any]) -> str | None:
    return None if len(np.unique(truth)) > 1 else "there is one class"


def small(directory: Path, rows: int, positives: int) -> tuple[Task, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    task = write(directory, [], [()] * rows, [])
    truth = (np.arange(rows) % (rows // positives) == 0)[:, None].astype(np.float64)
    truth[np.flatnonzero(truth)[positives:]] = 0
    return task, truth, np.ones(rows, dtype=bool)


@pytest.mark.parametrize(("positives", "folds"), [(7, 5), (4, 4), (3, 3), (2, 2)])
def test_few_positives_get_fewer_folds_and_repeats_instead_of_a_judge(
    tmp_path: Path, positives: int, folds: int
) -> None:
    layout = lay_out(*small(tmp_path, 40, positives), 0, complain=needs_both)
    assert (layout.scheme.folds, layout.scheme.repeats, layout.scheme.has_judge) == (folds, 2, False)
    truth = small(tmp_path, 40, positives)[1]
    assert all(needs_both(truth[mask]) is None for mask in hidden(layout))
    assert (hidden(layout).sum(axis=0) == 2).all()


def test_folds_that_can_never_be_scored_are_refused_with_what_would_help(tmp_path: Path) -> None:
    with pytest.raises(
        TaskError, match=r"fold \d are too few to score: there is one class, however they are dealt; give"
    ):
        lay_out(*small(tmp_path, 40, 1), 0, complain=needs_both)
    with pytest.raises(TaskError, match=r"with 5 folds; leave engine\.folds out"):
        lay_out(*small(tmp_path, 40, 4), 0, Asked(folds=5), complain=needs_both)


@pytest.mark.parametrize(("rows", "positives", "expected"), [(297, 100, False), (330, 100, True), (900, 12, False)])
def test_a_judge_is_kept_where_it_tells_something(tmp_path: Path, rows: int, positives: int, expected: bool) -> None:
    assert lay_out(*small(tmp_path, rows, positives), 0, complain=needs_both).scheme.has_judge is expected


def test_one_row_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"train.csv: has 1 labelled rows"):
        lay_out(write(tmp_path, [], [()], []), np.zeros((1, 1)), np.ones(1, dtype=bool), 0)


def test_three_rows_get_three_folds(tmp_path: Path) -> None:
    layout = decide(write(tmp_path, [], [()] * 3, []))
    assert layout.scheme.folds == 3


# ---- laws


@settings(deadline=None, max_examples=30)
@given(st.data(), st.sampled_from(list(SchemeKind)), st.integers(0, 100), st.sampled_from([None, True, False]))
def test_laws_of_every_layout(data: st.DataObject, kind: SchemeKind, seed: int, judge: bool | None) -> None:
    rows = data.draw(st.integers(12, 80))
    names = [f"p{data.draw(st.integers(0, 14))}" for _ in range(rows)]
    days = [data.draw(st.integers(0, 60)) for _ in range(rows)]
    names[:2], days[:6] = ["p0", "p1"], [0, 10, 20, 30, 40, 50]
    labelled = np.array([data.draw(st.integers(0, 9)) > 0 for _ in range(rows)])
    labelled[:8] = True
    with TemporaryDirectory() as place:
        task = write(Path(place), ["date", "patient"], [(day(d), n) for d, n in zip(days, names, strict=True)], [])
        truth, _ = read_truth(task, read_columns(task.directory / task.train, ["y"]))
        key = {SchemeKind.ROW: "patient", SchemeKind.GROUPED: "patient"}.get(kind, "date")
        asked = Asked(kind=kind, key=key, judge=judge, folds=data.draw(st.sampled_from([None, 1, 2, 3])))
        try:
            layout = lay_out(task, truth, labelled, seed, asked)
        except TaskError as error:  # of two patients, say, no judge can be kept in every fold
            if not (judge and "the judge part" in str(error)):
                raise
            return
        again = lay_out(task, truth, labelled, seed, asked)
    hiding, scheme = layout.hiding, layout.scheme
    assert scheme == again.scheme
    for name in ("assignment", "guide", "clusters", "blocks", "order", "limits"):
        assert np.array_equal(getattr(hiding, name), getattr(again.hiding, name))
    masks = hidden(layout)
    assert masks.any(axis=1).all()
    assert not masks[:, ~labelled].any()
    # Every labelled row is hidden at most once in a repeat.
    assert (masks.reshape(scheme.repeats, scheme.folds, rows).sum(axis=1) <= 1).all()
    times, groups_of = np.array(days), np.array(names)
    for fold, mask in enumerate(masks):
        shown = hiding.visible_in(fold) & labelled
        assert shown.any()
        assert not (shown & mask).any()
        if kind is SchemeKind.GROUPED:
            assert not set(groups_of[mask]) & set(groups_of[shown])
        if kind is SchemeKind.TIME:
            assert times[shown].max() < times[mask].min()
        else:
            assert np.array_equal(shown, labelled & ~mask)
    ever = masks.any(axis=0)
    for cluster in set(hiding.clusters[ever].tolist()):
        assert len(set(hiding.guide[ever & (hiding.clusters == cluster)].tolist())) == 1
    shown, fresh = hiding.fresh(np.zeros(rows, dtype=np.int64), labelled, seed)
    assert fresh.any()
    assert not (shown & fresh).any()
    assert not (fresh & ~hiding.guide).any()
    assert not ((shown | fresh) & ~labelled).any()
    assert not (fresh & ~ever).any()
    if kind in (SchemeKind.GROUPED, SchemeKind.BLOCKED):
        assert not set(hiding.blocks[fresh].tolist()) & set(hiding.blocks[shown].tolist())
    if kind is SchemeKind.TIME:
        assert not shown.any() or times[shown].max() < times[fresh].min()


def test_fresh_hides_other_rows_than_any_fold(dated: Task) -> None:
    for kind in SchemeKind:
        hiding = decide(dated, kind=kind).hiding
        shown, fresh = hiding.fresh(np.zeros(300, dtype=np.int64), np.ones(300, dtype=bool), 0)
        folds = [hiding.hidden_in(fold) & hiding.guide for fold in range(hiding.folds)]
        assert all((fresh != fold).any() for fold in folds)
        assert 0.3 < fresh.sum() / np.mean([fold.sum() for fold in folds]) < 2
        if kind is not SchemeKind.TIME:
            assert shown.sum() >= min(hiding.visible_in(fold).sum() for fold in range(hiding.folds))


# ---- kept


def test_it_is_decided_once(dated: Task, tmp_path: Path) -> None:
    truth, labelled = read_truth(dated, read_columns(dated.directory / "train.csv", ["y"]))
    pool = tmp_path / "pool"
    first = keep(pool, dated, truth, labelled, 0)
    (dated.directory / "train.csv").unlink()  # nothing is measured again
    again = keep(pool, dated, truth, labelled, 0)
    assert again.scheme == first.scheme
    assert np.array_equal(again.hiding.assignment, first.hiding.assignment)
    assert np.array_equal(again.hiding.clusters, first.hiding.clusters)
    (pool / "scheme.json").write_text("{")
    with pytest.raises(DataError, match=r"scheme.json: was changed and cannot be read"):
        keep(pool, dated, truth, labelled, 0)


def test_damaged_folds_are_named(dated: Task, tmp_path: Path) -> None:
    truth, labelled = read_truth(dated, read_columns(dated.directory / "train.csv", ["y"]))
    keep(tmp_path / "pool", dated, truth, labelled, 0)
    (tmp_path / "pool/hiding.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"hiding.npz: the folds of this run were changed"):
        keep(tmp_path / "pool", dated, truth, labelled, 0)


# ---- shown, and real


def test_the_table_is_aligned_and_ends_in_sentences(dated: Task) -> None:
    lines = list(scheme_lines(decide(dated).scheme))
    header, *table = [line for line in lines if line.startswith(("key  ", "date  ", "patient  "))]
    assert {line.index(line.split()[1]) for line in table} == {header.index("kind")}
    assert len(table) == 2
    assert any(line.startswith("Row folds: ") for line in lines)
    assert "5 folds; no labels are kept for a judge" in "\n".join(lines) or "kept for the judge" in "\n".join(lines)


TASKS = Path(os.environ.get("ML_MASTER_TASKS") or Path(__file__).resolve().parents[2].parent / "shared" / "tasks")


@pytest.mark.parametrize(
    ("name", "cluster", "words"),
    [
        ("bike-sharing-demand", None, "the test lies among train's rows in datetime"),
        ("detecting-insults-in-social-commentary", None, "among train's rows in Date"),
        ("house-prices-advanced-regression-techniques", None, "nothing was found"),
        ("nomad2018-predict-transparent-conductors", "duplicates", "61 % of test rows have a twin in train"),
        ("spaceship-titanic", "PassengerId_0", "41 % of test rows share PassengerId_0"),
        ("spooky-author-identification", None, "nothing was found"),
    ],
)
def test_row_folds_fit_the_real_tasks(name: str, cluster: str | None, words: str, tmp_path: Path) -> None:
    folder = TASKS / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent; set ML_MASTER_TASKS to a folder holding {name}")
    scheme = decide(load(folder, Overrides(), Registry(), tmp_path).task).scheme
    assert (scheme.kind, scheme.key, scheme.cluster) == (ROW, None, cluster)
    assert words in scheme.reason
    assert (scheme.folds, scheme.repeats, scheme.has_judge) == (5, 1, True)
    assert scheme.shift is not None
    assert not scheme.shift.is_strong


def test_regression_needs_rows_alone_for_a_judge(tmp_path: Path) -> None:
    task = write(tmp_path, [], [()] * 400, []).model_copy(update={"kind": TaskKind.REGRESSION, "classes": ()})
    layout = lay_out(task, np.zeros((400, 1)), np.ones(400, dtype=bool), 0)
    assert layout.scheme.has_judge
