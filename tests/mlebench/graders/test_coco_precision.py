"""The grader against pycocotools itself, fed as MLE-bench feeds it."""

import contextlib
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.coco_precision import coco_precision

coco = pytest.importorskip("pycocotools.coco")
evaluation = pytest.importorskip("pycocotools.cocoeval")

sides = st.sampled_from([0.0, 1.0, 2.0, 3.0, 5.0, 8.0, -2.0, float("nan"), 1e6])
corners = st.tuples(sides, sides, sides, sides)
goals = st.tuples(st.integers(0, 2), st.tuples(*[st.integers(0, 5)] * 2, *[st.integers(6, 9)] * 2))
guesses = st.tuples(st.integers(0, 3), st.sampled_from([0.1, 0.5, 0.9, -1.0, float("nan")]), corners)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(goals, min_size=1, max_size=3), st.lists(guesses, min_size=1, max_size=4)),
        min_size=1,
        max_size=3,
    )
)
def test_scores_are_those_of_the_library(
    pages: list[tuple[list[tuple[int, tuple[int, ...]]], list[tuple[int, float, tuple[float, ...]]]]],
) -> None:
    answers = pd.DataFrame(
        [(f"p{page}", kind, *box) for page, (wanted, _) in enumerate(pages) for kind, box in wanted],
        columns=["image_id", "class_id", "x_min", "y_min", "x_max", "y_max"],
    )
    texts = [" ".join(f"{kind} {score} {' '.join(map(str, box))}" for kind, score, box in found) for _, found in pages]
    submission = pd.DataFrame({"image_id": [f"p{page}" for page in range(len(pages))], "PredictionString": texts})
    with np.errstate(all="ignore"):
        assert coco_precision(submission, answers) == pytest.approx(official(pages), abs=1e-12)


def test_more_than_a_hundred_boxes_of_a_class_on_an_image_do_not_count() -> None:
    answers = pd.DataFrame(
        {
            "image_id": ["a", "b"],
            "class_id": [1, 2],
            "x_min": [1.0, 1.0],
            "y_min": [1.0, 1.0],
            "x_max": [9.0, 9.0],
            "y_max": [9.0, 9.0],
        }
    )
    others = " ".join(["2 0.5 50 50 60 60"] * 99)

    def score(boxes: str) -> float:
        return coco_precision(
            pd.DataFrame({"image_id": ["a", "b"], "PredictionString": ["1 1 1 1 9 9", boxes]}), answers
        )

    # class 1 holds the first box of the answers, which nothing hits
    assert score(f"{others} 2 0.1 1 1 9 9") == pytest.approx(1 / 100 / 2)
    assert score(f"{others} 2 0.5 70 70 80 80 2 0.1 1 1 9 9") == 0.0


def test_messages_name_the_row_and_no_image_of_the_answers() -> None:
    answers = pd.DataFrame(
        {"image_id": ["secret", "b"], "class_id": [1, 2], "x_min": 0, "y_min": 0, "x_max": 1, "y_max": 1}
    )
    with pytest.raises(SubmissionError, match="1 images, and must name all 2") as told:
        coco_precision(pd.DataFrame({"image_id": ["b"], "PredictionString": ["14 1 0 0 1 1"]}), answers)
    assert "secret" not in str(told.value)
    both = pd.DataFrame({"image_id": ["b", "secret"], "PredictionString": ["14 1 0 0 1 1", "14 1 0 0 1"]})
    with pytest.raises(SubmissionError, match="PredictionString, row 2: 5 numbers"):
        coco_precision(both, answers)


def official(
    pages: list[tuple[list[tuple[int, tuple[int, ...]]], list[tuple[int, float, tuple[float, ...]]]]],
) -> float:
    images = [{"id": page} for page in range(len(pages))]
    goals = [record(page, kind, box) for page, (wanted, _) in enumerate(pages) for kind, box in wanted]
    guesses = [
        record(page, kind, box) | {"score": score}
        for page, (_, found) in enumerate(pages)
        for kind, score, box in found
    ]
    kinds = [{"id": kind} for kind in sorted({kind for wanted, _ in pages for kind, _ in wanted})]
    with contextlib.redirect_stdout(io.StringIO()):
        truth, found = coco.COCO(), coco.COCO()
        truth.dataset = {"images": images, "categories": kinds, "annotations": numbered(goals)}
        found.dataset = {"images": images, "categories": kinds, "annotations": numbered(guesses)}
        truth.createIndex()
        found.createIndex()
        judge = evaluation.COCOeval(truth, found, "bbox")
        judge.params.iouThrs = np.array([0.4])
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0])


def record(page: int, kind: int, box: tuple[float, ...]) -> dict[str, object]:
    left, top, right, bottom = box
    area = (right - left) * (bottom - top)
    return {"image_id": page, "category_id": kind, "bbox": np.array(box, float), "area": area, "iscrowd": 0}


def numbered(records: list[dict[str, object]]) -> list[dict[str, object]]:
    return [each | {"id": number} for number, each in enumerate(records)]
