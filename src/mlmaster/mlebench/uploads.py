"""Taking an upload in: the file of a multipart form, streamed to disk as it comes, whatever its size.

Of the form only the first file under the name looked for is kept, and never in memory. Its own name is ignored, as
MLE-bench's server ignores it.
"""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mlmaster.mlebench.limits import Limits

FIELD = b"file"
_BLOCK_BYTES = 2**20
_OVERHEAD_BYTES = 2**20
"""What a form may have around its file: other fields are not kept, but read."""
_DRAIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was taken in.

    Attributes:
        path: Where it lies.
        size_bytes: Its size.
        sha256: Of its bytes, in hexadecimal.
    """

    path: Path
    size_bytes: int
    sha256: str


class Refused(Exception):
    """An upload that is not taken in."""


class NoFile(Refused):
    """It is no form, is broken, or has no such file."""


class TooLarge(Refused):
    """It is larger than is taken."""


class NoRoom(Refused):
    """The disk has no room for it."""


class Stalled(Refused):
    """Nothing more came of it."""


async def receive(body: AsyncIterator[bytes], content_type: str, path: Path, limits: Limits) -> Upload:
    """Write the file of a form to a path.

    Args:
        body: The request's body as it comes.
        content_type: Header of the request.
        path: Of the new file.
        limits: What is taken.

    Raises:
        Refused: In one of its kinds. The body may not have been read to its end; see `drain`.
    """
    form = _Form(content_type)
    hashed, size, read = sha256(), 0, 0
    _require_room(path, limits)
    try:
        with path.open("xb") as file:

            async def store(block: bytes) -> None:
                nonlocal size
                size += len(block)
                if size > limits.upload_bytes:
                    raise TooLarge
                _require_room(path, limits)
                await asyncio.to_thread(file.write, block)
                await asyncio.to_thread(hashed.update, block)

            while chunk := await _next(body, limits.idle_s):
                read += len(chunk)
                if read > limits.upload_bytes + _OVERHEAD_BYTES:
                    raise TooLarge
                form.feed(chunk)
                if len(form.content) >= _BLOCK_BYTES:
                    await store(form.take())
            await store(form.take())
            await asyncio.to_thread(file.flush)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoRoom from None
        raise
    if not (form.has_file and form.is_whole):
        raise NoFile
    return Upload(path, size, hashed.hexdigest())


async def drain(body: AsyncIterator[bytes]) -> None:
    """Read what is left of a body for a while: a client that still sends does not see the answer before it is done."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            async for _ in body:
                pass


class _Form:
    """The file in a form, as far as it has come.

    Attributes:
        content: Of the file, what is not yet taken.
        has_file: Whether the file was met.
        is_whole: Whether the end of the form was met.
    """

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise NoFile
        self.content = bytearray()
        self.has_file = self.is_whole = self._is_inside = False
        self._name, self._value, self._disposition = b"", b"", b""
        try:
            self._parser = MultipartParser(
                options[b"boundary"],
                {
                    "on_part_begin": self._begin,
                    "on_part_data": self._add,
                    "on_part_end": self._end,
                    "on_header_field": self._add_name,
                    "on_header_value": self._add_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._enter,
                    "on_end": self._finish,
                },
            )
        except FormParserError:
            raise NoFile from None

    def feed(self, chunk: bytes) -> None:
        """Take in a piece of the form.

        Raises:
            NoFile: The form is broken.
        """
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise NoFile from None

    def take(self) -> bytes:
        """Return the content there is, once."""
        block = bytes(self.content)
        self.content.clear()
        return block

    def _begin(self) -> None:
        self._disposition = b""

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _enter(self) -> None:
        _, options = parse_options_header(self._disposition)
        # the first of its name; a field without a file name is no file, one with an empty name is
        self._is_inside = not self.has_file and options.get(b"name") == FIELD and b"filename" in options
        self.has_file = self.has_file or self._is_inside

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._is_inside:
            self.content += data[start:end]

    def _end(self) -> None:
        self._is_inside = False

    def _finish(self) -> None:
        self.is_whole = True


async def _next(body: AsyncIterator[bytes], idle_s: float) -> bytes:
    """Return what comes next of a body; nothing at its end."""
    try:
        async with asyncio.timeout(idle_s):
            return await anext(body, b"")
    except TimeoutError:
        raise Stalled from None


def _require_room(path: Path, limits: Limits) -> None:
    if shutil.disk_usage(path.parent).free < limits.free_bytes:
        raise NoRoom
