"""Folders that a script had to itself: whatever it made of them, they are measured, opened up and deleted."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmaster.sandbox.directory import EvaluationDirectory, remove_left
from mlmaster.sandbox.folders import allow, delete, open_up, used_bytes
from mlmaster.sandbox.views import Views

_LONG = "n" * 250


@pytest.fixture
def top(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "top"
    folder.mkdir()
    yield folder
    delete(folder)


def _dig(folder: Path, levels: int, siblings: int = 0) -> int:
    """Make folders below each other, deeper than a path can name; return a descriptor of the last."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        for number in range(siblings):
            os.mkdir(str(number), dir_fd=descriptor)
        os.mkdir(_LONG, dir_fd=descriptor)
        below = os.open(_LONG, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    return descriptor


def _write(folder: int, name: str, count: int) -> None:
    descriptor = os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=folder)
    os.write(descriptor, b"x" * count)
    os.close(descriptor)


def test_what_lies_deeper_than_a_path_can_name_is_counted(top: Path) -> None:
    below = _dig(top, 40)
    _write(below, "big", 1_000_000)
    os.close(below)
    assert used_bytes(top) >= 40 * 4096 + 1_000_000


def test_what_is_closed_and_deeper_than_a_path_can_name_is_opened_up_and_deleted(top: Path) -> None:
    below = _dig(top, 40)
    os.mkdir("closed", dir_fd=below)
    os.mkdir("closed/inner", dir_fd=below)
    os.chmod("closed", 0, dir_fd=below)
    assert open_up(top) >= 40
    assert stat.S_IMODE(os.stat("closed", dir_fd=below).st_mode) == 0o700
    os.chmod("closed", 0, dir_fd=below)
    os.close(below)
    delete(top)
    assert not top.exists()


def test_a_tree_too_entangled_to_be_counted_is_too_much(top: Path) -> None:
    os.close(_dig(top, 100, siblings=1))
    before = len(list(Path("/dev/fd").iterdir()))
    assert used_bytes(top, enough=10**9) == 10**9 + 1
    assert len(list(Path("/dev/fd").iterdir())) == before
    delete(top)
    assert not top.exists()


def test_counting_ends_when_it_is_enough(top: Path) -> None:
    for number in range(10):
        (top / str(number)).touch()
    assert used_bytes(top, enough=2 * 4096) == 3 * 4096
    assert used_bytes(top, enough=100 * 4096) == 10 * 4096


def test_a_folder_that_became_a_link_is_not_followed(top: Path, tmp_path: Path) -> None:
    goal = tmp_path / "goal"
    goal.mkdir(mode=0o500)
    (top / "link").symlink_to(goal)
    with pytest.raises(OSError, match="link"):
        allow(str(top / "link"))
    open_up(top / "link")
    assert stat.S_IMODE(goal.stat().st_mode) == 0o500
    assert used_bytes(top / "link") == 0


def test_settling_leaves_what_can_be_named_and_deleted(tmp_path: Path) -> None:
    view = tmp_path / "view"
    view.mkdir()
    (tmp_path / "root").mkdir()
    directory = EvaluationDirectory.lay_out(tmp_path / "root", "", view, Views(1000, 1000))
    os.close(_dig(directory.path, 30))
    (directory.path / "working" / "kept").write_text("kept")
    directory.settle()
    longest = max(len(folder) for folder, _, _ in os.walk(directory.path))
    assert 500 < longest < 2400
    assert (directory.path / "working" / "kept").read_text() == "kept"
    directory.remove()
    assert list((tmp_path / "root").iterdir()) == []


def test_what_a_killed_harness_left_is_removed_wherever_it_lies(tmp_path: Path) -> None:
    root, view = tmp_path / ("long" * 20), tmp_path / "view"
    root.mkdir()
    view.mkdir()
    directory = EvaluationDirectory.lay_out(root, "", view, Views(1000, 1000))
    assert directory.private.parent != root
    os.close(_dig(directory.path, 30))
    (directory.home / "kept").touch()
    remove_left(root)
    assert not root.exists()
    assert not directory.private.exists()
    remove_left(root)
