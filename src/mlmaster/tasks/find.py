"""Which file of a folder is what: train table, test table, sample submission, description.

First by what the user said, then by the names people give such files, then by columns. Reads names and headers only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from mlmaster.errors import DataError, MLMasterError, TaskError
from mlmaster.tasks.loaded import LAST_RESORT, NONE, Overrides
from mlmaster.tasks.table import read_header

DELIMITED = (".csv", ".tsv", ".tab")
CONVERTIBLE = (".parquet", ".pq", ".json", ".jsonl", ".ndjson")
TABLES = (*DELIMITED, *CONVERTIBLE)
ARCHIVES = (".zip", ".gz", ".7z", ".tar", ".tgz", ".bz2", ".xz", ".rar")

_TABLE = r"\.(csv|tsv|tab|parquet|pq|json|jsonl|ndjson)$"
_TRAIN = tuple(
    re.compile(stem + _TABLE, re.IGNORECASE)
    for stem in (r"train", r"train(ing)?([-_ ]?(data|set|dataset|labels?|table))?", r"labels?", r"(.+[-_])?train(ing)?")
)
_TEST = tuple(
    re.compile(stem + _TABLE, re.IGNORECASE)
    for stem in (r"test", r"test(ing)?([-_ ]?(data|set|dataset|features?|table))?", r"(.+[-_])?test(ing)?")
)
_SAMPLE = tuple(
    re.compile(stem + _TABLE, re.IGNORECASE)
    for stem in (
        r"sample[-_ ]?submission",
        r"sample[-_ ]?submission.*",
        r"gender[-_]submission",
        r"submission[-_ ]?(sample|format|example)",
        r"(example|random)[-_ ]?submission.*",
        r".*sample.*submission.*|.*submission.*sample.*",
        r"submission",
    )
)
_DESCRIPTIONS = ("description.md", "description.txt", "overview.md", "readme.md", "readme.txt", "task.md", "goal.md")


@dataclass(frozen=True, slots=True)
class Found:
    """Names of files within a folder, with a word on how each was found."""

    train: str
    test: str | None
    sample: str | None
    description: str | None
    why: dict[str, str]


def is_train_name(name: str) -> bool:
    """Return True for a table that its name makes the train table."""
    return any(pattern.fullmatch(name) for pattern in _TRAIN)


def is_named_table(name: str) -> bool:
    """Return True for a table whose name tells its part in the task."""
    return any(pattern.fullmatch(name) for pattern in (*_TRAIN, *_TEST, *_SAMPLE))


def find_sample(directory: Path, overrides: Overrides) -> str | None:
    """Return the sample submission of a folder, if the user or its name tells one."""
    names = list_files(directory)
    if overrides.sample is not None:
        return overrides.sample if overrides.sample in names else None
    return next((name for pattern in _SAMPLE for name in names if pattern.fullmatch(name)), None)


def has_train_table(directory: Path, overrides: Overrides) -> bool:
    """Return True when a table is the train table by its name, or holds all that the user or the sample wants predicted."""
    names = list_files(directory)
    if any(map(is_train_name, names)):
        return True
    sample = find_sample(directory, overrides)
    headers = _read_headers(directory, names)
    wanted = set(overrides.target) or set(headers.get(sample or "", ()))
    return bool(wanted) and any(wanted <= set(header) for name, header in headers.items() if name != sample)


def list_files(directory: Path) -> list[str]:
    """Return the names of the visible files lying directly in a folder, sorted.

    Raises:
        DataError: No such folder, it may not be read, or nothing is in it.
    """
    try:
        entries = sorted(entry for entry in directory.iterdir() if not entry.name.startswith("."))
    except FileNotFoundError as error:
        raise DataError(f"{directory}: no such folder; check the path") from error
    except PermissionError as error:
        raise DataError(f"{directory}: no permission to read it; change its permissions (chmod u+rx)") from error
    if not entries:
        raise DataError(f"{directory}: is an empty folder; put train.csv (and test.csv) in it, or name another folder")
    return [entry.name for entry in entries if entry.is_file()]


def find(directory: Path, overrides: Overrides) -> Found:
    """Find the files of a task.

    Raises:
        DataError: No such folder or file.
        TaskError: No train table can be told from the rest.
    """
    names = list_files(directory)
    why: dict[str, str] = {}
    taken: list[str] = []

    def settle(role: str, said: str | None, patterns: Sequence[re.Pattern[str]]) -> str | None:
        if said is not None and said.lower() == NONE and role != "train":
            why[role] = "as you said"
            return None
        if said is not None:
            if not (directory / said).is_file():
                near = get_close_matches(said, names, n=3)
                raise DataError(
                    f"{directory}: has no file {said!r} for --{role}; "
                    + (f"did you mean {', '.join(near)}?" if near else f"it holds {_list(names)}")
                )
            why[role] = "as you said"
            taken.append(said)
            return said
        for pattern in patterns:
            for name in names:
                if name not in taken and pattern.fullmatch(name):
                    why[role] = "by its name"
                    taken.append(name)
                    return name
        return None

    sample = settle("sample", overrides.sample, _SAMPLE)
    test = settle("test", overrides.test, _TEST)
    train = settle("train", overrides.train, _TRAIN)
    if train is None:
        train, test = _find_by_columns(
            directory, [name for name in names if name not in taken], test, sample, overrides
        )
        why["train"] = "by its columns"
        if test is not None:
            why.setdefault("test", "by its columns")
    description = settle("description", overrides.description, ())
    if overrides.description is None:
        description = find_description(name for name in names if name not in taken)
    return Found(train, test, sample, description, why)


def find_description(names: Iterable[str]) -> str | None:
    """Return the file that describes a task, by its name."""
    lower = {name.lower(): name for name in names}
    return next((lower[each] for each in _DESCRIPTIONS if each in lower), None)


def _find_by_columns(
    directory: Path, names: Sequence[str], test: str | None, sample: str | None, overrides: Overrides
) -> tuple[str, str | None]:
    """Tell the train table by its holding the target; another table with the same other columns is the test table."""
    headers = _read_headers(directory, names)
    wanted = set(overrides.target)
    if not wanted and sample is not None:
        wanted = set(read_header(directory / sample))
        if test is not None:
            wanted -= set(read_header(directory / test))
    labelled = [name for name, header in headers.items() if wanted and wanted <= set(header)]
    if not labelled and len(headers) == 1 and not wanted:
        labelled = list(headers)
    if len(labelled) == 1:
        train = labelled[0]
        if test is None and overrides.test is None:
            unlabelled = [
                name
                for name, header in headers.items()
                if name != train and not wanted & set(header) and set(header) <= set(headers[train])
            ]
            test = unlabelled[0] if len(unlabelled) == 1 else None
        return train, test
    tables = [name for name in names if name.lower().endswith(DELIMITED + CONVERTIBLE)]
    if len(tables) == 1 and not labelled and not (headers and wanted):
        return tables[0], test
    archives = [name for name in names if name.lower().endswith(ARCHIVES)]
    if archives and not tables:
        raise DataError(f"{directory}: holds no table, but an archive {archives[0]!r}; unpack it there")
    if len(labelled) > 1:
        raise TaskError(f"{directory}: {_list(labelled)} could each be the train table; name it with --train")
    if wanted and tables:
        raise TaskError(
            f"{directory}: no table has the column(s) {', '.join(map(repr, sorted(wanted)))} that are to be predicted; "
            f"the tables are {_list(tables)}; name one with --train; {LAST_RESORT}"
        )
    if tables:
        raise TaskError(f"{directory}: cannot tell which of {_list(tables)} is the train table; name it with --train")
    raise DataError(
        f"{directory}: holds no table (.csv, .tsv, .parquet, .json), only {_list(names)}; add train.csv; {LAST_RESORT}"
    )


def _read_headers(directory: Path, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the headers of the delimited tables that can be read."""
    headers = {}
    for name in names:
        if name.lower().endswith(DELIMITED):
            try:
                headers[name] = read_header(directory / name)
            except MLMasterError:
                continue
    return headers


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8])
    return f"{shown}, … ({len(names)} files)" if len(names) > 8 else shown or "folders"
