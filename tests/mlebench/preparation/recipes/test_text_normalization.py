from __future__ import annotations

import csv
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.mlebench.preparation.recipes.synthetic import (
    SIZES,
    Files,
    Row,
    Source,
    assert_same,
    cells,
    deal,
    prepared,
    raw_table,
    table,
)

from mlmaster.mlebench.preparation.recipes.text_normalization import prepare_language

LANGUAGES = {"english": "en", "russian": "ru"}
COLUMNS = ["sentence_id", "token_id", "class", "before", "after"]


def rows_of(sentences: int, scattered: bool = False) -> list[Row]:
    """Sentences of one to five tokens, numbered with gaps; where scattered, some come back later in the file."""
    source = Source(sentences)
    rows: list[Row] = []
    for number in range(sentences):
        rows += [
            {
                "sentence_id": 3 * number if not scattered or source.int(0, 2) else 3 * source.int(0, number),
                "token_id": token,
                "class": source.choice(("PLAIN", "PUNCT", "DATE")),
                "before": source.text(),
                "after": source.text(),
            }
            for token in range(source.int(1, 5))
        ]
    return rows


def expected_of(rows: list[Row], language: str) -> Files:
    seen = list(dict.fromkeys(row["sentence_id"] for row in rows))
    _, drawn = deal([{"sentence_id": each} for each in seen], 0.1)
    asked_ids = {row["sentence_id"] for row in drawn}
    new_ids: dict[bool, dict[object, int]] = {True: {}, False: {}}
    train, test, sample, answers = [], [], [], []
    for row in rows:
        numbers = new_ids[row["sentence_id"] in asked_ids]
        number = numbers.setdefault(row["sentence_id"], len(numbers))
        if row["sentence_id"] in asked_ids:
            key = f"{number}_{row['token_id']}"
            test.append({**row, "sentence_id": number})
            sample.append({"id": key, "after": row["before"]})
            answers.append({"id": key, "after": row["after"]})
        else:
            train.append({**row, "sentence_id": number})

    def quoted(rows: Sequence[Row], columns: list[str]) -> bytes:
        return table(rows, columns, quoting=csv.QUOTE_NONNUMERIC)

    sample_table = quoted(sample, ["id", "after"])
    return {
        f"public/{language}_train.csv.zip!{language}_train.csv": quoted(train, COLUMNS),
        f"public/{language}_test_2.csv.zip!{language}_test_2.csv": quoted(test, ["sentence_id", "token_id", "before"]),
        f"public/{language}_sample_submission_2.csv.zip!{language}_sample_submission_2.csv": sample_table,
        "private/sample_submission.csv": sample_table,
        "private/answers.csv": quoted(answers, ["id", "after"]),
    }


def numbered(found: Files, language: str, name: str) -> bytes:
    return found[f"public/{language}_{name}.csv.zip!{language}_{name}.csv"]


@pytest.mark.parametrize("is_scattered", [False, True], ids=["whole sentences", "scattered sentences"])
@pytest.mark.parametrize("sentences", SIZES)
@pytest.mark.parametrize("name", LANGUAGES)
def test_a_tenth_of_the_sentences_is_dealt(name: str, sentences: int, is_scattered: bool, tmp_path: Path) -> None:
    language, rows = LANGUAGES[name], rows_of(sentences, is_scattered)

    found = prepared(
        f"text-normalization-challenge-{name}-language", {f"{language}_train.csv": raw_table(rows)}, tmp_path
    )

    assert_same(found, expected_of(rows, language))
    for path in (tmp_path / "public").iterdir():
        with zipfile.ZipFile(path) as archive:
            assert [member.compress_type for member in archive.infolist()] == [zipfile.ZIP_STORED]


def test_parts_share_no_sentence(tmp_path: Path) -> None:
    # each sentence says its own number, as both parts number theirs from 0
    rows: list[Row] = [
        {"sentence_id": number, "token_id": token, "class": "PLAIN", "before": f"s{number}", "after": f"s{number}a"}
        for number in range(57)
        for token in range(2)
    ]
    found = prepared("text-normalization-challenge-english-language", {"en_train.csv": raw_table(rows)}, tmp_path)
    train, test = (cells(numbered(found, "en", name)) for name in ("train", "test_2"))
    assert not {row["before"] for row in train} & {row["before"] for row in test}
    assert Counter(row["before"] for row in [*train, *test]) == Counter(row["before"] for row in rows)
    assert len({row["before"] for row in test}) == 6
    for part in (train, test):
        assert list(dict.fromkeys(row["sentence_id"] for row in part)) == [str(n) for n in range(len(part) // 2)]
    asked = [f"{row['sentence_id']}_{row['token_id']}" for row in test]
    for name in ("private/answers.csv", "private/sample_submission.csv"):
        assert [row["id"] for row in cells(found[name])] == asked
    assert set(test[0]) == {"sentence_id", "token_id", "before"}


@pytest.mark.parametrize("chunk_rows", [1, 2, 7, 64, 10_000])
def test_chunks_leave_no_trace(chunk_rows: int, tmp_path: Path) -> None:
    rows = rows_of(40, scattered=True)
    # a chunk of numbers alone is text like the rest of its column, and one may hold no row of the test set
    rows[:9] = [{**row, "before": "007", "after": "1e5", "sentence_id": 0} for row in rows[:9]]
    raw, public, private = (tmp_path / name for name in ("raw", "public", "private"))
    for folder in (raw, public, private):
        folder.mkdir()
    (raw / "ru_train.csv").write_bytes(raw_table(rows))

    prepare_language("ru", raw, public, private, chunk_rows)

    for name, content in expected_of(rows, "ru").items():
        file, _, member = name.partition("!")
        if member:
            with zipfile.ZipFile(tmp_path / file) as archive:
                assert archive.read(member) == content, name
        else:
            assert (tmp_path / file).read_bytes() == content, name
