"""The pool: built once and completely, read-only, rebuilt when torn, and refused when the sources changed."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.tasks.plans import make_plan

from mlmaster.errors import DataError, InfrastructureError, RunDirectoryError
from mlmaster.tasks.pool import ViewPool, discard


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "train.csv").write_text("x,y\na,1\nb,2\n", encoding="utf-8")
    return folder


@pytest.fixture
def pool(tmp_path: Path, source: Path) -> ViewPool:
    return ViewPool(tmp_path / "pool", source, ["train.csv"])


def test_a_view_is_read_only_and_holds_only_its_input(pool: ViewPool) -> None:
    folder, rows = pool.take(make_plan())
    assert rows == [1]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o555
    assert {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == dict.fromkeys(
        ("train.csv", "test.csv", "sample.csv"), 0o444
    )


def test_a_view_is_built_once_and_reused_after_resume(pool: ViewPool, tmp_path: Path, source: Path) -> None:
    folder, rows = pool.take(make_plan())
    inode = folder.stat().st_ino
    assert pool.take(make_plan()) == (folder, rows)
    assert ViewPool(tmp_path / "pool", source, ["train.csv"]).take(make_plan()) == (folder, rows)
    assert folder.stat().st_ino == inode


def test_another_plan_of_the_name_replaces_the_view(pool: ViewPool) -> None:
    pool.take(make_plan())
    folder, rows = pool.take(make_plan(sides="hv"))
    assert rows == [0]
    assert (folder / "test.csv").read_text(encoding="utf-8") == "x\na\n"


def test_threads_share_one_build(pool: ViewPool) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda i: pool.take(make_plan(f"fold-{i % 2}")), range(32)))
    assert len({folder for folder, _ in found}) == 2
    assert all((folder / "sample.csv").is_file() for folder, _ in found)


def test_what_a_killed_process_left_is_thrown_away(tmp_path: Path, source: Path) -> None:
    torn = tmp_path / "pool/.building-abc/input"
    torn.mkdir(parents=True)
    (torn / "train.csv").write_text("x", encoding="utf-8")
    torn.chmod(0o555)
    unstamped = tmp_path / "pool/fold-0/input"
    unstamped.mkdir(parents=True)
    (unstamped / "leak.csv").write_text("x", encoding="utf-8")
    folder, _ = ViewPool(tmp_path / "pool", source, ["train.csv"]).take(make_plan())
    assert not torn.parent.exists()
    assert not (folder / "leak.csv").exists()
    assert (folder / "train.csv").is_file()


def test_a_changed_source_is_named_at_once_and_on_resume(pool: ViewPool, tmp_path: Path, source: Path) -> None:
    (source / "train.csv").write_text("x,y\na,1\nb,3\n", encoding="utf-8")
    os.utime(source / "train.csv", ns=(1, 1))
    with pytest.raises(DataError, match=r"train.csv: has changed since the run began"):
        pool.take(make_plan())
    with pytest.raises(DataError, match=r"train.csv: has changed since the run began"):
        ViewPool(tmp_path / "pool", source, ["train.csv"])


def test_a_missing_source_is_named(pool: ViewPool, source: Path) -> None:
    (source / "train.csv").unlink()
    with pytest.raises(DataError, match=r"train.csv: no such file"):
        pool.take(make_plan())


def test_a_plan_that_does_not_fit_leaves_nothing_behind(pool: ViewPool, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"view fold-0 cannot be built: train.csv: has 2 rows"):
        pool.take(make_plan(sides="vhv"))
    assert [path.name for path in (tmp_path / "pool").iterdir()] == ["sources.json"]


def test_a_pool_that_cannot_be_written_is_our_fault(pool: ViewPool, tmp_path: Path) -> None:
    (tmp_path / "task/blocker").write_text("x", encoding="utf-8")
    plan = make_plan()
    plan["train_path"] = "a"
    plan["test_path"] = "a/test.csv"
    with pytest.raises(InfrastructureError, match="view fold-0 cannot be written in"):
        pool.take(plan)


def test_discard_removes_files_read_only_folders_and_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/e/f").write_text("x", encoding="utf-8")
    for path in (tmp_path / "d/e/f", tmp_path / "d/e", tmp_path / "d"):
        path.chmod(0o555)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for name in ("d", "file", "missing"):
        discard(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_discard_follows_no_link(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir()
    (private / "key").write_text("decoy")
    private.chmod(0o700)
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "work" / "deep" / "link").symlink_to(private, target_is_directory=True)
    (tmp_path / "alone").symlink_to(private, target_is_directory=True)
    discard(tmp_path / "work")
    discard(tmp_path / "alone")
    assert not (tmp_path / "work").exists()
    assert not (tmp_path / "alone").is_symlink()
    assert private.stat().st_mode & 0o777 == 0o700
    assert (private / "key").read_text() == "decoy"


def test_a_source_that_holds_the_same_again_has_not_changed(pool: ViewPool, tmp_path: Path, source: Path) -> None:
    text = (source / "train.csv").read_text(encoding="utf-8")
    (source / "train.csv").write_text(text, encoding="utf-8")
    os.utime(source / "train.csv", ns=(1, 1))
    inode = pool.take(make_plan())[0].stat().st_ino
    assert ViewPool(tmp_path / "pool", source, ["train.csv"]).take(make_plan())[0].stat().st_ino == inode


def test_a_changed_source_of_the_same_size_and_time_is_found_on_resume(
    pool: ViewPool, tmp_path: Path, source: Path
) -> None:
    status = (source / "train.csv").stat()
    (source / "train.csv").write_text("x,y\na,1\nb,3\n", encoding="utf-8")
    os.utime(source / "train.csv", ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(DataError, match=r"train.csv: has changed since the run began"):
        ViewPool(tmp_path / "pool", source, ["train.csv"])


def test_a_changed_file_of_a_row_is_named_on_resume(tmp_path: Path, source: Path) -> None:
    ViewPool(tmp_path / "pool", source, ["train.csv"], row_files="a")
    ViewPool(tmp_path / "pool", source, ["train.csv"], row_files="a")
    with pytest.raises(DataError, match=r"task: a file of a row has changed since the run began"):
        ViewPool(tmp_path / "pool", source, ["train.csv"], row_files="b")


def test_no_view_is_kept_that_the_scan_refuses(tmp_path: Path, source: Path) -> None:
    pool = ViewPool(tmp_path / "pool", source, ["train.csv"], withheld=["x"])
    with pytest.raises(InfrastructureError, match=r"the view fold-0 was built wrongly .* test.csv has columns"):
        pool.take(make_plan())
    assert [path.name for path in (tmp_path / "pool").iterdir()] == ["sources.json"]


@pytest.mark.parametrize("shares_files", [False, True])
def test_a_disk_that_is_too_small_is_refused_before_anything_is_built(
    tmp_path: Path, source: Path, shares_files: bool
) -> None:
    free = [10 * 10**9]
    pool = ViewPool(
        tmp_path / "pool", source, ["train.csv"], shares_files=shares_files, free_bytes=lambda folder: free[0]
    )
    pool.reserve(9 * 10**9)
    with pytest.raises(
        RunDirectoryError, match=r"the views need about 12.0 GB, and the disk has 9.9 GB free; make room"
    ):
        pool.reserve(12 * 10**9)
    pool.take(make_plan())
    free[0] = 64 * 2**20
    with pytest.raises(RunDirectoryError, match=r"has 0.0 GB free"):
        pool.reserve(10**6)
    pool.reserve(4096)  # what stands already counts
