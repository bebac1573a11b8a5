"""The environment a script gets: an allow-list, its own folders, its share of the machine. Nothing else, no keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mlmaster.sandbox import gpus
from mlmaster.sandbox.gpu import Gpu

TOKEN = "MLMASTER_EVALUATION"
"""Marks every process of one evaluation, so that strays are found wherever they hang in the process table."""

_ALLOWED = ("PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_ALLOWED_PREFIXES = ("LC_",)

_FIXED = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONNOUSERSITE": "1",
    "MPLBACKEND": "Agg",
    "USER": "solver",
    "LOGNAME": "solver",
}

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)

_IN_HOME = {
    "HOME": "",
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "MPLCONFIGDIR": ".config/matplotlib",
    "NUMBA_CACHE_DIR": ".cache/numba",
    "TORCH_HOME": ".cache/torch",
    "HF_HOME": ".cache/huggingface",
    "KERAS_HOME": ".cache/keras",
}
_IN_TEMPORARY = ("TMPDIR", "TEMP", "TMP", "JOBLIB_TEMP_FOLDER", "XDG_RUNTIME_DIR")


def build(
    own: Mapping[str, str], home: Path, temporary: Path, threads: int, token: str, gpu: Gpu | None = None
) -> dict[str, str]:
    """Return the whole environment of a script.

    Args:
        own: The harness's environment, of which only the allow-list passes.
        home: The script's private home; the folders named in it need not exist.
        temporary: The script's private temporary folder.
        threads: The thread count every numerical library is told.
        token: The value of `TOKEN`.
        gpu: The GPU the script is lent; by default none, and it is shown none.
    """
    allowed = {name: value for name, value in own.items() if name in _ALLOWED or name.startswith(_ALLOWED_PREFIXES)}
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        **allowed,
        **_FIXED,
        **gpus.environment(gpu),
        **dict.fromkeys(_THREADS, str(threads)),
        **{name: str(home / folder) for name, folder in _IN_HOME.items()},
        **dict.fromkeys(_IN_TEMPORARY, str(temporary)),
        TOKEN: token,
    }
