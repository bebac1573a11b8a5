"""The tables of the grid: six shared tasks (their public train tables only) and twelve from libraries' bundled data.

Data of river and statsmodels are read as files; neither library is imported. Both are in the dependency group `bench`.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SHARED = Path(os.environ.get("ML_MASTER_TASKS") or Path(__file__).resolve().parents[3] / "shared" / "tasks").resolve()
"""Where the shared tasks lie, as for the tests."""

ID = "id"
Kind = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True, slots=True)
class Table:
    """A labelled table as text: what stands in the file is what the solver gets."""

    header: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        position = self.header.index(name)
        return [row[position] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Source:
    """One task of the grid.

    Attributes:
        name: Of the task.
        origin: `shared`, or the library the data come with.
        metric: Registry name; of a shared task it is what its description asks for, and checked against that.
        kind: The kind of target.
        targets: Target columns.
        train_rows: Rows a solver gets.
        test_rows: Fewest and most rows of the sealed test; drawn anew for each split.
        read: Returns the table.
        unit: Returns what a row belongs to: units stay whole when a large table is cut down.
        is_by_unit: Whole units are sealed, so that no test row has a relative in train.
        renumbered: A column of a shared task whose ids number train and test separately, and name files of rows.
    """

    name: str
    origin: str
    metric: str
    kind: Kind
    targets: tuple[str, ...]
    train_rows: int
    test_rows: tuple[int, int]
    read: Callable[[], Table]
    unit: Callable[[Table], list[str]] | None = None
    is_by_unit: bool = False
    renumbered: str | None = None

    @property
    def folder(self) -> Path | None:
        """Return the public folder of a shared task, or None."""
        return SHARED / self.name / "prepared" / "public" if self.origin == "shared" else None


def read_csv(path: Path) -> Table:
    """Read a CSV file as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return parse(file.read())


def parse(text: str, delimiter: str = ",", quote: str = '"') -> Table:
    """Return the table written in a text."""
    header, *rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter, quotechar=quote) if row]
    return Table(header, rows)


def _shared(name: str) -> Callable[[], Table]:
    return lambda: read_csv(SHARED / name / "prepared" / "public" / "train.csv")


def _bundled(library: str, path: str) -> bytes:
    """Return the content of a data file that a library brings; of a zip file its first member."""
    found = importlib.util.find_spec(library)
    if found is None or found.origin is None:
        raise FileNotFoundError(f"{library} is not installed; install the dependency group `bench` of pyproject.toml")
    content = (Path(found.origin).parent / path).read_bytes()
    if path.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(archive.namelist()[0])
    return gzip.decompress(content) if path.endswith(".gz") else content


def _file(library: str, path: str, delimiter: str = ",", quote: str = '"') -> Callable[[], Table]:
    return lambda: parse(_bundled(library, path).decode("utf-8"), delimiter, quote)


def _sklearn(name: str) -> Callable[[], Table]:
    def read() -> Table:
        from sklearn import datasets

        frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
        rows = [[f"{cell:.10g}" for cell in row] for row in frame.to_numpy().tolist()]
        return Table([column.replace(" ", "_") for column in frame.columns], rows)

    return read


def _bananas() -> Table:
    lines = [line.split() for line in _bundled("river", "datasets/banana.zip").decode().splitlines() if line.strip()]
    rows = [[a.partition(":")[2], b.partition(":")[2], "1" if label == "1" else "0"] for label, a, b in lines]
    return Table(["x", "y", "banana"], rows)


def _affairs() -> Table:
    table = parse(_bundled("statsmodels", "datasets/fair/fair.csv").decode())
    return Table(table.header, [[*row[:-1], "1" if float(row[-1]) > 0 else "0"] for row in table.rows])


def _group_of_passenger(table: Table) -> list[str]:
    return [cell.partition("_")[0] for cell in table.column("PassengerId")]


def _chick(table: Table) -> list[str]:
    return table.column("chick")


def _source(
    name: str,
    origin: str,
    metric: str,
    kind: Kind,
    target: str,
    rows: tuple[int, int, int],
    read: Callable[[], Table] | None = None,
) -> Source:
    train, fewest, most = rows
    return Source(name, origin, metric, kind, tuple(target.split()), train, (fewest, most), read or _shared(name))


SOURCES: Sequence[Source] = (
    Source(
        "spaceship-titanic",
        "shared",
        "accuracy",
        "binary",
        ("Transported",),
        1500,
        (500, 1200),
        _shared("spaceship-titanic"),
        unit=_group_of_passenger,
    ),
    _source("spooky-author-identification", "shared", "log_loss", "multiclass", "author", (1000, 500, 1200)),
    _source("detecting-insults-in-social-commentary", "shared", "roc_auc", "binary", "Insult", (1000, 500, 1200)),
    _source(
        "house-prices-advanced-regression-techniques", "shared", "rmse_log", "regression", "SalePrice", (750, 200, 400)
    ),
    Source(
        "nomad2018-predict-transparent-conductors",
        "shared",
        "rmsle",
        "regression",
        ("formation_energy_ev_natom", "bandgap_energy_ev"),
        800,
        (200, 500),
        _shared("nomad2018-predict-transparent-conductors"),
        renumbered="id",
    ),
    _source("bike-sharing-demand", "shared", "rmsle", "regression", "count", (1500, 500, 1200)),
    _source(
        "breast-cancer", "scikit-learn", "log_loss", "binary", "target", (350, 100, 200), _sklearn("breast_cancer")
    ),
    _source("wine", "scikit-learn", "log_loss", "multiclass", "target", (110, 50, 68), _sklearn("wine")),
    _source("diabetes", "scikit-learn", "rmse", "regression", "target", (280, 80, 160), _sklearn("diabetes")),
    _source("digits", "scikit-learn", "accuracy", "multiclass", "target", (600, 400, 1000), _sklearn("digits")),
    _source(
        "phishing",
        "river",
        "f1",
        "binary",
        "is_phishing",
        (700, 250, 500),
        _file("river", "datasets/phishing.csv.gz"),
    ),
    _source("bananas", "river", "accuracy", "binary", "banana", (1200, 500, 1500), _bananas),
    _source(
        "segment",
        "river",
        "log_loss",
        "multiclass",
        "category",
        (900, 400, 1200),
        _file("river", "datasets/segment.csv.zip"),
    ),
    _source(
        "solar-flare",
        "river",
        "rmse",
        "regression",
        "c-class-flares m-class-flares x-class-flares",
        (650, 200, 400),
        _file("river", "datasets/solar-flare.csv.zip"),
    ),
    Source(
        "chick-weights",
        "river",
        "mae",
        "regression",
        ("weight",),
        350,
        (120, 220),
        _file("river", "datasets/chick-weights.csv"),
        unit=_chick,
        is_by_unit=True,
    ),
    _source("affairs", "statsmodels", "roc_auc", "binary", "affairs", (1200, 500, 1500), _affairs),
    _source(
        "doctor-visits",
        "statsmodels",
        "rmsle",
        "regression",
        "mdvis",
        (1200, 500, 1500),
        _file("statsmodels", "datasets/randhie/randhie.csv"),
    ),
    _source(
        "party-identification",
        "statsmodels",
        "quadratic_weighted_kappa",
        "multiclass",
        "PID",
        (550, 180, 390),
        _file("statsmodels", "datasets/anes96/anes96.csv", "\t", "'"),
    ),
)
"""Every task, the shared ones first."""
