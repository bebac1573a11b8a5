"""Which files of a task folder belong to rows, which hold no rows at all, and which nobody can explain.

Deny by default: a file is used only when a rule over a key column leads to it, or when it is plainly a data dictionary.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlmaster.core.task import FileRule
from mlmaster.errors import TaskError
from mlmaster.tasks.cells import MISSING, is_number
from mlmaster.tasks.survey import Survey
from mlmaster.tasks.table import read_columns

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"})
KEYS_TRIED = 100
FEWEST_FOUND = 0.8
"""Share of the tried rows whose file must exist for a pattern to be a rule."""

FEWEST_LISTED = 5
MOST_TEXT_BYTES = 4 * 1024 * 1024
_PLACEHOLDER = "{key}"
_DICTIONARY = re.compile(
    r"(description|dictionary|read_?me|codebook|metadata|features?|schema|legend|columns|licen[cs]e|glossary|about)",
    re.IGNORECASE,
)
_EXPLAINS = re.compile(r"(description|dictionary|read_?me|codebook|schema|legend|columns|glossary)", re.IGNORECASE)
_DICTIONARY_TYPES = frozenset({".txt", ".md", ".rst", ".json", ".yaml", ".yml", ".pdf"})


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a folder beside its tables."""

    rules: tuple[FileRule, ...]
    extra: tuple[str, ...]
    unexplained: tuple[str, ...]
    """Files that no rule explains."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return the unexplained files, those of a folder as one (`dir/ (n files)`)."""
        return _fold(self.unexplained)


def walk(directory: Path) -> Iterator[str]:
    """Yield the visible files of a folder and its subfolders as relative POSIX paths, never entering `private`."""
    for folder, folders, names in os.walk(directory, followlinks=True):
        if "journal.db" in names:  # a run directory, kept within the task's folder
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "private")
        base = Path(folder).relative_to(directory).as_posix()
        for name in sorted(names):
            if not name.startswith("."):
                yield name if base == "." else f"{base}/{name}"


def find_files(
    directory: Path, known: Collection[str], train: Survey, test: Survey | None, keys: Sequence[str]
) -> Files:
    """Find the rules for files of rows and the data dictionaries.

    Args:
        directory: The task folder.
        known: Files already explained: tables, description, task file.
        train: Survey of the train table; `test` of the test table.
        test: None without a test table.
        keys: Columns that may name files, the most likely first.
    """
    paths = [path for path in walk(directory) if path not in known]
    if not paths:
        return Files((), (), ())
    rules: tuple[FileRule, ...] = ()
    for key in keys:
        rules = _rules_of(paths, key, train, test)
        if rules:
            break
    shown = [key for table in (train, test) if table is not None for rule in rules for key in _keys(table, rule.key)]
    rest = [path for path in paths if not any(_explains(rule, path, shown) for rule in rules)]
    marks = _long_keys(train, test, keys)
    row_keys = {
        cell
        for table in (train, test)
        if table is not None
        for key in keys
        if key in table.header
        for cell in table.column(key)
    }
    extra = tuple(path for path in rest if _is_dictionary(directory, path, marks, row_keys))
    return Files(rules, extra, tuple(path for path in rest if path not in extra))


def explains_columns(name: str) -> bool:
    """Return True for a file that its name makes a data dictionary, and no table of rows."""
    return _EXPLAINS.search(PurePosixPath(name).stem) is not None


def _rules_of(paths: Sequence[str], key: str, train: Survey, test: Survey | None) -> tuple[FileRule, ...]:
    of_train = _patterns(paths, _keys(train, key), avoid="test")
    if test is None:
        return tuple(FileRule(train=pattern, test=pattern, key=key) for pattern in of_train)
    if key not in test.header:
        return ()
    of_test = _patterns(paths, _keys(test, key), avoid="train")
    rules = []
    for pattern in of_train:
        same = [other for other in of_test if other == pattern and "train" not in PurePosixPath(other).parts]
        twins = [other for other in of_test if _tail(other) == _tail(pattern)]
        match = same or twins
        if match:
            rules.append(FileRule(train=pattern, test=match[0], key=key))
    return tuple(rules)


