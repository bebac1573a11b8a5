from pathlib import Path

import numpy as np
import pytest
from tests.mlebench.preparation.recipes.plain_python import (
    Files,
    assert_same,
    column,
    dealt_by,
    prepared,
    prepared_without,
    rows_of,
    shortest,
    table,
    write,
)

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.recipes import osic_pulmonary_fibrosis_progression


def make_raw(raw: Path, seed: int = 0, patients: int = 37) -> None:
    random = np.random.default_rng(seed)
    rows = []
    for number in random.permutation(patients).tolist():
        patient = f"ID{number:05}637202{random.integers(10**12):012}"
        person = {"Age": str(random.integers(49, 88)), "Sex": "Male", "SmokingStatus": "Ex-smoker"}
        for week in random.permutation(np.arange(-5, 30))[: random.integers(2, 7)].tolist():
            measured = {"FVC": str(random.integers(900, 6000)), "Percent": repr(random.uniform(30, 150))}
            rows.append({"Patient": patient, "Weeks": str(week), **measured, **person})
        for scan in range(1, 3):
            write(raw / "train" / patient / f"{scan}.dcm", f"{patient} {scan}".encode())
    write(raw / "train" / patient / "more" / "3.dcm", b"deeper")
    write(raw / "train.csv", table(rows))


def expected(raw: Path) -> Files:
    train, test = dealt_by(rows_of(raw / "train.csv"), "Patient", 0.1)
    weeks = [int(row["Weeks"]) for row in test]
    patients = list(dict.fromkeys(row["Patient"] for row in test))
    nothing = dict.fromkeys(("FVC", "Percent", "Age", "Sex", "SmokingStatus"), "")
    visits = {
        (patient, str(week)): {"Patient": patient, "Weeks": str(week), **nothing}
        for patient in patients
        for week in range(min(weeks), max(weeks) + 1)
    }
    visits |= {(row["Patient"], row["Weeks"]): row for row in shortest(test, ("FVC", "Age"))}
    first = [
        min((row for row in test if row["Patient"] == each), key=lambda row: int(row["Weeks"])) for each in patients
    ]
    scans = {path.relative_to(raw / "train"): path.read_bytes() for path in raw.glob("train/**/*.dcm")}
    return {
        "public/train.csv": table(train),
        "public/test.csv": table(sorted(first, key=lambda row: str(row["Patient"]))),
        "public/sample_submission.csv": table(
            {"Patient_Week": "_".join(key), "FVC": 2000, "Confidence": 100} for key in visits
        ),
        "private/test.csv": table(
            {**row, "Patient_Week": "_".join(key), "Confidence": 100} for key, row in visits.items()
        ),
        **{
            f"public/{'test' if path.parts[0] in patients else 'train'}/{path.as_posix()}": content
            for path, content in scans.items()
        },
    }


@pytest.mark.parametrize("seed", [0, 1])
def test_files_are_the_official_ones(seed: int, tmp_path: Path) -> None:
    make_raw(tmp_path / "raw", seed)
    files = prepared(osic_pulmonary_fibrosis_progression, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert column(files["private/test.csv"], "Patient_Week") == column(
        files["public/sample_submission.csv"], "Patient_Week"
    )
    assert not set(column(files["public/train.csv"], "Patient")) & set(column(files["private/test.csv"], "Patient"))
    assert len(column(files["public/test.csv"], "Patient")) == 4


def test_missing_scans_are_named(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    patient = column((tmp_path / "raw" / "train.csv").read_bytes(), "Patient")[0]
    (tmp_path / "raw" / "train" / patient).rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=f"train/{patient}/ is missing"):
        prepared(osic_pulmonary_fibrosis_progression, tmp_path / "raw")


def test_tables_are_written_without_scans(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    tables = {name: content for name, content in expected(tmp_path / "raw").items() if name.endswith(".csv")}
    assert_same(prepared_without("train", osic_pulmonary_fibrosis_progression, tmp_path / "raw"), tables)
