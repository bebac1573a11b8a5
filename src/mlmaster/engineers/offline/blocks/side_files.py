# mypy: ignore-errors
"""Statistics of small text files that belong to rows: what stands in them, how much, and where points lie."""

import re
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd


def records_of(path: str) -> dict[str, list[tuple[list[float], list[str]]]]:
    """Read a text file as records: lines grouped by their first word, each as its numbers and its other words."""
    records = {}
    for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        numbers, words = [], []
        for token in re.split(r"[\s,;:{}\[\]\"]+", line):
            try:
                numbers.append(float(token))
            except ValueError:
                words.append(token)
        words = [word for word in words if word]
        is_named = bool(words) and line.strip().strip('"{[').startswith(words[0])
        kind = words.pop(0) if (is_named and len(words) > (1 if numbers else 0)) or (is_named and numbers) else "line"
        records.setdefault(kind, []).append((numbers, words))
    return records


def point_features(
    points: np.ndarray, names: list[str], cell: np.ndarray | None, neighbours: int = 24
) -> dict[str, float]:
    """Describe how points in space lie to their neighbours; `cell` holds the vectors by which the points repeat."""
    shifts = np.array(list(product((-1, 0, 1), repeat=3))) @ cell if cell is not None else np.zeros((1, 3))
    others = (points[None] + shifts[:, None]).reshape(-1, 3)
    squares = (points**2).sum(axis=1)[:, None] - 2 * points @ others.T + (others**2).sum(axis=1)[None]
    squares[squares < 1e-6] = np.inf  # a point is not its own neighbour
    order = np.argpartition(squares, min(neighbours, squares.shape[1] - 1), axis=1)[:, :neighbours]
    distances = np.sqrt(np.take_along_axis(squares, order, axis=1))
    ranks = np.argsort(distances, axis=1)
    distances, order = np.take_along_axis(distances, ranks, axis=1), np.take_along_axis(order, ranks, axis=1)
    found = {}
    for rank in (0, 1, 3, 5, 7, 11):
        if distances.shape[1] > rank and np.isfinite(distances[:, rank]).all():
            found[f"neighbour_{rank + 1}_mean"] = distances[:, rank].mean()
            found[f"neighbour_{rank + 1}_std"] = distances[:, rank].std()
    if cell is not None:
        volume = abs(np.linalg.det(cell))
        found["volume"], found["volume_per_point"] = volume, volume / len(points)
    labels = np.array(names)
    neighbour_labels = labels[order % len(points)]
    for first, second in product(sorted(set(names)), repeat=2):
        between = np.where(neighbour_labels == second, distances, np.inf)[labels == first]
        between = between[np.isfinite(between).any(axis=1)]
        if not len(between):
            continue
        closest = between.min(axis=1)
        close = between < 1.25 * closest[:, None]
        prefix = f"{first}_{second}"
        found[f"{prefix}_nearest_mean"], found[f"{prefix}_nearest_std"] = closest.mean(), closest.std()
        found[f"{prefix}_nearest_min"], found[f"{prefix}_close_length"] = closest.min(), between[close].mean()
        found[f"{prefix}_close_mean"] = close.sum(axis=1).mean()
        found[f"{prefix}_close_std"] = close.sum(axis=1).std()
    return found


@cache
def file_statistics(path: str) -> dict[str, float]:
    """Return named statistics of one file; none when it cannot be read."""
    try:
        records = records_of(path)
    except OSError:
        return {}
    found = {}
    cells = [np.array([numbers for numbers, _ in rows]) for rows in records.values() if len(rows) == 3]
    cells = [cell for cell in cells if cell.shape == (3, 3) and abs(np.linalg.det(cell)) > 1e-6]
    for kind, rows in list(records.items())[:20]:
        found[f"{kind}_count"] = len(rows)
        words = pd.Series([word for _, others in rows for word in others], dtype=object).value_counts()
        for word, count in words.head(20).items():
            found[f"{kind}_{word}_count"], found[f"{kind}_{word}_share"] = count, count / len(rows)
        widths = {len(numbers) for numbers, _ in rows}
        if len(widths) != 1 or widths == {0}:
            continue
        values = np.array([numbers for numbers, _ in rows])
        for place, column in enumerate(values.T[:12]):
            for name in ("mean", "std", "min", "max"):
                found[f"{kind}_{place}_{name}"] = getattr(column, name)()
        if values.shape[1] == 3 and 4 <= len(values) <= 400:
            names = [others[0] if others else "point" for _, others in rows]
            names = names if len(set(names)) <= 6 else ["point"] * len(names)
            found.update(point_features(values, names, cells[0] if cells else None))
        elif values.shape == (3, 3):
            lengths = np.linalg.norm(values, axis=1)
            found.update({f"{kind}_{place}_length": length for place, length in enumerate(lengths)})
    return found


def add_file_statistics(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Replace the path of each row's own file by statistics of what stands in it; rare ones are left out."""
    statistics = pd.DataFrame([file_statistics(path) for path in table[column]], index=table.index)
    often = statistics.notna().mean() > 0.05
    return pd.concat([table.drop(columns=[column]), statistics.loc[:, often].add_prefix("file_")], axis=1)
