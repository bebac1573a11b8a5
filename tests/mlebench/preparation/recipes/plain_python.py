"""What recipes must write, said once more without pandas and scikit-learn: the csv module and numpy's permutations alone.

The test of a recipe makes raw files of Kaggle's form (`make_raw`), says which files must come of them (`expected`), and
compares all of them, byte for byte. Every image and sound holds its own name, so that a copy shows where it came from.
"""

import csv
import hashlib
import io
import math
import shutil
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from mlmaster.mlebench.preparation.recipe import Recipe
from mlmaster.mlebench.registry import checksums

Item = TypeVar("Item")
Files = dict[str, bytes]
Row = dict[str, str]

SPELLINGS = ("{:.6f}", "{:.3e}", "{:.20f}", "{!r}", "{:+.2f}")
"""Ways in which raw tables write numbers; only one of them is what is written again."""


def dealt(items: Sequence[Item], test_size: float, seed: int = 0) -> tuple[list[Item], list[Item]]:
    """Deal items to train and test in MLE-bench's order."""
    order = np.random.RandomState(seed).permutation(len(items))
    first = math.ceil(test_size * len(items))
    return [items[at] for at in order[first:]], [items[at] for at in order[:first]]


def dealt_by(rows: Sequence[Row], key: str, test_size: float) -> tuple[list[Row], list[Row]]:
    """Deal the rows of one key together, keys sorted."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    keys = sorted(groups, key=lambda each: (int(each), each) if each.isdigit() else (0, each))
    train, test = dealt(keys, test_size)
    return [row for each in train for row in groups[each]], [row for each in test for row in groups[each]]


def rows_of(table: bytes | Path) -> list[Row]:
    text = (table.read_bytes() if isinstance(table, Path) else table).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def column(table: bytes, name: str) -> list[str]:
    return [row[name] for row in rows_of(table)]


def table(rows: Iterable[Mapping[str, object]]) -> bytes:
    """Write rows under the names of the first one's cells."""
    rows = list(rows)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return text.getvalue().encode()


def without(rows: Iterable[Row], *names: str) -> list[Row]:
    return [{name: cell for name, cell in row.items() if name not in names} for row in rows]


def only(rows: Iterable[Row], *names: str) -> list[Row]:
    return [{name: row[name] for name in names} for row in rows]


def shortest(rows: Iterable[Row], names: Iterable[str], form: Callable[[float], str] = repr) -> list[Row]:
    """Write the floats of some columns in the fewest digits that give them again."""
    chosen = set(names)
    return [
        {name: form(float(cell)) if name in chosen and cell else cell for name, cell in row.items()} for row in rows
    ]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def named_files(folder: str, names: Iterable[str]) -> Files:
    """Return files that hold their own names."""
    return {f"{folder}/{name}": name.encode() for name in names}


def write_files(raw: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        write(raw / name, content)


def files_in(folder: Path) -> Files:
    """Return what lies below a folder; an archive as what it holds, under `archive.zip/`."""
    files: Files = {}
    for path in folder.rglob("*"):
        if path.is_dir():
            continue
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                files |= {f"{name}/{member}": archive.read(member) for member in archive.namelist()}
        else:
            files[name] = path.read_bytes()
    return files


def prepared(recipe: Recipe, raw: Path) -> Files:
    """Run a recipe beside `raw`, which must hold just what the recipe asks for and is not to change."""
    top = {f"{path.name}/" if path.is_dir() else path.name for path in raw.iterdir()}
    assert top == set(recipe.RAW)
    before = files_in(raw)
    for part in ("public", "private"):
        (raw.parent / part).mkdir()
    recipe.prepare(raw, raw.parent / "public", raw.parent / "private")
    assert files_in(raw) == before
    assert all(path.stat().st_nlink == 1 for path in raw.rglob("*") if path.is_file())
    return {
        f"{part}/{name}": content
        for part in ("public", "private")
        for name, content in files_in(raw.parent / part).items()
    }


def prepared_without(folder: str, recipe: Recipe, raw: Path) -> Files:
    """Run a recipe with a folder of `raw` empty, as the raw files may lack it."""
    shutil.rmtree(raw / folder)
    (raw / folder).mkdir()
    return prepared(recipe, raw)


def is_official(competition: str, name: str, content: bytes) -> bool:
    """Return whether a file, `public/train.csv`, has the MD5 MLE-bench gives for it."""
    part, _, file = name.partition("/")
    official = checksums(competition)
    return {"public": official.public, "private": official.private}[part][file] == hashlib.md5(content).hexdigest()


def assert_same(found: Files, expected: Files) -> None:
    assert sorted(found) == sorted(expected)
    for name, content in found.items():
        assert content == expected[name], name
