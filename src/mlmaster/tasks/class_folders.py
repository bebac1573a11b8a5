"""Folders (or file names) that name the class of their files, as a label table and flat files whose names say nothing.

`train/cat/1.jpg`, `train/dog/1.jpg` and `test/7.jpg` become `train.csv` (id, label), `test.csv` (id), `train/<id>.jpg` and
`test/7.jpg`; so do `train/cat.1.jpg` and `train/dog.1.jpg`. Only where no train table says better. What is made are links
and small tables in the run's own data folder; the user's folder is not touched.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from mlmaster.errors import DataError
from mlmaster.tasks.archives import link_entries
from mlmaster.tasks.files import IMAGES, walk
from mlmaster.tasks.table import iterate_rows, read_header, write_rows

MEDIA = IMAGES | {".wav", ".mp3", ".flac", ".ogg", ".aif", ".aiff", ".m4a", ".txt", ".npy", ".mp4", ".avi", ".dcm"}
MOST_CLASSES = 5_000
MOST_NAMED_CLASSES = 50
FEWEST_A_CLASS = 2
"""Mean number of files from which folders are classes; fewer, and each is rather a row of its own."""

_TRAIN = re.compile(r"(.+[-_ ])?train(ing)?([-_ ]?(images?|imgs?|data|set|audio|files))?", re.IGNORECASE)
_TEST = re.compile(r"(.+[-_ ])?test(ing)?\d?([-_ ]?(images?|imgs?|data|set|audio|files))?", re.IGNORECASE)
_NO_CLASS = re.compile(
    r"(train|test)(ing)?.*|val(id(ation)?)?|images?|imgs?|labels?|masks?|annotations?|audio|(.+[-_ ])?data|files|docs?"
    r"|models?|runs",
    re.IGNORECASE,
)
_CLASS_IN_NAME = re.compile(r"(?P<label>[^\W\d_][^.]*?)(?P<mark>[._-])\d+\.[A-Za-z0-9]{2,5}")


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """Files whose class is told by where they lie or what they are called.

    Attributes:
        files: Every labelled file with its class.
        test: The folder of the files to predict, or None.
        used: Names of the top entries of the folder that all these lie in.
        why: In words.
    """

    files: tuple[tuple[Path, str], ...]
    test: Path | None
    used: tuple[str, ...]
    why: str


def find_class_folders(folder: Path) -> ClassFolders | None:
    """Return the classes that a folder's subfolders or file names tell, or None."""
    tops = _folders(folder)
    inner = [each for top in tops for each in _folders(top)]
    trains = [path for path in (*tops, *inner) if _TRAIN.fullmatch(path.name)]
    for train in trains:
        told = _by_folder(train) or _by_name(train)
        if told is not None:
            return _found(folder, train, told, [*_folders(train.parent), *tops, *inner])
    if trains:
        return None
    for parent in (folder, *tops):
        told = _by_folder(parent, needs_media=True)
        if told is not None:
            return _found(folder, parent, told, _folders(parent))
    return None


def write_label_table(found: ClassFolders, folder: Path, sample: Path | None, target: Path) -> tuple[str, ...]:
    """Fill the new folder `target`: the label table, the files under plain ids, links to everything else.

    Args:
        found: The files and their classes.
        folder: Where they were found.
        sample: A delimited sample submission, which names the id and the target and lists the ids to predict; or None.
        target: Folder to be made.

    Returns:
        Notes on what was made.

    Raises:
        DataError: The sample submission is broken.
    """
    target.mkdir(parents=True)
    link_entries(folder, target, leave_out=list(found.used))
    id_name, label_name, wanted = _read_sample(sample)
    test_files = [] if found.test is None else [found.test / path for path in walk(found.test)]
    suffix = Counter(path.suffix for path in (*(path for path, _ in found.files), *test_files)).most_common(1)[0][0]
    has_suffix = bool(wanted & {path.name for path in test_files})
    shown = _name_test_files(found.test, test_files, suffix, has_suffix=has_suffix, is_told=sample is not None)
    if wanted and shown and wanted.isdisjoint(shown):
        raise DataError(
            f"{sample}: none of its {len(wanted)} ids (first {min(wanted)!r}) names a file of the test folder "
            f"(first {test_files[0].name!r}); give the sample submission that belongs to these files"
        )
    taken = wanted | set(shown)
    (target / "train").mkdir()
    rows = []
    numbers = _numbers(taken)
    rank = _order([path for path, _ in found.files], folder)
    for path, label in sorted(found.files, key=lambda file: rank(file[0])):
        name = f"{next(numbers)}{path.suffix if has_suffix else suffix}"
        (target / "train" / name).symlink_to(path.absolute())
        rows.append([name if has_suffix else name.removesuffix(suffix), label])
    write_rows(target / "train.csv", [id_name, label_name], rows)
    for key, path in shown.items():
        link = target / "test" / (key if has_suffix else key + suffix)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.absolute())
    if shown and sample is None:
        write_rows(target / "test.csv", [id_name], ([key] for key in shown))
    classes = len({label for _, label in found.files})
    note = (
        f"{found.why}: {len(rows)} files of {classes} classes became train.csv, with ids that say nothing of the class"
    )
    if found.test is not None:
        note += f"; {len(shown)} files of {found.test.relative_to(folder)} are to be predicted"
    return (note,)


