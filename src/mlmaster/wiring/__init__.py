"""Where components are chosen and put together: the only package that knows every part.

Runs are put together in `runs.py`, engineers with the models they ask in `engineers.py`.
"""

from mlmaster.wiring.engineers import Employed, change_model, make_engineer, require_packages
from mlmaster.wiring.runs import (
    RUNS,
    Prepared,
    assemble,
    new_run,
    predict,
    prepare,
    preview_scheme,
    reopen,
    script_limits,
    settings_of,
)

__all__ = [
    "RUNS",
    "Employed",
    "Prepared",
    "assemble",
    "change_model",
    "make_engineer",
    "new_run",
    "predict",
    "prepare",
    "preview_scheme",
    "reopen",
    "require_packages",
    "script_limits",
    "settings_of",
]
