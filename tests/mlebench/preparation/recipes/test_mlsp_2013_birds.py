from pathlib import Path

import numpy as np
import pytest
from tests.mlebench.preparation.recipes.plain_python import (
    Files,
    assert_same,
    column,
    is_official,
    named_files,
    prepared,
    rows_of,
    table,
    write,
    write_files,
)

from mlmaster.errors import DataError
from mlmaster.mlebench.preparation.recipes import mlsp_2013_birds

HEADER = b"rec_id,[histogram of segment features]\n"


def make_raw(raw: Path, seed: int = 0, size: int = 645, labelled: int = 322) -> None:
    """Make as many recordings as there are; half of them are Kaggle's test set, labels unknown."""
    random = np.random.default_rng(seed)
    source = raw / "mlsp_contest_dataset"
    hidden = set(random.permutation(size)[labelled:].tolist())
    names = [f"PC{random.integers(1, 19)}_{20090513 + number}_050000_{number}0" for number in range(size)]
    labels, histogram, features = ["rec_id,[labels]"], ["rec_id,[histogram]"], ["rec_id,segment_id,[feature vector]"]
    for number in range(size):
        present = sorted(random.permutation(19)[: random.integers(0, 4)].tolist())
        labels.append(",".join(map(str, [number, *(["?"] if number in hidden else present)])))
        histogram.append(",".join([str(number), *(f"{value:.6f}" for value in random.uniform(size=4))]))
        features += [f"{number},{segment},{random.uniform():.3f}" for segment in range(random.integers(0, 3))]
    essential, supplemental = source / "essential_data", source / "supplemental_data"
    write(essential / "CVfolds_2.txt", table({"rec_id": n, "fold": int(n in hidden)} for n in range(size)))
    write(essential / "rec_id2filename.txt", table({"rec_id": n, "filename": name} for n, name in enumerate(names)))
    write(essential / "rec_labels_test_hidden.txt", "\r\n".join(labels).encode())
    write(essential / "species_list.txt", b"class_id,code,species\n0,BRCR,Brown Creeper\n")
    write(supplemental / "histogram_of_segments.txt", "\n".join(histogram).encode())
    write(supplemental / "segment_features.txt", "\n".join([*features, ""]).encode())
    write(supplemental / "segment_rectangles.txt", "\n".join([*features, ""]).encode())
    write_files(essential, named_files("src_wavs", (f"{name}.wav" for name in names)))
    for folder in ("filtered_spectrograms", "spectrograms", "supervised_segmentation"):
        write_files(supplemental, named_files(folder, (f"{name}.bmp" for name in names)))
    write_files(supplemental, named_files("segmentation_examples", (f"{name}.bmp" for name in names[::20])))
    write_files(source, named_files("supplemental_data", ("segment_clusters.bmp", "segment_mosaic.bmp")))


def expected(raw: Path) -> Files:
    source = raw / "mlsp_contest_dataset"
    essential, supplemental = source / "essential_data", source / "supplemental_data"
    old = [row["rec_id"] for row in rows_of(essential / "CVfolds_2.txt") if row["fold"] == "0"]
    number = {rec_id: new for new, rec_id in enumerate(old)}
    test = sorted(np.random.RandomState(0).permutation(len(old))[: round(0.2 * len(old))].tolist())

    def lines(path: Path) -> list[tuple[int, list[str]]]:
        cells = [line.split(",") for line in path.read_text().splitlines()[1:]]
        return [(number[first], rest) for first, *rest in cells if first in number]

    def renumbered(name: str) -> bytes:
        return HEADER + "".join(f"{new},{','.join(rest)}\n" for new, rest in lines(supplemental / name)).encode()

    labels = dict(lines(essential / "rec_labels_test_hidden.txt"))
    shown = {new: ["?"] if new in test else present for new, present in labels.items()}
    files = {
        rec: row["filename"] for row in rows_of(essential / "rec_id2filename.txt") if (rec := row["rec_id"]) in number
    }
    names = list(files.values())
    examples = [name for name in names if (supplemental / "segmentation_examples" / f"{name}.bmp").exists()]
    answers = [(rec * 100 + bird, int(str(bird) in labels[rec])) for rec in test for bird in range(19)]
    return {
        "public/sample_submission.csv": table({"Id": id_, "Probability": 0} for id_, _ in answers),
        "private/answers.csv": table({"Id": id_, "Probability": is_there} for id_, is_there in answers),
        "public/essential_data/CVfolds_2.txt": table(
            {"rec_id": new, "fold": int(new in test)} for new in range(len(old))
        ),
        "public/essential_data/rec_id2filename.txt": table(
            {"rec_id": number[rec], "filename": name} for rec, name in files.items()
        ),
        "public/essential_data/rec_labels_test_hidden.txt": b"rec_id,[labels]\n"
        + "".join(",".join([str(new), *present]) + "\n" for new, present in shown.items()).encode(),
        "public/essential_data/species_list.txt": (essential / "species_list.txt").read_bytes(),
        **{
            f"public/supplemental_data/{name}.txt": renumbered(f"{name}.txt")
            for name in ("histogram_of_segments", "segment_features", "segment_rectangles")
        },
        **named_files("public/essential_data/src_wavs", (f"{name}.wav" for name in names)),
        **named_files("public/supplemental_data/filtered_spectrograms", (f"{name}.bmp" for name in names)),
        **named_files("public/supplemental_data/spectrograms", (f"{name}.bmp" for name in names)),
        **named_files("public/supplemental_data/supervised_segmentation", (f"{name}.bmp" for name in names)),
        **named_files("public/supplemental_data/segmentation_examples", (f"{name}.bmp" for name in examples)),
        **named_files("public/supplemental_data", ("segment_clusters.bmp", "segment_mosaic.bmp")),
    }


def test_files_are_the_official_ones(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw")
    files = prepared(mlsp_2013_birds, tmp_path / "raw")
    assert_same(files, expected(tmp_path / "raw"))
    assert len(column(files["private/answers.csv"], "Id")) == 64 * 19
    assert column(files["private/answers.csv"], "Id") == column(files["public/sample_submission.csv"], "Id")
    sample = "public/sample_submission.csv"
    assert is_official("mlsp-2013-birds", sample, files[sample])  # numbers alone: the same for any 322 recordings


def test_labels_of_the_test_set_are_hidden_and_only_those(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw", seed=1, size=60, labelled=40)
    files = prepared(mlsp_2013_birds, tmp_path / "raw")
    essential = {name: files[f"public/essential_data/{name}.txt"] for name in ("CVfolds_2", "rec_labels_test_hidden")}
    folds = {row["rec_id"]: row["fold"] for row in rows_of(essential["CVfolds_2"])}
    for line in essential["rec_labels_test_hidden"].decode().splitlines()[1:]:
        rec_id, *labels = line.split(",")
        assert (labels == ["?"]) == (folds[rec_id] == "1")


def test_a_missing_sound_is_named(tmp_path: Path) -> None:
    make_raw(tmp_path / "raw", size=30, labelled=30)
    sound = sorted((tmp_path / "raw" / "mlsp_contest_dataset" / "essential_data" / "src_wavs").iterdir())[0]
    sound.unlink()
    with pytest.raises(DataError, match=f"src_wavs/{sound.name} is missing"):
        prepared(mlsp_2013_birds, tmp_path / "raw")
