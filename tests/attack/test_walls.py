"""Every attack under every isolating adapter of this machine: what was declared beforehand is what is seen.

One sandbox per adapter takes all attacks, one after the other; an honest script must still run in it when they are over, and
nothing may be left of them on the machine. `ML_MASTER_ATTACK_TABLE=FILE` notes every outcome, see `table`; `make attack` does
so for root and for an ordinary user.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import pytest
from tests.attack import table
from tests.attack.attack import DENIED, HARMLESS, LIMITS, REACHED, REFUSED
from tests.attack.catalogue import ATTACKS, SLOW
from tests.attack.ground import VARIABLE, Ground

from mlmaster.core.execution import Execution
from mlmaster.core.task import PredictionKind, Task, TaskKind
from mlmaster.errors import SandboxError, SubmissionError
from mlmaster.metrics.registry import Registry
from mlmaster.metrics.submission import read_submission
from mlmaster.sandbox import cgroups, isolation
from mlmaster.sandbox.folders import delete
from mlmaster.sandbox.interpreter import probe
from mlmaster.sandbox.local import LocalSandbox
from mlmaster.sandbox.settings import IsolationName

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the attacks speak to Linux")

SLOWLY = (pytest.mark.slow,)
ADAPTERS: tuple[IsolationName, ...] = ("namespaces", "landlock")
_NEVER_EVIDENCE = {"lies:file", "lies:folder"}
"""What a directory may hold when it is handed back: the submission is read with care."""
_READING_S = 30
_HONEST = """
import os, tempfile, threading, subprocess, time
until = time.monotonic() + {seconds}
rows = open('input/train.csv').read().splitlines()[1:]
steps = 0
while True:
    open('working/steps', 'w').write(str(steps))
    assert int(open('working/steps').read()) == steps
    with tempfile.TemporaryFile() as scratch:
        scratch.write(b'x' * 100_000)
    kept = bytearray(b'x') * (8 << 20)
    worker = threading.Thread(target=sorted, args=(list(range(1000)),))
    worker.start()
    worker.join()
    assert subprocess.run(['true']).returncode == 0
    steps += 1
    if time.monotonic() > until:
        break
