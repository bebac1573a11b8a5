"""Whether the real test looks like train: how well a small classifier tells their rows apart, and by which columns.

Works on samples of both tables. What names rows is left out, and so are dates, which the relation table tells of: either
would tell the tables apart for reasons that no solution can use.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.scheme import Shift
from mlmaster.core.task import ColumnKind, Task
from mlmaster.tasks.cells import find_kind, is_missing, is_number
from mlmaster.tasks.keys import Surveys
from mlmaster.tasks.times import find_calendar, is_all_dates, is_clock

FEWEST_ROWS, MOST_ROWS = 50, 5_000
"""Rows of each table: fewer tell nothing, more are not needed."""
MOST_FEATURES = 60
MOST_EXAMINED = 20
"""So many columns are shuffled to see what gives the tables away."""
HASHED_WORDS = 8
WORDS_READ = 100
PLAIN_DROP = 0.02
"""A column gives the tables away when shuffling it costs so much AUC."""
PARTS = 3

Features = NDArray[np.float32]


def measure_shift(task: Task, surveys: Surveys, seed: int) -> Shift | None:
    """Return the out-of-fold ROC AUC of a train/test classifier and the columns it rests on; None where it cannot be had."""
    if surveys.test is None or min(len(surveys.train.sample), len(surveys.test.sample)) < FEWEST_ROWS:
        return None
    rng = np.random.default_rng([seed, 4])
    picks = [rng.permutation(len(table.sample))[:MOST_ROWS] for table in (surveys.train, surveys.test)]
    names: list[str] = []
    parts: list[Features] = []
    for name in _usable(task, surveys):
        cells = [
            [column[row] for row in rows.tolist()]
            for column, rows in zip((surveys.train.column(name), surveys.test.column(name)), picks, strict=True)
        ]
        features = _encode(find_kind(name, surveys.train.column(name)), cells[0] + cells[1])
        parts.append(features)
        names += [name] * features.shape[1]
    if not parts:
        return None
    is_test = np.repeat([0, 1], [len(rows) for rows in picks])
    table = np.hstack(parts)
    kept = np.argsort([-_difference(column, is_test) for column in table.T], kind="stable")[:MOST_FEATURES]
    return _classify(table[:, kept], [names[place] for place in kept.tolist()], is_test, seed)


def _usable(task: Task, surveys: Surveys) -> list[str]:
    """Return the columns that both tables have, but for those that name rows or tell a time."""
    shared = surveys.shared_columns(task)
    left_out = {task.id_column, *(rule.key for rule in task.file_rules), *find_calendar(shared)}
    found = []
    for name in shared:
        present = [cell for cell in surveys.train.column(name) if not is_missing(cell)]
        is_id = name in left_out or find_kind(name, surveys.train.column(name)) is ColumnKind.IDENTIFIER
        if not (is_id or is_all_dates(present) or is_clock(name, present)):
            found.append(name)
    return found


def _encode(kind: ColumnKind, cells: Sequence[str]) -> Features:
    """Return numbers as they are, texts as length and hashed words, and other cells as how often and which they are."""
    if kind is ColumnKind.TEXT:
        return _encode_texts(cells)
    if kind is ColumnKind.NUMBER:
        numbers = [float(cell) if is_number(cell) else np.nan for cell in cells]
        column = np.clip(np.array(numbers, dtype=np.float64), -3e38, 3e38).astype(np.float32)
        return column[:, None]
    counts = Counter(cells)
    rank = {cell: place for place, cell in enumerate(sorted(counts, key=lambda cell: (-counts[cell], cell)))}
    return np.array([[counts[cell], rank[cell]] for cell in cells], dtype=np.float32)


def _encode_texts(cells: Sequence[str]) -> Features:
    found = np.zeros((len(cells), HASHED_WORDS + 2), dtype=np.float32)
    for row, cell in enumerate(cells):
        words = re.findall(r"\w+", cell[: 10 * WORDS_READ].lower())[:WORDS_READ]
        found[row, :2] = len(cell), sum(not each.isalnum() and not each.isspace() for each in cell[:1000])
        for word in words:
            # Not Python's own hash, which differs from process to process.
            found[row, 2 + crc32(word.encode("utf-8", "surrogatepass")) % HASHED_WORDS] += 1
    return found


def _difference(column: Features, is_test: NDArray[np.int64]) -> float:
    """Return the largest gap between the two distributions of a column (Kolmogorov and Smirnov's distance)."""
    filled = np.nan_to_num(column, nan=-3.4e38)
    values, places = np.unique(filled, return_inverse=True)
    tables = [np.bincount(places[is_test == side], minlength=len(values)) for side in (0, 1)]
    gaps = [np.cumsum(counts) / counts.sum() for counts in tables]
    return float(np.abs(gaps[0] - gaps[1]).max())


def _classify(table: Features, names: Sequence[str], is_test: NDArray[np.int64], seed: int) -> Shift:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # a requirement of scikit-learn

    rng = np.random.default_rng([seed, 5])
    shuffled = rng.permutation(len(is_test))
    part = np.empty(len(is_test), dtype=np.int64)
    # Sorted by side before dealing, so that each part has its share of both.
    part[shuffled[np.argsort(is_test[shuffled], kind="stable")]] = np.arange(len(is_test)) % PARTS
    answers = np.empty(len(is_test))
    model = HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=8, learning_rate=0.15, min_samples_leaf=20, early_stopping=False, random_state=0
    )
    # On one thread: so little work is slowed down, not sped up, by threads that wait for each other.
    with threadpool_limits(1):
        for held in range(PARTS):
            model.fit(table[part != held], is_test[part != held])
            answers[part == held] = model.predict_proba(table[part == held])[:, 1]
    auc = _roc_auc(is_test, answers)
    own = list(dict.fromkeys(names))[:MOST_EXAMINED] if auc > 0.55 else []
    last = part == PARTS - 1  # what the model was fitted without last
    before = _roc_auc(is_test[last], answers[last])
    drops = {}
    for name in own:
        changed = table[last].copy()
        places = [place for place, each in enumerate(names) if each == name]
        changed[:, places] = changed[rng.permutation(len(changed))][:, places]
        drops[name] = before - _roc_auc(is_test[last], model.predict_proba(changed)[:, 1])
    telling = sorted((name for name in drops if drops[name] > PLAIN_DROP), key=lambda name: -drops[name])
    return Shift(auc=round(auc, 4), columns=tuple(telling[:5]))


def _roc_auc(truth: NDArray[np.int64], answers: NDArray[np.float64]) -> float:
    """Return the probability that a test row is ranked above a train row, ties counting half (Mann and Whitney)."""
    _, places, counts = np.unique(answers, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    positives = int(truth.sum())
    negatives = len(truth) - positives
    return float((ranks[truth == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))
