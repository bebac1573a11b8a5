"""What a script or a user can do to the final choice and its estimate."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest
from tests.leaks.corpus import READ, Planted, draw_rows, plant

from mlmaster.core.events import NodeFinished, Record
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.tree import Tree
from mlmaster.engine import predictions
from mlmaster.engine.pools import InlinePool
from mlmaster.engine.run import Run
from mlmaster.metrics.submission import labels_from_probabilities
from mlmaster.report.markdown import render
from mlmaster.report.summary import summarise
from mlmaster.store.run_directory import RunDirectory
from mlmaster.tasks.profile import profile
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.sandboxes import open_sandbox
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import make_run, make_settings
from mlmaster.wiring import assemble

SOLVE = """
def label(row):
    is_wrong = int(row["x"][-3:]) % MOST == PART
    return str(int((float(row["x"]) > 0.5) != is_wrong))
write(label)
with open("probabilities.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["id", "0", "1"])
    for row in test:
        likely = LIKELY(label(row))
        out.writerow([row["id"], 1 - likely, likely])
"""
HONEST = "lambda label: 0.6 if label == '1' else 0.4"
PLANTED = {
    "constant probabilities": "lambda label: 0.999",
    "probabilities that say the opposite": "lambda label: 0.001 if label == '1' else 0.999",
}


def search(planted: Planted, codes: list[str]) -> Run:
    """Return a finished run of these scripts, each a draft of its own."""
    out = Path(f"{planted.folder}-run")
    RunDirectory.reserve(out)
    settings = make_settings(engine__slots=1, engine__folds=2, engine__racing_se=0.0, budget__nodes=len(codes))
    store = RunDirectory.create(out, settings.dump(), planted.task, profile(planted.task))
    asked: list[Context] = []

    def answer(context: Context) -> Proposal:
        asked.append(context)
        return Proposal(plan="p", code=READ + codes[len(asked) - 1])

    engineer, sandbox = ScriptedEngineer(answer), open_sandbox(Path(f"{planted.folder}-work"))
    run = assemble(store, settings, engineer=engineer, sandbox=sandbox, pool=InlinePool(), clock=FakeClock())
    assert run.execute() is not None
    return run


@pytest.mark.parametrize("likely", PLANTED.values(), ids=PLANTED)
def test_probabilities_that_do_not_stand_behind_the_labels(tmp_path: Path, likely: str) -> None:
    """Labels are scored, probabilities are blended: a script with good labels brings any probabilities into the blend."""
    rows = [{**row, "y": int(float(str(row["x"])) > 0.5)} for row in draw_rows(400)]
    planted = plant(tmp_path / "task", rows[:300], rows[300:])
    codes = [
        f"MOST, PART, LIKELY = {most}, {part}, {how}\n{SOLVE}"
        for most, part, how in ((8, 0, HONEST), (8, 3, HONEST), (50, 7, likely))
    ]
    run = search(planted, codes)
    truth = [str(row["y"]) for row in rows[300:]]
    stored = [predictions.load(run.directory / "nodes" / str(node), 0).test_probabilities for node in (1, 2, 3)]
    mean = np.mean([each for each in stored if each is not None], axis=0)
    careless = labels_from_probabilities(planted.task, mean)[:, 0]
    assert sum(careless == truth) < 0.6 * len(truth)
    with (run.directory / "best" / "submission.csv").open(newline="") as file:
        ours = [row["y"] for row in csv.DictReader(file)]
    assert sum(a == b for a, b in zip(ours, truth, strict=True)) > 0.9 * len(truth)


def test_going_on_after_the_judge_was_opened(tmp_path: Path) -> None:
    """Who may look, go on and look again, reports the best of many looks: guessers that seem better than a coin."""
    draw = random.Random(11)
    looks = [sum(draw.random() < 0.5 for _ in range(120)) / 120 for _ in range(40)]
    assert max(looks) > 0.5 + 2 * 0.0456  # two standard errors of one look
    out = tmp_path / "run"

    def stop(record: Record, tree: Tree) -> None:
        if isinstance(record.event, NodeFinished) and record.event.node == 6:
            first.stop()

    first = make_run(out, observer=stop)
    first.execute()
    assert _says_reused(out) is False
    make_run(out).execute()
    assert _says_reused(out) is True


def _says_reused(out: Path) -> bool:
    store = RunDirectory.open_for_reading(out)
    records = store.read()
    store.close()
    estimate = summarise(records).estimate
    assert estimate is not None
    assert ("judge reused" in render(records)) is estimate.is_judge_reused
    return estimate.is_judge_reused
