"""Archives of a task folder: expanded into the run's own data folder, once and safely; afterwards nobody knows of them.

Never writes into the user's folder and trusts nothing an archive says: names that lead elsewhere, links and devices are
refused, bytes and files are counted while they are written. Which of the files then matter is for `find` and `files`.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from mlmaster.errors import DataError
from mlmaster.tasks.find import TABLES, is_named_table, is_train_name

MOST_ARCHIVES = 64
"""More archives than this in one folder are taken for files of rows, and stay as they are."""

FREE_SHARE = 0.8
"""Unpacked files may take this share of the disk's free space."""

MOST_FILES = 2_000_000
MOST_RATIO = 200
RATIO_FROM_BYTES = 256 << 20
"""From here on, an archive that has grown `MOST_RATIO` times is one made to fill disks."""

MOST_LOOSE_TABLES = 10
CHUNK_BYTES = 1 << 20
_STAGE, _INNER_STAGE = ".unpacking", ".unpacking-inner"

_ZIP = (".zip",)
_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_SINGLE = (".gz", ".bz2", ".xz")
_FOREIGN = (".7z", ".rar")
_PLAIN = (*TABLES, ".txt", ".md", ".yaml", ".yml", ".pdf", ".html", ".py")
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    tarfile.TarError,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may be unpacked: bytes and files over all archives, and how often an archive's own size."""

    most_bytes: int
    most_files: int = MOST_FILES
    most_ratio: float = MOST_RATIO
    ratio_from_bytes: int = RATIO_FROM_BYTES

    @classmethod
    def of_disk(cls, folder: Path) -> Bounds:
        """Return what the disk a folder lies on can take."""
        return cls(int(shutil.disk_usage(folder).free * FREE_SHARE))


def is_archive(name: str) -> bool:
    """Return True for a file that `unpack` expands. A single compressed file is one when a table or a text is in it."""
    lower = name.lower()
    if lower.endswith((*_ZIP, *_TAR)):
        return True
    return lower.endswith(tuple(plain + suffix for suffix in _SINGLE for plain in _PLAIN))


def has_archives(folder: Path) -> bool:
    """Return True when a folder holds archives of its own, not so many that they must be files of rows."""
    return 0 < len(_archives(folder)) <= MOST_ARCHIVES


def note_foreign(folder: Path) -> tuple[str, ...]:
    """Return a note on archives that cannot be unpacked here."""
    names = sorted(path.name for path in folder.iterdir() if path.name.lower().endswith(_FOREIGN))
    if not names:
        return ()
    return (f"{', '.join(names[:5])}: .7z and .rar are not unpacked here; unpack by hand (7z x {names[0]}) if needed",)


def unpack_folder(folder: Path, target: Path, bounds: Bounds | None = None) -> tuple[str, ...]:
    """Fill the new folder `target` with links to everything in `folder` but its archives, and with what these hold.

    Returns:
        Notes on what was unpacked and what was passed over.

    Raises:
        DataError: An archive is damaged, unsafe or too big.
    """
    target.mkdir(parents=True)
    archives = _archives(folder)
    link_entries(folder, target, leave_out=[path.name for path in archives])
    return _unpack_all(archives, target, bounds)


def unpack_file(archive: Path, target: Path, bounds: Bounds | None = None) -> tuple[str, ...]:
    """Fill the new folder `target` with what one archive holds. Raises as `unpack_folder`."""
    target.mkdir(parents=True)
    return _unpack_all([archive], target, bounds)


def extract_file(archive: Path, target: Path, bounds: Bounds | None = None) -> None:
    """Fill the new folder `target` with the files one archive holds, each where the archive has it; archives in it stay.

    Raises:
        DataError: The archive is damaged, unsafe or too big.
    """
    target.mkdir(parents=True)
    _Unpacking(bounds or Bounds.of_disk(target)).extract(archive, archive, target, _stem(archive.name))


def list_files(archive: Path) -> dict[str, int]:
    """Return the bytes of each file in a zip, unpacked, by its name there.

    Raises:
        DataError: The archive is damaged.
    """
    with _naming(archive), zipfile.ZipFile(archive) as opened:
        return {entry.filename: entry.file_size for entry in opened.infolist() if not entry.is_dir()}


def link_entries(folder: Path, target: Path, leave_out: list[str]) -> None:
    """Link the visible entries of a folder into another, but for those left out and the one the other lies in."""
    for entry in sorted(folder.iterdir()):
        is_ours = target.resolve().is_relative_to(entry.resolve())
        link = target / entry.name
        if not entry.name.startswith(".") and entry.name not in leave_out and not is_ours and not link.exists():
            link.symlink_to(entry.absolute(), target_is_directory=entry.is_dir())


