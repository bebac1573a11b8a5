"""One competition, prepared: from wherever its files lie, whole or not at all, and equal to the official files or refused."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.mlebench.preparation.kit import (
    COMPETITION,
    ID,
    PREPARED,
    RAW,
    BrokenRecipe,
    HalvesRecipe,
    means,
    place_in,
    read_files,
    sums_of,
    write_archive,
    write_files,
)

from mlmaster.errors import DataError
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.preparation.preparing import Means, Outcome, Status, Wish, prepare
from mlmaster.mlebench.preparation.recipe import Recipe
from mlmaster.mlebench.preparation.verifying import State, UnofficialError

IMAGES = {
    name.replace("train/", "public/images/"): content for name, content in RAW.items() if name.startswith("train/")
}
OTHERS = {**PREPARED, "public/train.csv": b"others"}

OFFICIAL = means()


class Source:
    """A user's folder of raw files, and preparations from it into a data folder."""

    def __init__(self, folder: Path) -> None:
        self.raw = write_files(folder / "mine", RAW)
        self.place = place_in(folder / "data")

    def prepare(self, recipe: Recipe | None = None, means: Means | None = None, **wish: Any) -> Outcome:
        return prepare(self.place, Wish(**{"source": self.raw, **wish}), means or OFFICIAL, recipe or HalvesRecipe())

    def refusal(self, *words: Any, **more: Any) -> str:
        with pytest.raises(DataError) as caught:
            self.prepare(*words, **more)
        return str(caught.value)

    def left(self) -> list[str]:
        """Return what lies in the competition's folder, but for the lock."""
        return sorted(entry.name for entry in self.place.home.iterdir() if entry.name != ".prepare.lock")


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path)


def tables(prepared: Path) -> dict[str, bytes]:
    return {name: content for name, content in read_files(prepared).items() if name.endswith(".csv")}


def test_a_folder_is_prepared_and_stays_as_it_is(source: Source) -> None:
    outcome = source.prepare()
    assert (outcome.status, outcome.is_official, outcome.notes) == (Status.PREPARED, True, ())
    assert [(check.name, check.state) for check in outcome.checks] == [
        ("public/sample_submission.csv", State.EQUAL),
        ("public/test.csv", State.EQUAL),
        ("public/train.csv", State.EQUAL),
        ("private/test.csv", State.EQUAL),
    ]
    files = read_files(source.place.prepared)
    description = files.pop("public/description.md").decode()
    assert files == {**PREPARED, **IMAGES}
    assert read_files(source.raw) == RAW
    assert source.left() == ["prepared"]
    assert "# Guess the Weight" in description
    assert "Metric: mean absolute error; lower is better." in description
    assert "- `images/`: a folder\n- `sample_submission.csv`: 18 bytes\n" in description
    assert "```\nid,weight\n3,0\n4,0\n```" in description
    assert "private" not in description


def test_kaggles_own_description_is_taken_where_there_is_one(source: Source) -> None:
    write_files(source.raw, {"description.md": b"what Kaggle says"})
    source.prepare()
    assert (source.place.public / "description.md").read_text() == "what Kaggle says"


def test_the_zip_in_the_data_folder_is_unpacked_and_kept(source: Source) -> None:
    write_archive(source.place.zip, RAW)
    sums = sums_of(PREPARED, source.place.zip)
    outcome = source.prepare(means=means(sums), source=None)
    assert outcome.checks[0].name == f"{ID}.zip"
    assert outcome.is_official
    assert read_files(source.place.raw) == RAW
    assert source.left() == [f"{ID}.zip", "prepared", "raw"]


def test_raw_goes_where_it_is_not_to_be_kept(source: Source) -> None:
    write_archive(source.place.zip, RAW)
    source.prepare(means=means(sums_of(PREPARED, source.place.zip)), source=None, keeps_raw=False)
    assert source.left() == [f"{ID}.zip", "prepared"]


def test_a_users_own_folder_is_never_deleted(source: Source) -> None:
    write_files(source.place.raw, {"other.txt": b""})
    source.prepare(keeps_raw=False)
    assert read_files(source.raw) == RAW
    assert source.left() == ["prepared", "raw"]


def test_a_users_zip_is_unpacked_beside_the_work(source: Source, tmp_path: Path) -> None:
    path = write_archive(tmp_path / "anything.zip", RAW)
    outcome = source.prepare(means=means(sums_of(PREPARED, path)), source=path)
    assert (outcome.checks[0].name, outcome.is_official) == ("anything.zip", True)
    assert source.left() == ["prepared"]


