"""The folders of one evaluation: made before the script starts, measured while it runs, made safe to read after."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlmaster.sandbox.folders import allow, delete, open_up, used_bytes
from mlmaster.sandbox.views import Showing, Shown, Views

_DEEPEST = 32
_LONGEST_PATH = 2048
"""Half of what the kernel takes, so that what is copied elsewhere keeps a path that can be named."""
_ELSEWHERE = "mlm-"
# multiprocessing binds Unix sockets some 35 characters below TMPDIR, and a socket's path ends at 107
_LONGEST_TEMPORARY = 70


@dataclass(frozen=True, slots=True)
class EvaluationDirectory:
    """One evaluation's folders.

    Attributes:
        path: What the script sees as its working directory and the caller gets.
        private: Holds the script's home, temporary folder and what covers shared folders; deleted at its end.
        view: How the view is shown as `input/`.
        laid_bytes: What `used_bytes` counted before the script started.
    """

    path: Path
    private: Path
    view: Shown
    laid_bytes: int

    @property
    def home(self) -> Path:
        """Return the script's home."""
        return self.private / "h"

    @property
    def temporary(self) -> Path:
        """Return the script's temporary folder."""
        return self.private / "t"

    @property
    def stock(self) -> Path:
        """Return an empty folder that the script never sees, for a root of its own."""
        return self.private / "s"

    @classmethod
    def lay_out(
        cls,
        root: Path,
        code: str,
        view: Path,
        views: Views,
        showing: Showing = Showing.COPY_OR_LINK,
        user: int | None = None,
    ) -> EvaluationDirectory:
        """Make the folders under `root`, with the script and its view in place.

        Args:
            root: Where they are made.
            code: The script.
            view: Its view.
            views: Shows it.
            showing: How.
            user: Who is to own the folders; None for the harness's own user.

        Raises:
            OSError: Something cannot be written.
            InfrastructureError: The view cannot be shown.
        """
        name = secrets.token_hex(5)
        path, private = root / name, root / f".{name}"
        if len(str(private)) > _LONGEST_TEMPORARY:
            private = Path(tempfile.mkdtemp(prefix=_ELSEWHERE))
        try:
            if private.parent != root:
                (root / f".{name}").symlink_to(private)  # for `remove_left`
            path.mkdir(mode=0o700)
            owned = [path, path / "working", private / "h", private / "t"]
            for folder in (private, *owned[1:], private / "s"):
                folder.mkdir(mode=0o700, exist_ok=True)
            # a lone surrogate makes the script a syntax error of its own, not a failure of ours
            (path / "solution.py").write_bytes(code.encode("utf-8", "surrogatepass"))
            shown = views.show(view, path / "input", showing, is_for_another=user is not None)
            if user is not None:
                private.chmod(0o711)  # its home lies below; what else lies there keeps its own rights
                for own in (*owned, path / "solution.py"):
                    os.chown(own, user, user)
        except BaseException:
            delete(path)
            delete(private)
            delete(root / f".{name}")
            raise
        return cls(path, private, shown, used_bytes(path, private))

    def written_bytes(self, enough: int | None = None) -> int:
        """Return the bytes on disk that the script added, its home and temporary folder included.

        Args:
            enough: Counting ends beyond so many, see `used_bytes`.
        """
        allowed = None if enough is None else enough + self.laid_bytes
        return used_bytes(self.path, self.private, enough=allowed) - self.laid_bytes

    def devices(self) -> frozenset[int]:
        """Return the numbers of the filesystems that the folders lie on."""
        return frozenset(path.stat().st_dev for path in (self.path, self.private) if path.exists())

    def open_up(self) -> None:
        """Let what a script hid in closed folders be seen and measured; no process of it may be alive."""
        for folder in (self.path, self.home, self.temporary):
            if not folder.is_symlink() and folder.is_dir():
                open_up(folder)

    def remove(self) -> None:
        """Delete everything of this evaluation."""
        self._remove_private()
        delete(self.path)

    def settle(self) -> None:
        """Leave regular files and folders only, readable and deletable; take away `input/`, the home and the rest.

        A pipe would block whoever reads it, a link would show a file that is not the script's, and a folder without
        rights or of absurd depth could not be deleted. No process of the script may be alive.
        """
        self._remove_private()
        if self.path.is_symlink() or not self.path.is_dir():
            self.path.unlink(missing_ok=True)
            self.path.mkdir(mode=0o700, parents=True)
        delete(self.path / "input")
        _settle(self.path, _DEEPEST)

    def _remove_private(self) -> None:
        delete(self.private)
        delete(self.path.with_name(f".{self.path.name}"))


def remove_left(root: Path) -> None:
    """Delete evaluations that a killed harness left under `root`, and what of them lies in the temporary folder."""
    if root.is_dir() and not root.is_symlink():
        for path in root.iterdir():
            if path.is_symlink() and path.readlink().name.startswith(_ELSEWHERE):
                delete(path.readlink())
    delete(root)


def _settle(folder: Path, depth: int) -> None:
    allow(str(folder))
    folders: list[str] = []
    others: list[str] = []
    # no entry is kept: a million of them, each with what is known of it, are a gigabyte
    with os.scandir(folder) as entries:
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                folders.append(entry.path)
            elif not stat.S_ISREG(mode):
                others.append(entry.path)
            elif mode & 0o600 != 0o600:
                Path(entry.path).chmod(mode & 0o777 | 0o600)
    for path in others:
        delete(Path(path))
    for path in folders:
        if depth and len(os.fsencode(path)) <= _LONGEST_PATH:
            _settle(Path(path), depth - 1)
        else:
            delete(Path(path))
