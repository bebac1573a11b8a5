"""Runs ML-Master inside a container of MLE-bench, and keeps what the benchmark collects up to date while it runs.

The submission is copied out as soon as there is one and whenever it gets better, so that a run that is killed has one too.
The validation server is asked once, at the end, and its answer only logged: nothing of it reaches the search. Needs nothing
but Python's own library; `start.sh` beside it keeps the time limit.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

POLL_S = 0.5
VALIDATION_S = 60.0
REPORT_S = 20.0
SMALLEST_RESERVE_S, LARGEST_RESERVE_S = 5.0, 300.0
SHORTEST_RUN_S = 10.0
RECORDS = ("run.yaml", "task.json", "profile.json", "report.md")
DATABASES = ("journal.db", "calls.db")
OBFUSCATED = "description_obfuscated.md"
DESCRIPTION = "description.md"


class Unusable(Exception):
    """The surroundings are not what MLE-bench's contract says."""


@dataclass(frozen=True)
class Contract:
    """What MLE-bench says by environment variables.

    Attributes:
        data: The task, read-only.
        submission: Where `submission.csv` must be.
        logs, code: Folders that are collected.
        agent: A folder of our own, not collected.
        seconds: For everything.
        nodes: Solutions at most; None without a limit.
        name: Of the competition; empty where it must not be known.
        is_obfuscated: Descriptions without the words by which the competition may be known.
        validation: Address of the validation server.
    """

    data: Path
    submission: Path
    logs: Path
    code: Path
    agent: Path
    seconds: float
    nodes: str | None
    name: str
    is_obfuscated: bool
    validation: str

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Contract:
        """Return the contract, with MLE-bench's own paths where the environment names none."""
        is_obfuscated = environ.get("OBFUSCATE", "").lower() in ("true", "1", "yes")
        limit = environ.get("TIME_LIMIT_SECS", "86400")
        try:
            seconds = float(limit)
        except ValueError:
            raise Unusable(f"TIME_LIMIT_SECS is {limit!r}; give seconds") from None
        return cls(
            data=Path(environ.get("DATA_DIR", "/home/data")),
            submission=Path(environ.get("SUBMISSION_DIR", "/home/submission")),
            logs=Path(environ.get("LOGS_DIR", "/home/logs")),
            code=Path(environ.get("CODE_DIR", "/home/code")),
            agent=Path(environ.get("AGENT_DIR", "/home/agent")),
            seconds=seconds,
            nodes=environ.get("STEP_LIMIT"),
            name="" if is_obfuscated else environ.get("COMPETITION_ID", ""),
            is_obfuscated=is_obfuscated,
            validation=environ.get("VALIDATION_URL", "http://localhost:5000/validate"),
        )


def run_seconds(seconds: float) -> float:
    """Return the time for the run itself: the rest is for what starts before it, and for copying and reporting after it."""
    reserve = min(LARGEST_RESERVE_S, max(SMALLEST_RESERVE_S, 0.05 * seconds))
    return max(SHORTEST_RUN_S, seconds - reserve)


def command(contract: Contract, source: Path, run: Path, flags: Sequence[str]) -> list[str]:
    """Return the command line of the run; flags given by the agent's kwargs come last."""
    words = ["mlmaster", "run", str(source), "--out", str(run), "--time", f"{int(run_seconds(contract.seconds))}s"]
    if contract.nodes and "--nodes" not in flags:
        words += ["--nodes", contract.nodes]
    if contract.name:
        words += ["--set", f"task.name={contract.name}"]
    return [*words, "--plain", "--yes", *flags]


def task_folder(contract: Contract, folder: Path) -> Path:
    """Return the folder that is the task: the data as they are, or links to them with the obfuscated description.

    Nothing is written to the data, so that a read-only mount will do.

    Raises:
        Unusable: There are no data, or no such description.
    """
    if not contract.data.is_dir() or not any(contract.data.iterdir()):
        raise Unusable(f"there are no data in {contract.data}; MLE-bench mounts the competition there")
    if not contract.is_obfuscated:
        return contract.data
    if not (contract.data / OBFUSCATED).is_file():
        raise Unusable(f"OBFUSCATE is set, and {contract.data} has no {OBFUSCATED}; copy the competition's own there")
    folder.mkdir(parents=True)
    for entry in contract.data.iterdir():
        if entry.name not in (DESCRIPTION, OBFUSCATED):
            (folder / entry.name).symlink_to(entry)
    (folder / DESCRIPTION).symlink_to(contract.data / OBFUSCATED)
    return folder