def test_what_lies_nowhere_is_fetched(source: Source) -> None:
    shutil.rmtree(source.raw)
    zip_file = write_archive(source.raw / "at-kaggle.zip", RAW)

    def fetch(place: Place) -> Path:
        return Path(shutil.copy(zip_file, place.zip))

    outcome = source.prepare(means=means(sums_of(PREPARED, zip_file), fetch), source=None)
    assert outcome.is_official
    assert tables(source.place.prepared) == PREPARED


def test_what_is_prepared_is_only_looked_at(source: Source) -> None:
    source.prepare()
    again = source.prepare(BrokenRecipe(AssertionError("not to be run")))
    assert (again.status, again.is_official) == (Status.FOUND, True)


def test_what_is_prepared_may_lie_where_nothing_can_be_written(source: Source) -> None:
    write_files(source.place.prepared, PREPARED)
    before = [(path, path.stat().st_mtime_ns) for path in sorted(source.place.home.rglob("*"))]
    assert source.prepare().status is Status.FOUND
    assert [(path, path.stat().st_mtime_ns) for path in sorted(source.place.home.rglob("*"))] == before


def test_force_prepares_anew(source: Source) -> None:
    write_files(source.place.prepared, {**OTHERS, "public/old.txt": b"old"})
    assert source.prepare(is_forced=True).status is Status.PREPARED
    assert tables(source.place.prepared) == PREPARED
    assert not (source.place.public / "old.txt").exists()
    assert source.left() == ["prepared"]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (OTHERS, "public/train.csv differs (MD5 "),
        ({**PREPARED, "public/more.json": b"{}"}, "public/more.json is not among the official files"),
        (
            {name: content for name, content in PREPARED.items() if name != "public/train.csv"},
            "public/train.csv is missing",
        ),
    ],
    ids=["differs", "extra", "missing"],
)
def test_prepared_files_that_are_not_the_official_ones_are_refused(
    files: dict[str, bytes], told: str, source: Source
) -> None:
    write_files(source.place.prepared, {"public/note.txt": b"has no checksum", **files})
    message = source.refusal()
    assert f"{ID}: not as MLE-bench has it: {told}" in message
    assert message.endswith(
        f"{source.place.prepared} was left as it is: prepare it anew with --force, or accept it with --skip-verification"
    )
    outcome = source.prepare(accepts_others=True)
    assert (outcome.status, outcome.is_official) == (Status.FOUND, False)
    assert told in outcome.notes[0]
    assert tables(source.place.prepared) == {name: each for name, each in files.items() if name.endswith(".csv")}


def test_what_came_out_different_is_set_aside_and_can_be_accepted(source: Source) -> None:
    with pytest.raises(UnofficialError) as caught:
        source.prepare(means=means(sums_of(OTHERS)))
    states = [check.state for check in caught.value.checks]
    assert states == [State.EQUAL, State.EQUAL, State.DIFFERS, State.EQUAL]
    assert "was prepared lies in" in str(caught.value)
    assert source.left() == ["prepared-unverified"]
    not_run = BrokenRecipe(AssertionError("not to be run"))
    outcome = source.prepare(not_run, means=means(sums_of(OTHERS)), accepts_others=True)
    assert (outcome.status, outcome.is_official) == (Status.FOUND, False)
    assert source.left() == ["prepared"]


def test_what_was_set_aside_goes_when_the_official_files_come_out(source: Source) -> None:
    source.refusal(means=means(sums_of(OTHERS)))
    source.prepare()
    assert source.left() == ["prepared"]


def test_another_zip_is_refused_before_anything_is_prepared(source: Source) -> None:
    write_archive(source.place.zip, RAW)
    message = source.refusal(BrokenRecipe(AssertionError("not to be run")), source=None)
    assert f"{ID}.zip differs" in message
    assert source.left() == [f"{ID}.zip"]
    outcome = source.prepare(source=None, accepts_others=True)
    assert outcome.checks[0].state is State.DIFFERS
    assert len(outcome.notes) == 1


def test_a_damaged_zip_is_named(source: Source) -> None:
    write_files(source.place.home, {f"{ID}.zip": b"PK cut short"})
    sums = sums_of(PREPARED, source.place.zip)
    assert f"{ID}.zip: cannot be unpacked" in source.refusal(means=means(sums), source=None)
    assert source.left() == [f"{ID}.zip"]


