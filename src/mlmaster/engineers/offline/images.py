"""Lines of a script that turn the picture of each row into what an image model is fitted to.

Options: `size` in pixels; `mode` of Pillow (`L` or `RGB`); `pixels`, `hog`, `colours`, `straighten` are switches; `cell`
the pixels of a HOG cell; `parts` the principal directions kept, 0 for all; `shifts` adds moved copies of train pictures;
`mirror` adds mirrored ones.
"""

from __future__ import annotations

from mlmaster.engineers.offline.recipe import Recipe

PICTURE = "picture"
"""Column that names each row's picture while a script runs."""


def image_lines(recipe: Recipe) -> list[str]:
    """Return lines (not indented) after which `X`, `y` and `X_test` are what the family's model takes."""
    options = recipe.options
    size, mode = options["size"], options["mode"]
    lines = [
        f'pictures = read_pictures([*train["{PICTURE}"], *test["{PICTURE}"]], size={size}, mode="{mode}")',
    ]
    if options.get("straighten"):
        lines.append("pictures = straightened(pictures)")
    lines.append("known, asked = pictures[: len(train)], pictures[len(train) :]")
    if options.get("mirror"):
        lines.append("known, y = np.concatenate([known, known[:, :, ::-1]]), np.tile(y, (2, 1))")
    if options.get("shifts"):
        lines.append("moves = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]")
        lines.append("known = np.concatenate([shifted(known, down, right) for down, right in moves])")
        lines.append("y = np.tile(y, (len(moves), 1))")
    features = []
    if options.get("pixels"):
        features.append("{0}.reshape(len({0}), -1)")
    if options.get("hog"):
        features.append(f"gradient_histograms({{0}}, cell={options['cell']})")
    if options.get("colours"):
        features.append("colour_histograms({0})")
    for name, pictures in (("X", "known"), ("X_test", "asked")):
        parts = [feature.format(pictures) for feature in features]
        lines.append(f"{name} = np.hstack([{', '.join(parts)}])" if len(parts) > 1 else f"{name} = {parts[0]}")
    if options.get("parts"):
        lines.append(f"X, X_test = principal_parts(X, X_test, {options['parts']})")
    elif options.get("scale"):
        lines.append("X, X_test = standardised(X, X_test)")
    if recipe.family.endswith("boosting"):
        lines.append(
            "X, X_test = pd.DataFrame(X).add_prefix('f'), pd.DataFrame(X_test).add_prefix('f')".replace("'", '"')
        )
    return lines