def _archives(folder: Path) -> list[Path]:
    return [
        path for path in sorted(folder.iterdir()) if is_archive(path.name) and path.is_file() and path.name[0] != "."
    ]


def _unpack_all(archives: list[Path], target: Path, bounds: Bounds | None) -> tuple[str, ...]:
    unpacking = _Unpacking(bounds or Bounds.of_disk(target))
    stage = target / _STAGE
    notes: list[str] = []
    try:
        for archive in archives:
            notes += unpacking.expand(archive, archive, target, stage)
    finally:
        for left in (stage, target / _INNER_STAGE):
            shutil.rmtree(left, ignore_errors=True)
    return tuple(notes)


def _stem(name: str) -> str:
    """Return an archive's name without what makes it one."""
    for suffix in sorted((*_TAR, *_ZIP, *_SINGLE), key=len, reverse=True):
        if name.lower().endswith(suffix):
            return name[: -len(suffix)] or name
    return name


class _Unpacking:
    """The archives of one folder while they are expanded; counts what they bring."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._bytes = self._files = 0

    def expand(self, archive: Path, shown: Path, target: Path, stage: Path, depth: int = 0) -> list[str]:
        """Put what an archive holds into `target`, and what the archives in it hold; return notes.

        `shown` is the file the user knows, for errors.
        """
        stem = _stem(archive.name)
        if (target / stem).exists():
            return [f"{shown.name} was passed over: {stem} lies beside it"]
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir()
        self.extract(archive, shown, stage, stem)
        notes = []
        base = _only_folder(stage) or stage
        for inner in _archives(base):
            if depth == 0:
                told = Path(f"{shown}/{inner.name}")
                notes += self.expand(inner, told, base, stage.with_name(_INNER_STAGE), depth + 1)
            else:
                notes.append(f"{shown}/{inner.name} lies too deep to be unpacked; unpack it by hand if it is needed")
            inner.unlink()
        placed, kept = _place(stage, stem, target, shown)
        if kept:
            notes.append(f"{', '.join(kept)} of {shown.name} passed over: lying beside it already")
        if placed and depth == 0:
            notes.insert(0, f"{shown.name} was unpacked: {', '.join(placed[:5])}" + (", …" if len(placed) > 5 else ""))
        return notes

    def extract(self, archive: Path, shown: Path, stage: Path, stem: str) -> None:
        """Put the files of an archive into `stage`, nothing moved; a single compressed file is called `stem`."""
        packed = archive.stat().st_size
        before = self._bytes
        with _naming(shown):
            for name, source in _members(archive, shown, stem):
                parts = _safe_parts(name, shown)
                if not parts or parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts):
                    continue
                self._files += 1
                if self._files > self._bounds.most_files:
                    raise DataError(f"{shown}: holds more than {self._bounds.most_files} files; unpack it by hand")
                path = stage.joinpath(*parts)
                with _writing(shown, name):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    file = path.open("xb")
                with file:
                    while chunk := source.read(CHUNK_BYTES):
                        self._bytes += len(chunk)
                        self._check(shown, packed, self._bytes - before)
                        with _writing(shown, name):
                            file.write(chunk)
        if self._bytes == before and not any(path.is_file() for path in stage.rglob("*")):
            raise DataError(f"{shown}: holds no files; take it out of the folder, or put the right one in its place")

    def _check(self, shown: Path, packed: int, unpacked: int) -> None:
        bounds = self._bounds
        if self._bytes > bounds.most_bytes:
            raise DataError(
                f"{shown}: unpacked, the archives take more than the {bounds.most_bytes / 1e9:.1f} GB that may be used of "
                "this disk; free some space, or keep runs on a larger disk (--out)"
            )
        if unpacked > bounds.ratio_from_bytes and unpacked > bounds.most_ratio * max(1, packed):
            raise DataError(
                f"{shown}: grows more than {bounds.most_ratio:g} times when unpacked ({packed} bytes, and "
                f"{unpacked} so far), as archives made to fill disks do; unpack it by hand if it is sound"
            )


def _members(archive: Path, shown: Path, stem: str) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the open content of every file in an archive."""
    lower = archive.name.lower()
    if lower.endswith(_ZIP):
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                _refuse_kind(shown, entry.filename, entry.external_attr >> 16)
                if entry.flag_bits & 1:
                    raise DataError(f"{shown}: is protected by a password; unpack it by hand and take it out")
                if not entry.is_dir():
                    try:
                        source = opened.open(entry)
                    except NotImplementedError as error:
                        raise DataError(f"{shown}: {entry.filename}: {error}; unpack it by hand") from error
                    with source:
                        yield entry.filename, source
    elif lower.endswith(_TAR):
        with tarfile.open(archive) as tape:
            for member in tape:
                if not (member.isreg() or member.isdir()):
                    what = "a link" if member.islnk() or member.issym() else "no plain file"
                    raise DataError(f"{shown}: {member.name!r} is {what}; {_UNSAFE}")
                content = tape.extractfile(member) if member.isreg() else None
                if content is not None:
                    with content:
                        yield member.name, content
                else:
                    _safe_parts(member.name, shown)
    else:
        with _open_single(archive) as single:
            yield stem, single