def test_a_zip_with_a_way_out_leaves_nothing(source: Source) -> None:
    write_archive(source.place.zip, {**RAW, "../../escaped.csv": b"x"})
    sums = sums_of(PREPARED, source.place.zip)
    assert "would lead out of the folder" in source.refusal(means=means(sums), source=None)
    assert source.left() == [f"{ID}.zip"]
    assert not list(source.place.data_dir.parent.rglob("escaped.csv"))


def test_missing_raw_files_are_named(source: Source) -> None:
    shutil.rmtree(source.raw / "train")
    (source.raw / "train.csv").unlink()
    (source.raw / "readme.txt").touch()
    assert "lacks train.csv and train/" in source.refusal()
    assert "lacks train.csv and train/" in source.refusal(accepts_others=True)
    assert source.left() == []


def test_a_missing_folder_can_be_done_without(source: Source) -> None:
    shutil.rmtree(source.raw / "train")
    assert "lacks train/" in source.refusal()
    outcome = source.prepare(accepts_others=True)
    assert outcome.notes == ("prepared without train/, which the raw files lack",)
    assert tables(source.place.prepared) == PREPARED


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"id,kind\n1,a\n", "KeyError: "), (b"\xff\xfe\x00", "UnicodeDecodeError: "), (b"", "EmptyDataError: ")],
    ids=["column", "encoding", "empty"],
)
def test_raw_files_that_are_not_kaggles_are_told(content: bytes, told: str, source: Source) -> None:
    (source.raw / "train.csv").write_bytes(content)
    message = source.refusal()
    assert f"the files in {source.raw} are not as Kaggle gave them to MLE-bench ({told}" in message
    assert source.left() == []


def test_a_recipe_that_writes_too_little_is_told(source: Source) -> None:
    class Half(HalvesRecipe):
        def prepare(self, raw: Path, public: Path, private: Path) -> None:
            super().prepare(raw, public, private)
            (private / "test.csv").unlink()

    assert "lacks private/test.csv; the raw files may be incomplete" in source.refusal(Half())
    assert source.left() == []


def test_room_is_asked_for_before_anything_is_written(source: Source) -> None:
    size = sum(map(len, RAW.values()))
    never = BrokenRecipe(AssertionError("not to be run"))
    message = source.refusal(never, means=means(free=lambda _folder: size))
    assert f"{ID}: needs about 0.0 MB of disk and 0.0 MB are free at {source.place.home}" in message
    assert "--data-dir" in message
    assert source.prepare(means=means(free=lambda _folder: 2 * size)).is_official


def test_room_is_asked_for_before_a_download(source: Source) -> None:
    def fetch(place: Place) -> Path:
        raise AssertionError("not to be fetched")

    message = source.refusal(means=means(fetch=fetch, free=lambda _folder: 10**9), source=None)
    assert f"needs about {3 * (COMPETITION.size_gb or 0):.1f} GB of disk and 1.0 GB are free" in message


def test_a_disk_that_runs_full_leaves_nothing(source: Source) -> None:
    message = source.refusal(BrokenRecipe(OSError(errno.ENOSPC, "No space left on device")))
    assert message.startswith(f"{ID}: the disk is full; make room")
    assert source.left() == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_cannot_be_written_is_named(source: Source) -> None:
    source.place.data_dir.mkdir(mode=0o500)
    assert f"{source.place.home}: Permission denied; make room or allow access" in source.refusal()


def test_a_file_in_the_place_of_the_data_folder_is_named(source: Source) -> None:
    source.place.data_dir.write_text("")
    assert f"{source.place.home}: Not a directory" in source.refusal()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()])
def test_an_interrupted_preparation_is_begun_again(error: BaseException, source: Source) -> None:
    with pytest.raises(type(error)):
        source.prepare(BrokenRecipe(error))
    assert source.left() == []
    assert source.prepare().status is Status.PREPARED


KILLED = """
import os, sys
from pathlib import Path
from tests.mlebench.preparation.kit import HalvesRecipe, means, place_in
from mlmaster.mlebench.preparation.preparing import Wish, prepare

class Killed(HalvesRecipe):
    def prepare(self, raw, public, private):
        super().prepare(raw, public, private)
        os.kill(os.getpid(), 9)

prepare(place_in(Path(sys.argv[1])), Wish(Path(sys.argv[2])), means(), Killed())
"""


