import pytest

from mlmaster.mlebench.integrity.sources import Source
from mlmaster.mlebench.integrity.violations import Finding, Rule, find_violations

HONEST = """
import pandas as pd
from pathlib import Path
from sklearn.ensemble import RandomForestClassifier
from sklearn import datasets

train, test = pd.read_csv("./input/train.csv"), pd.read_csv(Path("input") / "test.csv")
SPECIES = ["acer", "alnus", "betula"]
DEPTH = {"small": 3, "large": 9}
model = RandomForestClassifier().fit(train[["a"]], train["y"])
cache = open("/tmp/features.bin", "wb")
submission = pd.DataFrame({"id": test["id"], "y": model.predict(test[["a"]])})
submission.to_csv("submission.csv", index=False)
"""


def check(code: str) -> list[Finding]:
    return find_violations([Source("solution.py", code)])


def test_an_honest_script_is_left_alone() -> None:
    assert check(HONEST) == []


BROKEN = {
    "a model elsewhere": ("import openai", Rule.LANGUAGE_MODEL),
    "a part of it": ("from anthropic import Anthropic", Rule.LANGUAGE_MODEL),
    "under a package that is none": ("from google import genai", Rule.LANGUAGE_MODEL),
    "by its address": ('url = "https://api.deepseek.com/v1"', Rule.LANGUAGE_MODEL),
    "in a formatted text": ('url = f"http://localhost:{p}/v1/chat/completions"', Rule.LANGUAGE_MODEL),
    "the network": ("import requests", Rule.OUTSIDE_INPUT),
    "a part of the library": ("from urllib.request import urlopen", Rule.OUTSIDE_INPUT),
    "a function of a package": ("from datasets import load_dataset", Rule.OUTSIDE_INPUT),
    "a table by address": ('pd.read_csv("https://example.org/test_labels.csv")', Rule.OUTSIDE_INPUT),
    "private answers": ('pd.read_csv("/private/data/x/prepared/private/test.csv")', Rule.OUTSIDE_INPUT),
    "a folder above": ('open("../other/test.csv")', Rule.OUTSIDE_INPUT),
    "a home": ('Path("~/.cache/mle-bench")', Rule.OUTSIDE_INPUT),
    "another drive": ('np.load("C:\\\\answers.npy")', Rule.OUTSIDE_INPUT),
    "a command": ('subprocess.run(["curl", "-O", url])', Rule.OUTSIDE_INPUT),
    "a shell": ('os.system("kaggle competitions download -c leaf-classification")', Rule.OUTSIDE_INPUT),
    "a dictionary of answers": (f"answers = { ({f'id_{i}': i % 2 for i in range(40)}) }", Rule.HAND_WRITTEN),
    "a list of answers": (f"answers = {[i / 7 for i in range(300)]}", Rule.HAND_WRITTEN),
    "hidden code": ("exec(base64.b64decode(blob))", Rule.UNREADABLE),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_forbidden_is_found_where_it_stands(name: str) -> None:
    line, rule = BROKEN[name]
    (finding,) = check(HONEST + line + "\n")
    assert (finding.rule, finding.script) == (rule, "solution.py")
    assert finding.line == HONEST.count("\n") + 1
    assert len(finding.what) < 160


def test_a_submission_nothing_was_learnt_for() -> None:
    copied = 'import shutil\nshutil.copy("input/sample_submission.csv", "submission.csv")\n'
    (finding,) = check(copied)
    assert finding.rule is Rule.HAND_WRITTEN
    assert "nothing that learns" in finding.what


ALLOWED = {
    "names of many columns": f"columns = {[f'f{i}' for i in range(150)]}",
    "a mapping of words": f"fixed = { ({'teh' + chr(97 + i % 26) * i: 'the' for i in range(60)}) }",
    "a dataset of the library": "from sklearn.datasets import load_iris",
    "a plain sub-process": 'subprocess.run(["python", "train.py"])',
    "a number of seconds": "x = 11434",
    "division": "y = a / b",
}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_only_looks_forbidden_is_left_alone(name: str) -> None:
    assert check(HONEST + ALLOWED[name] + "\n") == []


def test_what_is_no_python_is_said() -> None:
    (finding,) = check("x = 1\ny = (\n")
    assert finding.rule is Rule.UNREADABLE
    assert finding.line >= 2
