"""One random re-split of a table: a public folder in MLE-bench's manner, and the answers, which never touch the disk."""

from __future__ import annotations

import csv
import shutil
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from honesty.tasks import ID, Source, Table, read_csv


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the solver never sees: all columns of the test rows by name, answers included, in the order of `test.csv`."""

    columns: Mapping[str, list[str]]

    @property
    def rows(self) -> int:
        """Return the number of test rows."""
        return len(next(iter(self.columns.values())))


def draw(source: Source, table: Table, seed: int) -> tuple[list[int], list[int]]:
    """Return the row numbers of train and of the sealed test, each in random order; the seed and the task decide."""
    rng = np.random.default_rng([seed, zlib.crc32(source.name.encode())])
    wanted = int(rng.integers(source.test_rows[0], source.test_rows[1] + 1))
    if source.unit is None:
        drawn = rng.permutation(len(table.rows)).tolist()
        return drawn[: source.train_rows], drawn[source.train_rows : source.train_rows + wanted]
    units: dict[str, list[int]] = {}
    for row, unit in enumerate(source.unit(table)):
        units.setdefault(unit, []).append(row)
    order = [units[name] for name in rng.permutation(sorted(units)).tolist()]
    if source.is_by_unit:
        train, rest = _take(order, source.train_rows)
        test, _ = _take(rest, wanted)
        return rng.permutation(train).tolist(), rng.permutation(test).tolist()
    kept, _ = _take(order, source.train_rows + wanted)
    drawn = rng.permutation(kept).tolist()
    return drawn[: source.train_rows], drawn[source.train_rows :]


def _take(units: Sequence[list[int]], rows: int) -> tuple[list[int], Sequence[list[int]]]:
    """Return the rows of the first units, at least `rows` of them if there are, and the units left."""
    taken: list[int] = []
    for position, unit in enumerate(units):
        if len(taken) >= rows:
            return taken, units[position:]
        taken += unit
    return taken, []


def lay_out(source: Source, seed: int, folder: Path) -> Sealed:
    """Write the public folder of a split and return what is sealed.

    Args:
        source: The task.
        seed: Of the split.
        folder: The public folder to be made.
    """
    table = source.read()
    train, test = (_pick(table, rows) for rows in draw(source, table, seed))
    folder.mkdir(parents=True)
    if source.folder is None:
        train, test = _numbered(train, 0), _numbered(test, len(train.rows))
        header = [name for name in train.header if name not in source.targets]
        sample = _sample_of(source, table)
        _describe(source, folder)
    else:
        header = read_csv(source.folder / "test.csv").header
        sample = _first_row(next(source.folder.glob("sample_submission*.csv")))
        for text in (*source.folder.glob("*.md"), *source.folder.glob("*.txt")):
            shutil.copyfile(text, folder / text.name)
        if source.renumbered is not None:
            train = _renumbered(train, source.renumbered, source.folder / "train", folder / "train")
            test = _renumbered(test, source.renumbered, source.folder / "train", folder / "test")
    _write(folder / "train.csv", train)
    _write(folder / "test.csv", Table(header, _columns(test, header)))
    _write(folder / "sample_submission.csv", _answered(test, header, sample))
    return Sealed({name: test.column(name) for name in test.header})


def _pick(table: Table, rows: list[int]) -> Table:
    return Table(table.header, [table.rows[row] for row in rows])


def _numbered(table: Table, first: int) -> Table:
    return Table([ID, *table.header], [[str(first + i), *row] for i, row in enumerate(table.rows)])


def _renumbered(table: Table, column: str, files: Path, target: Path) -> Table:
    """Number the ids of a table from 1 and copy each row's folder of files under its new id."""
    position = table.header.index(column)
    rows = []
    for number, row in enumerate(table.rows, start=1):
        shutil.copytree(files / row[position], target / str(number))
        rows.append([*row[:position], str(number), *row[position + 1 :]])
    return Table(table.header, rows)


def _columns(table: Table, names: Sequence[str]) -> list[list[str]]:
    positions = [table.header.index(name) for name in names]
    return [[row[i] for i in positions] for row in table.rows]


def _first_row(path: Path) -> dict[str, str]:
    table = read_csv(path)
    return dict(zip(table.header, table.rows[0], strict=True))


def _sample_of(source: Source, table: Table) -> dict[str, str]:
    """Return one row of a sample submission for a library's table: a constant answer."""
    if source.metric == "log_loss" and source.kind == "multiclass":
        classes = sorted(set(table.column(source.targets[0])))
        return {ID: "", **{name: f"{1 / len(classes):.12f}" for name in classes}}
    if source.metric in ("log_loss", "roc_auc"):
        return {ID: "", source.targets[0]: "0.5"}
    return {ID: "", **{name: table.column(name)[0] for name in source.targets}}


def _answered(test: Table, header: Sequence[str], sample: Mapping[str, str]) -> Table:
    copied = [name for name in sample if name in header]
    cells = dict(zip(copied, zip(*_columns(test, copied), strict=True), strict=True))
    rows = [[cells[name][i] if name in cells else sample[name] for name in sample] for i in range(len(test.rows))]
    return Table(list(sample), rows)


def _describe(source: Source, folder: Path) -> None:
    target = ", ".join(f"`{name}`" for name in source.targets)
    (folder / "description.md").write_text(
        f"# {source.name}\n\n## Goal\nPredict {target}.\n\n## Metric\n`{source.metric}`\n", encoding="utf-8"
    )
    said = {"target": list(source.targets), "id": ID, "kind": source.kind, "metric": source.metric}
    (folder / "task.yaml").write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")


def _write(path: Path, table: Table) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(table.header)
        writer.writerows(table.rows)


def count_train_rows(folder: Path) -> int:
    """Return the number of train rows of a public folder."""
    return len(read_csv(folder / "train.csv").rows)
