"""Where a task's files are, and a folder of CSV tables made of them where they are something else.

Three steps, each in the run's own data folder and only where needed: archives are unpacked, class-named folders become a
label table, tables of other formats become CSV files.

Never looks into `prepared/private`: the answers of an MLE-bench task are for the grader alone.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from mlmaster.errors import DataError, TaskError
from mlmaster.tasks.archives import has_archives, is_archive, link_entries, note_foreign, unpack_file, unpack_folder
from mlmaster.tasks.builtin import BUILTIN, write_builtin
from mlmaster.tasks.class_folders import find_class_folders, write_label_table
from mlmaster.tasks.convert import convert
from mlmaster.tasks.files import explains_columns
from mlmaster.tasks.find import CONVERTIBLE, DELIMITED, Found, find_sample, has_train_table, list_files
from mlmaster.tasks.loaded import NONE, Overrides
from mlmaster.tasks.table import iterate_rows, read_header, sniff, write_rows

MOST_FURTHER = 20
MOST_JSON_BYTES = 256 << 20
"""A list of JSON objects is held whole in memory while it is converted."""

MOST_FURTHER_BYTES = 2 << 30
FEWEST_FURTHER_ROWS = 3
"""Fewer JSON objects than this are settings or a dictionary rather than a table."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the user named: a folder of tables or one file, where `task.yaml` may lie, and a name for the task."""

    path: Path
    home: Path
    name: str


def locate(source: Path | str, workspace: Path) -> Place:
    """Find what the user named; a built-in task is written out first.

    Raises:
        DataError: There is no such file or folder.
        TaskError: It is the private folder of an MLE-bench task, or no built-in task has this name.
    """
    path = Path(source).expanduser()
    if not path.exists():
        if str(source) in BUILTIN:
            public = write_builtin(str(source), workspace) / "prepared" / "public"
            return Place(public.resolve(), public.resolve(), str(source))
        if path.suffix or len(path.parts) > 1 or isinstance(source, Path):
            raise DataError(f"{path}: no such file or folder; check the path")
        near = get_close_matches(str(source), BUILTIN, n=2)
        raise TaskError(
            f"{source!r} is neither a file or folder here nor a built-in task; "
            + (f"did you mean {' or '.join(near)}?" if near else f"the built-in tasks are {', '.join(BUILTIN)}")
        )
    path = path.resolve()
    if "private" in path.parts and path.parts[path.parts.index("private") - 1] == "prepared":
        raise TaskError(f"{path}: holds the answers of a task and is for the grader alone; give its public folder")
    if path.is_file():
        return Place(path, path, _name(path.stem))
    for public in (path / "prepared" / "public", path / "public"):
        if public.is_dir() and (public.parent.name == "prepared" or (path / "private").is_dir()):
            return Place(public, path, _name(path.parent.name if path.name == "prepared" else path.name))
    if path.name == "public" and path.parent.name == "prepared":
        return Place(path, path, _name(path.parent.parent.name))
    return Place(path, path, _name(path.name))


def open_place(place: Place, said: Overrides, workspace: Path) -> tuple[Place, tuple[str, ...]]:
    """Unpack the archives of a place, and make a label table of folders that name classes.

    Returns:
        The place, now a folder in `workspace` where something was done, and notes.

    Raises:
        DataError: An archive is damaged, unsafe or too big; or there is no such folder, or it is empty.
    """
    notes: tuple[str, ...] = ()
    if place.path.is_file():
        if not is_archive(place.path.name):
            return place, ()
        target = _emptied(workspace / "unpacked")
        notes = unpack_file(place.path, target)
        place = replace(place, path=target)
    else:
        list_files(place.path)
        notes = note_foreign(place.path)
        if has_archives(place.path):
            target = _emptied(workspace / "unpacked")
            notes += unpack_folder(place.path, target)
            place = replace(place, path=target)
    # Self-reported scripts see the folder as it stands.
    is_settled = said.is_self_reported or said.train is not None or has_train_table(place.path, said)
    found = None if is_settled else find_class_folders(place.path)
    if found is not None:
        sample = find_sample(place.path, said)
        is_plain = sample is not None and sample.lower().endswith(DELIMITED)
        target = _emptied(workspace / "labelled")
        notes += write_label_table(found, place.path, place.path / str(sample) if is_plain else None, target)
        place = replace(place, path=target)
    return place, notes


