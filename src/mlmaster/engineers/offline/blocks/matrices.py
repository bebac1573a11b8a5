# mypy: ignore-errors
"""From a table of numbers and categories to the matrix a model takes."""

import numpy as np
import pandas as pd


def ordinal_matrix(table: pd.DataFrame) -> np.ndarray:
    """Return numbers as they are, categories as codes; gaps become a value below all others."""
    columns = []
    for column in table.columns:
        values = table[column]
        numbers = values.cat.codes.astype(float) if values.dtype == "category" else values
        low = numbers.min()
        columns.append(numbers.fillna((low if pd.notna(low) else 0.0) - 1.0).to_numpy())
    return np.column_stack(columns).astype(np.float32)


def one_hot_matrix(table: pd.DataFrame, most_levels: int = 30) -> np.ndarray:
    """Return scaled numbers with gaps filled by the median, and a 0/1 column for each frequent level."""
    blocks = []
    for column in table.columns:
        values = table[column]
        if values.dtype == "category":
            levels = values.value_counts().index[:most_levels]
            blocks += [(values == level).to_numpy(dtype=np.float32)[:, None] for level in levels]
        else:
            filled = values.fillna(values.median()).fillna(0.0)
            spread = filled.std()
            scaled = (filled - filled.mean()) / (spread if spread > 0 else 1.0)
            blocks.append(scaled.clip(-8, 8).to_numpy(dtype=np.float32)[:, None])
    return np.hstack(blocks)
