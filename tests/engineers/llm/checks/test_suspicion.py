from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmaster.core.score import Direction
from mlmaster.core.task import (
    ColumnKind,
    ColumnProfile,
    FileRule,
    Modality,
    PredictionKind,
    Profile,
    Task,
    TaskKind,
)
from mlmaster.engineers.llm.checks.suspicion import find_suspicions, find_violations
from mlmaster.engineers.offline import combine
from mlmaster.engineers.offline.catalogue import EDITS
from mlmaster.engineers.offline.facts import Facts
from mlmaster.engineers.offline.families import default_recipe, drafting_order
from mlmaster.engineers.offline.script import write_script

TASK = Task(
    name="houses",
    directory=Path("/tasks/houses"),
    train="train.csv",
    test="test.csv",
    sample="sample_submission.csv",
    id_column="id",
    echo_columns=("id",),
    submission_columns=("id", "price"),
    prediction_columns=("price",),
    targets=("price",),
    kind=TaskKind.REGRESSION,
    prediction_kind=PredictionKind.NUMBER,
    metric="rmse",
    direction=Direction.MINIMIZE,
)
READ = """import pandas as pd
import numpy as np
train = pd.read_csv("./input/train.csv")
test = pd.read_csv("./input/test.csv")
sub = pd.read_csv("./input/sample_submission.csv")
"""

VIOLATIONS = {
    'import requests\nrequests.get("https://example.org/x.csv")': "network",
    "import requests as web\nweb.post('x')": "network",
    'from urllib.request import urlretrieve\nurlretrieve("https://example.org", "x")': "network",
    'import urllib.request\nurllib.request.urlopen("https://example.org")': "network",
    'import pandas as pd\npd.read_csv("https://example.org/train.csv")': "network",
    'from transformers import AutoModel\nAutoModel.from_pretrained("bert-base-uncased")': "network",
    'NAME = "microsoft/deberta-v3-base"\nfrom transformers import AutoModel\nAutoModel.from_pretrained(NAME)': "network",
    'from sentence_transformers import SentenceTransformer\nSentenceTransformer("all-MiniLM-L6-v2")': "network",
    'import timm\ntimm.create_model("resnet18", pretrained=True)': "network",
    'import nltk\nnltk.download("punkt")': "network",
    "from sklearn.datasets import fetch_openml\nfetch_openml(name='adult')": "network",
    'import torch\ntorch.hub.load("pytorch/vision", "resnet18")': "network",
    'import os\nos.system("wget https://example.org/x.zip")': "network",
    "import kaggle\nkaggle.api.competition_download_files('titanic')": "network",
    'import os\nos.system("pip install catboost")': "install",
    'import subprocess, sys\nsubprocess.check_call([sys.executable, "-m", "pip", "install", "catboost"])': "install",
    'import subprocess\nsubprocess.run("conda install -y xgboost", shell=True)': "install",
    'import pandas as pd\npd.read_csv("/kaggle/input/train.csv")': "path",
    'import os, pandas as pd\nDATA = "/home/user/data"\npd.read_csv(os.path.join(DATA, "train.csv"))': "path",
    'import pandas as pd\nfrom pathlib import Path\nBASE = Path("../input")\npd.read_csv(BASE / "train.csv")': "path",
    'import pandas as pd\nDATA = "/kaggle/input"\npd.read_csv(f"{DATA}/train.csv")': "path",
    'import pandas as pd\ndf = pd.DataFrame()\ndf.to_csv("./input/train_clean.csv")': "input",
    'with open("input/cache.txt", "w") as file:\n    file.write("x")': "input",
    'import os\nos.makedirs("./input/cache", exist_ok=True)': "input",
    'from pathlib import Path\nPath("./input/x.txt").write_text("x")': "input",
    'name = input("Which model? ")': "asks",
    "%matplotlib inline\nimport pandas as pd\n": "notebook",
    "import pandas as pd\n!pip install catboost\n": "notebook",
    "get_ipython().system('ls')": "notebook",
    "import cv2\ncv2.imshow('a', None)": "notebook",
}
INNOCENT = [
    READ + 'sub["price"] = train["price"].mean()\nsub.to_csv("./submission.csv", index=False)',
    'import os\nfor base in ("./input", "/kaggle/input"):\n    if os.path.exists(base):\n        print(os.listdir(base))',
    'from transformers import AutoModel\nAutoModel.from_pretrained("./input/model")',
    'from transformers import AutoModel\nAutoModel.from_pretrained("bert-base", local_files_only=True)',
    'import timm\ntimm.create_model("resnet18", pretrained=False)',
    'import timm\ntry:\n    m = timm.create_model("r", pretrained=True)\nexcept Exception:\n    m = timm.create_model("r")',
    'import os\nos.environ["HF_HOME"] = "/tmp/hf"\nopen("/proc/meminfo").read()',
    "def input(text):\n    return text\n\n\ninput('x')",
    'text = "see https://example.org/home"\nprint(text, "/home/me")',
    'import re\nre.sub(r"https?://\\S+", " ", "x")',
    'import shutil\nshutil.copy("./input/train.csv", "./working/train.csv")',
    'with open("./input/description.md", "r") as file:\n    print(file.read())',
    'import subprocess\nsubprocess.run(["ls", "./input"])',
    "import pandas as pd\nmask = pd.Series([1])\nx = 5 % len(mask)\nprint(x != 3)",
    "this is no python",
]


