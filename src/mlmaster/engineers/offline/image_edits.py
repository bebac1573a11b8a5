# ruff: noqa: ARG005  (one signature for all of a kind, needed or not)
"""Edits for small pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlmaster.engineers.offline.edits import Edit, number, switch, tune
from mlmaster.engineers.offline.facts import Facts
from mlmaster.engineers.offline.families import FAMILIES
from mlmaster.engineers.offline.recipe import Option, Recipe

PIXELS = ("pixels",)
MARGINS = ("image_svm", "image_logistic", "image_svr", "image_ridge")


def _if_picture(recipe: Recipe, changes: Mapping[str, Option]) -> Mapping[str, Option]:
    return changes if FAMILIES[recipe.family].matrix == "pixels" else {}


def _cells(recipe: Recipe, factor: float) -> Mapping[str, Option]:
    cell, size = number(recipe.options, "cell"), number(recipe.options, "size")
    new = round(cell * factor)
    fits = bool(recipe.options.get("hog")) and 2 <= new <= size // 2 and new != cell
    return _if_picture(recipe, {"cell": new} if fits else {})


def _larger(recipe: Recipe, facts: Facts) -> Mapping[str, Option]:
    size = int(number(recipe.options, "size"))
    real = max(facts.profile.image_size or (size, size))
    fits = size < min(real, 64)
    return _if_picture(recipe, {"size": min(2 * size, 64)} if fits else {})


IMAGE_EDITS: Sequence[Edit] = (
    Edit(
        "smaller_cells",
        "Halve the cells of the gradient histograms: finer shapes.",
        lambda r, f: _cells(r, 0.5),
        prior=(2.0, 1.5),
    ),
    Edit(
        "larger_cells",
        "Take larger cells for the gradient histograms: coarser, steadier shapes.",
        lambda r, f: _cells(r, 1.5),
        prior=(1.0, 2.0),
    ),
    Edit(
        "add_gradients",
        "Add histograms of gradient directions: edges, whatever the light.",
        lambda r, f: _if_picture(r, {} if r.options.get("hog") else {"hog": True}),
        prior=(3.0, 1.0),
    ),
    Edit(
        "add_pixels",
        "Add the pixels themselves to the gradients.",
        lambda r, f: _if_picture(r, {} if r.options.get("pixels") else {"pixels": True}),
        prior=(2.0, 2.0),
    ),
    Edit(
        "add_colours",
        "Add colour statistics: some classes differ by colour alone.",
        lambda r, f: _if_picture(r, {"colours": True} if r.options.get("mode") == "RGB" else {}),
        prior=(3.0, 1.5),
    ),
    Edit(
        "straighten",
        "Shear each picture upright before anything else: slant is no sign of class.",
        switch("straighten", PIXELS),
        prior=(1.5, 2.0),
    ),
    Edit(
        "shifted_copies",
        "Train on copies moved by one pixel as well: the answer does not depend on the place.",
        switch("shifts", PIXELS, when=lambda f: f.rows <= 20_000),
        prior=(3.0, 1.5),
    ),
    Edit(
        "mirrored_copies",
        "Train on mirrored copies as well, where left and right mean the same.",
        switch("mirror", PIXELS),
        prior=(0.7, 2.5),
    ),
    Edit(
        "more_principal_parts",
        "Keep twice as many principal directions.",
        lambda r, f: {"parts": int(2 * number(r.options, "parts"))} if number(r.options, "parts") else {},
        prior=(2.0, 2.0),
    ),
    Edit(
        "fewer_principal_parts",
        "Keep half as many principal directions: the rest may be noise.",
        lambda r, f: {"parts": int(number(r.options, "parts") / 2)} if number(r.options, "parts") > 16 else {},
        prior=(1.5, 2.0),
    ),
    Edit(
        "larger_pictures",
        "Read the pictures at twice the size.",
        _larger,
        prior=(2.0, 2.0),
    ),
    Edit(
        "harder_margin",
        "Penalise errors five times more.",
        tune(MARGINS, lambda o: {"strength": round(5 * number(o, "strength"), 4)}),
        prior=(2.0, 2.0),
    ),
    Edit(
        "softer_margin",
        "Penalise errors five times less.",
        tune(MARGINS, lambda o: {"strength": round(number(o, "strength") / 5, 4)}),
        prior=(1.5, 2.0),
    ),
)
"""Every edit for image families."""
