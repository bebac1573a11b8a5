"""The validation server under 32 uploads at once, one of them of 200 MB: verdicts, memory, and what is left behind.

Rounds differ in the large file: wide and valid (120 probabilities a row), and narrow (ids and labels) and far too long for
its test set. The others are small; in the second round half of them are valid. A third round, outside the target, asks for
what pandas itself cannot hold in so little: two valid submissions of 200 MB of short texts against answers of that size.
Memory is the peak of the sum over the server and all it started, sampled every 20 ms: resident, and proportional (pages that
processes share counted once). Target: right verdicts, no file left, at most 1 GB. Writes results/validation_server.json.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from measure import write_result
from mlmaster.mlebench.places import Place
from mlmaster.mlebench.registry import competition

UPLOADS, LARGE_BYTES, TARGET_BYTES = 32, 200 * 10**6, 10**9
LARGE_AT = 5
BOUNDARY = "seven-hills"
BREEDS = [f"breed{number}" for number in range(120)]


@dataclass(frozen=True)
class Round:
    """A competition and what is handed in.

    Attributes:
        place: Prepared.
        files: Submissions, each with the right verdict.
        counts: Whether the target is meant for it.
    """

    place: Place
    files: list[tuple[Path, bool]]
    counts: bool = True


def main() -> int:
    rounds = {}
    for name, lay in {"wide and valid": lay_wide, "far too long": lay_long, "narrow and valid": lay_narrow}.items():
        with tempfile.TemporaryDirectory(prefix="validation-server-") as folder:
            rounds[name] = measure(lay(Path(folder)), Path(folder))
            print(name, rounds[name], file=sys.stderr)
    met = all(
        each["right_verdicts"] == each["uploads"] and not each["files_left"] and each["peak_pss_bytes"] <= TARGET_BYTES
        for each in rounds.values()
        if each["target_applies"]
    )
    write_result(
        "validation_server",
        {
            "what": f"{UPLOADS} parallel uploads to `mlmaster serve-grader`, one of them of {LARGE_BYTES // 10**6} MB",
            "rounds": rounds,
            "target": {"right_verdicts": UPLOADS, "files_left": 0, "peak_bytes": TARGET_BYTES},
            "met": met,
        },
    )
    return 0 if met else 1


def measure(given: Round, folder: Path) -> dict[str, Any]:
    scratch = folder / "tmp"
    scratch.mkdir()
    options = ["-c", given.place.competition.id, "--data-dir", str(given.place.data_dir), "--port", "0"]
    server = subprocess.Popen(
        [sys.executable, "-m", "mlmaster.cli", "serve-grader", *options, "--log", str(folder / "log.jsonl")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(scratch)},
    )
    assert server.stderr is not None
    found = re.search(r":(\d+)/validate", server.stderr.readline())
    assert found, "the server did not start"
    port = int(found[1])
    with Memory(server.pid) as idle:
        time.sleep(0.5)
    began = time.perf_counter()
    with Memory(server.pid) as memory, ThreadPoolExecutor(len(given.files)) as pool:
        results = list(pool.map(lambda each: upload(port, each[0]), given.files))
    seconds = time.perf_counter() - began
    left = [path for path in scratch.rglob("*") if path.is_file()]
    server.terminate()
    server.wait(60)
    left += list(scratch.iterdir())
    verdicts = [result == "Submission is valid." for result in results]
    expected = [is_valid for _, is_valid in given.files]
    largest = max(range(len(results)), key=lambda at: given.files[at][0].stat().st_size)
    return {
        "competition": given.place.competition.id,
        "target_applies": given.counts,
        "uploads": len(results),
        "largest_bytes": given.files[largest][0].stat().st_size,
        "largest_verdict": results[largest],
        "right_verdicts": sum(found == right for found, right in zip(verdicts, expected, strict=True)),
        "valid": sum(expected),
        "seconds": round(seconds, 1),
        "idle_pss_bytes": idle.pss,
        "peak_pss_bytes": memory.pss,
        "peak_rss_bytes": memory.rss,
        "files_left": len(left),
        "calls_logged": len((folder / "log.jsonl").read_text(encoding="utf-8").splitlines()),
    }


class Memory:
    """The peak memory of a process and all it starts, while the block runs.

    Attributes:
        rss, pss: Largest sums, in bytes.
    """

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.rss = self.pss = 0

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.02):
            rss = pss = 0
            for process in [self._process, *self._process.children(recursive=True)]:
                try:
                    used = process.memory_full_info()
                except psutil.Error:
                    continue
                rss, pss = rss + used.rss, pss + used.pss
            self.rss, self.pss = max(self.rss, rss), max(self.pss, pss)


def upload(port: int, path: Path) -> str:
    """Hand in a file, a piece at a time; return what the server says."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'.encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()

    def pieces() -> Iterator[bytes]:
        yield head
        with path.open("rb") as file:
            while piece := file.read(2**16):
                yield piece
        yield tail

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=900)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
    }
    connection.request("POST", "/validate", pieces(), headers)
    reply = json.loads(connection.getresponse().read())
    connection.close()
    return str(reply.get("result", reply))


