"""Recordings of 19 species of birds: of the labelled ones a fifth becomes the test set, and all are numbered anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from mlmaster.mlebench.preparation.archives import copy
from mlmaster.mlebench.preparation.media import copy_named
from mlmaster.mlebench.preparation.tables import read_csv, write_csv

RAW = ("mlsp_contest_dataset/",)

SPECIES = 19
_PICTURES = ("filtered_spectrograms", "spectrograms", "supervised_segmentation")
_SEGMENTS = ("histogram_of_segments.txt", "segment_features.txt", "segment_rectangles.txt")
_SEGMENTS_HEADER = "rec_id,[histogram of segment features]"
"""Of all three files, whatever they hold: an error of MLE-bench's, kept."""


def prepare(raw: Path, public: Path, private: Path) -> None:
    """Write tables, labels and features under the new numbers, and copy sounds and pictures."""
    source = raw / "mlsp_contest_dataset"
    folds = read_csv(source / "essential_data" / "CVfolds_2.txt")
    folds = folds[folds["fold"] == 0].reset_index(drop=True)
    folds.loc[folds.sample(frac=0.2, random_state=0).index, "fold"] = 1
    numbers = {old: new for new, old in enumerate(folds["rec_id"].tolist())}
    folds["rec_id"] = folds.index
    test = folds.loc[folds["fold"] == 1, "rec_id"].tolist()

    essential, supplemental = public / "essential_data", public / "supplemental_data"
    essential.mkdir()
    supplemental.mkdir()
    write_csv(folds, essential / "CVfolds_2.txt")
    write_csv(_all_species(test, {}), public / "sample_submission.csv")
    _write_labels(source / "essential_data" / "rec_labels_test_hidden.txt", numbers, test, essential, private)
    for name in _SEGMENTS:
        lines = [f"{number},{rest}" for number, rest in _renumbered(source / "supplemental_data" / name, numbers)]
        _write_lines(supplemental / name, [_SEGMENTS_HEADER, *lines])

    files = read_csv(source / "essential_data" / "rec_id2filename.txt")
    files = files[files["rec_id"].isin(numbers)]
    write_csv(files.assign(rec_id=files["rec_id"].map(numbers)), essential / "rec_id2filename.txt")
    _copy_media(source, public, files["filename"].tolist())


def _write_labels(source: Path, numbers: Mapping[int, int], test: list[int], essential: Path, private: Path) -> None:
    hidden = set(test)
    lines, present = ["rec_id,[labels]"], {}
    for number, labels in _renumbered(source, numbers):
        if number in hidden:
            present[number] = {int(label) for label in labels.split(",") if label}
            labels = "?"
        lines.append(f"{number},{labels}" if labels else f"{number}")
    _write_lines(essential / source.name, lines)
    write_csv(_all_species(list(present), present), private / "answers.csv")


def _all_species(recordings: list[int], present: Mapping[int, set[int]]) -> pd.DataFrame:
    """Return a row for every recording and species: 1 where it is present."""
    pairs = [(recording, species) for recording in recordings for species in range(SPECIES)]
    return pd.DataFrame(
        {
            "Id": [recording * 100 + species for recording, species in pairs],
            "Probability": [int(species in present.get(recording, ())) for recording, species in pairs],
        }
    )


def _renumbered(path: Path, numbers: Mapping[int, int]) -> Iterator[tuple[int, str]]:
    """Yield the new number of each recording of a file that has one, and what follows its old one."""
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        old, _, rest = line.partition(",")
        if int(old) in numbers:
            yield numbers[int(old)], rest


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _copy_media(source: Path, public: Path, recordings: list[str]) -> None:
    essential, supplemental = "essential_data", "supplemental_data"
    copy(source / essential / "species_list.txt", public / essential / "species_list.txt")
    copy_named((f"{name}.wav" for name in recordings), source / essential / "src_wavs", public / essential / "src_wavs")
    pictures = [f"{name}.bmp" for name in recordings]
    for folder in _PICTURES:
        copy_named(pictures, source / supplemental / folder, public / supplemental / folder)
    examples = source / supplemental / "segmentation_examples"
    drawn = (name for name in pictures if (examples / name).is_file())
    copy_named(drawn, examples, public / supplemental / "segmentation_examples")
    copy_named(("segment_clusters.bmp", "segment_mosaic.bmp"), source / supplemental, public / supplemental)
