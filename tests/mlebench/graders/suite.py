"""What a grader is tried on: synthetic answers in the official format, and submissions with the verdict each must get.

A module of `suites/` is named after the grader module it covers and has `suites()`, which yields one `Suite` for every
competition of it. `test_suites.py` writes each submission to a file, grades it the whole way, and compares to five decimals.

The expected verdict is derived without the grader: in closed form, by a second implementation through another library, or by
hand; `derivation` says how, in a sentence for the record. An expectation is never what the grader was seen to give.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

INVALID = None
"""The verdict on a submission without a score."""

UNDEFINED = math.nan
"""The verdict on a valid submission whose score is undefined."""

FEWEST = 30
"""Submissions for each competition."""

KINDS = ("perfect", "sample", "noisy", "shuffled", "broken")
"""Every suite has cases of each kind."""


@dataclass(frozen=True)
class Case:
    """A submission and its verdict.

    Attributes:
        kind: One of `KINDS`.
        name: What it is like; unique in its suite.
        content: A table, written with `to_csv(index=False)`, or the file itself as bytes or text.
        expected: The official score to five decimals, `UNDEFINED` or `INVALID`.
    """

    kind: str
    name: str
    content: pd.DataFrame | bytes | str
    expected: float | None

    def write(self, path: Path) -> None:
        """Write the submission."""
        if isinstance(self.content, pd.DataFrame):
            self.content.to_csv(path, index=False)
        else:
            path.write_bytes(self.content if isinstance(self.content, bytes) else self.content.encode())


@dataclass(frozen=True)
class Suite:
    """The cases of one competition.

    Attributes:
        competition: Its id.
        answers: A table, or records for a JSONL file.
        cases: At least `FEWEST`.
        derivation: How the expectations came about.
        pairs_by: `id` where rows are matched and their order must not matter, `position` where it must; `test_suites` tries
            both on the cases that are tables.
    """

    competition: str
    answers: pd.DataFrame | list[dict[str, Any]]
    cases: Sequence[Case]
    derivation: str
    pairs_by: str = "id"


def broken_files(good: pd.DataFrame) -> list[Case]:
    """Return submissions that no competition takes, whatever its metric: each is a broken file rather than a wrong answer."""
    text = good.to_csv(index=False)
    lines = text.splitlines(keepends=True)
    return [
        Case("broken", "empty file", b"", INVALID),
        Case("broken", "one newline", b"\n", INVALID),
        Case("broken", "header alone", lines[0], INVALID),
        Case("broken", "no header", "".join(lines[1:]), INVALID),
        Case("broken", "a picture", b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 40, INVALID),
        Case("broken", "UTF-16", text.encode("utf-16"), INVALID),
        Case("broken", "a page", "<html><body>Not found</body></html>\n", INVALID),
        Case("broken", "ragged rows", lines[0] + "1,2,3,4,5,6,7,8,9\n" * 3 + "1\n", INVALID),
        Case("broken", "an open quote", lines[0] + '"' + "".join(lines[1:]), INVALID),
        Case("broken", "tabs for commas", text.replace(",", "\t"), INVALID),
        Case("broken", "JSON", good.to_json(orient="records"), INVALID),
    ]
