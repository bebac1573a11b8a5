from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mlmaster.core.task import Modality, PredictionKind, TaskKind
from mlmaster.errors import DataError, TaskError, UserError
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.load import LoadedTask, Overrides, load
from mlmaster.tasks.table import read_columns, read_header

TRAIN = "id,a,b,y\n" + "".join(f"r{i},{i * 0.5},{'pq'[i % 2]},{i * 1.5}\n" for i in range(60))
TEST = "id,a,b\n" + "".join(f"s{i},{i * 0.5},{'pq'[i % 2]}\n" for i in range(10))
SAMPLE = "id,y\n" + "".join(f"s{i},0\n" for i in range(10))


def folder(directory: Path, **files: str | bytes) -> Path:
    """Write files named `train` (train.csv) or `some__name.txt` as given, into a new folder."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = directory / (name.replace("__", ".") if "__" in name else f"{name}.csv")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return directory


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., LoadedTask]:
    def read(source: Path | str, **overrides: object) -> LoadedTask:
        return load(source, Overrides.model_validate(overrides), Registry(), tmp_path / "workspace")

    return read


def test_a_folder_with_three_tables(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    source = folder(tmp_path / "my data", train=TRAIN, test=TEST, sample_submission=SAMPLE)
    task = read(source).task
    assert (task.name, task.directory) == ("my-data", source)
    assert (task.train, task.test, task.sample) == ("train.csv", "test.csv", "sample_submission.csv")
    assert (task.targets, task.id_column, task.kind) == (("y",), "id", TaskKind.REGRESSION)
    assert not (tmp_path / "workspace").exists()


def test_without_a_sample_the_answer_is_the_id_and_the_target(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    task = read(folder(tmp_path / "t", train=TRAIN, test=TEST)).task
    assert task.submission_columns == ("id", "y")
    assert task.echo_columns == ("id",)


def test_a_table_is_found_by_its_columns_when_its_name_says_nothing(
    tmp_path: Path, read: Callable[..., LoadedTask]
) -> None:
    task = read(folder(tmp_path / "t", first=TRAIN, second=TEST), target="y").task
    assert (task.train, task.test) == ("first.csv", "second.csv")


@pytest.mark.parametrize("name", ["prices.csv", "prices.tsv", "prices.json", "prices.jsonl", "prices.parquet"])
def test_one_file_and_a_target(tmp_path: Path, read: Callable[..., LoadedTask], name: str) -> None:
    import pandas as pd

    source = tmp_path / name
    frame = pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(40)],
            "n": [None if i == 3 else i * 0.25 for i in range(40)],
            "word": [None if i == 4 else "a, b" for i in range(40)],
            "good": [i % 3 == 0 for i in range(40)],
        }
    )
    if name.endswith(".csv"):
        frame.to_csv(source, index=False)
    elif name.endswith(".tsv"):
        frame.to_csv(source, index=False, sep="\t")
    elif name.endswith(".json"):
        source.write_text(frame.to_json(orient="records"))
    elif name.endswith(".jsonl"):
        source.write_text(frame.to_json(orient="records", lines=True))
    else:
        frame.to_parquet(source)
    task = read(source, target="good").task
    assert task.directory == tmp_path / "workspace"
    assert (task.name, task.train, task.test, task.sample) == ("prices", "train.csv", None, None)
    assert task.classes == ("False", "True")
    assert task.submission_columns == ("id", "good")
    path = task.directory / "train.csv"
    assert read_header(path) == ("id", "n", "word", "good")
    columns = read_columns(path, ["n", "word", "good"])
    assert columns["n"][2:5] == ["0.5", "", "1.0"]
    assert columns["word"][3:5] == ["a, b", ""]
    assert columns["good"][:2] == ["True", "False"]


def test_one_file_with_several_candidates_asks_for_the_target(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    source = folder(tmp_path / "t", prices=TRAIN.replace("y", "cost", 1)) / "prices.csv"
    with pytest.raises(
        TaskError, match="cannot tell which column is to be predicted; name it with --target, one of id, a"
    ):
        read(source)
    with pytest.raises(TaskError, match=r"is one table, so --test 'test.csv' has no place"):
        read(source, target="cost", test="test.csv")


def test_a_folder_of_parquet_tables_is_converted_and_the_rest_linked(
    tmp_path: Path, read: Callable[..., LoadedTask]
) -> None:
    import pandas as pd

    source = folder(tmp_path / "t", README__md="# Prices\nPredict `y`.", sample_submission=SAMPLE)
    (source / "images").mkdir()
    for name, text in (("train", TRAIN), ("test", TEST)):
        csv = folder(tmp_path / "csv", **{name: text}) / f"{name}.csv"
        keys = read_columns(csv, ["id"])["id"]
        for key in keys:
            (source / "images" / f"{key}.png").write_bytes(b"\x89PNG")
        pd.read_csv(csv).to_parquet(source / f"{name}.parquet")
    given = read(source)
    task = given.task
    assert (task.directory, task.train, task.test) == (tmp_path / "workspace", "train.csv", "test.csv")
    assert (task.description, task.modality) == ("README.md", Modality.IMAGE)
    assert [(rule.train, rule.key) for rule in task.file_rules] == [("images/{key}.png", "id")]
    assert given.notes == ("train.parquet was converted into train.csv", "test.parquet was converted into test.csv")
    assert read(source).task == task


def test_the_ids_of_the_sample_stand_for_a_missing_test_table(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    keys = [f"dog{i}" for i in range(30)]
    source = folder(
        tmp_path / "t",
        labels="id,breed\n" + "".join(f"{k},{'abc'[i % 3]}\n" for i, k in enumerate(keys[:24])),
        sample_submission="id,a,b,c\n" + "".join(f"{k},0,0,1\n" for k in keys[24:]),
    )
    for part, some in (("train", keys[:24]), ("test", keys[24:])):
        (source / part).mkdir()
        for key in some:
            (source / part / f"{key}.jpg").write_bytes(b"\xff\xd8")
    task = read(source).task
    assert (task.train, task.test, task.modality) == ("labels.csv", "test.csv", Modality.IMAGE)
    assert task.prediction_kind is PredictionKind.CLASS_PROBABILITIES
    assert read_columns(task.directory / "test.csv", ["id"]) == {"id": keys[24:]}
    assert read_header(task.directory / "test.csv") == ("id",)
    assert [(rule.train, rule.test) for rule in task.file_rules] == [("train/{key}.jpg", "test/{key}.jpg")]


def test_the_private_folder_is_neither_opened_nor_accepted(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    public = folder(tmp_path / "comp" / "prepared" / "public", train=TRAIN, test=TEST, sample_submission=SAMPLE)
    private = folder(tmp_path / "comp" / "prepared" / "private", test="broken \0 table")
    for source in (tmp_path / "comp", tmp_path / "comp" / "prepared", public):
        given = read(source)
        assert (given.task.name, given.task.directory) == ("comp", public)
        assert given.notes == ()
    with pytest.raises(TaskError, match="answers of a task and is for the grader alone"):
        read(private)


def test_a_built_in_task_by_name_and_a_folder_of_that_name_first(
    tmp_path: Path, read: Callable[..., LoadedTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read("wine").task.name == "wine"
    folder(tmp_path / "wine", train=TRAIN, test=TEST)
    assert read("wine").task.targets == ("y",)
    with pytest.raises(TaskError, match="neither a file or folder here nor a built-in task; did you mean digits"):
        read("digit")
    with pytest.raises(TaskError, match="the built-in tasks are breast-cancer"):
        read("zzz")


def test_a_table_of_semicolons(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    source = folder(
        tmp_path / "t", train=TRAIN.replace(",", ";"), test=TEST.replace(",", ";"), sample_submission=SAMPLE
    )
    assert read(source).task.delimiter == ";"
    folder(source, test=TEST)
    with pytest.raises(DataError, match=r"test.csv: is delimited by ',', but train.csv by ';'; save both"):
        read(source)


def test_western_text_is_read_with_a_note(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    source = folder(tmp_path / "t", train=TRAIN.replace("p", "café").encode("cp1252"), test=TEST)
    assert any("train.csv is not UTF-8; it is read as Windows-1252" in note for note in read(source).notes)


def test_missing_and_empty_sources(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such file or folder; check the path"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"is an empty folder; put train\.csv"):
        read(folder(tmp_path / "empty"))
    with pytest.raises(DataError, match=r"holds no table .* only notes.txt; add train.csv"):
        read(folder(tmp_path / "notes", notes__txt="hello"))
    with pytest.raises(DataError, match=r"holds no table, but an archive 'train.7z'; unpack it"):
        read(folder(tmp_path / "zipped", train__7z="7z"))
    with pytest.raises(TaskError, match=r"cannot tell which of a.csv, b.csv is the train table; name it with --train"):
        read(folder(tmp_path / "two", a=TRAIN, b=TRAIN))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train": ""}, r"train.csv: is empty \(0 bytes\)"),
        ({"train": "id,a,b,y\n"}, "no rows"),
        ({"train": TRAIN + "r99,1\n"}, r"row 61 \(line 62\) has 2 cells, but the header has 4"),
        ({"test": TEST + "s99,1,2,3\n"}, r"test.csv: row 11 \(line 12\) has 4 cells"),
        ({"train": b"\xff\x81" + TRAIN.encode()}, "not UTF-8"),
        ({"train": b"PK\x03\x04 and so on"}, "train.csv: is a ZIP archive; unpack it"),
        ({"test": TEST.replace("b\n", "bb\n", 1)}, r"test.csv has 1 column\(s\) that train.csv lacks: 'bb'"),
        ({"test": TRAIN, "sample_submission": SAMPLE}, "none is left to predict"),
        (
            {"sample_submission": SAMPLE + "zz,0\n"},
            r"row 11 has the id 'zz', which test.csv does not have \(1 such rows\)",
        ),
        ({"sample_submission": SAMPLE + "s3,0\n"}, "the id 's3' occurs 2 times, but 1 times in test.csv"),
        (
            {"sample_submission": SAMPLE.replace("s", "q")},
            r"none of its 10 ids .*first 'q0'\) is in test.csv \(first 's0'\)",
        ),
        ({"sample_submission": "n,y\n" + "".join(f"{i},0\n" for i in range(10))}, "shares no column with test.csv"),
        (
            {"train": TRAIN.replace(",0.0,p,0.0", ",0.0,p,", 1)},
            r"1 of 60 rows have no value in the target 'y' \(first: row 1\)",
        ),
    ],
)
def test_broken_tables(
    tmp_path: Path, read: Callable[..., LoadedTask], files: dict[str, str | bytes], message: str
) -> None:
    tables: dict[str, str | bytes] = {"train": TRAIN, "test": TEST, **files}
    with pytest.raises((DataError, TaskError), match=message):
        read(folder(tmp_path / "t", **tables))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"target": "Y"}, r"train.csv: has no column 'Y' for --target; did you mean 'y'\?"),
        ({"target": "a"}, "the target 'a' is a column of the test table test.csv too"),
        ({"id": "idd"}, r"has no column 'idd' for --id; did you mean 'id'\?"),
        ({"metric": "rmsee"}, r"unknown metric 'rmsee'; did you mean rmse"),
        ({"metric": "roc_auc"}, "the metric roc_auc scores .*but a regression target y .* number"),
        ({"kind": "binary"}, "kind binary needs one target with two values, but 'y' has 60"),
        ({"kind": "multiclass"}, "kind multiclass needs one target with fewer values than rows"),
        ({"kind": "multilabel"}, "kind multilabel needs 0/1 in every target"),
        ({"positive": "1"}, "the positive class '1' needs a binary target, but this one is regression"),
        ({"prediction_kind": "label"}, "the prediction kind label does not fit a regression target"),
        ({"train": "tran.csv"}, r"has no file 'tran.csv' for --train; did you mean train.csv"),
        ({"extra_files": ["x.txt"]}, "has no file 'x.txt' of extra_files"),
        (
            {"file_rules": [{"train": "{key}.png", "test": "{key}.png", "key": "id"}]},
            "no row of train.csv has its file",
        ),
        ({"file_rules": [{"train": "x.png", "test": "x.png", "key": "id"}]}, "must contain {key} once"),
        ({"file_rules": [{"train": "{key}", "test": "{key}", "key": "k"}]}, "the key 'k' is no column of train.csv"),
    ],
)
def test_words_of_the_user_that_cannot_be(
    tmp_path: Path, read: Callable[..., LoadedTask], overrides: dict[str, object], message: str
) -> None:
    source = folder(tmp_path / "t", train=TRAIN, test=TEST, sample_submission=SAMPLE)
    with pytest.raises((TaskError, DataError), match=message):
        read(source, **overrides)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["1"] * 40, "the target 'y' is '1' in all 40 rows, so there is nothing to learn"),
        ([""] * 39 + ["NA"], "the target 'y' is missing in all 40 rows"),
        ([f"name {i}" for i in range(40)], r"has 40 different values in 40 rows and is no number \('name 0'\)"),
        ([f"{i}" for i in range(39)] + ["12,5"], r"is no number \('12,5'\)"),
    ],
)
def test_targets_nothing_can_be_learnt_from(
    tmp_path: Path, read: Callable[..., LoadedTask], y: list[str], message: str
) -> None:
    rows = "".join(f'{i},"{cell}"\n' for i, cell in enumerate(y))
    with pytest.raises(TaskError, match=message):
        read(folder(tmp_path / "t", train="a,y\n" + rows), target="y")
    if y[0] == "0":
        with pytest.raises(TaskError, match="kind regression needs numbers, but the target 'y' holds '12,5'"):
            read(tmp_path / "t", target="y", kind="regression")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.json", '[{"a": 1}, 2]', "record 2 is 2, no object"),
        ("t.json", '[{"a": 1},', "line 1: .*mend the JSON"),
        ("t.jsonl", '{"a": 1}\n{"a"\n', "line 2: .*give one JSON object a line"),
        ("t.json", "[]", "holds no records"),
        ("t.parquet", "a,b\n1,2\n", "is no Parquet file"),
        ("t.parquet", "PAR1 and nothing else", "cannot be read as Parquet"),
        ("t.xlsx", "a,b", "cannot tell its format by '.xlsx'"),
        ("t.csv.gz", b"\x1f\x8b\x08", r"t.csv.gz: cannot be unpacked \(.*; it is damaged or cut short, fetch it again"),
        ("t.bin.gz", b"\x1f\x8b\x08", "is a gzip archive; unpack it"),
    ],
)
def test_broken_files_of_other_formats(
    tmp_path: Path, read: Callable[..., LoadedTask], name: str, content: str | bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / name, target="a")
    assert not (tmp_path / "workspace" / "train.csv").exists()


def test_nested_json_and_missing_keys_become_cells(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    records = [{"a": i, "tags": ["x", i]} | ({"y": i % 2} if i else {"late": True, "y": 0}) for i in range(20)]
    (tmp_path / "t.json").write_text(json.dumps(records))
    path = read(tmp_path / "t.json", target="y").task.directory / "train.csv"
    assert read_header(path) == ("a", "tags", "late", "y")
    assert read_columns(path, ["tags", "late"])["tags"][1] == '["x", 1]'
    assert read_columns(path, ["late"])["late"][:2] == ["True", ""]


def test_an_error_about_a_single_file_names_the_users_own_file(tmp_path: Path) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("a,y\n" + "".join(f"{i},5\n" for i in range(30)))
    with pytest.raises(UserError) as caught:
        load(table, Overrides(target=("y",)), Registry(), tmp_path / "work")
    assert str(table) in str(caught.value)
    assert str(tmp_path / "work") not in str(caught.value)