@pytest.mark.skipif(os.name == "nt", reason="processes are killed with signals")
def test_a_killed_preparation_is_begun_again(source: Source) -> None:
    root = Path(__file__).resolve().parents[3]
    words = [sys.executable, "-c", KILLED, str(source.place.data_dir), str(source.raw)]
    assert subprocess.run(words, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}).returncode == -9
    assert source.left() == [".preparing"]
    assert source.prepare().status is Status.PREPARED
    assert tables(source.place.prepared) == PREPARED
    assert source.left() == ["prepared"]


def test_killed_between_two_names_the_old_files_come_back(source: Source) -> None:
    write_files(source.place.home / ".prepared-old", PREPARED)
    assert source.prepare().status is Status.FOUND
    assert source.left() == ["prepared"]


def test_killed_before_the_old_files_went_they_go(source: Source) -> None:
    write_files(source.place.home / ".prepared-old", OTHERS)
    write_files(source.place.prepared, PREPARED)
    source.prepare(is_forced=True)
    assert tables(source.place.prepared) == PREPARED
    assert source.left() == ["prepared"]


def test_an_unfinished_folder_of_anothers_making_is_left_alone(source: Source) -> None:
    write_files(source.place.prepared, {"public/train.csv": b"half"})
    message = source.refusal()
    assert "lacks public/sample_submission.csv" in message.replace("private/test.csv and ", "")
    assert message.endswith("prepare it anew with --force")
    assert read_files(source.place.prepared) == {"public/train.csv": b"half"}
    assert source.prepare(is_forced=True).is_official


def test_empty_folders_that_mle_bench_makes_first_are_in_nobodys_way(source: Source) -> None:
    source.place.public.mkdir(parents=True)
    source.place.private.mkdir()
    assert source.prepare().status is Status.PREPARED


def test_only_one_prepares_at_a_time(source: Source) -> None:
    class Twice(HalvesRecipe):
        def prepare(self, raw: Path, public: Path, private: Path) -> None:
            assert "is being prepared by another process" in source.refusal()
            super().prepare(raw, public, private)

    assert source.prepare(Twice()).is_official


FORMS = (f"bench/{ID}/prepared", f"bench/{ID}", "bench/prepared", "bench")


@pytest.mark.parametrize("form", FORMS)
def test_what_mle_bench_prepared_is_taken_over(form: str, tmp_path: Path) -> None:
    theirs = write_files(tmp_path / form, {**PREPARED, "public/description.md": b"theirs", "public/images/1.png": b"1"})
    before = read_files(theirs)
    place = place_in(tmp_path / "data")
    outcome = prepare(place, Wish(tmp_path / "bench"), means())
    assert (outcome.status, outcome.is_official) == (Status.ADOPTED, True)
    assert read_files(place.prepared) == before == read_files(theirs)


def test_what_mle_bench_prepared_in_the_data_folder_is_looked_at_in_place(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    write_files(place.prepared, PREPARED)
    assert prepare(place, Wish(), means()).status is Status.FOUND
    again = prepare(place, Wish(tmp_path, is_forced=True), means())
    assert (again.status, tables(place.prepared)) == (Status.ADOPTED, PREPARED)


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (OTHERS, "public/train.csv differs"),
        (
            {"public/train.csv": b"", "private/test.csv": b""},
            "lacks public/sample_submission.csv; prepare it with MLE-bench",
        ),
    ],
    ids=["differs", "unfinished"],
)
def test_others_files_are_not_taken_over(files: dict[str, bytes], told: str, tmp_path: Path) -> None:
    write_files(tmp_path / "bench", files)
    place = place_in(tmp_path / "data")
    with pytest.raises(DataError, match=told):
        prepare(place, Wish(tmp_path / "bench"), means())
    assert not place.prepared.exists()


def test_taking_over_asks_for_room(tmp_path: Path) -> None:
    write_files(tmp_path / "bench", PREPARED)
    with pytest.raises(DataError, match="needs about"):
        prepare(place_in(tmp_path / "data"), Wish(tmp_path / "bench"), means(free=lambda _folder: 10))


def test_without_a_recipe_the_way_is_told(tmp_path: Path) -> None:
    write_files(tmp_path / "mine", RAW)
    place = place_in(tmp_path / "data")
    named = f", and {tmp_path / 'mine'} holds nothing that MLE-bench prepared of it"
    for wish, found in ((Wish(tmp_path / "mine"), named), (Wish(), "")):
        with pytest.raises(DataError, match=re.escape(f"{ID} has no recipe here{found}: prepare it with MLE-bench")):
            prepare(place, wish, means())
    assert not place.home.exists()
