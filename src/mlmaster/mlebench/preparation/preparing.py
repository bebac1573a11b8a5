"""One competition from Kaggle's files to MLE-bench's layout: found or fetched, room checked, prepared, described, verified.

Everything is written into a folder beside `prepared`, which gets that name only when it is whole: an interrupted
preparation leaves nothing that could be taken for a finished one, and the next begins anew.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import cast

from filelock import FileLock, Timeout

from mlmaster.errors import DataError
from mlmaster.kaggle.downloading import download
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.preparation.adopting import adopt, find_prepared, is_whole, require_whole
from mlmaster.mlebench.preparation.describing import write_description
from mlmaster.mlebench.preparation.raw import RawFiles, find_raw
from mlmaster.mlebench.preparation.recipe import Recipe, recipe_of
from mlmaster.mlebench.preparation.room import MARGIN, FreeBytes, download_bytes, free_bytes, require_room
from mlmaster.mlebench.preparation.verifying import FileCheck, State, UnofficialError, check_prepared, check_zip
from mlmaster.mlebench.registry import Checksums, checksums
from mlmaster.tasks.archives import extract_file, list_files

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNEXPECTED = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, OSError)
"""What a recipe runs into where Kaggle's files are not as it knows them."""


def _download(place: Place) -> Path:
    return download(place.competition.id, place.home, "name files you have with --from")


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks for.

    Attributes:
        source: Kaggle's files (a folder or a zip), or files that MLE-bench prepared; None to look in the data folder, and
            then to download.
        is_forced: Whether what is prepared already is prepared anew.
        accepts_others: Whether files that differ from the official ones, and raw files without their folders, are accepted.
        keeps_raw: Whether `raw/` in the data folder stays when all is done.
    """

    source: Path | None = None
    is_forced: bool = False
    accepts_others: bool = False
    keeps_raw: bool = True


class Status(StrEnum):
    """What was done."""

    PREPARED = "prepared"
    ADOPTED = "adopted"
    FOUND = "found"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A competition that is prepared.

    Attributes:
        competition_id: Its id.
        prepared: The folder of `public` and `private`.
        status: Whether it was prepared now, taken over from files that MLE-bench prepared, or found.
        checks: How its files compare with the official ones.
        notes: What else a user should know.
    """

    competition_id: str
    prepared: Path
    status: Status
    checks: tuple[FileCheck, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_official(self) -> bool:
        """Return True where every file is the official one."""
        return all(check.state is State.EQUAL for check in self.checks)


@dataclass(frozen=True, slots=True)
class Means:
    """What preparation uses of the world, so that tests can put something else in its place."""

    official: Callable[[str], Checksums] = checksums
    fetch: Callable[[Place], Path] = _download
    free: FreeBytes = free_bytes
    say: Callable[[str], None] = lambda _line: None


def prepare(place: Place, wish: Wish, means: Means | None = None, recipe: Recipe | None = None) -> Outcome:
    """Prepare a competition; one that is prepared already is only verified.

    Args:
        place: The competition in its data folder.
        wish: What the user asks for.
        means: What is used of the world.
        recipe: Another recipe than the competition's own.

    Raises:
        DataError: Files are missing, damaged or others than the official ones; the disk is full; the download fails; or the
            competition has no recipe and nothing prepared was named.
    """
    preparation = _Preparation(place, wish, means or Means(), recipe or recipe_of(place.competition))
    try:
        return preparation.look() or preparation.run()
    except OSError as error:
        if error.errno is None:
            raise
        why = "the disk is full" if error.errno in _FULL else f"{error.filename or place.home}: {error.strerror}"
        raise DataError(
            f"{place.competition.id}: {why}; make room or allow access, or name another folder with --data-dir"
        ) from error


class _Preparation:
    def __init__(self, place: Place, wish: Wish, means: Means, recipe: Recipe | None) -> None:
        self._place, self._wish, self._means, self._recipe = place, wish, means, recipe
        self._name = place.competition.id
        self._official = means.official(self._name)
        self._work = place.home / ".preparing"
        self._others = place.home / "prepared-unverified"
        self._old = place.home / ".prepared-old"
        self._notes: list[str] = []

    def look(self) -> Outcome | None:
        """Return what is prepared already, verified; writes nothing, so that it may lie where nothing can be written."""
        place = self._place
        if self._wish.is_forced or not is_whole(place.prepared, place.competition):
            return None
        checks = check_prepared(place.prepared, self._official)
        self._judge(checks, f"{place.prepared} was left as it is: prepare it anew with --force")
        return self._outcome(Status.FOUND, checks)

    def run(self) -> Outcome:
        """Prepare the competition."""
        source = self._wish.source and find_prepared(self._wish.source, self._place.competition)
        if source is None and self._recipe is None:
            named = (
                f", and {self._wish.source} holds nothing that MLE-bench prepared of it" if self._wish.source else ""
            )
            raise DataError(
                f"{self._name} has no recipe here{named}: prepare it with MLE-bench (`mlebench prepare -c {self._name}`), "
                "then name the folder it made with --from; MLE-bench's own data folder is looked at without being named"
            )
        with self._claimed():
            self._tidy()
            try:
                found = self._look_again()
                if found is not None:
                    return found
                return self._take_over(source) if source is not None else self._make(cast(Recipe, self._recipe))
            finally:
                shutil.rmtree(self._work, ignore_errors=True)

    @contextmanager
    def _claimed(self) -> Iterator[None]:
        self._place.home.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._place.home / ".prepare.lock", timeout=0):
                yield
        except Timeout:
            raise DataError(
                f"{self._name} is being prepared by another process in {self._place.home}; wait until it is done"
            ) from None

    def _tidy(self) -> None:
        """Clear what an interruption left."""
        shutil.rmtree(self._work, ignore_errors=True)
        if self._old.exists() and not self._place.prepared.exists():
            self._old.rename(self._place.prepared)
        shutil.rmtree(self._old, ignore_errors=True)

    def _look_again(self) -> Outcome | None:
        """Return what was put back or set aside; an unfinished folder of another's making is not written over unasked."""
        prepared = self._place.prepared
        if self._wish.is_forced:
            return None
        if self._wish.accepts_others and self._others.is_dir() and not prepared.exists():
            self._others.rename(prepared)
        if prepared.is_dir() and any(path.is_file() for path in prepared.rglob("*")):
            require_whole(prepared, self._place.competition, "prepare it anew with --force")
        return self.look()

    def _take_over(self, source: Path) -> Outcome:
        """Copy what MLE-bench prepared."""
        require_whole(source, self._place.competition, "prepare it with MLE-bench again")
        checks = check_prepared(source, self._official)
        self._judge(checks, f"Nothing was taken over from {source}")
        if source.resolve() != self._place.prepared.resolve():
            self._means.say(f"{self._name}: copying from {source}")
            prepared = self._work / "prepared"
            adopt(source, prepared, self._name, self._means.free)
            write_description(self._place.competition, self._work, prepared)
            self._install(prepared)
        return self._outcome(Status.ADOPTED, checks)

    def _make(self, recipe: Recipe) -> Outcome:
        """Prepare from Kaggle's files."""
        source = find_raw(self._place, self._wish.source) or self._fetch()
        zip_check = self._check_zip(source)
        files = RawFiles(self._unzip(source) if source.is_file() else source, recipe.RAW)
        self._require(files)
        needed = files.bytes_to_unpack() + MARGIN * files.bytes_to_read()
        require_room(self._name, needed, self._place.home, self._means.free)
        self._means.say(f"{self._name}: preparing from {files.folder}")
        prepared = self._work / "prepared"
        self._run_recipe(recipe, files, prepared)
        require_whole(prepared, self._place.competition, "the raw files may be incomplete; fetch them again")
        write_description(self._place.competition, files.folder, prepared)
        checks = check_prepared(prepared, self._official)
        self._keep_aside_others(prepared, checks)
        self._install(prepared)
        if not self._wish.keeps_raw and files.folder == self._place.raw:
            shutil.rmtree(self._place.raw, ignore_errors=True)
        return self._outcome(Status.PREPARED, (*zip_check, *checks))

    def _check_zip(self, source: Path) -> tuple[FileCheck, ...]:
        zip_file = source if source.is_file() else self._place.zip
        if not zip_file.is_file() or (source.is_dir() and self._wish.source is not None):
            return ()
        checks = (check_zip(zip_file, self._official),)
        self._judge(checks, f"Nothing was prepared from {zip_file}: fetch it again")
        return checks

    def _fetch(self) -> Path:
        require_room(self._name, download_bytes(self._place.competition.size_gb), self._place.home, self._means.free)
        self._means.say(f"{self._name}: downloading from Kaggle")
        return self._means.fetch(self._place)

    def _unzip(self, archive: Path) -> Path:
        """Return the folder of what Kaggle's zip holds: `raw/` for the data folder's own, which is kept as MLE-bench does."""
        size = sum(list_files(archive).values())
        require_room(self._name, (1 + MARGIN) * size, self._place.home, self._means.free)
        self._means.say(f"{self._name}: unpacking {archive}")
        unzipped = self._work / "unzipped"
        extract_file(archive, unzipped)
        raw = self._place.raw
        if archive != self._place.zip or (raw.is_dir() and any(raw.iterdir())):
            return unzipped
        if raw.is_dir():
            raw.rmdir()
        return unzipped.rename(raw)

    def _require(self, files: RawFiles) -> None:
        if not (self._wish.accepts_others and all(name.endswith("/") for name in files.missing)):
            files.require()
        self._notes += [f"prepared without {name}, which the raw files lack" for name in files.missing]

    def _run_recipe(self, recipe: Recipe, files: RawFiles, prepared: Path) -> None:
        public, private = prepared / "public", prepared / "private"
        public.mkdir(parents=True)
        private.mkdir()
        view = self._work / "raw"
        files.lay_out(view, self._work / "unpacked")
        try:
            recipe.prepare(view, public, private)
        except _UNEXPECTED as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise
            told = " ".join(str(error).split())[:200]
            raise DataError(
                f"{self._name}: the files in {files.folder} are not as Kaggle gave them to MLE-bench "
                f"({type(error).__name__}: {told}); look whether they are another competition's, or fetch them again"
            ) from error

    def _keep_aside_others(self, prepared: Path, checks: tuple[FileCheck, ...]) -> None:
        """Keep hours of work that gave other files than the official ones where no grader takes them for those."""
        try:
            self._judge(checks, f"What was prepared lies in {self._others}; fetch the raw files again")
        except DataError:
            shutil.rmtree(self._others, ignore_errors=True)
            prepared.rename(self._others)
            raise

    def _judge(self, checks: tuple[FileCheck, ...], consequence: str) -> None:
        """Make sure that every file is the official one, unless others are accepted.

        Raises:
            DataError: Some are not; each is named.
        """
        others = [check for check in checks if check.state is not State.EQUAL]
        if not others:
            return
        said = "; ".join(_told(check) for check in others)
        if self._wish.accepts_others:
            self._notes.append(f"not as MLE-bench has it: {said}")
            return
        raise UnofficialError(
            f"{self._name}: not as MLE-bench has it: {said}. {consequence}, or accept it with --skip-verification",
            checks,
        )

    def _install(self, prepared: Path) -> None:
        if self._place.prepared.exists():
            self._place.prepared.rename(self._old)
        prepared.rename(self._place.prepared)
        shutil.rmtree(self._old, ignore_errors=True)
        shutil.rmtree(self._others, ignore_errors=True)

    def _outcome(self, status: Status, checks: tuple[FileCheck, ...]) -> Outcome:
        return Outcome(self._name, self._place.prepared, status, checks, tuple(self._notes))


def _told(check: FileCheck) -> str:
    match check.state:
        case State.DIFFERS:
            return f"{check.name} differs (MD5 {check.md5}, official {check.official})"
        case State.MISSING:
            return f"{check.name} is missing"
        case _:
            return f"{check.name} is not among the official files"
