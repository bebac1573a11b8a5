"""Where a task's files are, and a folder of CSV tables made of them where they are something else.

Never looks into `prepared/private`: the answers of an MLE-bench task are for the grader alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from mlmaster.errors import DataError, TaskError
from mlmaster.tasks.builtin import BUILTIN, write_builtin
from mlmaster.tasks.convert import convert
from mlmaster.tasks.find import CONVERTIBLE, Found
from mlmaster.tasks.loaded import NONE, Overrides
from mlmaster.tasks.table import iterate_rows, read_header, sniff, write_rows


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
    everything else.
    """
    tables = {"train": found.train, "test": found.test, "sample": found.sample}
    foreign = {role: name for role, name in tables.items() if name and name.lower().endswith(CONVERTIBLE)}
    echo = _ids_of_sample(place.path, found, said)
    if not foreign and echo is None:
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
    for entry in sorted(place.path.iterdir()):
        link = workspace / entry.name
        is_ours = workspace.resolve().is_relative_to(entry.resolve())
        if not entry.name.startswith(".") and entry.name not in foreign.values() and not link.exists() and not is_ours:
            link.symlink_to(entry, target_is_directory=entry.is_dir())
    if echo is not None and tables["sample"] is not None:
        sample = workspace / tables["sample"]
        place_of_id = read_header(sample).index(echo)
        write_rows(
            workspace / "test.csv",
            [echo],
            ([cells[place_of_id]] for cells in iterate_rows(sample)),
            sniff(workspace / str(tables["train"])).delimiter,
        )
        tables["test"] = "test.csv"
        notes.append(f"there is no test table; the ids of {found.sample} stand for it")
    why = {"test": "the ids of the sample submission", **found.why} if echo is not None else found.why
    return (
        workspace,
        replace(found, train=tables["train"] or "", test=tables["test"], sample=tables["sample"], why=why),
        tuple(notes),
    )


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
