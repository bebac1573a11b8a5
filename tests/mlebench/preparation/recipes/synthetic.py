"""Raw files made up in Kaggle's form, and the bytes that must come of them.

Nothing here uses pandas or scikit-learn: raw files are written in ways no library would write them (more digits than needed,
quotes around everything, every spelling of a missing value), and expectations by the csv module from the same Python values.
"""

from __future__ import annotations

import csv
import io
import math
import random
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from mlmaster.mlebench.preparation.recipe import recipe_of
from mlmaster.mlebench.registry import checksums, competition

Cell: TypeAlias = "int | float | str | None"
Row: TypeAlias = "Mapping[str, Cell]"
Files: TypeAlias = "dict[str, bytes]"

SIZES = (11, 40, 97)
"""Numbers of rows the recipes are tried on: a tenth is never a whole number of them all."""

TEXTS = (
    "plain",
    "a comma, here",
    'a "quoted" word',
    '"',
    "two\nlines",
    "two\r\nlines\n",
    "a\ttab",
    " blanks around ",
    "ünïcödé – 日本 🍕",
    "007",
    "1e5",
    "None of it",
    "back\\slash",
    "#hash",
    "line\u2028separator",
    "it's; 'so'",
)
FLOATS = (0.1 + 0.2, 1e-7, 1e16, 1e22, -0.0, 1 / 3, 5e-324, 1.7976931348623157e308, 123456789.12345679, 2.5, 1.0, 100.0)
MISSING = ("", "NA", "NaN", "nan", "null", "NULL", "None", "N/A", "<NA>")


@dataclass
class Source:
    """Cells of many kinds, drawn by chance but the same for the same seed."""

    seed: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def text(self, missing: float = 0.1) -> str | None:
        """Return a text, a word of it its own, or nothing."""
        if self._random.random() < missing:
            return None
        return f"{self._random.choice(TEXTS)}{self._random.choice(('', f' {self._random.randrange(100)} x'))}"

    def float(self, missing: float = 0.1) -> float | None:
        """Return a float that tells a good reader and writer from a bad one, or nothing."""
        if self._random.random() < missing:
            return None
        return self._random.choice(
            (self._random.choice(FLOATS), self._random.uniform(-1, 1), self._random.gauss(0, 1e6))
        )

    def int(self, least: int, most: int) -> int:
        """Return an integer, both ends included."""
        return self._random.randint(least, most)

    def choice(self, values: Sequence[str]) -> str:
        """Return one of some texts."""
        return self._random.choice(values)

    def id(self) -> str:
        """Return 16 hexadecimal digits, at least one of them a letter."""
        return f"{self._random.getrandbits(60):015x}f"


def raw_table(rows: Sequence[Row], sep: str = ",") -> bytes:
    """Return a table as a raw file."""
    spelling = random.Random(len(rows))
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=sep, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(
        [list(rows[0]), *([_raw(cell, spelling) for cell in row.values()] for row in rows)]
    )
    return text.getvalue().encode()


def _raw(cell: Cell, spelling: random.Random) -> str:
    if cell is None:
        return spelling.choice(MISSING)
    if isinstance(cell, float):
        return spelling.choice((f"{cell:.25e}", f"{cell:.16e}".replace("e", "E"), repr(cell)))
    return str(cell)


def table(rows: Sequence[Row], columns: Iterable[str], sep: str = ",", quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    """Return the file that must be written of some columns."""
    names = list(columns)
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=sep, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
    writer.writerow(names)
    writer.writerows([[_written(row[name]) for name in names] for row in rows])
    return text.getvalue().encode()


def _written(cell: Cell) -> int | str:
    if cell is None:
        return ""
    return repr(cell) if isinstance(cell, float) else cell


def deal(rows: Sequence[Row], test_size: float) -> tuple[list[Row], list[Row]]:
    """Return train and test rows by the rule of `train_test_split`, as its documentation and source have it."""
    count = math.ceil(test_size * len(rows)) if isinstance(test_size, float) else test_size
    order = np.random.RandomState(0).permutation(len(rows))
    return [rows[at] for at in order[count:]], [rows[at] for at in order[:count]]


def without(rows: Sequence[Row], *names: str) -> list[str]:
    """Return the columns of a table but for some."""
    assert set(names) <= set(rows[0])
    return [name for name in rows[0] if name not in names]


def changed(rows: Sequence[Row], change: Callable[[int], Mapping[str, Cell]]) -> list[Row]:
    """Return rows with cells set anew, by the number of the row."""
    return [{**row, **change(number)} for number, row in enumerate(rows)]


def prepared(competition_id: str, raw_files: Mapping[str, bytes], folder: Path) -> Files:
    """Prepare a competition from raw files and return what came of it.

    The files are named `public/…` and `private/…`, and the members of archives `public/x.zip!member`. The raw files must be
    those the recipe asks for, and stay as they are; tables are named as the official checksums name them.
    """
    found = competition(competition_id)
    recipe = recipe_of(found)
    assert recipe is not None
    assert sorted(raw_files) == sorted(recipe.RAW)
    shutil.rmtree(folder, ignore_errors=True)
    raw, public, private = (folder / name for name in ("raw", "public", "private"))
    for place in (raw, public, private):
        place.mkdir(parents=True)
    for name, content in raw_files.items():
        (raw / name).write_bytes(content)
    recipe.prepare(raw, public, private)
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == dict(raw_files)
    official = checksums(competition_id)
    assert _tables(public) == set(official.public)
    assert _tables(private) == set(official.private)
    assert f"private/{Path(found.answers).name}" == found.answers
    assert (folder / found.answers).is_file()
    assert (folder / found.sample).is_file()
    return {name: content for place in (public, private) for name, content in _contents(place)}


def _tables(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix in (".csv", ".json")}


def _contents(folder: Path) -> Iterable[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder.parent).as_posix()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
                for member in archive.namelist():
                    yield f"{name}!{member}", archive.read(member)
        else:
            yield name, path.read_bytes()


def assert_same(found: Files, expected: Files) -> None:
    """Compare all files to the byte."""
    assert sorted(found) == sorted(expected)
    for name, content in expected.items():
        assert found[name] == content, name


def cells(content: bytes, sep: str = ",") -> list[dict[str, str]]:
    """Return the rows of a written table."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), delimiter=sep))


def assert_sound(
    found: Files,
    key: str,
    labels: Iterable[str],
    *,
    train: str = "public/train.csv",
    test: str = "public/test.csv",
    sample: str = "public/sample_submission.csv",
    answers: str = "private/test.csv",
    sep: str = ",",
) -> None:
    """Check what any split must keep: no row in both parts, one answer and one sample for each test row, no label shown."""
    shown, asked = cells(found[train], sep), cells(found[test], sep)
    given, held = cells(found[sample]), cells(found[answers])
    ids = [row[key] for row in asked]
    assert ids == [row[key] for row in given] == [row[key] for row in held]
    assert len(set(ids)) == len(ids) > 0
    assert not set(ids) & {row[key] for row in shown}
    assert set(labels) <= set(held[0])
    assert not set(labels) & set(asked[0])
    assert set(asked[0]) < set(shown[0])
