"""`best/` rebuilds its submission and answers for new rows without ML-Master, with real scripts in the real sandbox."""

import csv
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from mlmaster.core.blend import BlendKind
from mlmaster.core.proposal import Context, Proposal
from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, Profile, Task, TaskKind
from mlmaster.engine.run import Run
from mlmaster.settings import Settings
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.wiring import assemble, predict

NUMBER = """
import csv
train = list(csv.DictReader(open("input/train.csv", newline="")))
mean = sum(float(r["y"]) - float(r["x"]) for r in train) / len(train)
rows = list(csv.DictReader(open("input/test.csv", newline="")))
with open("submission.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["id", "y"])
    for row in reversed(rows):
        out.writerow([row["id"], float(row["x"]) * SLOPE + mean / 3])
"""

LABEL = """
import csv
rows = list(csv.DictReader(open("input/test.csv", newline="")))
with open("submission.csv", "w", newline="") as file, open("probabilities.csv", "w", newline="") as more:
    out, chances = csv.writer(file), csv.writer(more)
    out.writerow(["id", "y"])
    chances.writerow(["id", "no", "yes"])
    for row in rows:
        chance = min(1.0, max(0.0, float(row["x"]) / 10 * SLOPE))
        out.writerow([row["id"], "yes" if chance >= 0.5 else "no"])
        chances.writerow([row["id"], 1 - chance, chance])
"""


def write_tables(folder: Path, is_label: bool) -> None:
    folder.mkdir()
    rng = random.Random(3)
    rows = [(i, round(rng.uniform(1, 9), 3)) for i in range(120)]

    def target(x: float) -> str:
        return ("yes" if x + rng.gauss(0, 1) > 5 else "no") if is_label else repr(x + rng.gauss(0, 0.3))

    (folder / "train.csv").write_text("id,x,y\n" + "".join(f"{i},{x},{target(x)}\n" for i, x in rows[:90]))
    (folder / "test.csv").write_text("id,x\n" + "".join(f"{i},{x}\n" for i, x in rows[90:]))


def make_run(out: Path, *, is_label: bool = False, has_test: bool = True, **engine: object) -> Run:
    data = out.parent / "data"
    write_tables(data, is_label)
    task = Task(
        name="toy",
        directory=data,
        train="train.csv",
        test="test.csv" if has_test else None,
        id_column="id",
        echo_columns=("id",),
        submission_columns=("id", "y"),
        prediction_columns=("y",),
        targets=("y",),
        kind=TaskKind.BINARY if is_label else TaskKind.REGRESSION,
        prediction_kind=PredictionKind.LABEL if is_label else PredictionKind.NUMBER,
        classes=("no", "yes") if is_label else (),
        metric="accuracy" if is_label else "rmse",
        direction=Direction.MAXIMIZE if is_label else Direction.MINIMIZE,
    )

    def answer(context: Context) -> Proposal:
        slope = random.Random(context.seed).uniform(0.9, 1.1)
        return Proposal(plan="a line", code=f"SLOPE = {slope!r}\n{LABEL if is_label else NUMBER}")

    settings = Settings.model_validate(
        {
            "engine": {"slots": 2, "threads": 1, "folds": 3, "racing_se": 0, **engine},
            "budget": {"time": None, "nodes": 5},
            "seed": 4,
        }
    )
    RunDirectory.reserve(out)
    profile = Profile(train_rows=90, test_rows=30 if has_test else 0, columns=())
    store = RunDirectory.create(out, settings.dump(), task, profile)
    return assemble(store, settings, engineer=ScriptedEngineer(answer))


def run_alone(script: Path, *arguments: str, cwd: Path) -> None:
    """Run a script of `best/` as a user would who has never heard of ML-Master."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
    done = subprocess.run(
        [sys.executable, "-S", str(script), *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def rebuilds(run: Run, folder: Path) -> bytes:
    """Return the submission of a run, once it has been rebuilt to the same bytes."""
    best = run.directory / "best"
    run_alone(best / "reproduce.py", "--out", "again.csv", cwd=folder)
    again = (folder / "again.csv").read_bytes()
    assert again == (best / "submission.csv").read_bytes()
    return again


@pytest.mark.parametrize("has_test", [True, False])
@pytest.mark.parametrize("is_label", [False, True])
def test_the_submission_is_rebuilt_to_the_bit(tmp_path: Path, is_label: bool, has_test: bool) -> None:
    """As chosen, and for every way in which these members could have been blended; rows are hidden in two repeats."""
    run = make_run(tmp_path / "run", is_label=is_label, has_test=has_test)
    assert run.execute() is not None
    assert len(rebuilds(run, tmp_path).splitlines()) == 1 + (30 if has_test else 90)
    kinds = {BlendKind.MEAN, BlendKind.GEOMETRIC, BlendKind.VOTE if is_label else BlendKind.RANK}
    scored = list(run.tree.ranking())[:3]
    members = tuple(zip(scored, (0.2, 0.5, 0.3), strict=True))
    submissions = set()
    for kind in sorted(kinds if has_test else kinds - {BlendKind.RANK}):
        run._parts.results.write(members, kind)
        submissions.add(rebuilds(run, tmp_path))
    assert is_label or len(submissions) == len(kinds) - (not has_test)


def test_a_refit_is_rebuilt_where_it_was_taken(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", folds=1, judge=True)
    selected = run.execute()
    assert selected is not None
    described = json.loads((run.directory / "best" / "result.json").read_text())["members"]
    assert all(member["views"] == ["full"] for member in described)
    refitted = rebuilds(run, tmp_path)
    run._parts.results.write(selected.members, selected.blend)
    assert rebuilds(run, tmp_path) != refitted


@pytest.mark.parametrize("is_label", [False, True])
def test_new_rows_are_predicted_alike_inside_and_alone(tmp_path: Path, is_label: bool) -> None:
    run = make_run(tmp_path / "run", is_label=is_label, has_test=False)
    run.execute()
    new = tmp_path / "new.csv"
    new.write_text("x,id,unknown\n2.5,a,1\n7.5,b,2\n")
    inside = predict(run.directory, new)
    assert inside[0] == ["id", "y"]
    assert [row[0] for row in inside[1:]] == ["a", "b"]
    run_alone(run.directory / "best" / "predict.py", str(new), "--out", "answers.csv", cwd=tmp_path)
    with (tmp_path / "answers.csv").open(newline="") as file:
        assert list(csv.reader(file)) == inside
    if is_label:
        assert [row[1] for row in inside[1:]] == ["no", "yes"]


def test_data_that_moved_is_said_plainly(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    run.execute()
    (tmp_path / "data").rename(tmp_path / "moved")
    best = run.directory / "best"
    done = subprocess.run(
        [sys.executable, str(best / "reproduce.py")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "--data" in done.stderr
    assert "Traceback" not in done.stderr
    run_alone(best / "reproduce.py", "--data", str(tmp_path / "moved"), "--out", "again.csv", cwd=tmp_path)
    assert (tmp_path / "again.csv").read_bytes() == (best / "submission.csv").read_bytes()