def _emptied(folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    return folder


def take_file(place: Place, said: Overrides, workspace: Path) -> tuple[Found, tuple[str, ...]]:
    """Write the one table the user named as `workspace/train.csv`.

    Raises:
        DataError: The file is broken or of no known format.
        TaskError: The user named a test table or a sample, which one file cannot have.
    """
    for role, value in (("test", said.test), ("sample", said.sample)):
        if value is not None and value.lower() != NONE:
            raise TaskError(
                f"{place.path} is one table, so --{role} {value!r} has no place; give a folder holding both"
            )
    rows = convert(place.path, workspace / "train.csv")
    found = Found("train.csv", None, None, None, {"train": f"{place.path.name}, the file you named"})
    return found, (
        f"{place.path.name} was copied as a table of {rows} rows; the answers will be out-of-fold predictions",
    )


def take_folder(place: Place, found: Found, said: Overrides, workspace: Path) -> tuple[Path, Found, tuple[str, ...]]:
    """Return a folder in which every table is a delimited file, and the names of the tables there.

    The user's own folder serves where it already is one. Otherwise `workspace` gets the tables as CSV files and links to
    everything else; it may be the place itself where that was made by `open_place`.
    """
    tables = {"train": found.train, "test": found.test, "sample": found.sample}
    foreign = {role: name for role, name in tables.items() if name and name.lower().endswith(CONVERTIBLE)}
    further = _further_tables(place.path, {*tables.values(), found.description}, said)
    echo = _ids_of_sample(place.path, found, said)
    if not foreign and not further and echo is None:
        return place.path, found, ()
    workspace.mkdir(parents=True, exist_ok=True)
    notes = []
    for role, name in foreign.items():
        made = f"{Path(name).stem}.csv"
        if (place.path / made).exists():
            raise DataError(f"{place.path}: holds {name} and {made}; take one of them out")
        convert(place.path / name, workspace / made)
        tables[role] = made
        notes.append(f"{name} was converted into {made}")
    for name in further:
        made = f"{Path(name).stem}.csv"
        try:
            is_table = convert(place.path / name, workspace / made) >= FEWEST_FURTHER_ROWS
        except DataError:  # no table, or none we can read: it stays what it is, and out of every view
            is_table = False
        if is_table:
            foreign[name] = name
            notes.append(f"{name} was converted into {made}")
        else:
            (workspace / made).unlink(missing_ok=True)
    if workspace == place.path:
        for name in foreign.values():
            (workspace / name).unlink()
    else:
        link_entries(place.path, workspace, leave_out=list(foreign.values()))
    why = found.why
    if echo is not None and tables["sample"] is not None:
        _write_test(workspace, tables["sample"], str(tables["train"]), echo)
        tables["test"] = "test.csv"
        notes.append(f"there is no test table; the ids of {found.sample} stand for it")
        why = {"test": "the ids of the sample submission", **found.why}
    return (
        workspace,
        replace(found, train=tables["train"] or "", test=tables["test"], sample=tables["sample"], why=why),
        tuple(notes),
    )


def _further_tables(directory: Path, known: Collection[str | None], said: Overrides) -> list[str]:
    """Return the tables of other formats beside the task's own that are small enough to be converted on the off chance."""
    if said.side_tables == ():
        return []
    names = [name for name in list_files(directory) if name not in known and name.lower().endswith(CONVERTIBLE)]
    free = shutil.disk_usage(directory).free
    result = []
    for name in names:
        size = (directory / name).stat().st_size
        most = MOST_JSON_BYTES if name.lower().endswith(".json") else MOST_FURTHER_BYTES
        is_kept = name in (said.extra_files or ()) or explains_columns(name)
        if not is_kept and 0 < size <= min(most, free // 20) and not (directory / f"{Path(name).stem}.csv").exists():
            result.append(name)
    return result if len(result) <= MOST_FURTHER else []


def _write_test(workspace: Path, sample: str, train: str, echo: str) -> None:
    """Write the ids of the sample submission as the test table."""
    path = workspace / sample
    place = read_header(path).index(echo)
    ids = ([cells[place]] for cells in iterate_rows(path))
    write_rows(workspace / "test.csv", [echo], ids, sniff(workspace / train).delimiter)


def _ids_of_sample(directory: Path, found: Found, said: Overrides) -> str | None:
    """Return the id column of a sample that has to stand for a missing test table (files named by a label table)."""
    if found.test is not None or found.sample is None or said.test is not None:
        return None
    if found.sample.lower().endswith(CONVERTIBLE) or found.train.lower().endswith(CONVERTIBLE):
        return None
    first = said.id if said.id not in (None, NONE) else read_header(directory / found.sample)[0]
    return first if first in read_header(directory / found.train) and first not in said.target else None


def _name(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "task"
