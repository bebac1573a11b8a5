import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tests.mlebench.preparation.recipes.plain_python import Files, assert_same, column, prepared, table, write

from mlmaster.mlebench.preparation.recipes import stanford_covid_vaccine

TARGETS = ("reactivity", "deg_Mg_pH10", "deg_pH10", "deg_Mg_50C", "deg_50C")
SHOWN = ("index", "id", "sequence", "structure", "predicted_loop_type", "seq_length", "seq_scored")


def make_raw(raw: Path, seed: int = 0, size: int = 45) -> None:
    random = np.random.default_rng(seed)

    def letters(alphabet: str) -> str:
        return "".join(random.choice(list(alphabet), 107))

    def measured() -> list[float]:
        return [-0.0, 1e-05, *(round(value, 4) for value in random.normal(0.4, 0.6, 66).tolist())]

    rows = []
    for number in range(size):
        row = {"index": 2 * number, "id": f"id_{random.bytes(5).hex()[:9]}", "sequence": letters("ACGU")}
        row |= {"structure": letters("(.)"), "predicted_loop_type": letters("EHISBXM")}
        row |= {"signal_to_noise": round(random.uniform(0, 20), 3), "SN_filter": float(random.uniform() < 0.7)}
        row |= {"seq_length": 107, "seq_scored": 68, "reactivity_error": [abs(value) for value in measured()]}
        rows.append({**row, **{target: measured() for target in TARGETS}})
    write(raw / "train.json", lines(rows))
    write(raw / "test.json", lines({name: row[name] for name in SHOWN} for row in rows[:3]))


def lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Write a zero without its sign, which pandas drops in JSON but not in tables, and no exponents."""
    return {name: [value or 0.0 for value in cell] if isinstance(cell, list) else cell for name, cell in row.items()}


def pandas_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return lines(map(plain, rows)).replace(b"1e-05", b"0.00001")


def expected(raw: Path) -> Files:
    rows = [json.loads(line) for line in (raw / "train.json").read_text().splitlines()]
    clean = [row for row in rows if row["SN_filter"]]
    chosen = [clean[at]["id"] for at in np.random.RandomState(0).permutation(len(clean))[: int(len(rows) * 0.1)]]
    whole = [{**row, "SN_filter": int(row["SN_filter"])} for row in rows]
    train = [row for row in whole if row["id"] not in chosen]
    test = [row for row in whole if row["id"] in chosen]
    positions = [(row, at, at < 68) for row in test for at in range(107)]
    ids = [f"{row['id']}_{at}" for row, at, _ in positions]
    return {
        "public/train.json": pandas_lines({**row, "index": at} for at, row in enumerate(train)),
        "public/test.json": pandas_lines(
            {**{name: row[name] for name in SHOWN}, "index": at} for at, row in enumerate(test)
        ),
        "public/sample_submission.csv": table(
            {"id_seqpos": id_, **dict.fromkeys(TARGETS, "0.0000000000")} for id_ in ids
        ),
        "private/test.csv": table(
            {
                "id_seqpos": id_,
                **{name: f"{row[name][at] if is_scored else 0:.10f}" for name in TARGETS},
                "keep": is_scored,
            }
            for id_, (row, at, is_scored) in zip(ids, positions, strict=True)
        ),
    }


def test_files_are_the_official_ones(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    files = prepared(stanford_covid_vaccine, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert len(column(files["private/test.csv"], "id_seqpos")) == 4 * 107
    assert not any(target.encode() in files["public/test.json"] for target in TARGETS)
