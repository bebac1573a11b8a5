"""Peak memory and time of preparing the two largest tables of MLE-bench, from made-up raw files of their size.

    python benchmarks/preparation_memory.py

Text normalisation: ten million tokens in sentences, words, numbers and dates, some of them missing. The forest covers of
December 2021: four million rows of 56 integers; their sample submission holds but the ids, so it must have the official
checksum. Each is prepared by its recipe in a process of its own; what unpacks and verifies around a recipe reads in small
pieces and is not counted. Writes `benchmarks/results/preparation_memory.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import write_result

TOKENS, COVERS = 10_000_000, 4_000_000
TEXT, COVER = "text-normalization-challenge-russian-language", "tabular-playground-series-dec-2021"
COVER_SAMPLE_MD5 = "d7b1e1f35677df7cce6942a8c053633f"
PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from mlmaster.mlebench.preparation.recipe import recipe_of
from mlmaster.mlebench.registry import competition
recipe = recipe_of(competition(sys.argv[1]))
began = time.monotonic()
recipe.prepare(*(Path(sys.argv[2], name) for name in ("raw", "public", "private")))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"peak_gb": round(peak / 2**30, 3), "seconds": round(time.monotonic() - began, 1)}))
"""


def write_tokens(path: Path, rows: int) -> None:
    """Write sentences of 5 to 22 tokens; some tokens are numbers and dates, said in words, and some are missing."""
    rng = random.Random(0)
    words = ["".join(rng.choices("абвгдежзиклмнопрстуфхцчшщыэюя", k=rng.randint(2, 14))) for _ in range(40_000)]
    endings = [f'"PLAIN","{word}","{word}"\n' for word in words]
    endings += ['"PUNCT",".","."\n', '"PUNCT",",",","\n', '"PUNCT","""",""""\n', '"PLAIN","NA","NA"\n'] * 2_000
    endings += [f'"CARDINAL","{n}","{" ".join(rng.sample(words, 4))}"\n' for n in range(5_000)]
    endings += [f'"DATE","{n % 28 + 1} мая {n} года","{" ".join(rng.sample(words, 7))}"\n' for n in range(2_000)]
    written = sentence = 0
    with path.open("w", encoding="utf-8") as file:
        file.write('"sentence_id","token_id","class","before","after"\n')
        while written < rows:
            tokens = rng.choices(endings, k=min(rng.randint(5, 22), rows - written))
            file.writelines(f"{sentence},{token},{ending}" for token, ending in enumerate(tokens))
            written += len(tokens)
            sentence += 1


def write_covers(path: Path, rows: int) -> None:
    """Write 10 measurements, 44 marks of which two are set, and the cover."""
    rng = random.Random(0)
    limits = [4000, 407, 65, 1602, 647, 7666, 301, 279, 272, 8075]
    marks = [*(f"Wilderness_Area{n}" for n in range(1, 5)), *(f"Soil_Type{n}" for n in range(1, 41))]
    endings = []
    for _ in range(50_000):
        set_marks = {rng.randrange(4), 4 + rng.randrange(40)}
        cells = [*(rng.randint(-30, limit) for limit in limits), *(int(at in set_marks) for at in range(44))]
        endings.append(f",{','.join(map(str, cells))},{rng.randint(1, 7)}\n")
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["Id", *(f"Measure{n}" for n in range(len(limits))), *marks, "Cover_Type"]) + "\n")
        file.writelines(f"{row}{rng.choice(endings)}" for row in range(rows))


def prepare(competition_id: str, raw_name: str, rows: int, write: Callable[[Path, int], None]) -> dict[str, Any]:
    """Write raw files, prepare them in a process, and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        raw, public, private = (Path(folder, name) for name in ("raw", "public", "private"))
        for place in (raw, public, private):
            place.mkdir()
        write(raw / raw_name, rows)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, competition_id, folder], capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.stderr[-3000:])
        if competition_id == COVER and rows == COVERS:
            found = hashlib.md5((public / "sample_submission.csv").read_bytes(), usedforsecurity=False).hexdigest()
            if found != COVER_SAMPLE_MD5:
                sys.exit(f"the sample submission of {COVER} has MD5 {found}, not {COVER_SAMPLE_MD5}")
        written = sum(path.stat().st_size for place in (public, private) for path in place.iterdir())
        return {
            "rows": rows,
            "raw_mb": round((raw / raw_name).stat().st_size / 2**20),
            "written_mb": round(written / 2**20),
            **json.loads(done.stdout.splitlines()[-1]),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--covers", type=int, default=COVERS)
    options = parser.parse_args()
    figures = {
        TEXT: prepare(TEXT, "ru_train.csv", options.tokens, write_tokens),
        COVER: prepare(COVER, "train.csv", options.covers, write_covers),
    }
    write_result("preparation_memory", figures)


if __name__ == "__main__":
    main()
