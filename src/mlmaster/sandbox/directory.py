"""The folders of one evaluation: made before the script starts, measured while it runs, made safe to read after."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlmaster.sandbox.views import Showing, Shown, Views

_DEEPEST = 32
_LEAST_ENTRY_BYTES = 4096
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
            private = Path(tempfile.mkdtemp(prefix="mlm-"))
        try:
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
            raise
        return cls(path, private, shown, used_bytes(path, private))

    def written_bytes(self) -> int:
        """Return the bytes on disk that the script added, its home and temporary folder included."""
        return used_bytes(self.path, self.private) - self.laid_bytes

    def devices(self) -> frozenset[int]:
        """Return the numbers of the filesystems that the folders lie on."""
        return frozenset(path.stat().st_dev for path in (self.path, self.private) if path.exists())

    def open_up(self) -> None:
        """Let what a script hid in closed folders be seen and measured; no process of it may be alive."""
        for folder in (self.path, self.home, self.temporary):
            if not folder.is_symlink() and folder.is_dir():
                _open_up(folder)

    def remove(self) -> None:
        """Delete everything of this evaluation."""
        delete(self.private)
        delete(self.path)

    def settle(self) -> None:
        """Leave regular files and folders only, readable and deletable; take away `input/`, the home and the rest.

        A pipe would block whoever reads it, a link would show a file that is not the script's, and a folder without
        rights or of absurd depth could not be deleted. No process of the script may be alive.
        """
        delete(self.private)
        if self.path.is_symlink() or not self.path.is_dir():
            self.path.unlink(missing_ok=True)
            self.path.mkdir(mode=0o700, parents=True)
        delete(self.path / "input")
        _settle(self.path, _DEEPEST)


def used_bytes(*folders: Path) -> int:
    """Return the bytes on disk below the folders, without following links; an entry counts at least 4 KiB."""
    total = 0
    pending = [str(folder) for folder in folders]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += max(entry.stat(follow_symlinks=False).st_blocks * 512, _LEAST_ENTRY_BYTES)
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
    return total


def delete(path: Path) -> None:
    """Delete a file, a link or a whole folder, whatever rights and depth a script gave it; absent is fine."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    _open_up(path)
    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):
        # deeper than Python recurses or than a path may be long
        subprocess.run(["rm", "-rf", "--", str(path)], check=False, stdin=subprocess.DEVNULL, capture_output=True)


def _open_up(folder: Path) -> None:
    """Give the owner every right to a folder and those below, whatever a script made of them."""
    pending = [folder]
    while pending:
        folder = pending.pop()
        with contextlib.suppress(OSError):
            _allow(folder)
            with os.scandir(folder) as entries:
                pending += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]


def _settle(folder: Path, depth: int) -> None:
    _allow(folder)
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        path = Path(entry.path)
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode) and depth:
            _settle(path, depth - 1)
        elif stat.S_ISREG(mode):
            if mode & 0o600 != 0o600:
                path.chmod(mode & 0o777 | 0o600)
        else:
            delete(path)


def _allow(folder: Path) -> None:
    mode = folder.lstat().st_mode
    if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
        folder.chmod(mode & 0o777 | 0o700)
