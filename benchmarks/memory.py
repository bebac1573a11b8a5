"""Peak memory of the tool itself on a table of a million rows: load, profile, views, one solution scored, result written.

    python benchmarks/memory.py

Scripts run in processes of their own and are not counted. Writes `benchmarks/results/memory.json`.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import write_result

ROWS, COLUMNS = 1_000_000, 10
PROGRAM = """
import json, resource, sys, time
import mlmaster
began = time.monotonic()
result = mlmaster.solve(sys.argv[1], target="y", metric="rmse", nodes=1, time="30m", out=sys.argv[2])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"peak_gb": round(peak / 2**30, 3), "seconds": round(time.monotonic() - began, 1),
                  "has_estimate": result.selected is not None}))
"""


def write_table(path: Path, rows: int) -> None:
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join([*(f"x{i}" for i in range(COLUMNS - 1)), "kind", "y"]) + "\n")
        for _ in range(rows):
            values = [rng.random() for _ in range(COLUMNS - 1)]
            kind = rng.choice("abcdef")
            file.write(",".join(f"{v:.6f}" for v in values) + f",{kind},{sum(values[:3]) + rng.gauss(0, 0.1):.6f}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "big.csv")
        write_table(table, rows)
        size = table.stat().st_size
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(table), str(Path(folder, "run"))],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    write_result("memory", {"rows": rows, "table_mb": round(size / 2**20), **json.loads(done.stdout.splitlines()[-1])})


if __name__ == "__main__":
    main()
