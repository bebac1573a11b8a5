from __future__ import annotations

from pathlib import Path

import pytest

from mlmaster.metrics.registry import Registry
from mlmaster.tasks.check import Finding, Severity, check
from mlmaster.tasks.load import Overrides, load

GOOD = [f"{i},{i * 7 % 60},{'pq'[i % 2]},{i % 3}" for i in range(60)]


def findings(folder: Path, **overrides: object) -> list[Finding]:
    return check(load(folder, Overrides.model_validate({"target": "y", **overrides}), Registry(), folder / "workspace"))


def write(folder: Path, train: list[str], test: list[str] | None = None, header: str = "id,a,b,y") -> Path:
    (folder / "train.csv").write_text("\n".join([header, *train]) + "\n")
    if test is not None:
        names = [name for name in header.split(",") if name != "y"]
        (folder / "test.csv").write_text("\n".join([",".join(names), *test]) + "\n")
    return folder


def test_a_sound_task_has_no_findings(tmp_path: Path) -> None:
    assert findings(write(tmp_path, GOOD, [f"{i},{i},p" for i in range(100, 120)])) == []


@pytest.mark.parametrize(
    ("train", "test", "severity", "message"),
    [
        (GOOD[:20], None, Severity.WARNING, "train.csv has only 20 rows; every score will be uncertain"),
        ([*GOOD, "70,1,p,9"], None, Severity.WARNING, "1 label(s) occur in fewer than 5 rows (first: '9', 1 rows)"),
        (
            [f"{i},{i % 3},p{i % 2},{i % 3}" for i in range(60)],
            None,
            Severity.WARNING,
            "the column 'a' is the target 'y' again",
        ),
        (GOOD, ["100,1,p", "101,n. k.,q"], Severity.WARNING, "'a' holds numbers in train.csv, but 'n. k.' in test.csv"),
        (GOOD, ["100,,p", "101,NA,q"], Severity.WARNING, "the column 'a' is missing in every row of test.csv"),
        (GOOD, ["5,1,p", "101,2,q"], Severity.INFO, "1 id(s) of the rows looked at are in train.csv and in test.csv"),
        ([f"{i},{i},z,{i % 3}" for i in range(60)], None, Severity.INFO, "1 column(s) have one value throughout: b"),
        (
            [f"{i},{i if i < 2 else ''},{'pq'[i % 2]},{i % 3}" for i in range(60)],
            None,
            Severity.INFO,
            "the column 'a' is missing in 96.7% of the rows",
        ),
    ],
)
def test_what_is_doubtful_is_said(
    tmp_path: Path, train: list[str], test: list[str] | None, severity: Severity, message: str
) -> None:
    found = findings(write(tmp_path, train, test), kind="multiclass")
    assert [(each.severity, message in each.message) for each in found] == [(severity, True)]


def test_labels_of_the_sample_that_train_does_not_have(tmp_path: Path) -> None:
    write(tmp_path, GOOD, ["100,1,p", "101,2,q"])
    (tmp_path / "sample_submission.csv").write_text("id,y\n100,no\n101,no\n")
    (found,) = findings(tmp_path, metric="accuracy")
    assert found.severity is Severity.WARNING
    assert "'y' holds 'no', which is no label of train.csv (0, 1, 2)" in found.message


def test_a_class_of_the_sample_that_never_occurs(tmp_path: Path) -> None:
    write(tmp_path, GOOD, ["100,1,p", "101,2,q"])
    (tmp_path / "sample_submission.csv").write_text("id,0,1,2,3\n100,0,0,0,0\n101,0,0,0,0\n")
    assert ["never occur" in each.message for each in findings(tmp_path)] == [True]


def test_broken_images_are_counted(tmp_path: Path) -> None:
    from PIL import Image

    write(tmp_path, [f"im{i},{i},{'pq'[i % 2]},{i % 3}" for i in range(60)])
    for i in range(60):
        if i % 2:
            Image.new("L", (4, 4)).save(tmp_path / f"im{i}.png")
        else:
            (tmp_path / f"im{i}.png").write_bytes(b"?")
    (found,) = findings(tmp_path)
    assert found.message == "8 of 16 images looked at cannot be read (first: im0.png)"


def test_an_id_of_the_test_table_alone(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,y\n" + "".join(f"{i},{i * 0.5}\n" for i in range(60)))
    (tmp_path / "test.csv").write_text("row_id,a\n1,2\n2,3\n")
    (found,) = findings(tmp_path)
    assert found == Finding(
        Severity.INFO, "the id 'row_id' is a column of test.csv only; train rows get numbers of their own in its place"
    )


def test_notes_of_loading_are_among_the_findings(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "mystery.bin").write_bytes(b"?")
    (found,) = findings(tmp_path)
    assert found.severity is Severity.INFO
    assert "not used, because no rule says which rows they belong to: mystery.bin" in found.message