class Mirror:
    """Copies what a run has come to into the folders that MLE-bench collects.

    Args:
        contract: Names the folders.
        run: The run directory; need not be there yet.
    """

    def __init__(self, contract: Contract, run: Path) -> None:
        self._contract, self._run = contract, run
        self._copied: Path | None = None

    def update(self) -> bool:
        """Copy the best result there is where it is a new one; return True when there was one.

        What goes wrong, as where a result is replaced while it is copied, is left for the next time.
        """
        best = self._run / "best"
        try:
            target = best.resolve(strict=True)
            if target == self._copied or not (target / "submission.csv").is_file():
                return False
            self._copy_submission(target / "submission.csv")
            self._copy_code(target)
            self.copy_records()
        except FileNotFoundError:
            return False
        except (OSError, sqlite3.Error) as error:
            say(f"copying is tried again: {type(error).__name__}: {error}")
            return False
        self._copied = target
        return True

    def copy_records(self) -> None:
        """Copy journal, report and settings of the run, as far as there are any."""
        for names, copy in ((RECORDS, shutil.copyfile), (DATABASES, _copy_database)):
            for name in names:
                if (self._run / name).is_file():
                    _replace(self._contract.logs / name, partial(copy, self._run / name))

    @property
    def submission(self) -> Path:
        """Return the submission that MLE-bench collects."""
        return self._contract.submission / "submission.csv"

    def _copy_submission(self, found: Path) -> None:
        _replace(self.submission, partial(shutil.copyfile, found))

    def _copy_code(self, best: Path) -> None:
        incoming = self._contract.code / ".incoming"
        shutil.rmtree(incoming, ignore_errors=True)
        shutil.copytree(best, incoming, ignore=shutil.ignore_patterns("submission.csv"))
        for old in self._contract.code.iterdir():
            if old != incoming:
                shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
        for new in list(incoming.iterdir()):
            new.rename(self._contract.code / new.name)
        incoming.rmdir()


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Put a file in the place of another in one step: who looks sees the old one or the new one."""
    part = path.with_name(f".{path.name}.part")
    write(part)
    part.replace(path)


def _copy_database(source: Path, destination: Path) -> None:
    """Copy an SQLite database that may be written to meanwhile."""
    destination.unlink(missing_ok=True)
    reader = sqlite3.connect(source.absolute().as_uri() + "?mode=ro", uri=True)
    writer = sqlite3.connect(destination)
    try:
        reader.backup(writer)
    finally:
        writer.close()
        reader.close()


def ask_validation(address: str, submission: Path, seconds: float) -> dict[str, Any]:
    """Return what the validation server says of a submission, for the log."""
    parts = urlsplit(address)
    boundary = secrets.token_hex(16)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="submission.csv"\r\n\r\n'.encode()
    tail = f"\r\n--{boundary}--\r\n".encode()

    def pieces() -> Iterator[bytes]:
        yield head
        with submission.open("rb") as file:
            while piece := file.read(2**16):
                yield piece
        yield tail

    connection = http.client.HTTPConnection(parts.hostname or "localhost", parts.port or 80, timeout=seconds)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + submission.stat().st_size + len(tail)),
    }
    try:
        connection.request("POST", parts.path, pieces(), headers)
        reply = connection.getresponse()
        return {"status": reply.status, "answer": reply.read(10_000).decode(errors="replace")}
    except (OSError, http.client.HTTPException) as error:
        return {"status": None, "answer": f"{type(error).__name__}: {error}"}
    finally:
        connection.close()


class Stop:
    """Whether somebody wants an end: set by SIGTERM and SIGINT."""

    def __init__(self) -> None:
        self.is_wanted = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self)

    def __call__(self, *_: object) -> None:
        """Take a signal."""
        self.is_wanted = True


def carry_out(contract: Contract, flags: Sequence[str]) -> int:
    """Run ML-Master to its end, mirroring its results; return 0 with a submission.

    Raises:
        Unusable: There is no task here.
    """
    began, stop = time.monotonic(), Stop()
    for folder in (contract.submission, contract.logs, contract.code, contract.agent):
        folder.mkdir(parents=True, exist_ok=True)
    run = contract.agent / "run"
    mirror = Mirror(contract, run)
    words = command(contract, task_folder(contract, contract.agent / "task"), run, flags)
    say(" ".join(words))
    with (contract.logs / "mlmaster.log").open("ab") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        while process.poll() is None and not stop.is_wanted:
            try:
                process.wait(POLL_S)
            except subprocess.TimeoutExpired:
                if mirror.update():
                    say(f"a new best result is in {mirror.submission}")
        if stop.is_wanted:
            say("stopped; keeping what there is")
            process.kill()
            process.wait()
        else:
            say(f"mlmaster ended with {process.returncode}")
        mirror.update()
        if stop.is_wanted:
            _report(run, log)
    with suppress(OSError, sqlite3.Error):
        mirror.copy_records()
    if not mirror.submission.is_file():
        say("there is no submission")
        return 1
    left = contract.seconds - (time.monotonic() - began)
    if not stop.is_wanted and left > 2 * SMALLEST_RESERVE_S / 5:
        said = ask_validation(contract.validation, mirror.submission, min(VALIDATION_S, left / 2))
        (contract.logs / "validation.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return 0


def _report(run: Path, log: IO[bytes]) -> None:
    """Have a report written of a run that was stopped."""
    with suppress(OSError, subprocess.SubprocessError):
        words = ["mlmaster", "report", str(run)]
        subprocess.run(words, stdout=log, stderr=subprocess.STDOUT, timeout=REPORT_S, check=False)


def say(line: str) -> None:
    """Tell whoever reads the container's output."""
    print(line, flush=True)


def main(flags: Sequence[str]) -> int:
    """Do what `start.sh` asks for; return the exit code."""
    try:
        return carry_out(Contract.read(os.environ), flags)
    except Unusable as error:
        say(f"error: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
