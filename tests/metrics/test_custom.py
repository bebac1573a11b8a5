from pathlib import Path

import numpy as np
import pytest

from mlmaster.core.score import Direction
from mlmaster.errors import SubmissionError, TaskError
from mlmaster.metrics.custom import load_metric
from mlmaster.metrics.registry import Registry

TRUTH = np.array([[1.0], [2.0]])
GOOD = """
from __future__ import annotations

from dataclasses import dataclass

greater_is_better = False


@dataclass
class Weight:
    value: float = 2.0


def score(truth, predictions):
    predictions -= truth
    return Weight().value * abs(predictions).mean()
"""


def write(folder: Path, source: str) -> Path:
    file = folder / "metric.py"
    file.write_text(source, encoding="utf-8")
    return file


def test_a_file_s_metric_scores_and_leaves_nothing_behind(tmp_path: Path) -> None:
    predictions = TRUTH + 1
    metric = Registry().get("pinball", file=write(tmp_path, GOOD))
    assert (metric.name, metric.direction) == ("pinball", Direction.MINIMIZE)
    assert metric.score(TRUTH, predictions) == 2.0
    assert predictions.tolist() == [[2.0], [3.0]]
    assert [each.name for each in tmp_path.iterdir()] == ["metric.py"]


def test_a_resample_without_rows_is_undefined_and_never_asked_for(tmp_path: Path) -> None:
    metric = Registry().get("own", file=write(tmp_path, GOOD))
    counts = np.array([[0, 0], [1, 0]])
    assert np.isnan(metric.resampled(TRUTH, TRUTH + 1, counts)).tolist() == [True, False]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("greater_is_better = True", "no function `score`"),
        ("def score(t, p): return 0.0", "greater_is_better is None"),
        ("greater_is_better = 1\ndef score(t, p): return 0.0", "greater_is_better is 1"),
        ("def score(:", "does not run: SyntaxError"),
        ("import no_such_module_anywhere", "does not run: ModuleNotFoundError"),
        ("score = 3\ngreater_is_better = True", "no function `score`"),
    ],
)
def test_a_malformed_file_says_what_is_missing(tmp_path: Path, source: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        load_metric(write(tmp_path, source))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"metric\.py cannot be read"):
        load_metric(tmp_path / "metric.py")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise ValueError('negative')", SubmissionError),
        ("return float('nan')", SubmissionError),
        ("raise KeyError('x')", TaskError),
        ("return 'high'", TaskError),
        ("return None", TaskError),
    ],
)
def test_whose_fault_a_failing_score_is(tmp_path: Path, body: str, error: type[Exception]) -> None:
    metric = load_metric(write(tmp_path, f"greater_is_better = True\ndef score(t, p):\n    {body}\n"))
    with pytest.raises(error):
        metric.score(TRUTH, TRUTH)
    with pytest.raises(SubmissionError, match="1 predictions for 2 rows"):
        metric.score(TRUTH, TRUTH[:1])
