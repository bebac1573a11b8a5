"""How RNA degrades along its sequence: of the clean sequences as many as a tenth of all become the test set."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlmaster.mlebench.preparation.tables import write_csv

RAW = ("train.json", "test.json")

TARGETS = ["reactivity", "deg_Mg_pH10", "deg_pH10", "deg_Mg_50C", "deg_50C"]
_FORMAT = "%.10f"


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split, both parts in the order of the file, and the answers position by position."""
    table = pd.read_json(raw / "train.json", lines=True)
    clean = table[table["SN_filter"] > 0]
    is_test = table.index.isin(clean.sample(n=int(len(table) * 0.1), random_state=0).index)
    fields = pd.read_json(raw / "test.json", lines=True, nrows=1).columns
    _write_records(table[~is_test], public / "train.json")
    _write_records(table.loc[is_test, fields], public / "test.json")

    test = table[is_test].to_dict(orient="records")
    answers = pd.DataFrame([row for sequence in test for row in _positions(sequence)])
    write_csv(answers, private / "test.csv", float_format=_FORMAT)
    sample = answers[["id_seqpos"]].assign(**dict.fromkeys(TARGETS, 0.0))
    write_csv(sample, public / "sample_submission.csv", float_format=_FORMAT)


def _positions(sequence: Mapping[Hashable, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for every position of a sequence; only the first `seq_scored` were measured, and count."""
    for position in range(sequence["seq_length"]):
        is_scored = position < sequence["seq_scored"]
        values = {target: sequence[target][position] if is_scored else 0.0 for target in TARGETS}
        yield {"id_seqpos": f"{sequence['id']}_{position}", **values, "keep": is_scored}


def _write_records(rows: pd.DataFrame, path: Path) -> None:
    """Write a line for every row, numbered anew."""
    rows.assign(index=np.arange(len(rows))).to_json(path, orient="records", lines=True)
