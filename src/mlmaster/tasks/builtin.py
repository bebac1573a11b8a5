"""Built-in real tasks, written out from the data sets that scikit-learn carries: nothing is downloaded.

Each is laid out as MLE-bench lays out its tasks, with the answers in `prepared/private`, so that the whole way from a
folder to a grade can be walked on any machine.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlmaster.errors import TaskError
from mlmaster.tasks.table import write_rows

TEST_SHARE = 0.25
SEED = 20


@dataclass(frozen=True, slots=True)
class BuiltinTask:
    """How a built-in task is made.

    Attributes:
        name: Its name on the command line.
        title: One line for a list of tasks.
        loader: Name of the loading function in `sklearn.datasets`.
        target: Name of its target column.
        labels: Turns a raw target into a cell.
        sample: Cells of the prediction columns of the sample submission, by column.
        description: The description that comes with it, in Markdown.
        has_images: Whether rows are images rather than columns.
    """

    name: str
    title: str
    loader: str
    target: str
    labels: Callable[[Any, Any], str]
    sample: Mapping[str, str]
    description: str
    has_images: bool = False


def _number(value: Any, _: Any) -> str:
    return repr(float(value))


def _class_number(value: Any, _: Any) -> str:
    return str(int(value))


def _class_name(value: Any, names: Any) -> str:
    return str(names[int(value)])


def _malignant(value: Any, names: Any) -> str:
    return str(int(names[int(value)] == "malignant"))


BUILTIN: Mapping[str, BuiltinTask] = {
    task.name: task
    for task in (
        BuiltinTask(
            "breast-cancer",
            "binary: is a tumour malignant? 30 measurements of cell nuclei",
            "load_breast_cancer",
            "malignant",
            _malignant,
            {"malignant": "0.5"},
            """# Breast Cancer Wisconsin (Diagnostic)

## Goal
From measurements of the cell nuclei in a fine needle aspirate, give the probability that the tumour is malignant.

## Metric
Area under the ROC curve. Higher is better.
""",
        ),
        BuiltinTask(
            "wine",
            "multiclass: which of three cultivars? 13 chemical measurements",
            "load_wine",
            "cultivar",
            _class_name,
            {"class_0": "0.33", "class_1": "0.34", "class_2": "0.33"},
            """# Wine

## Goal
From the chemical analysis of a wine, give the probability of each of the three cultivars it may come from.

## Metric
Multiclass logarithmic loss. Lower is better.
""",
        ),
        BuiltinTask(
            "diabetes",
            "regression: how far will the disease progress? 10 measurements",
            "load_diabetes",
            "progression",
            _number,
            {"progression": "152.0"},
            """# Diabetes

## Goal
From ten measurements of a patient, predict a number for the progression of the disease one year later.

## Metric
Root mean squared error (RMSE). Lower is better.
""",
        ),
        BuiltinTask(
            "digits",
            "images: which digit is written? 8 by 8 pixels, ten classes",
            "load_digits",
            "digit",
            _class_number,
            {"digit": "0"},
            """# Digits

## Goal
Tell which digit, 0 to 9, a small grey image shows. The image of a row is `images/<image>`, 8 by 8 pixels.

## Metric
Accuracy. Higher is better.
""",
            has_images=True,
        ),
    )
}
"""The built-in tasks by name."""


def write_builtin(name: str, directory: Path) -> Path:
    """Write a built-in task and return its folder, `directory/name`. What is there already is kept.

    The split is fixed: the same rows are test rows everywhere.

    Raises:
        TaskError: No built-in task has this name.
    """
    if name not in BUILTIN:
        raise TaskError(f"there is no built-in task {name!r}; there are {', '.join(BUILTIN)}")
    folder = directory / name
    if (folder / "prepared" / "private" / "answers.csv").is_file():
        return folder
    directory.mkdir(parents=True, exist_ok=True)
    # Written beside its place and moved there whole, so that a broken-off write is never taken for a task.
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=directory) as temporary:
        made = Path(temporary) / name
        _write(BUILTIN[name], made / "prepared" / "public", made / "prepared" / "private")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return folder


def _write(task: BuiltinTask, public: Path, private: Path) -> None:
    from sklearn import datasets

    public.mkdir(parents=True)
    private.mkdir(parents=True)
    data = getattr(datasets, task.loader)()
    labels = [task.labels(value, data.target_names if "target_names" in data else None) for value in data.target]
    is_test = _draw_test(labels, is_stratified=task.loader != "load_diabetes")
    id_name, keys, features, cells = _features(task, data, public)
    rows = list(range(len(labels)))
    random.Random(SEED + 1).shuffle(rows)
    train = [row for row in rows if not is_test[row]]
    test = [row for row in rows if is_test[row]]
    write_rows(
        public / "train.csv", [id_name, *features, task.target], ([keys[r], *cells[r], labels[r]] for r in train)
    )
    write_rows(public / "test.csv", [id_name, *features], ([keys[r], *cells[r]] for r in test))
    write_rows(
        public / "sample_submission.csv", [id_name, *task.sample], ([keys[r], *task.sample.values()] for r in test)
    )
    write_rows(private / "answers.csv", [id_name, task.target], ([keys[r], labels[r]] for r in test))
    submission = ",".join([id_name, *task.sample])
    files = "`images/`: one PNG file for every row of both tables. " if task.has_images else ""
    (public / "description.md").write_text(
        f"{task.description}\n## Files\n`train.csv`: {len(train)} rows with the target `{task.target}`. `test.csv`: "
        f"{len(test)} rows without it. {files}`sample_submission.csv`: a constant.\n\n## Submission\n"
        f"CSV with the columns `{submission}`, one row for every row of `test.csv`.\n",
        encoding="utf-8",
    )


def _draw_test(labels: Sequence[str], *, is_stratified: bool) -> list[bool]:
    """Draw the test rows, the same share of every label where the labels are classes."""
    groups: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label if is_stratified else "", []).append(row)
    chosen = set()
    for label, rows in sorted(groups.items()):
        chosen.update(random.Random(f"{SEED}{label}").sample(rows, round(len(rows) * TEST_SHARE)))
    return [row in chosen for row in range(len(labels))]


def _features(task: BuiltinTask, data: Any, public: Path) -> tuple[str, list[str], list[str], list[list[str]]]:
    """Return the id column, the ids, the feature columns and their cells; writes the images of an image task."""
    count = len(data.target)
    # Row numbers would give the order of the source away, and with it often the class.
    numbers = random.Random(SEED + 2).sample(range(10_000, 100_000), count)
    if task.has_images:
        names = [f"{number}.png" for number in numbers]
        _write_images(data.images, [public / "images" / name for name in names])
        return "image", names, [], [[] for _ in names]
    features = [str(name).replace(" ", "_") for name in data.feature_names]
    return "id", list(map(str, numbers)), features, [[repr(float(value)) for value in row] for row in data.data]


def _write_images(images: Any, paths: Sequence[Path]) -> None:
    from PIL import Image

    paths[0].parent.mkdir(parents=True)
    for pixels, path in zip(images, paths, strict=True):
        Image.fromarray((pixels * (255 / 16)).round().astype("uint8")).save(path)
