from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mlebench.preparation.recipes.synthetic import SIZES, Source, assert_same, prepared

from mlmaster.errors import DataError

ID = "random-acts-of-pizza"
TEST_FIELDS = [
    "request_title",
    "giver_username_if_known",
    "request_id",
    "requester_account_age_in_days_at_request",
    "subreddits",
]


def requests_of(size: int) -> list[dict[str, Any]]:
    source = Source(size)
    return [
        {
            "giver_username_if_known": source.choice(("N/A", "a giver")),
            "request_id": f"t3_{number:04x}",
            "request_text": source.text(0),
            "request_title": source.text(0),
            "requester_account_age_in_days_at_request": source.float(0),
            "requester_received_pizza": source.int(0, 3) == 0,
            "requester_user_flair": source.choice(("shroom", "PIF")) if source.int(0, 1) else None,
            "subreddits": [source.choice(("AskReddit", "péng")) for _ in range(source.int(0, 3))],
            "post_was_edited": source.choice(("true", "false")) == "true",
        }
        for number in range(size)
    ]


def kaggle_test_of(size: int) -> list[dict[str, Any]]:
    return [{field: request[field] for field in TEST_FIELDS} for request in requests_of(size)]


@pytest.mark.parametrize(
    ("size", "kaggle_size", "test_size"), [(11, 5, 4), (40, 16, 12), (97, 3, 3), (10, 10, 5), (404, 163, 117)]
)
def test_the_test_set_is_dealt_by_the_share_of_kaggles(
    size: int, kaggle_size: int, test_size: int, tmp_path: Path
) -> None:
    requests = requests_of(size)
    raw = {"train.json": requests, "test.json": kaggle_test_of(kaggle_size)}

    # raw letters instead of escapes, and no indent
    found = prepared(ID, {name: json.dumps(rows, ensure_ascii=False).encode() for name, rows in raw.items()}, tmp_path)

    order = np.random.RandomState(0).permutation(size).tolist()
    test, train = ([requests[at] for at in part] for part in (order[:test_size], order[test_size:]))
    train_json = json.dumps(train, indent=4).encode()
    test_json = json.dumps([{field: request[field] for field in TEST_FIELDS} for request in test], indent=4).encode()
    answers = "".join(f"{request['request_id']},{int(request['requester_received_pizza'])}\n" for request in test)
    sample = "".join(f"{request['request_id']},0\n" for request in test)
    header = "request_id,requester_received_pizza\n"
    assert_same(
        found,
        {
            "public/train.json": train_json,
            "public/train.zip!train.json": train_json,
            "public/test.json": test_json,
            "public/test.zip!test.json": test_json,
            "public/sampleSubmission.csv": f"{header}{sample}".encode(),
            "private/test.csv": f"{header}{answers}".encode(),
        },
    )


@pytest.mark.parametrize("size", SIZES)
def test_parts_are_disjoint_and_no_label_is_shown(size: int, tmp_path: Path) -> None:
    raw = {"train.json": requests_of(size), "test.json": kaggle_test_of(size // 3)}
    found = prepared(ID, {name: json.dumps(rows).encode() for name, rows in raw.items()}, tmp_path)
    train, test = (json.loads(found[f"public/{name}.json"]) for name in ("train", "test"))
    asked = [request["request_id"] for request in test]
    assert sorted([*asked, *(request["request_id"] for request in train)]) == [f"t3_{at:04x}" for at in range(size)]
    assert all(list(request) == TEST_FIELDS for request in test)
    for name in ("public/sampleSubmission.csv", "private/test.csv"):
        assert [line.split(",")[0] for line in found[name].decode().splitlines()[1:]] == asked


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"[{", "holds no list of requests"),
        (b"[1, 2]", "holds no list of requests"),
        (b"[]", "0 kinds of requests"),
        (b'[{"a": 1}, {"b": 1}]', "2 kinds of requests"),
        (b"\xff", "holds no list of requests"),
    ],
)
@pytest.mark.parametrize("name", ["train.json", "test.json"])
def test_files_that_hold_no_requests_are_refused(name: str, content: bytes, fault: str, tmp_path: Path) -> None:
    raw = {"train.json": json.dumps(requests_of(9)).encode(), "test.json": json.dumps(kaggle_test_of(3)).encode()}
    with pytest.raises(DataError, match=f"{name}.*{fault}"):
        prepared(ID, {**raw, name: content}, tmp_path)