assert open('input/train.csv').read().splitlines()[1:] == rows
open('submission.csv', 'w').write('id,y\\n3,1.5\\n')
print('honest')
"""
_NASTIEST = (
    "bombs/fork",
    "bombs/memory-in-children",
    "bombs/disk-in-many-files",
    "bombs/log-flood",
    "processes/kill-everybody",
    "processes/daemon-that-keeps-the-output",
)


@dataclass(frozen=True, slots=True)
class Battle:
    """One adapter, and what it is attacked on."""

    adapter: IsolationName
    ground: Ground
    sandbox: LocalSandbox

    def run(self, code: str, **changes: Any) -> Execution:
        """Run a script on the view."""
        return self.sandbox.run(code, self.ground.view, replace(LIMITS, **changes), Flag())

    def settle(self) -> None:
        """Let an honest script be the other node that is attacked."""
        node = self.run(_HONEST.format(seconds=0))
        assert node.fault is None, node.log
        self.ground.take_node(node.directory)
        self.ground.values["everywhere"] = "/"

    def mend(self) -> None:
        """Make everything as it was before an attack that got through."""
        self.ground.mend()
        self.settle()


@pytest.fixture(scope="module", params=ADAPTERS)
def battle(request: pytest.FixtureRequest) -> Iterator[Battle]:
    adapter: IsolationName = request.param
    with contextlib.ExitStack() as closing:
        patch = closing.enter_context(pytest.MonkeyPatch.context())
        ground = Ground()
        closing.callback(ground.close)
        # what the sandbox puts into the temporary folder is found there afterwards
        (ground.base / "t").mkdir()
        patch.setattr(tempfile, "tempdir", str(ground.base / "t"))
        patch.setenv(VARIABLE, ground.decoys["environment"])
        interpreter = probe(ground.python)
        try:
            walls = isolation.choose(adapter, interpreter)
        except SandboxError as error:
            pytest.skip(str(error))
        before = ground.kept()
        root = ground.base / "evaluations"
        sandbox = LocalSandbox(root, interpreter, walls, memory=cgroups.find().cgroups)
        closing.callback(sandbox.close)
        battle = Battle(adapter, ground, sandbox)
        battle.settle()
        yield battle
        honest = battle.run(_HONEST.format(seconds=0))
        assert (honest.fault, honest.log) == (None, "honest\n")
        delete(honest.directory)
        assert [str(path) for path in root.iterdir()] == [ground.values["node"]]
        sandbox.close()
        assert ground.kept() == before
        assert list((ground.base / "t").iterdir()) == []


@pytest.mark.parametrize("name", [pytest.param(name, marks=SLOWLY * (name in SLOW)) for name in ATTACKS])
def test_outcome_is_the_declared_one(name: str, battle: Battle) -> None:
    attack, ground = ATTACKS[name], battle.ground
    executions: list[Execution] = []
    evidence: set[str] = set()
    try:
        for code in attack.scripts(ground.values):
            execution = battle.run(code, **attack.limits)
            executions.append(execution)
            evidence |= ground.evidence(execution.log, execution.directory, LIMITS.log_bytes) - _NEVER_EVIDENCE
        seen = _outcome(name, executions, evidence)
        declared = attack.declared(battle.adapter, table.USER)
        table.note(table.Row(name, battle.adapter, table.USER, "|".join(sorted(declared)), seen))
        told = "\n".join(f"{e.fault} {e.detail}\n{e.log[-2000:]}" for e in executions)
        assert seen.split(":")[0] in declared, f"{seen}\n{told}"
    finally:
        for execution in executions:
            _require_harmless(execution.directory)
            shutil.rmtree(execution.directory)
        if evidence:
            battle.mend()


@pytest.mark.slow
def test_an_honest_neighbour_is_unharmed(battle: Battle) -> None:
    attacks = {name: ATTACKS[name].scripts(battle.ground.values)[0] for name in _NASTIEST}
    with ThreadPoolExecutor(len(attacks) + 2) as pool:
        honest = [pool.submit(battle.run, _HONEST.format(seconds=4)) for _ in range(2)]
        hostile = [pool.submit(battle.run, code, **ATTACKS[name].limits) for name, code in attacks.items()]
        for future in hostile:
            delete(future.result().directory)
        for future in honest:
            execution = future.result()
            assert (execution.fault, execution.detail, execution.log) == (None, "", "honest\n")
            assert _read(execution.directory) == [[1.5]]
            delete(execution.directory)


def _outcome(name: str, executions: Sequence[Execution], evidence: set[str]) -> str:
    """Return the outcome in a word, and after a colon the evidence where a wall has a hole."""
    if evidence:
        return f"{REACHED}: {', '.join(sorted(evidence))}"
    for execution in executions:
        if execution.fault is not None:
            return execution.fault.value
    words = {line.split(" ")[0] for execution in executions for line in execution.log.splitlines()}
    if "ABSENT" in words:  # the filter says so of calls that it refuses; whether it is true, the proof tells
        return DENIED
    if name.startswith("submissions/") and "DENIED" not in words:
        try:
            return f"{REACHED}: read as {_read(executions[0].directory)}"
        except SubmissionError:
            return REFUSED
    if "DENIED" in words:
        return DENIED
    # the output of a flood is cut in the middle, but ends as it ended
    return HARMLESS if "DONE" in words or executions[-1].log.endswith("DONE \n") else "unclear"


def _read(directory: Path) -> list[list[float]]:
    """Read the submission as the harness does, which must not take long whatever lies there."""
    task = Task(
        name="attacked",
        directory=directory,
        train="train.csv",
        test="test.csv",
        id_column="id",
        submission_columns=("id", "y"),
        prediction_columns=("y",),
        targets=("y",),
        kind=TaskKind.REGRESSION,
        prediction_kind=PredictionKind.NUMBER,
        metric="rmse",
        direction=Registry().get("rmse").direction,
    )
    answer: list[Any] = []

    def read() -> None:
        try:
            answer.append(read_submission(directory / "submission.csv", task, ["3"], 1).tolist())
        except SubmissionError as error:
            answer.append(error)

    reader = Thread(target=read, daemon=True)
    reader.start()
    reader.join(_READING_S)
    assert answer, "reading the submission has not come to an end"
    if isinstance(answer[0], SubmissionError):
        raise answer[0]
    return answer[0]  # type: ignore[no-any-return]


def _require_harmless(directory: Path) -> None:
    """Require what the port promises: regular files and folders, all of them ours to read."""
    for folder, folders, names in os.walk(directory):
        for entry in (*folders, *names):
            mode = Path(folder, entry).lstat().st_mode
            assert stat.S_ISREG(mode) or stat.S_ISDIR(mode)
            assert os.access(Path(folder, entry), os.R_OK | os.W_OK)