@pytest.mark.parametrize(("code", "rule"), VIOLATIONS.items(), ids=range(len(VIOLATIONS)))
def test_what_can_never_work_is_told(code: str, rule: str) -> None:
    assert [found.rule for found in find_violations(code)] == [rule]


@pytest.mark.parametrize("code", INNOCENT, ids=range(len(INNOCENT)))
def test_what_may_work_is_no_violation(code: str) -> None:
    assert find_violations(code) == ()


def test_findings_name_their_line() -> None:
    (found,) = find_violations('import pandas as pd\n\npd.read_csv("/kaggle/input/train.csv")')
    assert found.line == 3
    assert str(found).startswith("line 3: `/kaggle/input/train.csv` lies outside")


def test_a_network_and_a_cache_of_models_allow_what_they_allow() -> None:
    code = 'import requests\nfrom transformers import AutoModel\nrequests.get("https://x.org")\nAutoModel.from_pretrained("bert")'
    assert [each.line for each in find_violations(code)] == [3, 4]
    assert [each.line for each in find_violations(code, has_weights=True)] == [3]
    assert find_violations(code, has_network=True) == ()


SUSPICIONS = {
    READ + 'means = train.groupby("town")["price"].mean()\ntrain["te"] = train["town"].map(means)': "target_statistics",
    READ + 'T = "price"\ntrain["te"] = train.groupby("town")[T].transform("mean")': "target_statistics",
    READ
    + "from category_encoders import TargetEncoder\nboth = pd.concat([train, test])\nenc = TargetEncoder()\n"
    + 'enc.fit(both[["town"]], both["price"])': "fits_on_both",
    READ
    + 'try:\n    fit()\nexcept Exception as error:\n    print(error)\n    sub.to_csv("submission.csv", index=False)\n'
    + 'sub["price"] = fit()\n': "hides_failure",
    READ
    + 'OUT = "./submission.csv"\ntry:\n    fit()\nexcept:\n    pd.DataFrame({"price": np.zeros(len(test))}).to_csv(OUT)': (
        "hides_failure"
    ),
    READ + 'sub.to_csv("submission.csv", index=False)': "copies_sample",
    READ + 'sub["price"] = 0.5\nsub.to_csv("submission.csv", index=False)': "constant",
    READ + 'train["row_index"] = train.index\ntest["row_index"] = test.index': "row_order",
    READ + 'train["pos"] = np.arange(len(train))': "row_order",
    READ + 'from sklearn.metrics import r2_score\nr2_score(test["price"], sub["price"])': "test_labels",
    READ + "assert len(sub) == 1459": "row_count",
    READ + "if train.shape[0] != 1460:\n    raise ValueError": "row_count",
}
UNSUSPICIOUS = [
    READ + 'sub["price"] = train["price"].mean()\nsub.to_csv("submission.csv", index=False)',
    READ
    + "from sklearn.model_selection import KFold\nfor fit, rest in KFold(5).split(train):\n"
    + '    means = train.iloc[fit].groupby("town")["price"].mean()\n'
    + '    train.loc[rest, "te"] = train.iloc[rest]["town"].map(means)',
    READ
    + 'def encode(fit, rest):\n    means = fit.groupby("town")["price"].mean()\n    return rest["town"].map(means)\n',
    READ + 'train["n"] = train.groupby("town")["area"].transform("mean")',
    READ + 'print(train.groupby("town")["price"].mean())',
    READ + "try:\n    import lightgbm\nexcept Exception:\n    lightgbm = None",
    READ + 'try:\n    fit()\nexcept Exception as error:\n    print("no submission.csv", error)\n    raise',
    READ + 'sub["price"] = 0.0\nsub["price"] = model.predict(test)\nsub.to_csv("submission.csv", index=False)',
    READ + 'sub.iloc[:, 1] = model.predict(test)\nsub.to_csv("submission.csv", index=False)',
    READ + 'out = sub[["id"]].copy()\nout["price"] = model.predict(test)\nout.to_csv("submission.csv", index=False)',
    READ + 'test["id"] = test.index\ntrain["index_of_quality"] = train["quality"]',
    READ + 'test["price"] = model.predict(test)\nprint(test["price"].mean())',
    READ + "assert len(sub) == len(test)\nassert train.shape[1] == 12",
    "this is no python",
]


