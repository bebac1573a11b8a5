"""Starts and ends a fork server; uses nothing of ML-Master, so that half-edited sources cannot stop a grid."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

_POLL_S = 0.1
_START_S = 120.0
_ENVIRONMENT = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # pandas loads pyarrow where it is installed, whose allocator starts a thread; a fork needs a process without
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


class Zygote:
    """The process that forks; used by one sandbox at a time.

    Args:
        address: Path of its socket, at most 100 characters.
        log: Where what it prints goes.

    Raises:
        RuntimeError: It did not come up; says what it printed.
    """

    def __init__(self, address: Path, log: Path) -> None:
        self.address = address
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-Ps", str(Path(__file__).with_name("fork_server.py")), str(address)],
                env={**_ENVIRONMENT, "HOME": str(address.parent)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        until = time.monotonic() + _START_S
        while not address.exists():
            if not self.is_alive or time.monotonic() > until:
                self.close()
                raise RuntimeError(f"the fork server did not start: {log.read_text('utf-8', 'replace')[-1000:]}")
            time.sleep(_POLL_S)

    @property
    def is_alive(self) -> bool:
        """Return False when it has ended."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self.address.unlink(missing_ok=True)
