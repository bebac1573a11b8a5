# mypy: ignore-errors
"""Small pictures: reading, straightening, gradients, colours, projections."""

import numpy as np
from PIL import Image

from mlmaster.engineers.offline.blocks.reading import SEED


def read_pictures(paths: list[str], size: int, mode: str) -> np.ndarray:
    """Return pictures scaled to one size, values in [0, 1], shape (n, size, size, channels); broken ones are black."""
    pictures = np.zeros((len(paths), size, size, len(mode)), dtype=np.float32)
    for place, path in enumerate(paths):
        try:
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert(mode).resize((size, size), Image.Resampling.BILINEAR))
        except OSError:
            print(f"cannot read {path}; taken as black", flush=True)
            continue
        pictures[place] = pixels.reshape(size, size, len(mode)) / 255.0
    return pictures


def shifted(pictures: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return the pictures moved by some pixels; what comes in repeats the border."""
    pad = max(abs(down), abs(right))
    wide = np.pad(pictures, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="edge")
    size = pictures.shape[1]
    return wide[:, pad - down : pad - down + size, pad - right : pad - right + size]


def straightened(pictures: np.ndarray) -> np.ndarray:
    """Shear each picture until its mass stands upright, as slanted handwriting is straightened."""
    size = pictures.shape[1]
    rows, columns = np.mgrid[:size, :size]
    upright = np.empty_like(pictures)
    for place, picture in enumerate(pictures):
        mass = picture.mean(axis=-1)
        mass = np.abs(mass - np.median(mass)) + 1e-6
        total = mass.sum()
        middle_row, middle_column = (mass * rows).sum() / total, (mass * columns).sum() / total
        height = (mass * (rows - middle_row) ** 2).sum() / total
        slant = (mass * (rows - middle_row) * (columns - middle_column)).sum() / total / max(height, 1e-6)
        moved = np.rint(columns + np.clip(slant, -1, 1) * (rows - middle_row)).astype(int)
        upright[place] = picture[rows, moved.clip(0, size - 1)]
    return upright


def gradient_histograms(pictures: np.ndarray, cell: int, bins: int = 9) -> np.ndarray:
    """Return histograms of gradient directions in overlapping blocks of cells (HOG, Dalal and Triggs 2005)."""
    down, right = np.gradient(pictures, axis=(1, 2))
    strength = np.hypot(down, right)
    strongest = strength.argmax(axis=-1)[..., None]
    strength = np.take_along_axis(strength, strongest, axis=-1)[..., 0]
    angle = np.arctan2(*(np.take_along_axis(each, strongest, axis=-1)[..., 0] for each in (down, right))) % np.pi
    place = angle / np.pi * bins
    low = np.floor(place).astype(int) % bins
    share = place - np.floor(place)
    cells = max(1, pictures.shape[1] // cell)
    used = cells * cell
    histograms = np.zeros((len(pictures), cells, cells, bins), dtype=np.float32)
    for direction in range(bins):
        part = strength * ((low == direction) * (1 - share) + ((low + 1) % bins == direction) * share)
        part = part[:, :used, :used].reshape(len(pictures), cells, cell, cells, cell)
        histograms[..., direction] = part.sum(axis=(2, 4))
    if cells > 1:
        corners = [histograms[:, i : cells - 1 + i, j : cells - 1 + j] for i in (0, 1) for j in (0, 1)]
        blocks = np.concatenate(corners, axis=-1)
    else:
        blocks = histograms
    norms = np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + 1e-4)
    return (blocks / norms).reshape(len(pictures), -1).astype(np.float32)


def colour_histograms(pictures: np.ndarray, bins: int = 8) -> np.ndarray:
    """Return mean, spread and histogram of each channel."""
    flat = pictures.reshape(len(pictures), -1, pictures.shape[-1])
    edges = np.linspace(0, 1, bins + 1)[1:-1]
    level = np.searchsorted(edges, flat)
    shares = [(level == number).mean(axis=1) for number in range(bins)]
    return np.hstack([flat.mean(axis=1), flat.std(axis=1), *shares]).astype(np.float32)


def principal_parts(X: np.ndarray, X_test: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Project on the main directions of train (PCA), found on at most 5000 rows."""
    middle = X.mean(axis=0)
    rows = np.random.default_rng(SEED).permutation(len(X))[:5000]
    directions = np.linalg.svd(X[rows] - middle, full_matrices=False)[2][:size].T
    return (X - middle) @ directions, (X_test - middle) @ directions


def standardised(X: np.ndarray, X_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each feature mean 0 and spread 1 on train."""
    middle, spread = X.mean(axis=0), X.std(axis=0) + 1e-6
    return (X - middle) / spread, (X_test - middle) / spread
