"""A recipe: what an offline script is, as data. Family, options, the edits that led there; or several to be averaged.

Options are plain JSON values; what each means is said where it is read (`tables`, `texts`, `images`, `models`). The code
of a recipe is written by `script`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Option = bool | int | float | str | None
Options = Mapping[str, Option]
Combination = Literal["mean", "geometric", "rank", "stack"]


class Recipe(BaseModel):
    """One solution as data.

    Attributes:
        family: Name in `families.FAMILIES`, or `blend` for a merge.
        options: Every option of the family, defaults filled in.
        edits: Names of the edits applied, oldest first.
        before: Options before each edit, so that debug can take the last edit back.
        members: The recipes a blend is made of, empty otherwise.
        combine: How members are combined.
        safety: Safety measures taken by debug, oldest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: str
    options: dict[str, Option] = Field(default_factory=dict)
    edits: tuple[str, ...] = ()
    before: dict[str, Option] | None = None
    members: tuple[Recipe, ...] = ()
    combine: Combination = "mean"
    safety: tuple[str, ...] = ()

    @classmethod
    def read(cls, data: Mapping[str, Any] | None) -> Recipe | None:
        """Return the recipe stored in a node, or None when it has none of ours."""
        try:
            return None if data is None else cls.model_validate(data)
        except ValidationError:
            return None

    def store(self) -> dict[str, Any]:
        """Return JSON data that `read` turns back into this recipe."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def signature(self) -> str:
        """Return a text equal for recipes that give the same script: the way that led there is left out."""
        members = [member.signature() for member in self.members]
        return json.dumps([self.family, self.options, self.combine, members], sort_keys=True)

    def change(self, edit: str, **options: Option) -> Recipe:
        """Return the recipe with options changed by a named edit."""
        changed = {**self.options, **options}
        return self.model_copy(update={"options": changed, "edits": (*self.edits, edit), "before": dict(self.options)})

    def guard(self, measure: str, **options: Option) -> Recipe:
        """Return the recipe with a safety measure taken."""
        return self.model_copy(update={"options": {**self.options, **options}, "safety": (*self.safety, measure)})

    def is_on(self, option: str) -> bool:
        """Return True when a switch is on."""
        return bool(self.options.get(option))