def _found(folder: Path, train: Path, told: tuple[list[tuple[Path, str]], str], near: Sequence[Path]) -> ClassFolders:
    tests = (path for path in near if path != train and _TEST.fullmatch(path.name) and next(walk(path), None))
    test = next(tests, None)
    files, why = told
    lie_in = [path.relative_to(folder).parts[0] for path, _ in files]
    if test is not None:
        lie_in.append(test.relative_to(folder).parts[0])
    return ClassFolders(tuple(files), test, tuple(dict.fromkeys(lie_in)), why.format(name=_shown(folder, train)))


def _shown(folder: Path, path: Path) -> str:
    return "the folder" if path == folder else f"{path.relative_to(folder)}/"


def _by_folder(parent: Path, *, needs_media: bool = False) -> tuple[list[tuple[Path, str]], str] | None:
    folders = [path for path in _folders(parent) if not (needs_media and _TEST.fullmatch(path.name))]
    if not 2 <= len(folders) <= MOST_CLASSES or any(_NO_CLASS.fullmatch(path.name) for path in folders):
        return None
    files = [(path / name, path.name) for path in folders for name in walk(path)]
    classes = len({label for _, label in files})
    if classes < 2 or len(files) < FEWEST_A_CLASS * classes:
        return None
    if needs_media and any(path.suffix.lower() not in MEDIA for path, _ in files):
        return None
    if not needs_media and any(path.is_file() and path.suffix.lower() in MEDIA for path in parent.iterdir()):
        return None
    return files, "the folders in {name} name classes"


def _by_name(parent: Path) -> tuple[list[tuple[Path, str]], str] | None:
    files = []
    marks = set()
    for path in sorted(parent.iterdir()):
        if path.name.startswith("."):
            continue
        match = _CLASS_IN_NAME.fullmatch(path.name)
        if match is None or not path.is_file():
            return None
        files.append((path, match["label"]))
        marks.add(match["mark"])
    classes = {label for _, label in files}
    if len(marks) != 1 or not 2 <= len(classes) <= MOST_NAMED_CLASSES or len(files) < FEWEST_A_CLASS * len(classes):
        return None
    return files, f"the file names in {{name}} (class{marks.pop()}number) name classes"


def _folders(folder: Path) -> list[Path]:
    hidden = (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    return [path for path in hidden if path.is_dir() and path.name != "private" and not (path / "journal.db").exists()]


def _read_sample(sample: Path | None) -> tuple[str, str, set[str]]:
    """Return the names of the id and of the target, and the ids to predict."""
    if sample is None:
        return "id", "label", set()
    header = read_header(sample)
    ids = {cells[0] for cells in iterate_rows(sample)}
    if len(header) < 2:
        raise DataError(f"{sample}: has the one column {header[0]!r}; a sample submission has an id and predictions")
    return header[0], header[1] if len(header) == 2 else "label" if header[0] != "label" else "class", ids


def _name_test_files(
    test: Path | None, files: Sequence[Path], suffix: str, *, has_suffix: bool, is_told: bool
) -> dict[str, Path]:
    """Return the id of every test file: its name, where names are unique or the sample tells them; else a number."""
    if test is None:
        return {}
    names = Counter(path.name if has_suffix else path.stem for path in files)
    lies_flat = all(path.parent == files[0].parent for path in files)
    if len(names) == len(files) and (lies_flat or is_told):
        return {path.name if has_suffix else path.stem: path for path in files}
    if is_told:
        told = (path.relative_to(test).as_posix() for path in files)
        return {name if has_suffix else name.removesuffix(suffix): path for name, path in zip(told, files, strict=True)}
    # Folders of the test that are named for classes as well: numbers, in an order that says nothing.
    ordered = sorted(files, key=_order(files, test))
    return {f"{number}{path.suffix if has_suffix else ''}": path for number, path in enumerate(ordered, start=1)}


def _numbers(taken: set[str]) -> Iterator[int]:
    """Yield numbers for train files, none of them an id of the test."""
    start = 1 + max((int(each) for each in taken if each.isdecimal() and len(each) < 18), default=0)
    stems = {each.rpartition(".")[0] for each in taken}
    return (number for number in count(start) if str(number) not in stems)


def _order(files: Sequence[Path], folder: Path) -> Callable[[Path], bytes]:
    """Return a sort key that mixes the classes and can only be computed by who knows every file's place and size."""
    digest = hashlib.blake2b(digest_size=32)
    for path in sorted(files):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode("utf-8", "surrogatepass"))
    key = digest.digest()

    def rank(path: Path) -> bytes:
        text = str(path.relative_to(folder)).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=key, digest_size=16).digest()

    return rank
