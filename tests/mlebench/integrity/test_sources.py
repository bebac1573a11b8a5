import json
from pathlib import Path

import pytest

from mlmaster.errors import DataError
from mlmaster.mlebench.integrity.sources import read_folder, read_solutions


def test_the_winning_scripts_of_a_run_without_ours(tmp_path: Path) -> None:
    for name in ("best/members/1.py", "best/reproduce.py", "best/predict.py", "nodes/2/solution.py", "journal.db"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    assert [each.name for each in read_solutions(tmp_path)] == ["members/1.py"]


def test_a_file_and_a_folder(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("b")
    (tmp_path / "a.py").write_text("a")
    (tmp_path / ".hidden.py").write_text("h")
    (tmp_path / "link.py").symlink_to(tmp_path / "a.py")
    (tmp_path / "large.py").write_bytes(b"#" * (2**22 + 1))
    (tmp_path / "notes.txt").write_text("n")
    assert [(each.name, each.text) for each in read_folder(tmp_path)] == [("a.py", "a"), ("b.py", "b")]
    assert [each.text for each in read_solutions(tmp_path / "b.py")] == ["b"]


def test_a_notebook_is_its_code_with_magics_as_comments(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Title"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "x = 1"]},
        {"cell_type": "code", "source": "!pip install y\ny = 2"},
    ]
    (tmp_path / "kernel.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "torn.ipynb").write_text("{")
    (kernel, torn) = read_folder(tmp_path)
    assert kernel.text == "# %matplotlib inline\nx = 1\n\n# !pip install y\ny = 2\n"
    assert torn.text == ""


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    table = tmp_path / "submission.csv"
    table.write_text("id,x\n")
    with pytest.raises(DataError, match=r"submission\.csv is no script"):
        read_solutions(table)
    with pytest.raises(DataError, match="holds no script"):
        read_solutions(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        read_folder(tmp_path / "nowhere")
