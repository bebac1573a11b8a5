"""How long `mlmaster --help` takes, from a new process to its end. Target: 0.5 s. Writes results/startup.json."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

RESULT = Path(__file__).with_name("results") / "startup.json"
RUNS, TARGET_S = 15, 0.5


def measure() -> list[float]:
    """Return the wall seconds of each run, the first (cold caches) left out."""
    seconds = []
    for _ in range(RUNS + 1):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "mlmaster.cli", "--help"], stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def main() -> int:
    seconds = measure()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    result = {
        "what": "wall seconds of `mlmaster --help`",
        "median_s": round(statistics.median(seconds), 3),
        "min_s": round(min(seconds), 3),
        "max_s": round(max(seconds), 3),
        "runs": RUNS,
        "target_s": TARGET_S,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "commit": commit,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    return 0 if statistics.median(seconds) <= TARGET_S else 1


if __name__ == "__main__":
    sys.exit(main())
