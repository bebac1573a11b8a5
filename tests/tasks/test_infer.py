from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import FileRule, Modality, PredictionKind, Task, TaskKind
from mlmaster.errors import DataError, TaskError
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.load import LoadedTask, Overrides, load
from mlmaster.tasks.profile import profile
from mlmaster.tasks.views import Views

Tables = Callable[..., LoadedTask]
ROWS = 60


@pytest.fixture
def infer(tmp_path: Path) -> Tables:
    """Write a train table (and test, sample, description) of the given columns, and load it."""

    def infer(
        train: dict[str, Sequence[object]],
        test: dict[str, Sequence[object]] | None = None,
        sample: dict[str, Sequence[object]] | None = None,
        description: str = "",
        files: Sequence[str] = (),
        **overrides: object,
    ) -> LoadedTask:
        for name, columns in (("train", train), ("test", test), ("sample_submission", sample)):
            if columns is not None:
                lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
                (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
        if description:
            (tmp_path / "description.md").write_text(description)
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text("content")
        return load(tmp_path, Overrides.model_validate(overrides), Registry(), tmp_path / "workspace")

    return infer


def keys(prefix: str, count: int = ROWS) -> list[str]:
    return [f"{prefix}{i}" for i in range(count)]


A = [i * 0.5 for i in range(ROWS)]
TEST = {"id": keys("t", 5), "a": A[:5]}


def predicted(task: Task) -> tuple[object, ...]:
    return task.kind, task.prediction_kind, task.prediction_columns, task.classes


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([i % 2 for i in range(ROWS)], ("0", "1")),
        (["yes" if i % 3 else "no" for i in range(ROWS)], ("no", "yes")),
        (["N" if i % 3 else "Y" for i in range(ROWS)], ("N", "Y")),
        ([1 if i % 2 else -1 for i in range(ROWS)], ("-1", "1")),
        (["dog" if i % 2 else "cat" for i in range(ROWS)], ("cat", "dog")),
        ([10 if i % 2 else 9 for i in range(ROWS)], ("9", "10")),
    ],
)
def test_two_labels_are_negative_and_positive(infer: Tables, labels: list[object], expected: tuple[str, str]) -> None:
    given = infer({"id": keys("r"), "a": A, "y": labels})
    assert predicted(given.task) == (TaskKind.BINARY, PredictionKind.PROBABILITY, ("y",), expected)
    turned = infer({"id": keys("r"), "a": A, "y": labels}, positive=expected[0])
    assert turned.task.classes == expected[::-1]


def test_many_labels_without_a_sample_want_one_column_each(infer: Tables) -> None:
    task = infer({"id": keys("r"), "a": A, "y": [i % 12 for i in range(ROWS)]}, kind="multiclass").task
    classes = tuple(map(str, range(12)))
    assert predicted(task) == (TaskKind.MULTICLASS, PredictionKind.CLASS_PROBABILITIES, classes, classes)
    assert task.submission_columns == ("id", *classes)


def test_a_metric_of_labels_makes_the_prediction_a_label(infer: Tables) -> None:
    train = {"id": keys("r"), "a": A, "y": [i % 3 for i in range(ROWS)]}
    task = infer(train, TEST, metric="accuracy").task
    assert predicted(task) == (TaskKind.MULTICLASS, PredictionKind.LABEL, ("y",), ("0", "1", "2"))
    task = infer(train, TEST, {"id": TEST["id"], "y": [0] * 5}, description="Multiclass log loss.").task
    assert (task.metric, task.prediction_kind) == ("accuracy", PredictionKind.LABEL)


def test_a_metric_that_does_not_fit_the_columns_is_noted_or_refused(infer: Tables) -> None:
    train = {"id": keys("r"), "a": A, "y": [i % 3 for i in range(ROWS)]}
    sample = {"id": TEST["id"], "y": [0] * 5}
    given = infer(train, TEST, sample, description="Submissions are scored by multiclass log loss.")
    assert any("seems to name the metric log_loss, which does not fit multiclass" in note for note in given.notes)
    with pytest.raises(TaskError, match=r"the metric log_loss scores .*calls for label, ranking; say another --metric"):
        infer(train, TEST, sample, metric="log_loss")