def _keys(table: Survey, key: str) -> list[str]:
    cells = [cell for cell in table.column(key) if cell not in MISSING]
    step = max(1, len(cells) // KEYS_TRIED)
    return list(dict.fromkeys(cells[::step]))[:KEYS_TRIED]


def _patterns(paths: Sequence[str], keys: Sequence[str], avoid: str) -> list[str]:
    """Return the patterns that lead from most keys to a file; those through a folder named for the other part last."""
    wanted = set(keys)
    hits: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        for key, pattern in _readings(path, wanted):
            hits[pattern].add(key)
    enough = [pattern for pattern, found in hits.items() if keys and len(found) >= FEWEST_FOUND * len(wanted)]
    preferred = [pattern for pattern in enough if avoid not in pattern.lower()]
    return sorted(preferred or enough)


def _readings(path: str, keys: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield (key, pattern) for every way in which a path names a key."""
    if path in keys:
        yield path, _PLACEHOLDER
    *folders, name = path.split("/")
    for place, folder in enumerate(folders):
        if folder in keys:
            yield folder, "/".join([*folders[:place], _PLACEHOLDER, *folders[place + 1 :], name])
    head = "".join(f"{folder}/" for folder in folders)
    if name in keys and folders:
        yield name, head + _PLACEHOLDER
    elif name in keys:
        yield name, _PLACEHOLDER
    stem = name
    while "." in stem:
        stem = stem.rpartition(".")[0]
        if stem in keys:
            yield stem, head + _PLACEHOLDER + name[len(stem) :]
    # `img_12.png`, `12_mask.png`: the key with a fixed part before or after it.
    for match in re.finditer(r"[^_\-.]+", stem):
        part = match.group()
        if part != stem and part in keys:
            yield part, head + name[: match.start()] + _PLACEHOLDER + name[match.end() :]


def _tail(pattern: str) -> str:
    """Return a pattern without what tells train from test in it."""
    return re.sub(r"(?i)train(ing)?|test(ing)?", "", pattern)


def _explains(rule: FileRule, path: str, keys: Sequence[str]) -> bool:
    """Return True when a path is what the rule makes of some key like the ones shown."""
    key = r"[^\n]+" if any("/" in each for each in keys) else r"[^/\n]+"
    suffixes = {PurePosixPath(each).suffix for each in keys}
    for pattern in {rule.train, rule.test}:
        expression = key.join(map(re.escape, pattern.split(_PLACEHOLDER)))
        fits = not pattern.endswith(_PLACEHOLDER) or PurePosixPath(path).suffix in suffixes
        if fits and re.fullmatch(expression, path):
            return True
    return False


def _long_keys(train: Survey, test: Survey | None, keys: Sequence[str]) -> set[str]:
    """Return some row names that are too telling to stand in a data dictionary by chance."""
    found = set()
    for table in (train, test):
        for key in keys:
            if table is not None and key in table.header:
                cells = _keys(table, key)
                found |= {cell for cell in cells if len(cell) >= 6 and not is_number(cell)}
    return found


def _is_dictionary(directory: Path, path: str, marks: Collection[str], row_keys: Collection[str]) -> bool:
    file = directory / path
    suffix = file.suffix.lower()
    if suffix not in _DICTIONARY_TYPES or not _DICTIONARY.search(file.stem) or file.stat().st_size > MOST_TEXT_BYTES:
        return False
    text = file.read_bytes().decode("utf-8", errors="replace")
    return not any(mark in text for mark in marks) and not _lists_rows(text, row_keys, is_json=suffix == ".json")


def _lists_rows(text: str, row_keys: Collection[str], *, is_json: bool) -> bool:
    """Return True when a text says something of one row after another, each by its key (which may be a mere number)."""
    if is_json:
        try:
            content = json.loads(text)
        except ValueError:
            content = None
        if isinstance(content, dict):
            heads = list(map(str, content))
        elif isinstance(content, list):
            values = [each.values() if isinstance(each, dict) else [each] for each in content]
            heads = [next((str(cell) for cell in cells if str(cell) in row_keys), "") for cells in values]
        else:
            heads = []
    else:
        heads = [re.split(r"[\s,;:|=]", line.strip(), maxsplit=1)[0].strip("\"'") for line in text.splitlines()]
        heads = [head for head in heads if head]
    found = len({head for head in heads if head in row_keys})
    return found >= FEWEST_LISTED and 2 * found >= len(heads)


def _fold(paths: Iterable[str]) -> tuple[str, ...]:
    counts = Counter(path.split("/", 1)[0] + ("/" if "/" in path else "") for path in paths)
    return tuple(f"{name} ({count} files)" if name.endswith("/") else name for name, count in sorted(counts.items()))


def check_rules(directory: Path, rules: Sequence[FileRule], train: Survey, test: Survey | None) -> tuple[str, ...]:
    """Return notes on rows without their file.

    Raises:
        TaskError: A rule names no column or has no placeholder, or no row has its file.
    """
    notes = []
    for rule in rules:
        for table, pattern in ((train, rule.train), (test, rule.test)):
            if table is None:
                continue
            if rule.key not in table.header:
                raise TaskError(
                    f"file_rules: the key {rule.key!r} is no column of {table.path.name}; name one of its columns"
                )
            if pattern.count(_PLACEHOLDER) != 1:
                raise TaskError(
                    f"file_rules: {pattern!r} must contain {_PLACEHOLDER} once, for the value of {rule.key!r}"
                )
            keys = read_columns(table.path, [rule.key], table.delimiter)[rule.key]
            lacking = [key for key in keys if not (directory / pattern.replace(_PLACEHOLDER, key)).is_file()]
            if len(lacking) == len(keys):
                raise TaskError(
                    f"file_rules: no row of {table.path.name} has its file {pattern} (first: "
                    f"{pattern.replace(_PLACEHOLDER, keys[0])}); correct the pattern in task.yaml"
                )
            if lacking:
                notes.append(
                    f"{len(lacking)} of {len(keys)} rows of {table.path.name} have no file {pattern} (first: {lacking[0]})"
                )
    return tuple(notes)
