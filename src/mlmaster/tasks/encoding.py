"""Opening files that should be text, and finding their encoding; what is no text is refused by name.

Knows nothing of tables; `table` reads those.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mlmaster.errors import DataError

CHUNK_BYTES = 1 << 20
MOST_FOREIGN = 0.3
"""Largest share of non-ASCII bytes at which a file that is not UTF-8 is still taken for Western text."""

UTF8 = "utf-8-sig"
WESTERN = "cp1252"

_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive; unpack it and give the file inside"),
    (b"PK\x05\x06", "an empty ZIP archive; give the table itself"),
    (b"\x1f\x8b", "a gzip archive; unpack it (gunzip) and give the file inside"),
    (b"BZh", "a bzip2 archive; unpack it and give the file inside"),
    (b"\xfd7zXZ", "an xz archive; unpack it and give the file inside"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it and give the file inside"),
    (b"Rar!", "a RAR archive; unpack it and give the file inside"),
    (b"PAR1", "a Parquet file; rename it to .parquet"),
    (b"%PDF", "a PDF document; give a CSV table"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save it as CSV"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
)
_ASCII = bytes(range(128))
_NO_TEXT = bytes(set(range(32)) - set(b"\t\n\r\f\v\x1a\x1b"))
_UNDEFINED = bytes((0x81, 0x8D, 0x8F, 0x90, 0x9D))


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading.

    Raises:
        DataError: There is no such file, it is a folder, or it may not be read.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder, not a file; name the file in it") from error
    except PermissionError as error:
        raise DataError(f"{path}: no permission to read it; change its permissions (chmod u+r)") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path and the disk") from error
    with file:
        yield file


def find_encoding(path: Path) -> str:
    """Return `UTF8` or `WESTERN`, after reading the whole file once.

    Raises:
        DataError: The file is empty, an archive or other known format, binary, or in no encoding we can tell.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    size, broken_at = 0, -1
    with open_bytes(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            if size == 0:
                _refuse_formats(path, chunk)
            place = chunk.find(b"\0")
            if place >= 0:
                raise DataError(f"{path}: byte {size + place} is NUL, so it is binary, no text; give a table in UTF-8")
            if broken_at < 0:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError as error:
                    broken_at = size + error.start
            size += len(chunk)
    if size == 0:
        raise DataError(f"{path}: is empty (0 bytes); give a file with content")
    if broken_at < 0:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            broken_at = size
    if broken_at < 0:
        return UTF8
    if not _is_western(path, size):
        raise DataError(f"{path}: is not UTF-8 (byte {broken_at}) and no other text we can tell; save it as UTF-8")
    return WESTERN


def _refuse_formats(path: Path, start: bytes) -> None:
    for magic, what in _MAGIC:
        if start.startswith(magic):
            raise DataError(f"{path}: is {what}")


def _is_western(path: Path, size: int) -> bool:
    """Return True when the bytes could be Windows-1252: few are foreign, none is a control or undefined there."""
    foreign = 0
    with open_bytes(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            high = chunk.translate(None, _ASCII)
            foreign += len(high)
            if len(high.translate(None, _UNDEFINED)) != len(high) or len(chunk.translate(None, _NO_TEXT)) != len(chunk):
                return False
    return foreign <= MOST_FOREIGN * size
