"""Every edit the engineer knows, by name."""

from __future__ import annotations

from collections.abc import Sequence

from mlmaster.engineers.offline.blend_edits import BLEND_EDITS
from mlmaster.engineers.offline.edits import Edit
from mlmaster.engineers.offline.image_edits import IMAGE_EDITS
from mlmaster.engineers.offline.table_edits import TABLE_EDITS
from mlmaster.engineers.offline.text_edits import TEXT_EDITS

EDITS: Sequence[Edit] = (*TABLE_EDITS, *TEXT_EDITS, *IMAGE_EDITS, *BLEND_EDITS)
"""All edits; each says itself which recipes it applies to."""
