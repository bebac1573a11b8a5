"""Bad input: a short error that names the thing, the value and the next step; nothing left behind; exit code 2."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tests.cli.folders import Invoke

ROWS = 60
TRAIN = "id,x,colour,y\n" + "".join(f"{i},{i * 7 % 11},{'red' if i % 3 else 'blue'},{i % 2}\n" for i in range(ROWS))
TEST = "id,x,colour\n" + "".join(f"{i},{i * 5 % 11},red\n" for i in range(100, 120))
SAMPLE = "id,y\n" + "".join(f"{i},0\n" for i in range(100, 120))


def lay(folder: Path, train: str | bytes = TRAIN, test: str | None = TEST, sample: str | None = SAMPLE) -> Path:
    folder.mkdir()
    for name, content in (("train.csv", train), ("test.csv", test), ("sample_submission.csv", sample)):
        if content is not None:
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def refused(invoke: Invoke, tmp_path: Path, *words: str | Path) -> str:
    """Run `mlmaster run` on bad input; return the message after checking its form and that nothing is left."""
    out = tmp_path / "out"
    result = invoke("run", *words, "--out", out, "--nodes", "1", "--time", "20s")
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 700
    assert "Traceback" not in result.output
    assert not out.exists()
    return result.stderr


def test_missing_folder(invoke: Invoke, tmp_path: Path) -> None:
    assert str(tmp_path / "nowhere") in refused(invoke, tmp_path, tmp_path / "nowhere")


def test_unknown_built_in_names_the_near_one(invoke: Invoke, tmp_path: Path) -> None:
    assert "breast-cancer" in refused(invoke, tmp_path, "breast-cancr")


def test_empty_folder(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert str(tmp_path / "empty") in refused(invoke, tmp_path, tmp_path / "empty")


@pytest.mark.parametrize(
    ("train", "word"),
    [
        ("", "empty"),
        ("id,x,colour,y\n", "row"),
        (TRAIN + "1,2,3\n", "cells"),
        (b"id,x,colour,y\n1,\x00\x01,a,1\n" * 30, "train.csv"),
        (gzip.compress(TRAIN.encode()), "train.csv"),
    ],
    ids=["empty", "no rows", "ragged", "binary", "zipped"],
)
def test_unreadable_table(invoke: Invoke, tmp_path: Path, train: str | bytes, word: str) -> None:
    message = refused(invoke, tmp_path, lay(tmp_path / "task", train=train))
    assert "train.csv" in message
    assert word in message


def test_target_that_is_no_column(invoke: Invoke, tmp_path: Path) -> None:
    message = refused(invoke, tmp_path, lay(tmp_path / "task", test=None, sample=None), "--target", "price")
    assert "'price'" in message
    assert "colour" in message


def test_one_table_without_a_target(invoke: Invoke, tmp_path: Path) -> None:
    folder = lay(tmp_path / "task", train=TRAIN.replace(",y\n", ",z\n", 1), test=None, sample=None)
    assert "--target" in refused(invoke, tmp_path, folder / "train.csv")


@pytest.mark.parametrize("cell", ["1", ""], ids=["constant", "missing"])
def test_target_without_information(invoke: Invoke, tmp_path: Path, cell: str) -> None:
    train = "id,x,y\n" + "".join(f"{i},{i % 7},{cell}\n" for i in range(ROWS))
    message = refused(invoke, tmp_path, lay(tmp_path / "task", train=train, test=None, sample=None), "--target", "y")
    assert "y" in message


@pytest.mark.parametrize(
    ("sample", "word"),
    [
        (SAMPLE.replace("119,0", "999,0"), "999"),
        (SAMPLE.replace("119,0", "118,0"), "118"),
        ("id,y\n" + "".join(f"z{i},0\n" for i in range(20)), "z0"),
    ],
    ids=["unknown", "duplicate", "no overlap"],
)
def test_sample_that_does_not_fit_the_test(invoke: Invoke, tmp_path: Path, sample: str, word: str) -> None:
    message = refused(invoke, tmp_path, lay(tmp_path / "task", sample=sample))
    assert "sample_submission.csv" in message
    assert word in message


def test_test_without_any_column_of_train(invoke: Invoke, tmp_path: Path) -> None:
    test = "id,other\n" + "".join(f"{i},1\n" for i in range(100, 120))
    assert "test.csv" in refused(invoke, tmp_path, lay(tmp_path / "task", test=test))


def test_unknown_metric_names_near_ones(invoke: Invoke, tmp_path: Path) -> None:
    message = refused(invoke, tmp_path, lay(tmp_path / "task"), "--metric", "rocauc_")
    assert "rocauc_" in message
    assert "roc_auc" in message


def test_metric_that_disagrees_with_the_target(invoke: Invoke, tmp_path: Path) -> None:
    train = "id,x,y\n" + "".join(f"{i},{i % 7},{'abc'[i % 3]}\n" for i in range(ROWS))
    folder = lay(tmp_path / "three", train=train, test=None, sample=None)
    assert "roc_auc" in refused(invoke, tmp_path, folder, "--target", "y", "--metric", "roc_auc")


def test_rmsle_with_negatives(invoke: Invoke, tmp_path: Path) -> None:
    train = "id,x,y\n" + "".join(f"{i},{i % 7},{i * 1.5 - 20}\n" for i in range(ROWS))
    folder = lay(tmp_path / "negative", train=train, test=None, sample=None)
    message = refused(invoke, tmp_path, folder, "--target", "y", "--metric", "rmsle")
    assert "rmsle" in message


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--nodes", "-3"], "budget.nodes is -3 (from --nodes): must be at least 1"),
        (["--time", "-5m"], "allowed: 10s to 30d"),
        (["--time", "9000d"], "allowed: 10s to 30d"),
        (["--cost", "-1"], "budget.cost"),
        (["--set", "engine.slotz=2"], "did you mean engine.slots"),
        (["--set", "engin.x=2"], "did you mean engine."),
        (["--seed", "-1"], "seed is -1"),
        (["--slots", "5000"], "at most 1,024"),
        (["--policy", "astrology"], "astrology"),
        (["--engineer", "nobody"], "nobody"),
        (["--set", "sandbox.isolation=bag"], "bag"),
        (["--python", "/no/such/python"], "/no/such/python: there is no such file; give --python"),
        (["--set", "sandbox.gpus={a: 1}"], "should be a list, for example [a, b]"),
        (["--set", "sandbox.caches=/etc"], "/etc, which is the system's own"),
        (["--set", "sandbox.packages=x @ https://me:secret@localhost/x.whl"], "x @ https://****@localhost/x.whl"),
        (["--set", "sandbox.python=/"], "/ is a folder without bin/python"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_settings(invoke: Invoke, tmp_path: Path, words: list[str], named: str) -> None:
    out = tmp_path / "out"
    result = invoke("run", lay(tmp_path / "task"), "--out", out, *words)
    assert result.exit_code == 2
    assert named in result.stderr
    assert result.stderr.count("\n") == 1
    assert not out.exists()


def test_run_directory_that_holds_something(invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious.txt").write_text("mine", encoding="utf-8")
    result = invoke("run", lay(tmp_path / "task"), "--out", out)
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert [path.name for path in out.iterdir()] == ["precious.txt"]


def test_run_directory_of_an_earlier_run_hints_at_resume(invoke: Invoke, ended: Path, tmp_path: Path) -> None:
    result = invoke("run", lay(tmp_path / "task"), "--out", ended)
    assert result.exit_code == 2
    assert f"mlmaster resume {ended}" in result.stderr
