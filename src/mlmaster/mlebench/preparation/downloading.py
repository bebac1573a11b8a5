"""The zip of Kaggle's files, fetched by Kaggle's own client with the user's token.

The client is imported only when it is needed: importing it asks for a token. Nothing it says is passed on, since a message
may hold an address with a secret in it; what went wrong is told in our words.
"""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from mlmaster.errors import DataError
from mlmaster.mlebench.places import Place

ATTEMPTS = 3
PAUSE_S = 5.0

_OTHERWISE = "or name files you have with --from"
_TOKEN = (
    "make a token at https://www.kaggle.com/settings, put it into the variable KAGGLE_API_TOKEN or the file "
    f"~/.kaggle/access_token, and try again; {_OTHERWISE}"
)


class KaggleClient(Protocol):
    """What is used of `kaggle.api`."""

    def authenticate(self) -> None:
        """Find the user's token; may end the process where there is none."""

    def competition_download_files(self, competition: str, path: str, *, force: bool, quiet: bool) -> None:
        """Write `<path>/<competition>.zip`; go on with one begun before."""


def import_client(module: str = "kaggle") -> KaggleClient:
    """Return the client of Kaggle's own package.

    Raises:
        DataError: The package is missing.
    """
    try:
        return cast(KaggleClient, import_module(module).api)
    except ImportError:
        raise DataError(
            f"downloading from Kaggle needs the package kaggle: pip install 'ml-master[kaggle]'; {_OTHERWISE}"
        ) from None


def download(
    place: Place, load: Callable[[], KaggleClient] = import_client, pause: Callable[[float], None] = time.sleep
) -> Path:
    """Fetch the zip of a competition into its folder, and return it. One that was cut short is gone on with.

    Args:
        place: Where the competition lies.
        load: Gives Kaggle's client.
        pause: Waits so many seconds between two attempts.

    Raises:
        DataError: There is no token or it is refused, the rules are not accepted, or Kaggle has no such files or is away.
    """
    name = place.competition.id
    staging = place.home / ".downloading"
    with _silence():
        client = _connect(name, load)
        staging.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                client.competition_download_files(name, path=str(staging), force=False, quiet=True)
                break
            except Exception as error:  # noqa: BLE001 - the client is a stranger's and raises whatever its libraries raise
                failure = _failure(name, error)
                if not failure.is_passing or attempt == ATTEMPTS:
                    raise DataError(failure.text) from None
                pause(PAUSE_S)
    fetched = staging / f"{name}.zip"
    if not fetched.is_file():
        raise DataError(f"{name}: Kaggle's client fetched no {fetched.name}; try again, {_OTHERWISE}")
    fetched.replace(place.zip)
    shutil.rmtree(staging)
    return place.zip


@contextmanager
def _silence() -> Iterator[None]:
    """Keep what the client prints, which is help on tokens and bars of progress, from the user's screen."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def _connect(name: str, load: Callable[[], KaggleClient]) -> KaggleClient:
    try:
        client = load()
        client.authenticate()
    except DataError:
        raise
    except (SystemExit, OSError, KeyError, ValueError) as error:
        if _status(error) is not None or _is_network(error):
            raise DataError(_failure(name, error).text) from None
        raise DataError(f"{name}: Kaggle's client has no token; {_TOKEN}") from None
    return client


class _Failure(NamedTuple):
    """Why Kaggle gave nothing, and whether trying again soon may help."""

    text: str
    is_passing: bool = False


def _failure(name: str, error: BaseException) -> _Failure:
    if isinstance(error, OSError) and error.errno is not None and not _is_network(error):
        return _Failure(
            f"{name}: cannot be written ({error.strerror}); make room or name another --data-dir, and try again"
        )
    status = _status(error)
    text = str(error).lower()
    rules = f"https://www.kaggle.com/c/{name}/rules"
    match status:
        case 401:
            return _Failure(f"{name}: Kaggle refuses the token (401); {_TOKEN}")
        case 403 if "accept" in text or "rules" in text:
            return _Failure(
                f"{name}: accept the rules of the competition first, at {rules}, then try again; {_OTHERWISE}"
            )
        case 403:
            return _Failure(
                f"{name}: Kaggle refuses its files (403): the rules at {rules} are not accepted, or the competition is "
                "closed and takes nobody any more; in that case name files you have with --from"
            )
        case 404 | 410:
            return _Failure(
                f"{name}: Kaggle has no files of this competition any more ({status}); name files you have with --from"
            )
        case 429:
            return _Failure(
                f"{name}: Kaggle asks to wait (429); try again in some minutes, {_OTHERWISE}", is_passing=True
            )
        case None:
            why = "cannot be reached" if _is_network(error) else f"gave no files ({type(error).__name__})"
            return _Failure(f"{name}: Kaggle {why}; check the network and try again, {_OTHERWISE}", is_passing=True)
        case _:
            return _Failure(
                f"{name}: Kaggle answers with an error ({status}); try again later, {_OTHERWISE}",
                is_passing=status >= 500,
            )


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of what the client raised, whichever library it is from."""
    for holder in (getattr(error, "response", None), error):
        for attribute in ("status_code", "status"):
            value = getattr(holder, attribute, None)
            if isinstance(value, int):
                return value
    return None


def _is_network(error: BaseException) -> bool:
    """Return True for what requests, urllib3 and sockets raise when nobody answers."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"ConnectionError", "Timeout", "TimeoutError", "HTTPError", "gaierror", "RequestException"})