def _open_single(archive: Path) -> IO[bytes]:
    match archive.suffix.lower():
        case ".gz":
            return cast(IO[bytes], gzip.open(archive, "rb"))
        case ".bz2":
            return bz2.open(archive, "rb")
        case _:
            return lzma.open(archive, "rb")


_UNSAFE = "such archives are not unpacked; unpack it by hand if you trust it, and take it out of the folder"


def _refuse_kind(shown: Path, name: str, mode: int) -> None:
    kind = stat.S_IFMT(mode)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "no plain file"
        raise DataError(f"{shown}: {name!r} is {what}; {_UNSAFE}")


def _safe_parts(name: str, shown: Path) -> list[str]:
    """Return the parts of a member's path, which must stay within the folder it is unpacked into."""
    path = name.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or "\0" in path or re.match(r"[A-Za-z]:", path):
        raise DataError(f"{shown}: {name!r} would lead out of the folder; {_UNSAFE}")
    return parts


@contextmanager
def _naming(shown: Path) -> Iterator[None]:
    """Turn what a damaged archive raises into a sentence."""
    try:
        yield
    except _DAMAGED as error:
        told = " ".join(str(error).split())[:120] or type(error).__name__
        raise DataError(f"{shown}: cannot be unpacked ({told}); it is damaged or cut short, fetch it again") from error


@contextmanager
def _writing(shown: Path, name: str) -> Iterator[None]:
    """Tell what our own disk refuses from what is wrong with the archive."""
    try:
        yield
    except FileExistsError as error:
        raise DataError(f"{shown}: holds {name!r} twice; unpack it by hand and keep one of them") from error
    except OSError as error:
        raise DataError(
            f"{shown}: {name[:80]!r} cannot be written ({error.strerror}); check the disk, or unpack it by hand"
        ) from error


def _only_folder(folder: Path) -> Path | None:
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else None


def _place(stage: Path, stem: str, target: Path, shown: Path) -> tuple[list[str], list[str]]:
    """Move what was unpacked to where a person would have it; return the names placed, and those that lay there before.

    Tables and folders go to the top, loose media into a folder named for the archive; a folder that holds the whole task
    is opened up; a single table gets the archive's name where its own says nothing.
    """
    only = _only_folder(stage)
    if only is not None and any(is_train_name(path.name) for path in only.iterdir()):
        stage = only
    entries = sorted(stage.iterdir())
    files = [path for path in entries if path.is_file()]
    is_loose = any(not path.name.lower().endswith(_PLAIN) for path in files) or len(files) > MOST_LOOSE_TABLES
    if is_loose:
        moved = [(path, Path(stem) / path.name) for path in entries]
    elif len(entries) == 1 and files and files[0].name.lower().endswith(TABLES):
        moved = [(files[0], Path(_table_name(files[0].name, stem)))]
    else:
        moved = [(path, Path(path.name)) for path in entries]
    placed: dict[str, None] = {}
    kept = []
    for path, goal in moved:
        if (target / goal.parts[0]).is_symlink() or (target / goal).is_file():
            kept.append(str(goal))
            continue
        _move(path, target / goal, shown)
        placed[goal.parts[0]] = None
    return list(placed), kept


def _table_name(name: str, stem: str) -> str:
    if stem.lower().endswith(TABLES):
        return stem
    made = stem + Path(name).suffix.lower()
    return made if is_named_table(made) and not is_named_table(name) else name


def _move(source: Path, target: Path, shown: Path) -> None:
    """Move a file or a folder, into the one that another archive brought under its name."""
    if source.is_dir() and target.is_dir():
        for path in sorted(source.iterdir()):
            _move(path, target / path.name, shown)
        return
    if target.exists():
        raise DataError(
            f"{shown}: holds {target.name}, and so does another archive of the folder; take one of them out"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
