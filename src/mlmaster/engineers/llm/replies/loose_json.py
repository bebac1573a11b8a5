"""JSON as models write it: comments, trailing commas, Python's words, raw newlines and quotes in strings, cut ends."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

DEEPEST = 40
_NUMBER = re.compile(r"-?\d{1,300}(?:\.\d{0,300})?(?:[eE][+-]?\d{1,3})?")
_WORD = re.compile(r"[A-Za-z_][\w.-]{0,99}")
_WORDS = {"true": True, "false": False, "null": None, "none": None, "nan": None, "undefined": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"', "'": "'", "`": "`"}
_DECODER = json.JSONDecoder(strict=False)
_PLAIN = {quote: re.compile(rf"[^\\{quote}]+") for quote in "\"'`"}
_HALF, _HALF_ESCAPED = re.compile("[\ud800-\udfff]"), re.compile(r"\\u[dD][89a-fA-F]")
_GAP = re.compile(r"(?:\s+|//[^\n]*|#[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)*+")


class _Broken(Exception):
    """What follows is no JSON, however loosely it is read."""


@dataclass(frozen=True, slots=True)
class Loose:
    """A value that was read, where it ends, and whether the text ended before it did."""

    value: Any
    end: int
    is_cut: bool


def read_json(text: str, start: int = 0) -> Loose | None:
    """Return the object or list that begins at a place, as strictly as it can be read; None when there is none."""
    try:
        value, end = _DECODER.raw_decode(text, start)
        if isinstance(value, dict | list):
            return Loose(_whole(value) if _HALF_ESCAPED.search(text, start, end) else value, end, is_cut=False)
    except (ValueError, RecursionError):
        pass
    if text[start : start + 1] not in ("{", "["):
        return None
    reader = _Reader(text, start)
    try:
        value = reader.value(0)
    except _Broken:
        return None
    return Loose(value, reader.place, reader.is_cut)


def _whole(value: Any) -> Any:
    """Return JSON data without halves of characters, which no journal takes."""
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return [_whole(each) for each in value] if isinstance(value, list) else value


class _Reader:
    """Reads one value, each character once."""

    def __init__(self, text: str, start: int) -> None:
        self.text = text
        self.place = start
        self.is_cut = False

    def value(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise _Broken
        self._skip()
        here = self.text[self.place : self.place + 1]
        if not here:
            self.is_cut = True
            return None
        if here == "{":
            return self._object(depth)
        if here == "[":
            return self._list(depth)
        if here in "\"'`":
            return self._string(here)
        number = _NUMBER.match(self.text, self.place)
        if number:
            self.place = number.end()
            return float(number[0]) if re.search("[.eE]", number[0]) else int(number[0])
        word = _WORD.match(self.text, self.place)
        if word and word[0].lower() in _WORDS:
            self.place = word.end()
            return _WORDS[word[0].lower()]
        raise _Broken

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.place += 1
        while not self._is_over("}"):
            key = self._key()
            self._skip()
            if self.place >= len(self.text):
                self.is_cut = True
                break
            if self.text[self.place] not in ":=":
                raise _Broken
            self.place += 1
            found[key] = self.value(depth + 1)
            self._comma("}")
        return found

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self.place += 1
        while not self._is_over("]"):
            found.append(self.value(depth + 1))
            self._comma("]")
        return found

    def _is_over(self, close: str) -> bool:
        self._skip()
        if self.place >= len(self.text):
            self.is_cut = True
            return True
        if self.text[self.place] == close:
            self.place += 1
            return True
        return False

    def _comma(self, close: str) -> None:
        self._skip()
        if self.place < len(self.text):
            if self.text[self.place] == ",":
                self.place += 1
            elif self.text[self.place] not in (close, '"', "'"):
                raise _Broken

    def _key(self) -> str:
        here = self.text[self.place]
        if here in "\"'`":
            return self._string(here)
        word = _WORD.match(self.text, self.place)
        if not word:
            raise _Broken
        self.place = word.end()
        return word[0]

    def _string(self, quote: str) -> str:
        triple = quote * 3
        if self.text.startswith(triple, self.place) and quote != "`":
            end = self.text.find(triple, self.place + 3)
            inner = self.text[self.place + 3 : end if end >= 0 else len(self.text)]
            self.is_cut |= end < 0
            self.place = end + 3 if end >= 0 else len(self.text)
            return inner
        self.place += 1
        parts: list[str] = []
        while self.place < len(self.text):
            plain = _PLAIN[quote].match(self.text, self.place)
            if plain:
                parts.append(plain[0])
                self.place = plain.end()
            elif self.text[self.place] == "\\":
                parts.append(self._escape())
            elif self._ends_string():
                self.place += 1
                return "".join(parts)
            else:
                parts.append(quote)
                self.place += 1
        self.is_cut = True
        return "".join(parts)

    def _ends_string(self) -> bool:
        """Return whether the quote here closes the string: what follows is JSON, not more of the text."""
        gap = _GAP_AFTER.match(self.text, self.place + 1)
        after = self.text[gap.end() : gap.end() + 1] if gap else ""
        return after in ("", ",", ":", "}", "]")

    def _escape(self) -> str:
        mark = self.text[self.place + 1 : self.place + 2]
        if mark == "u":
            digits = self.text[self.place + 2 : self.place + 6]
            if re.fullmatch("[0-9a-fA-F]{4}", digits) and not 0xD800 <= int(digits, 16) < 0xE000:
                self.place += 6
                return chr(int(digits, 16))
        self.place += 2
        if mark == "\n":
            return ""
        return _ESCAPES.get(mark, "\\" + mark)  # `\d` and the like are meant as they stand

    def _skip(self) -> None:
        gap = _GAP.match(self.text, self.place)
        if gap:
            self.place = gap.end()


_GAP_AFTER = re.compile(r"\s*+")
