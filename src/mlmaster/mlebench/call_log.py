"""The log of a validation server: a JSON object a line for every call, and never anything of a submission's content."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from mlmaster.errors import SettingsError


@dataclass
class Call:
    """A call of the server.

    Attributes:
        time: When it began, ISO 8601 in UTC.
        client: Address and port.
        call: `validate`, `health`, or `other`.
        status: Of HTTP; None when the client had gone.
        bytes: Size of the submission.
        sha256: Of the submission, in hexadecimal; None without one.
        verdict: `valid`, `invalid`, or in words why there is none; empty for other calls.
        seconds: From its beginning to its answer.
    """

    client: str
    call: str
    status: int | None = None
    bytes: int = 0
    sha256: str | None = None
    verdict: str = ""
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    def end(self) -> None:
        """Take the time."""
        self.seconds = round(time.monotonic() - self._began, 3)


class CallLog:
    """Writes calls down, each as it ends."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, call: Call) -> None:
        """Append a call. A log that cannot be written does not end the server, and is told of on stderr."""
        try:
            self._file.write(json.dumps(asdict(call)) + "\n")
            self._file.flush()
        except OSError as error:
            print(f"the log of calls cannot be written: {error.strerror}", file=sys.stderr, flush=True)


@contextmanager
def open_log(path: Path | None) -> Iterator[CallLog]:
    """Open a log to append to; on stderr without a path.

    Raises:
        SettingsError: It cannot be written.
    """
    if path is None:
        yield CallLog(sys.stderr)
        return
    try:
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"--log {path} cannot be written: {error.strerror}; name another file") from error
    with file:
        yield CallLog(file)
