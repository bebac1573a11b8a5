"""Files that MLE-bench itself prepared: found where a user names them, and taken over into the data folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from mlmaster.errors import DataError
from mlmaster.mlebench.competition import Competition
from mlmaster.mlebench.preparation.room import FreeBytes, require_room


def find_prepared(source: Path, competition: Competition) -> Path | None:
    """Return the folder of `public` and `private`: the source, its `prepared`, or those of the competition below it."""
    own = source / competition.id
    folders = (own / "prepared", own, source / "prepared", source)
    return next((each for each in folders if (each / "public").is_dir() and (each / "private").is_dir()), None)


def is_whole(prepared: Path, competition: Competition) -> bool:
    """Return True where answers, sample submission and public files are there."""
    return not any(_lacking(prepared, competition))


def require_whole(prepared: Path, competition: Competition, remedy: str) -> None:
    """Make sure that a prepared competition is whole.

    Raises:
        DataError: It is not; says what is missing, and the remedy.
    """
    lacking = list(_lacking(prepared, competition))
    if lacking:
        raise DataError(f"{competition.id}: {prepared} lacks {' and '.join(lacking)}; {remedy}")


def adopt(source: Path, target: Path, name: str, free: FreeBytes) -> None:
    """Copy `public` and `private` into the new folder `target`.

    Raises:
        DataError: Something cannot be copied, or the disk has no room.
    """
    parts = [source / part for part in ("public", "private")]
    size = sum(path.stat().st_size for part in parts for path in part.rglob("*") if path.is_file())
    target.mkdir(parents=True)
    require_room(name, size, target, free)
    try:
        for part in parts:
            shutil.copytree(part, target / part.name, copy_function=shutil.copyfile)
    except shutil.Error as error:
        path, _, why = error.args[0][0]
        raise DataError(f"{name}: {path} cannot be copied ({why}); make room or allow access, and try again") from error


def _lacking(prepared: Path, competition: Competition) -> Iterator[str]:
    public = prepared / "public"
    if not public.is_dir() or not any(public.iterdir()):
        yield "public/"
    for name in dict.fromkeys((competition.answers, competition.sample)):
        if not (prepared / name).is_file():
            yield name