def lay_wide(folder: Path) -> Round:
    """Dog breeds: 120 probabilities a row, and so many rows that a submission has 200 MB."""
    place = _place(folder, "dog-breed-identification")
    random = np.random.default_rng(0)
    header = f"id,{','.join(BREEDS)}\n"
    line = ",".join(["0.00833333333333333"] * 120)
    ids = [f"{number:032x}" for number in range(LARGE_BYTES // (34 + len(line)))]
    labels = random.integers(0, 120, len(ids))
    with place.answers.open("w", encoding="utf-8") as file:
        file.write(header)
        for each, label in zip(ids, labels, strict=True):
            file.write(f"{each},{'0,' * label}1{',0' * (119 - label)}\n")
    large = folder / "large.csv"
    large.write_text(header + "".join(f"{each},{line}\n" for each in ids), encoding="utf-8")
    broken = broken_rows(folder, large)
    return Round(place, [(large, True) if at == LARGE_AT else (broken, False) for at in range(UPLOADS)])


def lay_long(folder: Path) -> Round:
    """Ids and labels, a test set of a thousand, and a submission of millions."""
    place = _place(folder, "spaceship-titanic")
    large = _narrow(folder / "large.csv")
    with large.open(encoding="utf-8") as file:
        place.answers.write_text("".join(next(file) for _ in range(1001)), encoding="utf-8")
    good, broken = folder / "good.csv", broken_rows(folder, large)
    shutil.copyfile(place.answers, good)
    small = [(broken, False) if at % 2 else (good, True) for at in range(UPLOADS)]
    return Round(place, [(large, False) if at == LARGE_AT else each for at, each in enumerate(small)])


def lay_narrow(folder: Path) -> Round:
    """Ids and labels, and a test set of millions."""
    place = _place(folder, "spaceship-titanic")
    large = _narrow(folder / "large.csv")
    shutil.copyfile(large, place.answers)
    return Round(place, [(large, True), (broken_rows(folder, large), False), (large, True)], counts=False)


def _narrow(path: Path) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write("PassengerId,Transported\n")
        file.writelines(f"passenger-{number:08d},True\n" for number in range(LARGE_BYTES // 24))
    return path


def _place(folder: Path, competition_id: str) -> Place:
    place = Place(folder / "data", competition(competition_id))
    place.private.mkdir(parents=True)
    place.public.mkdir()
    return place


def broken_rows(folder: Path, large: Path) -> Path:
    """Return a file of the large one's first thousand rows, one of them cut short."""
    path = folder / "cut.csv"
    with large.open(encoding="utf-8") as file:
        lines = [next(file) for _ in range(1001)]
    lines[500] = lines[500].partition(",")[0] + ",nothing,of,this\n"
    path.write_text("".join(lines), encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
