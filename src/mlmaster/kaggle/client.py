"""Kaggle's own client, and what goes wrong with it in our words.

The client is imported only when it is needed: importing it looks for a token. Nothing it says is passed on, since a
message may hold an address with a secret in it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from mlmaster.errors import DataError

TOKEN = (
    "make a token at https://www.kaggle.com/settings, put it into the variable KAGGLE_API_TOKEN or the file "
    "~/.kaggle/access_token, and try again"
)


class KaggleClient(Protocol):
    """What is used of `kaggle.api`."""

    def authenticate(self) -> None:
        """Find the user's token; may end the process where there is none."""

    def competition_download_files(self, competition: str, path: str, *, force: bool, quiet: bool) -> None:
        """Write `<path>/<competition>.zip`; go on with one begun before."""

    def competition_submit(self, file_name: str, message: str, competition: str, *, quiet: bool) -> object:
        """Send a submission."""


Load = Callable[[], KaggleClient]


def import_client(module: str = "kaggle") -> KaggleClient:
    """Return the client of Kaggle's own package.

    Raises:
        DataError: The package is missing.
    """
    try:
        return cast(KaggleClient, import_module(module).api)
    except ImportError:
        raise DataError(
            "talking to Kaggle needs the package kaggle: pip install 'ml-master[kaggle]'; or fetch and send files by hand, "
            "at https://www.kaggle.com"
        ) from None


@contextmanager
def silence() -> Iterator[None]:
    """Keep what the client prints, which is help on tokens and bars of progress, from the user's screen."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        yield


def connect(name: str, load: Load, otherwise: str) -> KaggleClient:
    """Return a client that has a token.

    Args:
        name: Of the competition, for messages.
        load: Gives the client.
        otherwise: What a user can do without Kaggle's client, for messages.

    Raises:
        DataError: There is no token, or it cannot be asked about.
    """
    try:
        client = load()
        client.authenticate()
    except DataError:
        raise
    except (SystemExit, OSError, KeyError, ValueError) as error:
        if _status(error) is not None or _is_network(error):
            raise DataError(explain(name, error, otherwise).text) from None
        raise DataError(f"{name}: Kaggle's client has no token; {TOKEN}; or {otherwise}") from None
    return client


class Failure(NamedTuple):
    """Why Kaggle did not do it, and whether trying again soon may help."""

    text: str
    is_passing: bool = False


def explain(name: str, error: BaseException, otherwise: str) -> Failure:
    """Return what an exception of the client means. Arguments as `connect`."""
    if isinstance(error, OSError) and error.errno is not None and not _is_network(error):
        return Failure(
            f"{name}: cannot be read or written ({error.strerror}); make room, or allow access, and try again"
        )
    status = _status(error)
    text = str(error).lower()
    rules = f"https://www.kaggle.com/c/{name}/rules"
    match status:
        case 401:
            return Failure(f"{name}: Kaggle refuses the token (401); {TOKEN}; or {otherwise}")
        case 403 if "accept" in text or "rules" in text:
            return Failure(
                f"{name}: accept the rules of the competition first, at {rules}, then try again; or {otherwise}"
            )
        case 403:
            return Failure(
                f"{name}: Kaggle refuses (403): the rules at {rules} are not accepted, or the competition is closed and "
                f"takes nobody any more; in that case {otherwise}"
            )
        case 404 | 410:
            return Failure(
                f"{name}: Kaggle has no such competition, or not any more ({status}); check the name, or {otherwise}"
            )
        case 429:
            return Failure(
                f"{name}: Kaggle asks to wait (429); try again in some minutes, or {otherwise}", is_passing=True
            )
        case None:
            why = "cannot be reached" if _is_network(error) else f"did not do it ({type(error).__name__})"
            return Failure(f"{name}: Kaggle {why}; check the network and try again, or {otherwise}", is_passing=True)
        case _:
            return Failure(
                f"{name}: Kaggle answers with an error ({status}); try again later, or {otherwise}",
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