def test_whole_numbers_are_classes_or_a_quantity(infer: Tables) -> None:
    rating = {"id": keys("r"), "a": A, "y": [i % 5 for i in range(ROWS)]}
    assert infer(rating).task.kind is TaskKind.MULTICLASS
    assert infer(rating, description="Scored by RMSE.").task.kind is TaskKind.REGRESSION
    assert infer(rating, kind="regression").task.kind is TaskKind.REGRESSION
    fractions = {"id": TEST["id"], "y": [2.5] * 5}
    assert infer(rating, TEST, fractions).task.kind is TaskKind.REGRESSION
    assert infer({"id": keys("r"), "a": A, "y": [i % 30 for i in range(ROWS)]}).task.kind is TaskKind.REGRESSION


def test_several_truth_values_are_labels_of_their_own(infer: Tables) -> None:
    train = {"id": keys("r"), "a": A, "red": [i % 2 for i in range(ROWS)], "big": [0] * ROWS}
    task = infer(train, TEST, {"id": TEST["id"], "red": [0.5] * 5, "big": [0.5] * 5}).task
    assert predicted(task) == (TaskKind.MULTILABEL, PredictionKind.PROBABILITY, ("red", "big"), ("red", "big"))


def test_prefixed_class_columns_are_understood_also_when_a_class_never_occurs(infer: Tables) -> None:
    train = {"id": keys("r"), "a": A, "target": [f"{i % 3 + 1}" for i in range(ROWS)]}
    columns = [f"Class_{i}" for i in (1, 2, 3, 4)]
    task = infer(train, TEST, {"id": TEST["id"], **{name: [0.25] * 5 for name in columns}}).task
    assert task.targets == ("target",)
    assert predicted(task) == (
        TaskKind.MULTICLASS,
        PredictionKind.CLASS_PROBABILITIES,
        tuple(columns),
        ("1", "2", "3", "4"),
    )


def test_a_sample_may_call_the_only_target_by_another_name(infer: Tables) -> None:
    task = infer({"id": keys("r"), "a": A, "y": A}, TEST, {"id": TEST["id"], "prediction": [0] * 5}).task
    assert (task.targets, task.prediction_columns, task.submission_columns) == (
        ("y",),
        ("prediction",),
        ("id", "prediction"),
    )


def test_a_sample_of_unknown_columns_asks_for_the_target(infer: Tables) -> None:
    train = {"id": keys("r"), "a": A, "price": A, "cost": A}
    with pytest.raises(
        TaskError, match=r"predicts pric, which train.csv does not have; .*--target: did you mean 'price'"
    ):
        infer(train, TEST, {"id": TEST["id"], "pric": [0] * 5})
    task = infer(train, TEST, {"id": TEST["id"], "pric": [0] * 5}, target="price").task
    assert (task.targets, task.train_only) == (("price",), ("cost",))


def test_the_description_tells_the_target(infer: Tables) -> None:
    train = {"id": keys("r"), "a": A, "price": A, "cost": A}
    assert infer(train, description="Predict `cost` from the rest.").task.targets == ("cost",)
    assert infer(train, TEST, description="`price` (target), `cost` (known later)").task.targets == ("price",)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"a": A, "userId": keys("u")}, "userId"),
        ({"when": [f"2024-01-01 {i // 60:02}:{i % 60:02}" for i in range(ROWS)], "a": A}, "when"),
        ({"n": list(range(ROWS)), "a": A}, "n"),
        ({"a": A, "n": list(range(ROWS))}, None),
        ({"a": A}, None),
        ({"id": [1] * ROWS, "a": A}, None),
        ({"text": [f"a long text {'x' * 60} {i}" for i in range(ROWS)], "a": A}, None),
    ],
)
def test_what_names_rows(infer: Tables, columns: dict[str, list[object]], expected: str | None) -> None:
    task = infer({**columns, "y": A}, target="y").task
    assert task.id_column == expected
    assert task.echo_columns == ((expected,) if expected else ())
    assert task.reads_order is (expected is None)


@pytest.mark.parametrize(
    ("text", "is_by_position"),
    [
        ("Rows in the order of test.csv.", True),
        ("Rows in the same order as `test.csv`.", True),
        ("Rows are not matched by id.", True),
        ("Values are in the order of magnitude of 10; test well.", False),
        ("One row for every id of test.csv.", False),
    ],
)
def test_the_description_may_say_that_position_counts(infer: Tables, text: str, is_by_position: bool) -> None:
    train = {"id": keys("r"), "a": A, "y": A}
    assert infer(train, TEST, description=text).task.reads_order is is_by_position


