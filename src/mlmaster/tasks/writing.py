"""Writing a file of the harness's own whole or not at all."""

from __future__ import annotations

from pathlib import Path

HALF_BUILT = ".building-"
"""What is not finished bears a name that begins so; whoever owns the folder may throw it away."""


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file at once: never seen half-written under its name.

    Raises:
        OSError: It cannot be written.
    """
    half = path.with_name(f"{HALF_BUILT}{path.name}")
    half.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    half.replace(path)
