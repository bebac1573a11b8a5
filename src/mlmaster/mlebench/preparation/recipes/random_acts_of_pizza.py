"""Requests for a pizza that were met or not: a part of Kaggle's train set becomes the test set.

That part is as large as Kaggle's test set is among all requests. Its requests keep the fields that Kaggle's test set has; one
of them, `giver_username_if_known`, gives the answer away where it is known, as in the original.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.archives import write_zip
from mlmaster.mlebench.preparation.splitting import split
from mlmaster.mlebench.preparation.tables import write_csv

RAW = ("train.json", "test.json")

TARGET = "requester_received_pizza"


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split, and each public table a second time in an archive.

    Raises:
        DataError: A file holds no list of requests that all have the same fields.
    """
    requests, kaggle_test = _read(raw / "train.json"), _read(raw / "test.json")
    train_rows, test_rows = split(len(requests), len(kaggle_test) / (len(requests) + len(kaggle_test)))
    test = [requests[row] for row in test_rows]
    _write(public / "train.json", [requests[row] for row in train_rows])
    _write(public / "test.json", [{field: request[field] for field in kaggle_test[0]} for request in test])
    answers = pd.DataFrame(
        {"request_id": [request["request_id"] for request in test], TARGET: [int(request[TARGET]) for request in test]}
    )
    write_csv(answers.assign(**{TARGET: 0}), public / "sampleSubmission.csv")
    write_csv(answers, private / "test.csv")


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        requests = json.loads(path.read_text(encoding="utf-8"))
        alike = {frozenset(request.keys()) for request in requests}
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(f"{path.name} holds no list of requests ({error}); fetch the raw files again") from error
    if len(alike) != 1:
        raise DataError(
            f"{path.name}: {len(alike)} kinds of requests by their fields, not one; fetch the raw files again"
        )
    return list(requests)


def _write(path: Path, requests: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(requests, indent=4), encoding="utf-8", newline="\n")
    write_zip(path.with_suffix(".zip"), [(path.name, path)])
