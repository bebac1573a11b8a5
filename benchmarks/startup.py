"""How long `mlmaster --help` takes, from a new process to its end. Target: 0.5 s. Writes results/startup.json."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from measure import write_result

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
    result = {
        "what": "wall seconds of `mlmaster --help`",
        "median_s": round(statistics.median(seconds), 3),
        "min_s": round(min(seconds), 3),
        "max_s": round(max(seconds), 3),
        "runs": RUNS,
        "target_s": TARGET_S,
    }
    write_result("startup", result)
    return 0 if statistics.median(seconds) <= TARGET_S else 1


if __name__ == "__main__":
    sys.exit(main())
