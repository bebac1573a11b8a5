import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from mlmaster.core.events import Refused, RunEnded, RunResumed
from mlmaster.errors import RunDirectoryError
from mlmaster.store.journal import Journal


def test_events_survive_closing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, writable=True)
    journal.append([RunResumed(version="1"), RunEnded(reason="time")], elapsed_s=2.5)
    journal.close()

    again = Journal(tmp_path, writable=False)
    records = again.read()
    assert [r.seq for r in records] == [1, 2]
    assert [r.event for r in records] == [RunResumed(version="1"), RunEnded(reason="time")]
    assert again.elapsed_s == 2.5
    assert [r.seq for r in again.read(after=1)] == [2]
    again.close()


def test_sequence_goes_on_after_reopening(tmp_path: Path) -> None:
    for _ in range(2):
        journal = Journal(tmp_path, writable=True)
        journal.append([RunResumed(version="1")], elapsed_s=0)
        journal.close()
    journal = Journal(tmp_path, writable=False)
    assert [r.seq for r in journal.read()] == [1, 2]
    journal.close()


def test_a_beat_restores_spent_time_and_never_goes_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path, writable=True)
    journal.beat(7.0)
    journal.beat(3.0)
    assert journal.elapsed_s == 7.0
    journal.close()


def test_a_second_writer_is_refused_and_a_reader_is_not(tmp_path: Path) -> None:
    writer = Journal(tmp_path, writable=True)
    with pytest.raises(RunDirectoryError, match="in use by another process"):
        Journal(tmp_path, writable=True)
    reader = Journal(tmp_path, writable=False)
    writer.append([RunEnded(reason="nodes")], elapsed_s=1)
    assert len(reader.read()) == 1
    reader.close()
    writer.close()


def test_a_killed_writer_leaves_whole_batches_and_no_lock(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from mlmaster.core.events import RunEnded, RunResumed
        from mlmaster.store.journal import Journal
        journal = Journal(Path({str(tmp_path)!r}), writable=True)
        journal.append([RunResumed(version="1")], elapsed_s=1)
        journal._connection.execute("BEGIN IMMEDIATE")
        journal._connection.execute("INSERT INTO event VALUES (2, 0, 0, '{{}}')")
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    journal = Journal(tmp_path, writable=True)
    assert [type(r.event) for r in journal.read()] == [RunResumed]
    journal.append([Refused(node=1, reason="exhausted")], elapsed_s=2)
    assert [r.seq for r in journal.read()] == [1, 2]
    journal.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path, writable=True).close()
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(RunDirectoryError, match="schema version 99"):
        Journal(tmp_path, writable=True)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(RunDirectoryError, match="damaged"):
        Journal(tmp_path, writable=False)


def test_a_folder_without_journal_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        Journal(tmp_path, writable=False)


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, writable=True)
    journal.append([RunResumed(version="1")], elapsed_s=1)
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(RunDirectoryError, match="no space left"):
        journal.append([Refused(node=1, reason="exhausted", detail="x" * 20_000)], elapsed_s=2)
    journal._connection.execute("PRAGMA max_page_count=100000")
    journal.append([RunEnded(reason="time")], elapsed_s=3)
    assert [r.seq for r in journal.read()] == [1, 2]
    journal.close()


def test_a_reader_beside_a_starting_run_meets_no_half_made_journal(tmp_path: Path) -> None:
    """Any file named journal.db that a reader can see has its tables: the moment before, there is none."""
    seen: list[int] = []
    is_done = threading.Event()

    def look() -> None:
        while not is_done.is_set():
            for folder in list(tmp_path.iterdir()):
                if (folder / "journal.db").exists():
                    reader = Journal(folder, writable=False)
                    seen.append(len(reader.read()))
                    reader.close()

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        for i in range(60):
            (tmp_path / str(i)).mkdir()
            Journal(tmp_path / str(i), writable=True).close()
    finally:
        is_done.set()
        watcher.join()
    assert set(seen) <= {0}
