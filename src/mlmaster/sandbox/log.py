"""What a script printed: its first and last bytes, whatever it prints, in bounded memory."""

from __future__ import annotations

import re

_MARK_BYTES = 64
_HEADER = "Traceback (most recent call last):"
_NAMED = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Iteration)(?::.*)?")
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?::.*)?")
_DETAIL_CHARACTERS = 300
_STEERING = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
"""Control and operating system commands, ECMA-48 5.4 and 8.3.89."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Log:
    """Keeps a quarter of `limit` bytes from the start and the rest from the end."""

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, 0)
        kept = max(self._limit - _MARK_BYTES, 0)
        self._head_bytes = kept // 4
        self._tail_bytes = kept - self._head_bytes
        self._head = bytearray()
        self._tail = bytearray()
        self._seen = 0

    def write(self, data: bytes) -> None:
        """Take in more output."""
        self._seen += len(data)
        room = self._head_bytes - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * self._tail_bytes + 65536:  # seldom, so that a flood is not copied over and over
            del self._tail[: len(self._tail) - self._tail_bytes]

    def text(self) -> str:
        """Return the log as text of at most `limit` bytes in UTF-8.

        Undecodable bytes become U+FFFD. What would steer a terminal is taken out: colours and the like without a trace, other
        control characters become "?", and a line that was written over stays beside what was written over it.
        """
        text = _STEERING.sub("", self._as_printed())
        return _CONTROL.sub("?", text.replace("\r\n", "\n").replace("\r", "\n"))

    def _as_printed(self) -> str:
        tail = bytes(self._tail[max(len(self._tail) - self._tail_bytes, 0) :])
        left_out = self._seen - len(self._head) - len(tail)
        if not left_out:
            whole = (bytes(self._head) + tail).decode("utf-8", "replace")
            if len(whole.encode()) <= self._limit:
                return whole
        mark = f"\n[... {left_out} bytes left out ...]\n"
        head = bytes(self._head).decode("utf-8", "replace").encode()[: self._head_bytes]
        end = tail.decode("utf-8", "replace").encode()
        end = end[max(len(end) - self._tail_bytes, 0) :]
        text = head.decode("utf-8", "ignore") + mark + end.decode("utf-8", "ignore")
        return text.encode()[: self._limit].decode("utf-8", "ignore")


def last_exception(log: str) -> str:
    """Return the line that names the last exception in a log, else its last line with text, else an empty string."""
    lines = log.splitlines()
    headers = [number for number, line in enumerate(lines) if line.strip() == _HEADER]
    if headers:
        for line in lines[headers[-1] + 1 :]:
            if _RAISED.fullmatch(line):
                return _clip(line)
    named = next((line for line in reversed(lines) if _NAMED.fullmatch(line)), None)
    return _clip(named or next((line.strip() for line in reversed(lines) if line.strip()), ""))


def _clip(line: str) -> str:
    return line if len(line) <= _DETAIL_CHARACTERS else line[: _DETAIL_CHARACTERS - 1] + "…"
