"""Russian text and how it is said aloud; see `text_normalization.py`."""

from __future__ import annotations

from pathlib import Path

from mlmaster.mlebench.preparation.recipes.text_normalization import prepare_language

RAW = ("ru_train.csv",)


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write the split."""
    prepare_language("ru", raw, public, private)
