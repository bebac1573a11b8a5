"""What a recipe is, and which competitions have one.

A recipe is a module of `recipes/`. It reads Kaggle's files and writes MLE-bench's; finding, unpacking and checking files,
room on the disk and `description.md` are the business of `preparing.py`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

from mlmaster.mlebench.competition import Competition

_RECIPES = "mlmaster.mlebench.preparation.recipes"


class Recipe(Protocol):
    """A module that prepares one competition."""

    @property
    def RAW(self) -> tuple[str, ...]:
        """Names below the raw folder that must be there; one with a trailing `/` is a folder.

        A file is named as it is unpacked, `train.csv`, whether Kaggle gives `train.csv`, `train.csv.zip` or a `train.zip`
        that holds it; likewise the folder `train/` may come as one or as a `train.zip`. Whichever it is, `prepare` finds the
        files unpacked: `train.csv` is a file, and `train/` holds its files directly (never `train/train/`).
        """

    def prepare(self, raw: Path, public: Path, private: Path) -> None:
        """Write the files of `public` and `private`, two empty folders, from those in `raw`, which stay as they are.

        Raises:
            DataError: The raw files do not hold what they must.
        """


def has_recipe(competition: Competition) -> bool:
    """Return True for a competition that can be prepared from Kaggle's files."""
    return find_spec(f"{_RECIPES}.{_module_name(competition)}") is not None


def recipe_of(competition: Competition) -> Recipe | None:
    """Return the recipe of a competition; None where there is none."""
    if not has_recipe(competition):
        return None
    return cast(Recipe, import_module(f"{_RECIPES}.{_module_name(competition)}"))


def _module_name(competition: Competition) -> str:
    return competition.id.replace("-", "_")