def test_repeated_ids_are_matched_by_position(infer: Tables) -> None:
    test = {"id": ["x", "x", "z"], "a": A[:3]}
    given = infer({"id": keys("r"), "a": A, "y": A}, test, {"id": ["x", "z", "x"], "y": [0, 0, 0]})
    assert given.task.reads_order
    assert given.task.id_column == "id"
    lacking = infer({"id": keys("r"), "a": A, "y": A}, test, {"id": ["x", "x"], "y": [0, 0]})
    assert "sample_submission.csv lacks 1 of the 3 test rows; all of them are predicted" in lacking.notes


def test_one_answer_for_several_rows_is_refused_with_a_way_out(infer: Tables) -> None:
    test = {"id": ["x", "x", "z"], "a": A[:3]}
    with pytest.raises(
        TaskError, match=r"has one row for each id, but test.csv has several \('x' stands in 2 of its 3 rows"
    ):
        infer({"id": keys("r"), "a": A, "y": A}, test, {"id": ["z", "x"], "y": [0, 0]})


def test_a_path_that_names_the_class_of_train_rows_alone_is_refused(infer: Tables) -> None:
    y = [f"{('cat', 'dog')[i % 2]}" for i in range(ROWS)]
    train = {"path": [f"{label}/{i}.jpg" for i, label in enumerate(y)], "a": A, "y": y}
    with pytest.raises(
        TaskError, match=r"train.csv: the column 'path' names the class of its row \('cat/0.jpg' is a 'cat'\)"
    ):
        infer(train, {"path": [f"test/{i}.jpg" for i in range(5)], "a": A[:5]})
    infer(train, {"path": [f"{('cat', 'dog')[i % 2]}/t{i}.jpg" for i in range(5)], "a": A[:5]})
    infer(
        {**train, "path": [f"all/{i}.jpg" for i in range(ROWS)]},
        {"path": [f"all/{i}.jpg" for i in range(90, 95)], "a": A[:5]},
    )


def test_text_makes_a_text_task_only_when_little_else_is_there(infer: Tables) -> None:
    text = {"id": keys("r"), "say": [f"some words about number {i}" for i in range(ROWS)]}
    y = [i % 2 for i in range(ROWS)]
    assert infer({**text, "y": y}).task.modality is Modality.TEXT
    assert infer({**text, "a": A, "b": A, "y": y}).task.modality is Modality.TEXT
    assert infer({**text, "a": A, "b": A, "c": A, "y": y}).task.modality is Modality.TABULAR
    names = {"id": keys("r"), "name": [f"Ann {i}" for i in range(ROWS)]}
    assert infer({**names, "y": y}).task.modality is Modality.TABULAR


@pytest.mark.parametrize(
    ("train", "test", "rule", "column"),
    [
        ("pics/{}.jpg", "pics/{}.jpg", ("pics/{key}.jpg", "pics/{key}.jpg"), "id"),
        ("train/{}.wav", "test/{}.wav", ("train/{key}.wav", "test/{key}.wav"), "id"),
        ("{}.tif", "{}.tif", ("{key}.tif", "{key}.tif"), "id"),
        (
            "train_img/im_{}_x.png",
            "test_img/im_{}_x.png",
            ("train_img/im_{key}_x.png", "test_img/im_{key}_x.png"),
            "id",
        ),
        ("train/{}/a.xyz", "test/{}/a.xyz", ("train/{key}/a.xyz", "test/{key}/a.xyz"), "id"),
        ("d/{}.dat", "d/{}.dat", ("d/{key}", "d/{key}"), "file"),
        ("x/{}.dat", "x/{}.dat", ("{key}", "{key}"), "path"),
    ],
)
def test_files_of_rows(infer: Tables, train: str, test: str, rule: tuple[str, str], column: str) -> None:
    ours, theirs = keys("r"), keys("t", 5)

    def named(some: list[str]) -> list[str]:
        return {"id": some, "file": [f"{k}.dat" for k in some], "path": [f"x/{k}.dat" for k in some]}[column]

    files = [train.format(key) for key in ours] + [test.format(key) for key in theirs]
    given = infer(
        {"a": A, column: named(ours), "y": A}, {"a": A[:5], column: named(theirs)}, files=[*files, "other/x.bin"]
    )
    assert given.task.file_rules == (FileRule(train=rule[0], test=rule[1], key=column),)
    assert [note for note in given.notes if "not used" in note] == [
        "not used, because no rule says which rows they belong to: other/ (1 files); "
        "name what scripts may see under extra_files or file_rules in task.yaml"
    ]


