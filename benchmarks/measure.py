"""What every benchmark says about where it ran, and where results go."""

from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"


def describe_machine() -> dict[str, Any]:
    """Return machine, Python and commit."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        "load_before": [round(load, 2) for load in psutil.getloadavg()],
    }


def write_result(name: str, figures: dict[str, Any]) -> None:
    """Print the figures and write them to `results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({**describe_machine(), **figures}, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)
