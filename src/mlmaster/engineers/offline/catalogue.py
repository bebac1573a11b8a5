"""Every edit the engineer knows, by name."""

from __future__ import annotations

from collections.abc import Sequence

from mlmaster.engineers.offline.edits import Edit
from mlmaster.engineers.offline.table_edits import TABLE_EDITS

EDITS: Sequence[Edit] = (*TABLE_EDITS,)
"""All edits; each says itself which recipes it applies to."""
