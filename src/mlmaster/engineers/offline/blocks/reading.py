# mypy: ignore-errors
"""Reading the input folder: tables, targets, files that belong to rows."""

import os

import numpy as np
import pandas as pd

SEED = 2024
THREADS = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def class_codes(labels: pd.Series, classes: list[str]) -> np.ndarray:
    """Return the position of every label among the classes, as one column."""
    names = labels.astype(str).str.strip()
    places = pd.Index(classes).get_indexer(names)
    if (places < 0).any():  # 1.0 for 1, as pandas reads whole numbers where some are missing
        places = pd.Index(classes).get_indexer(names.str.replace(r"\.0+$", "", regex=True))
    if (places < 0).any():
        raise ValueError(f"unknown labels: {sorted(set(names[places < 0]))[:5]}")
    return places.reshape(-1, 1)


def label_flags(labels: pd.DataFrame) -> np.ndarray:
    """Return 1 where a label is set: where its column holds the larger of its two values."""
    return np.column_stack([(labels[name] == labels[name].max()).astype(float) for name in labels.columns])


def label_lists(cells: pd.Series, classes: list[str]) -> np.ndarray:
    """Return one 0/1 column for each class from cells that list labels separated by spaces."""
    sets = [set(str(cell).split()) for cell in cells]
    return np.array([[float(name in labels) for name in classes] for labels in sets])


def file_paths(table: pd.DataFrame, key: str, pattern: str) -> list[str]:
    """Return the path of the file that belongs to each row."""
    return [pattern.replace("{key}", str(value)) for value in table[key]]
