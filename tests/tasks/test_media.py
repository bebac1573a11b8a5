"""The media store: files are the harness's own, linked into views, and every change that is not its own is found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.tasks import plans

from mlmaster.tasks.media import MediaStore, is_intact
from mlmaster.tasks.pool import ViewPool
from mlmaster.tasks.rebuild import WRITTEN_AT, Plan, RowFiles


def make_plan(name: str, sides: str) -> Plan:
    return plans.make_plan(name, sides, [RowFiles(train="train/{key}.png", test="test/{key}.png", key="x")])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    (folder / "train").mkdir(parents=True)
    (folder / "train.csv").write_text("x,y\na,1\nb,2\nc,3\n", encoding="utf-8")
    for key in "abc":
        (folder / "train" / f"{key}.png").write_text(f"picture {key}", encoding="utf-8")
    return folder


def make_pool(tmp_path: Path, source: Path) -> ViewPool:
    return ViewPool(tmp_path / "pool", source, ["train.csv"], shares_files=True)


@pytest.fixture
def pool(tmp_path: Path, source: Path) -> ViewPool:
    return make_pool(tmp_path, source)


def test_views_share_files_with_each_other_and_never_with_the_user(
    pool: ViewPool, tmp_path: Path, source: Path
) -> None:
    first, _ = pool.take(make_plan("fold-0", "vvh"))
    again, _ = pool.take(make_plan("fold-1", "hvv"))
    for key, side, other in (("a", "train", "test"), ("b", "train", "train"), ("c", "test", "train")):
        ours = (first / side / f"{key}.png").stat()
        assert ours.st_ino == (again / other / f"{key}.png").stat().st_ino
        assert ours.st_nlink == 3
        assert (ours.st_mode & 0o777, ours.st_mtime) == (0o444, WRITTEN_AT)
        users = (source / "train" / f"{key}.png").stat()
        assert users.st_ino != ours.st_ino
        assert users.st_nlink == 1
        assert users.st_mtime != WRITTEN_AT
    assert is_intact(first)
    assert is_intact(again)


def test_views_that_come_and_go_are_no_change(pool: ViewPool, tmp_path: Path, source: Path) -> None:
    first, _ = pool.take(make_plan("fold-0", "vvh"))
    for sides in ("hvv", "vhv"):  # the second replaces the first under its name
        pool.take(make_plan("fold-1", sides))
        assert is_intact(first)
    assert not pool.discard("fold-1")
    assert is_intact(first)
    inode = (first / "train/a.png").stat().st_ino
    assert make_pool(tmp_path, source).take(make_plan("fold-0", "vvh"))[0] == first
    assert (first / "train/a.png").stat().st_ino == inode
    assert is_intact(first)


def test_a_changed_file_is_found_though_size_and_time_were_put_back_and_all_is_built_anew(
    pool: ViewPool, tmp_path: Path
) -> None:
    first, _ = pool.take(make_plan("fold-0", "vvh"))
    again, _ = pool.take(make_plan("fold-1", "hvv"))
    path = first / "train/b.png"
    path.chmod(0o644)
    path.write_text("forged! b", encoding="utf-8")
    path.chmod(0o444)
    os.utime(path, (WRITTEN_AT, WRITTEN_AT))
    assert not is_intact(first)
    assert not is_intact(again)
    pool.take(make_plan("fold-2", "vhv"))  # a later link does not make it ours
    assert not is_intact(first)
    assert pool.discard("fold-0")
    assert not again.exists()
    for name, sides in (("fold-0", "vvh"), ("fold-1", "hvv")):
        folder, _ = pool.take(make_plan(name, sides))
        assert (folder / "train/b.png").read_text(encoding="utf-8") == "picture b"
        assert is_intact(folder)


@pytest.mark.parametrize("harm", ["change", "add", "remove", "no ledger"])
def test_a_store_that_is_not_as_it_was_left_is_thrown_away_at_the_next_start(
    pool: ViewPool, tmp_path: Path, source: Path, harm: str
) -> None:
    first, _ = pool.take(make_plan("fold-0", "vvh"))
    files = tmp_path / "pool/media/files/train"
    match harm:
        case "change":
            os.utime(files / "a.png", (1, 1))
        case "add":
            (files / "d.png").write_text("planted", encoding="utf-8")
        case "remove":
            (files / "a.png").unlink()
        case _:
            (tmp_path / "pool/media/ledger.json").unlink()
    pool = make_pool(tmp_path, source)
    assert not first.exists()
    assert is_intact(pool.take(make_plan("fold-0", "vvh"))[0])


def test_a_build_that_fails_leaves_the_others_intact(pool: ViewPool, tmp_path: Path) -> None:
    first, _ = pool.take(make_plan("fold-0", "vvh"))
    with pytest.raises(Exception, match="cannot be built"):
        pool.take(make_plan("fold-1", "vvhh"))
    assert is_intact(first)
    assert {path.name for path in (tmp_path / "pool").iterdir()} == {"fold-0", "media", "sources.json"}


def test_what_no_pool_made_shares_nothing(tmp_path: Path) -> None:
    (tmp_path / "view/input").mkdir(parents=True)
    assert is_intact(tmp_path / "view/input")


def test_a_file_from_elsewhere_is_copied(tmp_path: Path, source: Path) -> None:
    (tmp_path / "new.png").write_text("new", encoding="utf-8")
    store = MediaStore(tmp_path / "pool", source)
    with store.changing():
        store.place(str(tmp_path / "new.png"), str(tmp_path / "shown.png"))
    assert (tmp_path / "shown.png").stat().st_nlink == 1
    assert store.is_whole()
