"""`mlmaster prepare`, from raw files that lie in a folder: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.folders import Invoke

SPACESHIP, SPOOKY, INSULTS = (
    "spaceship-titanic",
    "spooky-author-identification",
    "detecting-insults-in-social-commentary",
)
TRAIN = {
    SPACESHIP: "PassengerId,Age,Transported\n" + "".join(f"{i:04}_01,{i},{i % 2 == 0}\n" for i in range(20)),
    SPOOKY: "id,text,author\n" + "".join(f"id{i},words,{('EAP', 'HPL', 'MWS')[i % 3]}\n" for i in range(20)),
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A folder of made-up raw files, one folder for a competition."""
    for name, table in TRAIN.items():
        (tmp_path / "raw" / name).mkdir(parents=True)
        (tmp_path / "raw" / name / "train.csv").write_text(table)
    return tmp_path / "raw"


def test_files_that_differ_are_an_error_unless_accepted(invoke: Invoke, raw: Path, tmp_path: Path) -> None:
    words = ("prepare", "-c", SPACESHIP, "--from", raw, "--data-dir", tmp_path / "data")
    refused = invoke(*words)
    assert refused.exit_code == 2
    assert "not as MLE-bench has it: public/sample_submission.csv differs" in refused.stderr
    assert refused.stdout == ""
    assert not (tmp_path / "data" / SPACESHIP / "prepared").exists()
    accepted = invoke(*words, "--skip-verification", "--force")
    prepared = tmp_path / "data" / SPACESHIP / "prepared"
    assert accepted.exit_code == 0
    assert accepted.stdout.splitlines()[:2] == [
        f"{SPACESHIP}: prepared in {prepared}",
        "  differs  public/sample_submission.csv",
    ]
    assert (prepared / "public" / "sample_submission.csv").read_text().count(",False\n") == 2


def test_several_go_on_after_a_failure_and_are_summed_up(invoke: Invoke, raw: Path, tmp_path: Path) -> None:
    words = ("-c", SPOOKY, "-c", INSULTS, "-c", SPACESHIP, "-c", SPOOKY)
    result = invoke("prepare", *words, "--from", raw, "--data-dir", tmp_path / "data", "--skip-verification")
    assert result.exit_code == 2
    assert f"{raw} lacks train.csv and test_with_solutions.csv" in result.stderr
    assert result.stdout.splitlines()[-1] == f"2 of 3 ready; failed: {INSULTS}"


def test_one_object_is_printed(invoke: Invoke, raw: Path, tmp_path: Path) -> None:
    words = ("prepare", "-c", SPOOKY, "-c", SPACESHIP, "--from", raw, "--data-dir", tmp_path / "data", "--json")
    result = invoke(*words)
    told = json.loads(result.stdout)
    assert result.exit_code == 2
    assert told["failed"] == [SPOOKY, SPACESHIP]
    first = told["competitions"][0]
    assert (first["id"], first["status"]) == (SPOOKY, "failed")
    assert [file["state"] for file in first["files"]] == ["differs"] * 4
    accepted = json.loads(invoke(*words, "--skip-verification").stdout)
    assert accepted["failed"] == []
    assert [each["status"] for each in accepted["competitions"]] == ["found", "found"]
    assert accepted["competitions"][0]["notes"][0].startswith("not as MLE-bench has it")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no competition is named; name some with -c ID, or take --lite, --all or --dev"),
        (("-c", "spaceship-titanik"), "did you mean spaceship-titanic"),
        (("-c", SPACESHIP, "--from", "nowhere"), "nowhere: no such file or folder"),
        (
            ("-c", "vesuvius-challenge-ink-detection", "--from", "."),
            "has no recipe here, and . holds nothing that MLE-bench prepared",
        ),
    ],
)
def test_bad_input_ends_in_a_line(words: tuple[str, ...], told: str, invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("prepare", *words, "--data-dir", tmp_path / "data")
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.output


def test_one_zip_is_not_for_several(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "one.zip").write_bytes(b"")
    result = invoke("prepare", "--lite", "--from", tmp_path / "one.zip", "--data-dir", tmp_path / "data")
    assert result.exit_code == 2
    assert "is one file, and 22 competitions are asked for" in result.stderr


@pytest.mark.parametrize(("option", "count"), [("--lite", 22), ("--dev", 7), ("--all", 75)])
def test_a_split_is_taken_whole(option: str, count: int, invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = invoke("prepare", option, "--from", tmp_path / "empty", "--data-dir", tmp_path / "data")
    assert result.exit_code == 2
    assert result.stdout.splitlines()[-1].startswith(f"0 of {count} ready; failed: ")
    assert result.stderr.count("error: ") == count
