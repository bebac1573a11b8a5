"""Scripts that carry train rows are refused as `policy`, in whatever form; programs are not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mlmaster.core.syntax import parse
from mlmaster.engine.literals import MOST_CHARACTERS, refuse_memorised
from mlmaster.engine.telling import TellingValues, is_key
from mlmaster.errors import ProposalRefused

Read = Callable[[str, Path], list[dict[str, str]]]
HEAD = '"""Predict what is known already."""\nimport csv\nSEED = 42\n'


def refusal(code: str, values: TellingValues) -> str:
    """Return why a script is refused, or ""."""
    try:
        refuse_memorised(parse(code), code, values)
    except ProposalRefused as error:
        return error.detail if error.reason == "policy" else error.reason
    return ""


FORMS: Sequence[tuple[str, Callable[[list[str]], str]]] = [
    ("a list", lambda keys: f"KNOWN = {keys!r}"),
    ("a set in a function", lambda keys: f"def known(key):\n    return key in {set(keys)!r}"),
    ("a mapping", lambda keys: f"KNOWN = {dict.fromkeys(keys, 1)!r}"),
    ("lists in a mapping", lambda keys: f"KNOWN = {{'high': {{'all': {keys!r}}}}}"),
    ("a long text", lambda keys: f"KNOWN = {' '.join(keys)!r}.split()"),
    ("lines", lambda keys: "KNOWN = '''\n" + "\n".join(f"{key},high" for key in keys) + "'''"),
    ("bytes", lambda keys: f"KNOWN = {','.join(keys).encode()!r}"),
    ("JSON", lambda keys: f"KNOWN = {json.dumps(dict.fromkeys(keys, 'high'))!r}"),
    ("an f-string", lambda keys: "KNOWN = f'{SEED}" + ",".join(keys) + "'"),
    ("sums", lambda keys: "KNOWN = [" + ", ".join(f"{key[:3]!r} + {key[3:]!r}" for key in keys) + "]"),
    ("comments", lambda keys: "\n".join(f"# {key} high" for key in keys)),
    ("paths", lambda keys: f"KNOWN = {[f'./input/train/{key}.png' for key in keys]!r}"),
    ("comparisons", lambda keys: "\n".join(f"if key == {key!r}:\n    answer = 1" for key in keys)),
    ("a docstring", lambda keys: f"def known():\n    '''{' '.join(keys)}'''"),
]


@pytest.mark.parametrize(("name", "form"), FORMS, ids=[name for name, _ in FORMS])
def test_keys_in_any_form(
    passengers: TellingValues, read_rows: Read, tmp_path: Path, name: str, form: Callable[[list[str]], str]
) -> None:
    keys = [row["PassengerId"] for row in read_rows("passengers", tmp_path)[40:45]]
    detail = refusal(HEAD + form(keys), passengers)
    assert "5 keys" in detail
    assert not any(key in detail for key in keys)
    assert refusal(HEAD + form([*keys[:4], "9999_01", "9998_01"]), passengers) == ""


def test_one_long_text_is_enough(passengers: TellingValues, read_rows: Read, tmp_path: Path) -> None:
    remark = read_rows("passengers", tmp_path)[7]["Remark"]
    for code in (f"X = {remark!r}", f"X = {'seen: ' + remark.lower()!r}", f"# {remark}", f"X = {remark[:40]!r}"):
        assert "1 text(s)" in refusal(HEAD + code, passengers)
    assert refusal(HEAD + f"X = {remark[:25]!r}", passengers) == ""


def test_numbers_and_labels_of_a_table_without_telling_keys(
    houses: TellingValues, read_rows: Read, tmp_path: Path
) -> None:
    rows = read_rows("houses", tmp_path)[90:]
    areas = [float(row["Area"]) for row in rows[:8]]
    assert "8 of its numbers" in refusal(HEAD + f"X = {areas!r}", houses)
    assert refusal(HEAD + f"X = {areas[:7]!r}", houses) == ""
    pairs = [(int(row["Id"]), int(row["Price"])) for row in rows[:5]]
    lines = "\n".join(f"{number},{label}" for number, label in pairs)
    for code in (f"X = {dict(pairs)!r}", f"X = {pairs!r}", f"X = '''{lines}'''"):
        assert "labels of 5 train rows" in refusal(HEAD + code, houses)
    assert refusal(HEAD + f"X = {pairs[:4]!r}", houses) == ""


def test_a_script_larger_than_a_program(houses: TellingValues) -> None:
    table = [i * 37 % 1001 for i in range(6000)]
    assert f"{MOST_CHARACTERS} are allowed" in refusal(HEAD + f"X = {table!r}", houses)
    blob = base64.b85encode(bytes(i % 251 for i in range(600))).decode()
    assert "without a space" in refusal(HEAD + f"X = {blob!r}", houses)
    assert "without a space" in refusal(HEAD + f"X = {blob.encode()!r}", houses)
    assert "without a space" in refusal(HEAD + f"X = {blob[:300]!r} + {blob[300:]!r}", houses)


def test_what_programs_say_is_fine(passengers: TellingValues, houses: TellingValues) -> None:
    code = HEAD + (
        "COLUMNS = ['PassengerId', 'Deck', 'Size', 'Remark', 'Answer', 'Area']\n"
        "CLASSES = {'low': 0, 'high': 1}\n"
        "PATHS = ['./input/train.csv', './input/test.csv', 'submission.csv', 'images/0001.png']\n"
        "HOLIDAYS = ['2011-01-01', '2011-07-04', '2011-11-24', '2011-12-25', '2012-01-01', '2012-07-04']\n"
        "GRID = [100, 200, 300, 500, 1000, 2000, 12345, 65536, 3.14159, 2.71828, 0.57721, 1.41421, 1e-05, 0.0001]\n"
        "PATTERN = r'(\\\\w+)@(\\\\w+)\\\\.com'\n"
        "# The model is fitted on every visible row; early stopping looks at a tenth of them.\n"
    )
    assert refusal(code, passengers) == ""
    assert refusal(code, houses) == ""


@pytest.mark.parametrize(
    ("cell", "tells"),
    [
        ("0007_01", True),
        ("42237475e1", True),
        ("ab12c", True),
        ("1234567", True),
        ("2011-01-20 05:00:00", True),
        ("2011-01-20", False),
        ("123456", False),
        ("0.123456", False),
        ("abcdefgh", False),
        ("a1", False),
    ],
)
def test_what_names_a_row(cell: str, tells: bool) -> None:
    assert is_key(cell) is tells


def test_a_number_of_thousands_of_digits_is_encoded_data(houses: TellingValues) -> None:
    assert "without a space" in refusal(HEAD + "X = 0x" + "f" * 5_000, houses)