def test_two_files_for_every_row_and_some_missing(infer: Tables) -> None:
    files = [f"img/{key}.png" for key in keys("r")[3:]] + [f"mask/{key}.png" for key in keys("r")]
    given = infer({"id": keys("r"), "y": A}, files=files)
    assert [rule.train for rule in given.task.file_rules] == ["img/{key}.png", "mask/{key}.png"]
    assert given.notes == ("3 of 60 rows of train.csv have no file img/{key}.png (first: r0)",)
    assert given.task.modality is Modality.IMAGE


def test_only_plain_dictionaries_are_shown_to_every_script(infer: Tables, tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text('{"r1": 5, "household-12": 7}')
    train = {"id": [f"household-{i}" for i in range(ROWS)], "a": A, "y": A}
    given = infer(train, files=["data_dictionary.txt", "docs/README.md", "answers.txt", "extra.csv", "features.csv"])
    assert given.task.extra_files == ("data_dictionary.txt", "docs/README.md")
    *broken, note = given.notes
    assert "rows they belong to: answers.txt, metadata.json;" in note
    assert [each.split(" was left out: it cannot be read")[0] for each in broken] == ["extra.csv", "features.csv"]
    chosen = infer(train, extra_files=["extra.csv"])
    assert chosen.task.extra_files == ("extra.csv",)
    assert not any("extra.csv" in each for each in chosen.notes)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metadata.json", "{" + ", ".join(f'"{i}": {i % 2}' for i in range(ROWS)) + "}"),
        ("features.txt", "id size\n" + "".join(f"{i} {i % 2}\n" for i in range(ROWS))),
        ("about.txt", "".join(f"{i}: {i % 2}\n" for i in range(ROWS))),
    ],
)
def test_what_lists_rows_by_number_is_no_dictionary(infer: Tables, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    (tmp_path / "description.txt").write_text("1. The id\n2. The size\n")
    given = infer({"id": list(range(ROWS)), "a": A, "y": A}, target="y")
    assert given.task.extra_files == ()
    assert any(f"rows they belong to: {name};" in note for note in given.notes)


def test_a_run_directory_within_the_folder_is_passed_over(infer: Tables) -> None:
    given = infer({"id": keys("r"), "y": A}, files=["runs/1/journal.db", "runs/1/nodes/1/r1.png", ".git/x"])
    assert given.notes == ()


def test_every_decision_is_in_the_table_with_its_reason(infer: Tables) -> None:
    given = infer({"id": keys("r"), "a": A, "y": A}, TEST, {"id": TEST["id"], "y": [0] * 5}, metric="mae")
    lines = {line.name: (line.value, line.why) for line in given.inferences}
    assert list(lines) == [
        "train",
        "test",
        "sample",
        "target",
        "id",
        "kind",
        "metric",
        "predictions",
        "modality",
        "matched by",
    ]
    assert lines["train"] == ("train.csv (60 rows)", "by its name")
    assert lines["metric"] == ("mae (minimize)", "as you said")
    assert lines["predictions"] == ("number: y", "what mae scores")
    assert all(value and why for value, why in lines.values())


@pytest.mark.parametrize(
    ("labels", "shown", "metric"),
    [
        (("0", "1"), ["0", "1", "0", "0", "1"], "accuracy"),
        (("0", "1"), ["0"] * 5, "roc_auc"),
        (("0", "1"), ["0.5"] * 5, "roc_auc"),
        (("False", "True"), ["False"] * 5, "accuracy"),
    ],
)
def test_a_sample_of_plain_labels_is_scored_by_accuracy(
    infer: Tables, labels: tuple[str, str], shown: list[str], metric: str
) -> None:
    train = {"id": keys("r"), "a": A, "y": [labels[i % 2] for i in range(ROWS)]}
    assert infer(train, TEST, {"id": TEST["id"], "y": shown}).task.metric == metric


def test_the_goal_names_the_metric_before_the_description(infer: Tables) -> None:
    train = {"id": keys("r"), "a": A, "y": A}
    given = infer(train, description="Scored by RMSE.", goal="Predict y with a low mean absolute error.")
    assert (given.task.metric, given.task.goal) == ("mae", "Predict y with a low mean absolute error.")
    assert {line.name: line.why for line in given.inferences}["metric"] == "named by the goal"


def test_a_column_for_every_class_fits_no_other_kind(infer: Tables) -> None:
    train = {"id": keys("r"), "a": A, "y": ["no" if i % 2 else "yes" for i in range(ROWS)]}
    sample = {"id": TEST["id"], "yes": [0.5] * 5, "no": [0.5] * 5}
    task = infer(train, TEST, sample).task
    assert predicted(task) == (
        TaskKind.MULTICLASS,
        PredictionKind.CLASS_PROBABILITIES,
        ("yes", "no"),
        ("yes", "no"),
    )
    with pytest.raises(TaskError, match=r"kind binary does not fit a sample submission with a column for every class"):
        infer(train, TEST, sample, kind="binary")


def test_a_metric_of_the_tasks_own(infer: Tables, tmp_path: Path) -> None:
    code = "greater_is_better = True\n\n\ndef score(truth, predictions):\n    return 1.0\n"
    (tmp_path / "metric.py").write_text(code)
    train = {"id": keys("r"), "a": A, "y": A}
    task = infer(train, metric_file="metric.py").task
    assert (task.metric_file, task.metric, task.direction) == ("metric.py", "metric", Direction.MAXIMIZE)
    unasked = infer(train)
    assert unasked.task.metric_file is None
    assert "metric.py" in unasked.notes[0]


def test_a_column_for_each_class_where_classes_are_said(infer: Tables) -> None:
    marks = {name: [int(i % 3 == place) for i in range(ROWS)] for place, name in enumerate(("won", "lost", "tie"))}
    sample = {"id": TEST["id"], "tie": [0.3] * 5, "won": [0.4] * 5, "lost": [0.3] * 5}
    folder = ({"id": keys("r"), "a": A, **marks}, TEST, sample)
    assert infer(*folder).task.kind is TaskKind.MULTILABEL
    task = infer(*folder, kind="multiclass").task
    labels = ("tie", "won", "lost")
    assert predicted(task) == (TaskKind.MULTICLASS, PredictionKind.CLASS_PROBABILITIES, labels, labels)
    assert (task.targets, task.metric) == (labels, "log_loss")
    assert profile(task).class_shares == pytest.approx(dict.fromkeys(labels, 1 / 3))
    views = Views(task, task.directory / "pool", 0, folds=2)
    assert views.truth.tolist()[:3] == [1, 2, 0]


def test_free_text_is_no_class(infer: Tables) -> None:
    texts = ["", "None", *(f"some words {i}" for i in range(ROWS - 2))]
    sample = {"id": TEST["id"], "part": ["a"] * 5}
    train = {"id": keys("r"), "a": A, "part": texts}
    with pytest.raises(DataError, match="2 of 60 rows have no value"):
        infer(train, TEST, sample)
    with pytest.raises(TaskError, match="say prediction_kind: text"):
        infer({**train, "part": ["x", "y", *texts[2:]]}, TEST, sample)
    task = infer(train, TEST, sample, prediction_kind="text").task
    assert predicted(task) == (TaskKind.MULTICLASS, PredictionKind.TEXT, ("part",), ())
    assert (task.metric, profile(task).class_shares) == ("jaccard", {})
    views = Views(task, task.directory / "pool", 0)
    assert views.truth.ravel().tolist() == texts
    assert views.labelled.all()


def test_free_text_is_judged_like_any_answer(infer: Tables) -> None:
    rows = 10 * ROWS
    train = {"id": keys("r", rows), "a": list(range(rows)), "part": [f"words {i}" for i in range(rows)]}
    task = infer(train, TEST, {"id": TEST["id"], "part": ["a"] * 5}, prediction_kind="text").task
    assert Views(task, task.directory / "pool", 0).scheme.has_judge
