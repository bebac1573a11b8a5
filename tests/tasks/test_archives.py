"""Archives of a task folder: what they hold is found, the user's folder stays as it is, and nothing unsafe is unpacked."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import DataError
from mlmaster.metrics.registry import Registry
from mlmaster.tasks.archives import Bounds, is_archive, unpack_file, unpack_folder
from mlmaster.tasks.load import LoadedTask, Overrides, load
from mlmaster.tasks.table import read_columns

TRAIN = "id,a,y\n" + "".join(f"r{i},{i * 0.5},{i * 1.5}\n" for i in range(60))
TEST = "id,a\n" + "".join(f"s{i},{i * 0.5}\n" for i in range(10))
SAMPLE = "id,y\n" + "".join(f"s{i},0\n" for i in range(10))
TABLES = {"train.csv": TRAIN, "test.csv": TEST, "sample_submission.csv": SAMPLE}


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(files: Mapping[str, str | bytes], mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            data = content.encode() if isinstance(content, str) else content
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def special_tar(kind: bytes, name: str = "train.csv", link: str = "/etc/passwd") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type = kind
        entry.linkname = link
        archive.addfile(entry)
    return file.getvalue()


def zip_with_link() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        entry = zipfile.ZipInfo("train.csv")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return file.getvalue()


def put(directory: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return directory


def listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path.relative_to(folder)), path.stat().st_mtime_ns) for path in folder.rglob("*"))


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., LoadedTask]:
    def read(source: Path, **overrides: object) -> LoadedTask:
        return load(source, Overrides.model_validate(overrides), Registry(), tmp_path / "workspace")

    return read


@pytest.mark.parametrize(
    "files",
    [
        {f"{name}.zip": zipped({name: text}) for name, text in TABLES.items()},
        {f"{name}.gz": gzip.compress(text.encode()) for name, text in TABLES.items()},
        {f"{name}.bz2": bz2.compress(text.encode()) for name, text in TABLES.items()},
        {f"{name}.xz": lzma.compress(text.encode()) for name, text in TABLES.items()},
        {f"{name[:-4]}.zip": zipped({name: text}) for name, text in TABLES.items()},
        {"train.zip": zipped({"a.csv": TRAIN}), "test.zip": zipped({"a.csv": TEST}), "sample_submission.csv": SAMPLE},
        {"all.zip": zipped(TABLES)},
        {"all.tar": tarred(TABLES, "w")},
        {"all.tgz": tarred({f"some/{name}": text for name, text in TABLES.items()})},
        {"all.tar.xz": tarred({f"all/{name}": text for name, text in TABLES.items()}, "w:xz")},
        {
            "all.zip": zipped(
                {"train.csv.zip": zipped({"train.csv": TRAIN}), **{n: TABLES[n] for n in list(TABLES)[1:]}}
            )
        },
        {"all.zip": zipped({**TABLES, "__MACOSX/._train.csv": b"\0", ".DS_Store": b"\0"}), "b.7z": "7z"},
    ],
)
def test_tables_in_archives_are_found(
    tmp_path: Path, read: Callable[..., LoadedTask], files: dict[str, str | bytes]
) -> None:
    source = put(tmp_path / "prices", files)
    before = listing(source)
    loaded = read(source)
    task = loaded.task
    assert (task.name, task.train, task.test, task.sample) == ("prices", *TABLES)
    assert task.directory.is_relative_to(tmp_path / "workspace")
    assert {name: (task.directory / name).read_text() for name in TABLES} == TABLES
    assert listing(source) == before
    assert not any(is_archive(path.name) for path in task.directory.rglob("*"))
    assert sum("was unpacked" in note for note in loaded.notes) == sum(map(is_archive, files))
    assert any("7z x b.7z" in note for note in loaded.notes) == ("b.7z" in files)
    assert read(source).task == task


@pytest.mark.parametrize("is_flat", [True, False])
def test_media_in_archives_are_files_of_rows(tmp_path: Path, read: Callable[..., LoadedTask], is_flat: bool) -> None:
    top = {part: "" if is_flat else f"{part}/" for part in ("train", "test")}
    source = put(
        tmp_path / "t",
        {
            **TABLES,
            "train.zip": zipped({f"{top['train']}r{i}.png": "image" for i in range(60)}),
            "test.zip": zipped({f"{top['test']}s{i}.png": "image" for i in range(10)}),
        },
    )
    loaded = read(source)
    assert [(rule.train, rule.test) for rule in loaded.task.file_rules] == [("train/{key}.png", "test/{key}.png")]
    assert not any("not used" in note for note in loaded.notes)


def test_an_archive_beside_what_it_holds_is_passed_over(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    source = put(
        tmp_path / "t",
        {**TABLES, "train.csv.zip": zipped({"train.csv": "id,y\nold,1\n"}), "test.zip": zipped({"test.csv": "x\n1\n"})},
    )
    loaded = read(source)
    assert (loaded.task.directory / "train.csv").read_text() == TRAIN
    assert (loaded.task.directory / "test.csv").read_text() == TEST
    assert loaded.notes[:2] == (
        "test.csv of test.zip passed over: lying beside it already",
        "train.csv.zip was passed over: train.csv lies beside it",
    )
    assert not any("zip" in path.name for path in loaded.task.directory.iterdir())


def test_parts_of_one_folder_are_put_together(tmp_path: Path) -> None:
    source = put(
        tmp_path / "t", {f"images_{i}.tar.gz": tarred({f"images/{i}.png": str(i), "images/": ""}) for i in range(3)}
    )
    for i in range(3):
        (source / f"images_{i}.tar.gz").write_bytes(tarred({f"images/{i}.png": str(i)}))
    unpack_folder(source, tmp_path / "made")
    assert sorted(path.name for path in (tmp_path / "made" / "images").iterdir()) == ["0.png", "1.png", "2.png"]
    (source / "images_9.zip").write_bytes(zipped({"images/1.png": "another"}))
    with pytest.raises(DataError, match=r"images_9.zip: holds 1.png, and so does another archive of the folder"):
        unpack_folder(source, tmp_path / "again")


def test_one_archive_is_a_source(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    source = put(tmp_path, {"prices.zip": zipped(TABLES)}) / "prices.zip"
    assert (read(source).task.name, read(source).task.test) == ("prices", "test.csv")
    alone = put(tmp_path, {"costs.csv.gz": gzip.compress(TRAIN.encode())}) / "costs.csv.gz"
    task = read(alone, target="y").task
    assert (task.train, task.test) == ("costs.csv", None)
    assert read_columns(task.directory / task.train, ["id"])["id"][:2] == ["r0", "r1"]


def test_files_of_rows_that_happen_to_be_compressed_stay(tmp_path: Path, read: Callable[..., LoadedTask]) -> None:
    scans = {f"scans/{key}.nii.gz": b"\x1f\x8b" for key in [f"r{i}" for i in range(60)] + [f"s{i}" for i in range(10)]}
    task = read(put(tmp_path / "t", {**TABLES, **scans})).task
    assert task.directory == tmp_path / "t"
    assert [rule.train for rule in task.file_rules] == ["scans/{key}.nii.gz"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.zip", zipped({"../evil.csv": "a"}), r"x.zip: '../evil.csv' would lead out of the folder; such archives"),
        ("x.zip", zipped({"a/../../evil.csv": "a"}), "would lead out of the folder"),
        ("x.zip", zipped({"/tmp/evil.csv": "a"}), "would lead out of the folder"),
        ("x.zip", zipped({"..\\evil.csv": "a"}), "would lead out of the folder"),
        ("x.zip", zipped({"C:\\evil.csv": "a"}), "would lead out of the folder"),
        ("x.zip", zip_with_link(), r"x.zip: 'train.csv' is a link; such archives are not unpacked"),
        ("x.tar", tarred({"../evil.csv": "a"}, "w"), "would lead out of the folder"),
        ("x.tgz", tarred({"/tmp/evil.csv": "a"}), "would lead out of the folder"),
        ("x.tar", special_tar(tarfile.SYMTYPE), "'train.csv' is a link"),
        ("x.tar", special_tar(tarfile.LNKTYPE, link="../../evil"), "'train.csv' is a link"),
        ("x.tar", special_tar(tarfile.CHRTYPE), "is no plain file"),
        ("x.tar", special_tar(tarfile.FIFOTYPE), "is no plain file"),
        ("x.tar", special_tar(tarfile.DIRTYPE, "../evil"), "would lead out of the folder"),
        ("x.zip", b"PK\x03\x04 and so on", r"x.zip: cannot be unpacked \(File is not a zip file\); it is damaged"),
        ("x.zip", zipped({"train.csv": TRAIN})[:-30], "cannot be unpacked"),
        ("x.tar.gz", tarred(TABLES)[:200], "cannot be unpacked"),
        ("x.csv.gz", gzip.compress(TRAIN.encode())[:-20], "cannot be unpacked"),
        ("x.csv.bz2", b"BZh nothing", "cannot be unpacked"),
        ("x.csv.xz", b"\xfd7zXZ\0 nothing", "cannot be unpacked"),
        ("x.zip", zipped({}), "x.zip: holds no files"),
        ("x.zip", zipped({"a" * 300: "a"}), r"cannot be written \(File name too long\)"),
        ("x.zip", zipped({"a": "a", "a/b": "b"}), r"x.zip: 'a/b' cannot be written|holds 'a/b' twice"),
    ],
)
def test_unsafe_and_broken_archives_are_refused(
    tmp_path: Path, read: Callable[..., LoadedTask], name: str, content: bytes, message: str
) -> None:
    source = put(tmp_path / "deep" / "t", {name: content})
    with pytest.raises(DataError, match=message):
        read(source)
    assert not list(tmp_path.rglob("evil*"))
    assert sorted(path.name for path in source.iterdir()) == [name]
    assert not [path for path in (tmp_path / "workspace").rglob("*") if path.is_file() or path.is_symlink()]


def test_a_protected_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped({"train.csv": TRAIN}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    source = put(tmp_path, {"x.zip": bytes(content)}) / "x.zip"
    with pytest.raises(DataError, match=r"x.zip: is protected by a password; unpack it by hand"):
        unpack_file(source, tmp_path / "made")


def test_what_an_archive_brings_is_bounded(tmp_path: Path) -> None:
    big = put(tmp_path, {"x.zip": zipped({f"{i}.csv": "a" * 5000 for i in range(6)})}) / "x.zip"
    with pytest.raises(DataError, match=r"x.zip: unpacked, the archives take more than the 0.0 GB that may be used"):
        unpack_file(big, tmp_path / "a", Bounds(20_000))
    with pytest.raises(DataError, match=r"x.zip: holds more than 5 files"):
        unpack_file(big, tmp_path / "b", Bounds(10**9, most_files=5))
    with pytest.raises(DataError, match=r"x.zip: grows more than 3 times when unpacked"):
        unpack_file(big, tmp_path / "c", Bounds(10**9, most_ratio=3, ratio_from_bytes=1000))
    unpack_file(big, tmp_path / "d", Bounds(30_000, most_files=6, most_ratio=10**4))
    # The bytes are counted over all archives of a folder, not for each.
    folder = put(tmp_path / "two", {f"x{i}.zip": zipped({f"{i}.csv": "a" * 9000}) for i in range(2)})
    with pytest.raises(DataError, match=r"x1.zip: unpacked, the archives take more"):
        unpack_folder(folder, tmp_path / "e", Bounds(12_000))
    assert Bounds.of_disk(tmp_path).most_bytes > 0


def test_archives_within_archives_are_opened_once(tmp_path: Path) -> None:
    deepest = zipped({"x.csv": "a\n1\n"})
    source = put(tmp_path, {"o.zip": zipped({"m.zip": zipped({"i.zip": deepest, "y.csv": "a\n1\n"})})}) / "o.zip"
    notes = unpack_file(source, tmp_path / "made")
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["y.csv"]
    assert any("lies too deep to be unpacked" in note for note in notes)


_PARTS = st.lists(st.sampled_from(["a", "b", "..", ".", "", "c.csv", "\\..", "C:"]), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(st.lists(_PARTS, min_size=1, max_size=4), st.booleans())
def test_nothing_is_ever_written_outside(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[str]], is_tar: bool
) -> None:
    base = tmp_path_factory.mktemp("outside")
    files = {"/".join(each): "content" for each in parts if "/".join(each).strip("/")}
    source = base / ("x.tar" if is_tar else "x.zip")
    source.write_bytes(tarred(files, "w") if is_tar else zipped(files))
    with contextlib.suppress(DataError):
        unpack_file(source, base / "deep" / "made")
    outside = [path for path in base.rglob("*") if not path.is_relative_to(base / "deep" / "made") and path.is_file()]
    assert outside == [source]
    assert not [path for path in base.rglob("*") if path.is_symlink()]
