"""Cores, environment and views, without running a script."""

import os
from pathlib import Path

import pytest

from mlmaster.errors import InfrastructureError
from mlmaster.sandbox import environment
from mlmaster.sandbox.cores import CoreLease
from mlmaster.sandbox.directory import EvaluationDirectory
from mlmaster.sandbox.folders import delete, used_bytes
from mlmaster.sandbox.views import Showing, Views


def test_cores_are_distinct_while_there_are_enough() -> None:
    lease = CoreLease(range(4))
    with lease.borrow(2) as first, lease.borrow(1) as second, lease.borrow(1) as third:
        assert first | second | third == set(range(4))
        with lease.borrow(3) as shared:
            assert len(shared) == 3
    with lease.borrow(1) as again:
        assert again == {0}


def test_cores_are_all_lent_to_a_slot_that_wants_more() -> None:
    with CoreLease({3, 5}).borrow(8) as cores:
        assert cores == {3, 5}
    with CoreLease(()).borrow(2) as none:
        assert none == frozenset()


def test_environment_is_an_allow_list() -> None:
    own = {
        "PATH": "/p",
        "LC_ALL": "de_DE.UTF-8",
        "TZ": "UTC",
        "OPENAI_API_KEY": "decoy",
        "HOME": "/real",
        "LD_PRELOAD": "x",
    }
    built = environment.build(own, Path("/h"), Path("/t"), 2, "mark")
    assert built["PATH"] == "/p"
    assert built["LC_ALL"] == "de_DE.UTF-8"
    assert built["HOME"] == "/h"
    assert built["TMPDIR"] == built["JOBLIB_TEMP_FOLDER"] == "/t"
    assert built["OMP_NUM_THREADS"] == "2"
    assert built["CUDA_VISIBLE_DEVICES"] == ""
    assert built[environment.TOKEN] == "mark"
    assert not {"OPENAI_API_KEY", "LD_PRELOAD"} & built.keys()
    assert "LANG" in environment.build({}, Path("/h"), Path("/t"), 1, "")


def test_a_view_with_a_pipe_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    view = tmp_path / "view"
    view.mkdir()
    os.mkfifo(view / "pipe")
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(InfrastructureError, match="pipe"):
        EvaluationDirectory.lay_out(root, "", view, Views(1000, 1000))
    assert list(root.iterdir()) == []


def test_a_link_inside_a_view_is_copied_as_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "big.bin").write_bytes(b"content")
    view = tmp_path / "view"
    view.mkdir()
    (view / "big.bin").symlink_to(tmp_path / "big.bin")
    assert Views(1000, 1000).show(view, tmp_path / "input").linked is None
    assert not (tmp_path / "input" / "big.bin").is_symlink()
    assert (tmp_path / "input" / "big.bin").read_bytes() == b"content"
    delete(tmp_path / "input")


def test_a_view_built_anew_is_a_new_view(tmp_path: Path) -> None:
    views = Views(0, 0)
    view = tmp_path / "view"
    for content in ("old", "newer", "newest"):
        view.mkdir()
        (view / "train.csv").write_text(content)
        views.show(view, tmp_path / f"input-{content}")
        delete(view)  # the next one gets the same number, on most filesystems
    before = len(list(Path("/dev/fd").iterdir()))
    views.close()
    assert len(list(Path("/dev/fd").iterdir())) == before - 3


def test_the_temporary_folder_is_short_enough_for_sockets(tmp_path: Path) -> None:
    root = tmp_path / ("long" * 20) / ("path" * 20)
    root.mkdir(parents=True)
    view = tmp_path / "view"
    view.mkdir()
    directory = EvaluationDirectory.lay_out(root, "", view, Views(1000, 1000))
    assert len(str(directory.temporary)) <= 75
    directory.settle()
    assert not directory.private.exists()
    assert list(root.iterdir()) == [directory.path]


def test_used_bytes_counts_entries_and_does_not_follow_links(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "empty").touch()
    (folder / "out").symlink_to(tmp_path)
    (tmp_path / "elsewhere").write_bytes(b"x" * 100_000)
    assert used_bytes(folder) == 2 * 4096


@pytest.mark.parametrize("closed", ["folder", "folder/file", "link"])
def test_a_view_that_others_may_not_read_is_copied_for_them(tmp_path: Path, closed: str) -> None:
    view, outside = tmp_path / "view", tmp_path / "outside"
    (view / "folder").mkdir(parents=True)
    (view / "folder" / "file").write_text("content")
    outside.write_text("content")
    (view / "link").symlink_to(outside)
    open_view = Views(0, 0).show(view, tmp_path / "open", Showing.MOUNT, is_for_another=True)
    assert (open_view.mounted, open_view.targets) == (view, (outside,))
    (view / closed).chmod(0o700)
    assert Views(0, 0).show(view, tmp_path / "own", Showing.MOUNT).mounted == view
    assert Views(0, 0).show(view, tmp_path / "copied", Showing.MOUNT, is_for_another=True).mounted is None
    for name in ("folder/file", "link"):
        assert (tmp_path / "copied" / name).stat().st_mode & 0o777 == 0o444
        assert not (tmp_path / "copied" / name).is_symlink()
