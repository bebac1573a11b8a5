"""Where a competition's data lies: MLE-bench's layout, `DATA_DIR/<id>/raw` and `DATA_DIR/<id>/prepared/{public,private}`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from mlmaster.errors import DataError
from mlmaster.mlebench.competition import Competition
from mlmaster.mlebench.registry import competitions


def user_cache() -> Path:
    """Return the folder of this user in which programs keep what can be had again."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def default_data_dir() -> Path:
    """Return the folder MLE-bench itself uses, below the user's cache: what it prepared is found without being named."""
    return user_cache() / "mle-bench" / "data"


def data_dir_or_default(named: Path | None) -> Path:
    """Return the data folder that a user names, or else the default one; it need not be there.

    Raises:
        DataError: It is a file.
    """
    folder = default_data_dir() if named is None else named
    if folder.is_file():
        raise DataError(f"--data-dir {folder} is a file; name the folder that holds a folder for each competition")
    return folder


@dataclass(frozen=True, slots=True)
class Place:
    """The folders and files of one competition below a data folder; none of them need be there."""

    data_dir: Path
    competition: Competition

    @property
    def home(self) -> Path:
        """Return the competition's own folder."""
        return self.data_dir / self.competition.id

    @property
    def zip(self) -> Path:
        """Return the archive as Kaggle gives it."""
        return self.home / f"{self.competition.id}.zip"

    @property
    def raw(self) -> Path:
        """Return the folder of Kaggle's files."""
        return self.home / "raw"

    @property
    def prepared(self) -> Path:
        """Return the folder of what preparation yields."""
        return self.home / "prepared"

    @property
    def public(self) -> Path:
        """Return what an engineer may see."""
        return self.prepared / "public"

    @property
    def private(self) -> Path:
        """Return what only graders may see."""
        return self.prepared / "private"

    @property
    def answers(self) -> Path:
        """Return the answers file."""
        return self.prepared / self.competition.answers

    @property
    def sample(self) -> Path:
        """Return the sample submission."""
        return self.prepared / self.competition.sample

    def require_answers(self) -> Path:
        """Return the answers file.

        Raises:
            DataError: The competition is not prepared here.
        """
        if not self.answers.is_file():
            home = find_home(self.data_dir)
            if home is not None and home.name == self.competition.id:
                raise DataError(
                    f"{self.data_dir} belongs to {home.name} alone; name the folder above: --data-dir {home.parent}"
                )
            raise DataError(
                f"{self.competition.id} is not prepared in {self.data_dir}: there is no {self.answers}; prepare it with "
                f"`mlmaster prepare -c {self.competition.id}`, or name the folder that holds it with --data-dir"
            )
        return self.answers


def find_home(path: Path) -> Path | None:
    """Return the folder of the competition that a path belongs to: it, its `prepared` or its `public` folder; else None.

    A competition is known by its id as the folder's name, and by MLE-bench's layout below it.
    """
    path = path.expanduser().absolute()
    for home in (path, *path.parents[:2]):
        # the layout first: where it does not fit, the registry need not be read
        if (home / "prepared" / "public").is_dir() and home.name in competitions():
            return home
    return None


def find_place(path: Path) -> Place | None:
    """Return the competition that a path belongs to, where its answers are prepared; else None. They are not opened."""
    home = find_home(path)
    place = None if home is None else Place(home.parent, competitions()[home.name])
    return place if place is not None and place.answers.is_file() else None
