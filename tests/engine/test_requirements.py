"""What a run's winning scripts import, as told beside them; and what engineers are told can be imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlmaster.core.proposal import Context, Proposal
from mlmaster.engine.requirements import required, write_requirements
from mlmaster.errors import SandboxError
from mlmaster.sandbox.interpreter import Interpreter
from mlmaster.settings import Settings
from mlmaster.testing.scripted_engineer import ScriptedEngineer
from mlmaster.testing.toy_run import make_run, script, tinker
from mlmaster.wiring import make_engineer

PACKAGES = {
    "numpy": "2.4.6",
    "pandas": "3.1.1",
    "scikit-learn": "1.6",
    "torch": "2.3.0+cu121",
    "xgboost-cpu": "3.0",
    "xgboost": "3.1",
}
MODULES = {
    "numpy": ("numpy",),
    "pandas": ("pandas",),
    "sklearn": ("scikit-learn",),
    "torch": ("torch",),
    "xgboost": ("xgboost", "xgboost-cpu"),
}
INTERPRETER = Interpreter(Path("/venv/bin/python"), (3, 12, 1), (), (), PACKAGES, MODULES)


@pytest.mark.parametrize(
    ("scripts", "expected"),
    [
        (["import numpy as np\nimport sklearn.svm, os"], ["numpy", "scikit-learn"]),
        (["from sklearn.svm import SVC", "def f():\n    from torch import nn\n"], ["scikit-learn", "torch"]),
        (["import xgboost"], ["xgboost", "xgboost-cpu"]),
        (["try:\n    import absent\nexcept ImportError:\n    import numpy\n"], ["numpy"]),
        (["from . import pandas\nfrom .numpy import x\nprint('import torch')"], []),
        ([], []),
    ],
)
def test_imports_become_distributions(scripts: list[str], expected: list[str]) -> None:
    assert required(scripts, INTERPRETER) == {name: PACKAGES[name] for name in expected}


def test_requirements_are_exact_and_installable() -> None:
    text = write_requirements({"numpy": "2.4.6", "torch": "2.3.0+cu121"}, INTERPRETER)
    head, *lines = text.splitlines()
    assert head.startswith("#")
    assert "Python 3.12.1" in head
    assert lines == ["numpy==2.4.6", "torch==2.3.0"]


def test_the_result_says_what_its_scripts_need_and_engineers_what_is_there(tmp_path: Path) -> None:
    seen: list[Context] = []

    def answer(context: Context) -> Proposal:
        seen.append(context)
        found = script(0.3, tag=str(context.seed))
        return Proposal(plan="p", code=f"import sklearn.svm\n{found}")

    run = make_run(tmp_path / "run", engineer=ScriptedEngineer(answer), interpreter=INTERPRETER, budget__nodes=2)
    assert run.execute() is not None
    best = tmp_path / "run" / "best"
    assert (best / "requirements.txt").read_text().splitlines()[1:] == ["scikit-learn==1.6"]
    facts = json.loads((best / "result.json").read_text())
    assert facts["python"] == "3.12.1"
    assert facts["libraries"] == {"scikit-learn": "1.6"}
    assert all(context.packages == PACKAGES for context in seen)


def test_where_the_interpreter_is_not_known_nothing_is_claimed(tmp_path: Path) -> None:
    seen: list[Context] = []

    def answer(context: Context) -> Proposal:
        seen.append(context)
        return tinker(context)

    make_run(tmp_path / "run", engineer=ScriptedEngineer(answer), budget__nodes=2).execute()
    best = tmp_path / "run" / "best"
    assert (best / "result.json").exists()
    assert not (best / "requirements.txt").exists()
    assert [context.packages for context in seen] == [{}, {}]


def test_an_interpreter_for_none_of_its_scripts_is_refused() -> None:
    bare = Interpreter(Path("/bare/bin/python"), (3, 12, 1), (), (), {"pip": "25"}, {})
    with pytest.raises(SandboxError, match=r"/bare/bin/python has no numpy and no pandas, .*sandbox\.packages="):
        make_engineer(Settings(), bare)
    assert make_engineer(Settings(), INTERPRETER).name == "offline"
