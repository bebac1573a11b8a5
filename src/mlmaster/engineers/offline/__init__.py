"""An engineer without a language model: a library of techniques, composed into readable standalone scripts.

Read `engineer` first, then `families`, `edits` and `script`.
"""

from mlmaster.engineers.offline.engineer import OfflineEngineer
from mlmaster.engineers.offline.facts import REQUIRED
from mlmaster.engineers.offline.recipe import Recipe

__all__ = ["REQUIRED", "OfflineEngineer", "Recipe"]
