"""Settings of the sandbox: how scripts are walled in, what they run in, what they may use."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

IsolationName = Literal["auto", "namespaces", "landlock", "none"]

PRELOADED = (
    "numpy",
    "pandas",
    "scipy.sparse",
    "scipy.stats",
    "sklearn.compose",
    "sklearn.ensemble",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "sklearn.naive_bayes",
    "sklearn.neighbors",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "sklearn.svm",
    "lightgbm",
    "xgboost",
    "catboost",
)


class SandboxSettings(BaseModel):
    """How scripts are run; every field is a setting `sandbox.<name>`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, coerce_numbers_to_str=True)

    isolation: IsolationName = "auto"
    """What keeps a script from the rest of this machine: auto (the best there is), namespaces, landlock, none. `none` runs
    scripts with your rights, on your files and your network."""
    warm: bool = True
    """Fork scripts from a process that has the libraries loaded, instead of importing them anew each time."""
    preload: tuple[str, ...] = PRELOADED
    """Modules that process loads; those that are not there are passed over."""
    python: str | None = None
    """Interpreter that scripts run in: its path, or a virtual environment's folder; by default the one ML-Master runs in."""
    packages: tuple[str, ...] = ()
    """Extra packages for scripts, as for `pip install`; installed once into the run's own environment before the search."""
    caches: tuple[str, ...] = ()
    """Folders with models or data that every script may read."""
    network: bool = False
    """Let scripts use the network."""
    processes: int = Field(default=256, ge=8, le=1_000_000)
    """Processes one evaluation may have at once."""
    open_files: int = Field(default=4096, ge=64, le=1_048_576)
    """Files each process of an evaluation may have open at once."""
    gpus: tuple[str, ...] = ("all",)
    """GPUs to lend to scripts: indices, UUIDs or MIG ids; `all` for every one there is, `[]` for none."""
    slots_per_gpu: int = Field(default=1, ge=1, le=64)
    """Evaluations that may share one GPU."""

    @field_validator("preload", "packages", "caches", "gpus", mode="before")
    @classmethod
    def _accept_one(cls, value: object) -> object:
        """Take one name for a list of one, and `none` for an empty one."""
        return () if value is None else (value,) if isinstance(value, str) else value

    @field_validator("gpus", mode="after")
    @classmethod
    def _take_apart(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Take `0,1` as CUDA_VISIBLE_DEVICES would."""
        return tuple(name.strip() for names in value for name in names.split(","))

    @field_validator("python")
    @classmethod
    def _make_absolute(cls, value: str | None) -> str | None:
        """Return a path that means the same from every folder; a bare name that is no file is left to PATH."""
        if value is None:
            return None
        path = Path(value).expanduser()
        return str(path.absolute()) if len(path.parts) > 1 or path.exists() else value

    @field_validator("caches")
    @classmethod
    def _make_all_absolute(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(Path(name).expanduser().absolute()) for name in value)
