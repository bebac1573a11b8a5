"""The zip of a competition's files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mlmaster.errors import DataError
from mlmaster.kaggle.client import Load, connect, explain, import_client, silence

ATTEMPTS = 3
PAUSE_S = 5.0


def download(
    name: str,
    folder: Path,
    otherwise: str,
    load: Load = import_client,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Fetch the zip of a competition, and return it: `<folder>/<name>.zip`. One that was cut short is gone on with.

    Args:
        name: The competition's slug.
        folder: Where it goes; made where it is missing.
        otherwise: What a user can do without Kaggle's client, for messages.
        load: Gives Kaggle's client.
        pause: Waits so many seconds between two attempts.

    Raises:
        DataError: There is no token or it is refused, the rules are not accepted, or Kaggle has no such files or is
            away.
    """
    staging = folder / ".downloading"
    with silence():
        client = connect(name, load, otherwise)
        staging.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                client.competition_download_files(name, path=str(staging), force=False, quiet=True)
                break
            except Exception as error:  # noqa: BLE001 - the client is a stranger's and raises whatever its libraries raise
                failure = explain(name, error, otherwise)
                if not failure.is_passing or attempt == ATTEMPTS:
                    raise DataError(failure.text) from None
                pause(PAUSE_S)
    fetched, target = staging / f"{name}.zip", folder / f"{name}.zip"
    if not fetched.is_file():
        raise DataError(f"{name}: Kaggle's client fetched no {fetched.name}; try again, or {otherwise}")
    fetched.replace(target)
    for left in staging.iterdir():
        left.unlink()
    staging.rmdir()
    return target
