from __future__ import annotations

import pytest

from mlmaster.engineers.llm.checks.imports import missing_imports

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
NO = "is not installed and cannot be installed"
MISSING = {
    "import xgboost as xgb": f"line 1: xgboost {NO}; there is lightgbm and sklearn",
    "import numpy\nimport cv2": f"line 2: cv2 {NO}; there is PIL",
    "from tensorflow.keras import layers": f"line 1: tensorflow {NO}; there is torch and sklearn",
    "import category_encoders as ce": f"line 1: category_encoders {NO}; there is sklearn",
    "import pandsa": "line 1: pandsa is not installed; is pandas meant?",
    "import tqdm": f"line 1: tqdm {NO}; do without it",
    "def load():\n    import ujson\n    return ujson": f"line 2: ujson {NO}; there is json",
    "try:\n    import polars\nexcept ValueError:\n    pass": (f"line 2: polars {NO}; there is pandas"),
    "try:\n    import numpy\nexcept ImportError:\n    pass\nelse:\n    import skimage": (
        f"line 6: skimage {NO}; there is PIL"
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
