"""How long a provider asks to wait: in a header, as seconds, a duration, a time or a date, or in the words of an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

_AMOUNT = re.compile(
    r"(\d{1,12}(?:\.\d{1,12})?)\s?(ms|milliseconds?|hours?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])"
)
_SAID = re.compile(r"(?:retryDelay\W{1,6}|(?:retry|try again) (?:in|after) )([\w. ]{1,40})", re.IGNORECASE)
_UNITS = {"ms": 0.001, "m": 60.0, "h": 3600.0, "s": 1.0}


def retry_after_s(headers: Mapping[str, str], text: str, now: float) -> float | None:
    """Return how many seconds a provider asks to wait, None where it does not say.

    Args:
        headers: By names in lower case.
        text: The error body.
        now: Unix time, for waits given as dates.
    """
    if (wait := _number(headers.get("retry-after-ms", ""))) is not None:
        return wait / 1000
    if "retry-after" in headers:
        return _wait(headers["retry-after"], now)
    waits = [
        wait
        for name, value in headers.items()
        # only of an allowance that is used up: others are told as well, each with its own end
        if "ratelimit" in name and "reset" in name and headers.get(name.replace("reset", "remaining"), "0") == "0"
        if (wait := _wait(value, now)) is not None
    ]
    if waits:
        return max(waits)
    found = _SAID.search(text)
    amounts = _AMOUNT.findall(found[1].lower()) if found else ()
    return sum(_seconds(*amount) for amount in amounts) if amounts else None


def _wait(value: str, now: float) -> float | None:
    """Return a wait given as seconds, as Unix time in seconds or milliseconds, as a duration, or as a date."""
    if (number := _number(value)) is not None:
        for unit, least in ((1000.0, 1e11), (1.0, 1e8)):
            if number >= least:
                return max(0.0, number / unit - now)
        return number
    amounts = _AMOUNT.findall(value.lower())
    if amounts and not _AMOUNT.sub("", value.lower()).strip(" ,"):
        return sum(_seconds(*amount) for amount in amounts)
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return max(0.0, read(value).timestamp() - now)
        except (ValueError, OverflowError, TypeError):
            continue
    return None


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\s*\d{1,18}(\.\d{0,18})?\s*", value) else None


def _seconds(amount: str, unit: str) -> float:
    short = "ms" if unit.startswith(("ms", "milli")) else unit[0]
    return float(amount) * _UNITS[short]
