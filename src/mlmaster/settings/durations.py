"""Durations as people write them: `90s`, `5m`, `1h30m`, `2d`."""

from __future__ import annotations

import re

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as `1h30m`.

    Raises:
        ValueError: Not a duration; the message says what one looks like.
    """
    plain = text.strip().lower().replace(" ", "")
    if re.fullmatch(r"-?\d+(\.\d+)?", plain):
        raise ValueError(f"no unit; write for example {plain.lstrip('-')}s, {plain.lstrip('-')}m or 1h30m")
    if not _WHOLE.fullmatch(plain):
        raise ValueError("not a duration; write for example 90s, 5m or 1h30m")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(plain))
