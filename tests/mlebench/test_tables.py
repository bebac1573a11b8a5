from pathlib import Path

import numpy as np
import pytest

from mlmaster.mlebench.tables import read_csv


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1" * 40, "5"], ["1" * 40, "5"]),
        (["1" * 40, ""], ["1" * 40, None]),
        (["-" + "9" * 20, "1"], ["-" + "9" * 20, "1"]),
        (["1e400", "1"], ["1e400", "1"]),
        (["-1e400", "inf", ""], ["-1e400", "inf", None]),
        (["inf", "-Infinity", "1.5", ""], [np.inf, -np.inf, 1.5, None]),
        (["18446744073709551615", "1"], [2**64 - 1, 1]),
        (["1" * 40, "0.5"], ["1" * 40, "0.5"]),
        (["True", ""], [True, None]),
        (["07", "8"], [7, 8]),
        (["x", "8"], ["x", "8"]),
    ],
)
def test_cells_mean_what_they_meant_before_pandas_3(cells: list[str], expected: list[object], tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("id,value\n" + "".join(f"{number},{cell}\n" for number, cell in enumerate(cells)))
    table = read_csv(path)
    found = [
        None if missing else cell for cell, missing in zip(table["value"].tolist(), table["value"].isna(), strict=True)
    ]
    assert found == expected
    assert [type(cell) for cell in found] == [type(cell) for cell in expected]
    assert table["id"].tolist() == list(range(len(cells)))
