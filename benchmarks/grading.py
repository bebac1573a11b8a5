"""What grading a large submission costs, against plain pandas and scikit-learn. Writes results/grading.json.

A million rows of one probability (ROC AUC) and a million rows of three (log loss), shuffled against the answers.
*Plain* reads both files with pandas, checks the ids and the range, sorts by id and calls scikit-learn, which is the
same reading and scoring; *ours* is `mlmaster.mlebench.grading.judge`. Each in a process of its own, turn by turn; CPU
seconds without imports, and the peak memory of the process. Both give the same score. Target: not slower.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

from measure import write_result
from mlmaster.mlebench.grading import judge
from mlmaster.mlebench.registry import competition

ROWS, TURNS = 1_000_000, 5
AUC, LOSS = "tabular-playground-series-may-2022", "spooky-author-identification"
AUTHORS = ["EAP", "HPL", "MWS"]


def write(folder: Path) -> None:
    """Write submissions and answers of both competitions."""
    rng = np.random.default_rng(0)
    order = rng.permutation(ROWS)
    truth = rng.integers(0, 2, ROWS)
    chance = np.clip(truth * 0.2 + rng.random(ROWS) * 0.8, 0, 1)
    pd.DataFrame({"id": range(ROWS), "target": truth}).to_csv(folder / f"{AUC}.answers.csv", index=False)
    pd.DataFrame({"id": order, "target": chance[order]}).to_csv(folder / f"{AUC}.csv", index=False)
    ids = np.array([f"id{number:07}" for number in rng.permutation(ROWS)])
    author = rng.integers(0, 3, ROWS)
    rows = rng.dirichlet(np.ones(3), ROWS)
    answers = pd.DataFrame(np.eye(3, dtype=int)[author], columns=AUTHORS)
    answers.insert(0, "id", ids)
    answers.to_csv(folder / f"{LOSS}.answers.csv", index=False)
    submission = pd.DataFrame(rows[order], columns=AUTHORS)
    submission.insert(0, "id", ids[order])
    submission.to_csv(folder / f"{LOSS}.csv", index=False)


def plain(name: str, submission: Path, answers: Path) -> float:
    """Return the score by pandas and scikit-learn alone."""
    given, truth = pd.read_csv(submission), pd.read_csv(answers)
    columns = AUTHORS if name == LOSS else ["target"]
    assert len(given) == len(truth)
    assert ((given[columns] >= 0) & (given[columns] <= 1)).all().all()
    if name == LOSS:
        assert np.isclose(given[columns].sum(axis=1), 1, atol=1e-6).all()
    given, truth = given.sort_values("id"), truth.sort_values("id")
    assert (given["id"].to_numpy() == truth["id"].to_numpy()).all()
    if name == LOSS:
        return float(log_loss(truth[AUTHORS].to_numpy(), given[AUTHORS].to_numpy()))
    return float(roc_auc_score(truth["target"], given["target"]))


def measure(way: str, name: str, folder: Path) -> dict[str, float]:
    """Return the figures of one grading; for a process of its own."""
    submission, answers = folder / f"{name}.csv", folder / f"{name}.answers.csv"
    known = competition(name)
    began = time.process_time()
    if way == "plain":
        score: float | None = round(plain(name, submission, answers), 5)
    else:
        score = judge(submission, answers, known).score
    assert score is not None
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_s": time.process_time() - began, "peak_mb": peak_mb, "score": score}


def main() -> int:
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
        return 0
    figures: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory(prefix="mlmaster-grading-") as folder:
        write(Path(folder))
        for name in (AUC, LOSS):
            runs: dict[str, list[dict[str, float]]] = {"plain": [], "ours": []}
            for _ in range(TURNS):
                for way in runs:
                    command = [sys.executable, __file__, way, name, folder]
                    done = subprocess.run(command, check=True, capture_output=True, text=True)
                    runs[way].append(json.loads(done.stdout))
            assert len({run["score"] for each in runs.values() for run in each}) == 1
            ratios = [ours["cpu_s"] / other["cpu_s"] for ours, other in zip(runs["ours"], runs["plain"], strict=True)]
            figures[name] = {
                "score": runs["ours"][0]["score"],
                "ratio_cpu": [round(each, 2) for each in (statistics.median(ratios), min(ratios), max(ratios))],
                **{
                    f"{way}_{key}": round(statistics.median(run[key] for run in each), 2)
                    for way, each in runs.items()
                    for key in ("cpu_s", "peak_mb")
                },
            }
    write_result(
        "grading", {"what": f"{ROWS} rows, {TURNS} turns; ratio_cpu is ours to plain: median, least, most", **figures}
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
