"""Kaggle's files of one competition: where they lie, and what a recipe gets to see of them.

Nothing is written where they lie: a recipe sees a folder of links, beside what was unpacked for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlmaster.errors import DataError
from mlmaster.mlebench.places import Place
from mlmaster.tasks.archives import Bounds, extract_file, list_files

_ZIP = ".zip"
_OTHER = (".tar.gz", ".tgz", ".tar", ".gz", ".bz2", ".xz")
_FOREIGN = (".7z", ".rar")
_GROWTH = 5
"""How many times its size an archive other than a zip, which does not say, is taken to hold."""


def find_raw(place: Place, source: Path | None) -> Path | None:
    """Return the folder of Kaggle's files or the zip of them all; None where nothing lies.

    Args:
        place: The competition in the data folder, looked at when no source is named.
        source: What the user names: a zip, a folder of the files, or a folder with one for each competition.

    Raises:
        DataError: There is no such source, or nothing in it.
    """
    if source is None:
        return next((path for path in (place.raw, place.zip) if _has_content(path)), None)
    if source.is_file():
        if source.suffix.lower() != _ZIP:
            raise DataError(
                f"{source} is no folder and no .zip; name the folder of Kaggle's files or the zip of them all"
            )
        return source
    if not source.is_dir():
        raise DataError(f"{source}: no such file or folder; name the folder of Kaggle's files or the zip of them all")
    own = source / place.competition.id
    zips = [folder / f"{place.competition.id}{_ZIP}" for folder in (source, own)]
    found = next((path for path in (own / "raw", *zips, own, source / "raw", source) if _has_content(path)), None)
    if found is None:
        raise DataError(f"{source} is empty; name the folder of Kaggle's files or the zip of them all")
    return found


def _has_content(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


@dataclass(frozen=True, slots=True)
class _Found:
    """Where one name comes from: a path, or an archive that holds it.

    Attributes:
        path: A file, a folder or an archive.
        is_archive: Whether it lies in an archive.
        inner: Its path there; empty for all that the archive holds.
    """

    path: Path
    is_archive: bool = False
    inner: str = ""

    def size(self) -> int:
        """Return its bytes, unpacked."""
        if self.is_archive:
            return sum(list_files(self.path).values()) if _is_zip(self.path) else self.path.stat().st_size * _GROWTH
        files = self.path.rglob("*") if self.path.is_dir() else [self.path]
        return sum(file.stat().st_size for file in files if file.is_file())


class RawFiles:
    """The files of one folder that a recipe asks for.

    Attributes:
        folder: Where Kaggle's files lie.
        missing: Names that were asked for and are not there.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        """Look for the names, in the folder and in the archives that lie there.

        Raises:
            DataError: An archive is damaged.
        """
        self.folder = folder
        self._zips = sorted(path for path in folder.iterdir() if path.is_file() and _is_zip(path))
        self._found = {name: self._find(name) for name in names}
        self.missing = tuple(name for name, found in self._found.items() if found is None)

    def require(self) -> None:
        """Make sure that every name was found.

        Raises:
            DataError: Some are missing; all of them are named.
        """
        if not self.missing:
            return
        foreign = sorted(path.name for path in self.folder.iterdir() if path.name.lower().endswith(_FOREIGN))
        hint = f"; unpack {foreign[0]} by hand (7z x {foreign[0]})" if foreign else "; fetch Kaggle's files again"
        raise DataError(
            f"{self.folder} lacks {' and '.join(self.missing)}, plain or zipped; there are {_listing(self.folder)}{hint}"
        )

    def bytes_to_unpack(self) -> int:
        """Return how much the archives hold that `lay_out` unpacks."""
        return sum(
            found.size() for found in {each.path: each for each in self._those_found()}.values() if found.is_archive
        )

    def bytes_to_read(self) -> int:
        """Return how much a recipe reads, unpacked."""
        return sum(found.size() for found in {each.path: each for each in self._those_found()}.values())

    def lay_out(self, view: Path, unpacked: Path, bounds: Bounds | None = None) -> None:
        """Fill the new folder `view` with a link to each name found, an empty folder for each folder missing.

        Args:
            view: What the recipe sees.
            unpacked: New folder for what archives hold.
            bounds: What may be unpacked.

        Raises:
            DataError: An archive is damaged, unsafe or too big.
        """
        view.mkdir(parents=True)
        unpacked.mkdir(parents=True)
        bounds = bounds or Bounds.of_disk(unpacked)
        for name, found in self._found.items():
            link = view / name
            link.parent.mkdir(parents=True, exist_ok=True)
            if found is not None:
                link.symlink_to(self._on_disk(name, found, unpacked, bounds).absolute())
            elif name.endswith("/"):
                link.mkdir()

    def _those_found(self) -> list[_Found]:
        return [found for found in self._found.values() if found is not None]

    def _find(self, name: str) -> _Found | None:
        is_folder = name.endswith("/")
        path = self.folder / name
        if is_folder and path.is_dir() and _has_content(path):
            return _Found(_opened(path))
        if not is_folder and path.is_file():
            return _Found(path)
        if not is_folder and (path / path.name).is_file():
            return _Found(path / path.name)  # as MLE-bench itself leaves a train.csv.zip unpacked
        return self._find_archived(name.rstrip("/"), is_folder)

    def _find_archived(self, name: str, is_folder: bool) -> _Found | None:
        own = self.folder / f"{name}{_ZIP}"
        others = [self.folder / f"{Path(name).with_suffix('')}{_ZIP}", *self._zips]
        for archive in dict.fromkeys([own, *others]):
            if not archive.is_file():
                continue
            inside = list_files(archive)
            if name in inside or (is_folder and any(each.startswith(f"{name}/") for each in inside)):
                return _Found(archive, True, name)
            if archive == own:
                return _Found(archive, True, "" if is_folder else _only(archive, inside, Path(name).name))
        for suffix in _OTHER:
            archive = self.folder / f"{name}{suffix}"
            if archive.is_file():
                return _Found(archive, True, "" if is_folder else Path(name).name)
        return None

    def _on_disk(self, name: str, found: _Found, unpacked: Path, bounds: Bounds) -> Path:
        if not found.is_archive:
            return found.path
        target = unpacked / found.path.name
        if not target.exists():
            extract_file(found.path, target, bounds)
        path = target / found.inner
        if not path.exists():
            raise DataError(f"{found.path} holds no {found.inner}; fetch it again")
        return _opened(path, Path(name).name) if path.is_dir() else path


def _is_zip(path: Path) -> bool:
    return path.name.lower().endswith(_ZIP)


def _only(archive: Path, inside: Iterable[str], wanted: str) -> str:
    """Return the file of `x.csv.zip` that is meant."""
    names = [name for name in inside if not name.startswith("__MACOSX/")]
    same = [name for name in names if name.rpartition("/")[2] == wanted] or names
    if len(same) != 1:
        raise DataError(f"{archive} holds {len(same)} files where one {wanted} was expected; unpack it by hand")
    return same[0]


def _opened(folder: Path, name: str = "") -> Path:
    """Return the folder that holds the files where `train/` holds nothing but another `train/`."""
    inner = folder / Path(name or folder).name
    entries = [entry.name for entry in folder.iterdir() if entry.name[0] != "." and entry.name != "__MACOSX"]
    return inner if entries == [inner.name] and inner.is_dir() else folder


def _listing(folder: Path, most: int = 8) -> str:
    names = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "") or "no files"
