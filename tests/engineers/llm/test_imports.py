from __future__ import annotations

import pytest

from mlmaster.engineers.llm.imports import missing_imports

MODULES = frozenset(["numpy", "pandas", "sklearn", "lightgbm", "PIL", "torch", "matplotlib"])

THERE = [
    "import numpy as np\nimport os, re, json\nfrom sklearn.linear_model import Ridge",
    "try:\n    import xgboost\nexcept ImportError:\n    xgboost = None",
    "try:\n    import xgboost as gb\nexcept (ImportError, AttributeError):\n    import lightgbm as gb",
    "try:\n    from tqdm import tqdm\nexcept:\n    def tqdm(x):\n        return x",
    "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import polars",
    "import matplotlib.pyplot as plt\nimport concurrent.futures",
    "this is no python",
]
MISSING = {
    "import xgboost as xgb": "line 1: xgboost is not installed and cannot be installed; there is lightgbm and sklearn",
    "import numpy\nimport cv2": "line 2: cv2 is not installed and cannot be installed; there is PIL",
    "from tensorflow.keras import layers": "line 1: tensorflow is not installed and cannot be installed; there is torch and sklearn",
    "import category_encoders as ce": "line 1: category_encoders is not installed and cannot be installed; there is sklearn",
    "import pandsa": "line 1: pandsa is not installed; is pandas meant?",
    "import tqdm": "line 1: tqdm is not installed and cannot be installed; do without it",
    "def load():\n    import ujson\n    return ujson": "line 2: ujson is not installed and cannot be installed; there is json",
    "try:\n    import polars\nexcept ValueError:\n    pass": (
        "line 2: polars is not installed and cannot be installed; there is pandas"
    ),
    "try:\n    import numpy\nexcept ImportError:\n    pass\nelse:\n    import skimage": (
        "line 6: skimage is not installed and cannot be installed; there is PIL"
    ),
    "from .features import build": "line 1: a relative import, and a solution is a single file: write everything into it",
}


@pytest.mark.parametrize("code", THERE, ids=range(len(THERE)))
def test_what_is_there_or_not_needed_is_not_told(code: str) -> None:
    assert missing_imports(code, MODULES, is_known=True) == ()


@pytest.mark.parametrize(("code", "words"), MISSING.items(), ids=range(len(MISSING)))
def test_what_is_missing_is_told_with_what_is_there(code: str, words: str) -> None:
    assert missing_imports(code, MODULES, is_known=True) == (words,)


def test_each_package_is_told_once_in_the_order_of_the_script() -> None:
    code = "import xgboost\nimport catboost\nfrom xgboost import XGBClassifier"
    assert [words.split()[2] for words in missing_imports(code, MODULES, is_known=True)] == ["xgboost", "catboost"]


def test_nothing_is_missing_where_nothing_is_known() -> None:
    assert missing_imports("import xgboost", (), is_known=False) == ()