@pytest.mark.parametrize(("code", "rule"), SUSPICIONS.items(), ids=range(len(SUSPICIONS)))
def test_what_deserves_a_second_opinion_is_found(code: str, rule: str) -> None:
    assert {found.rule for found in find_suspicions(code, TASK)} == {rule}


@pytest.mark.parametrize("code", UNSUSPICIOUS, ids=range(len(UNSUSPICIOUS)))
def test_what_people_write_is_not_suspicious(code: str) -> None:
    assert find_suspicions(code, TASK) == ()


def offline_tasks() -> Iterator[tuple[str, Task, Profile]]:
    kinds = {
        TaskKind.REGRESSION: (PredictionKind.NUMBER, "rmse", ()),
        TaskKind.BINARY: (PredictionKind.PROBABILITY, "roc_auc", ("0", "1")),
        TaskKind.MULTICLASS: (PredictionKind.LABEL, "accuracy", ("low", "mid", "top")),
    }
    for modality in Modality:
        for kind, (prediction, metric, classes) in kinds.items():
            rule = FileRule(train="images/{key}.png", test="images/{key}.png", key="id")
            task = TASK.model_copy(
                update={
                    "modality": modality,
                    "kind": kind,
                    "prediction_kind": prediction,
                    "metric": metric,
                    "classes": classes,
                    "file_rules": (rule,) if modality is Modality.IMAGE else (),
                    "direction": Direction.MINIMIZE if kind is TaskKind.REGRESSION else Direction.MAXIMIZE,
                }
            )
            columns = [
                ColumnProfile(name="id", kind=ColumnKind.IDENTIFIER, missing=0, distinct=900),
                ColumnProfile(
                    name="price", kind=ColumnKind.NUMBER, missing=0, distinct=3, is_target=True, is_in_test=False
                ),
                ColumnProfile(
                    name="area", kind=ColumnKind.NUMBER, missing=0.1, distinct=400, mean=3, minimum=0, maximum=9
                ),
                ColumnProfile(name="town", kind=ColumnKind.CATEGORY, missing=0, distinct=40),
                ColumnProfile(name="sold", kind=ColumnKind.DATE, missing=0, distinct=300),
            ]
            if modality is Modality.TEXT:
                columns.append(
                    ColumnProfile(name="words", kind=ColumnKind.TEXT, missing=0, distinct=900, mean_words=40)
                )
            profile = Profile(
                train_rows=900,
                test_rows=300,
                columns=tuple(columns),
                file_extensions=(".png",) if modality is Modality.IMAGE else (),
                image_size=(32, 32) if modality is Modality.IMAGE else None,
                image_channels=3 if modality is Modality.IMAGE else None,
            )
            yield f"{modality}-{kind}", task, profile


@pytest.mark.parametrize(
    ("task", "profile"), [each[1:] for each in offline_tasks()], ids=[each[0] for each in offline_tasks()]
)
def test_the_offline_engineers_scripts_raise_no_alarm(task: Task, profile: Profile) -> None:
    facts = Facts.of(task, profile)
    recipes = [default_recipe(name, facts) for name in drafting_order(facts)]
    edited = [changed for recipe in recipes[:2] for edit in EDITS if (changed := edit.apply(recipe, facts)) is not None]
    merged = [recipe for _, recipe in combine.merged(recipes[:3], facts)]
    assert len(edited) > 5
    for recipe in [*recipes, *edited, *merged[:1]]:
        code = write_script(recipe, facts, "Plan: fit a model.")
        assert find_violations(code) == ()
        assert find_suspicions(code, task) == ()
