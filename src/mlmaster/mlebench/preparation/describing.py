"""`description.md` of a prepared competition: Kaggle's own where the raw files hold one, else what we know, in a few lines.

Kaggle's texts are not ours to ship.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from mlmaster.mlebench.competition import Competition

NAME = "description.md"
_ROWS_SHOWN = 3
_LINE_SHOWN = 400
_MOST_ENTRIES = 40


def write_description(competition: Competition, raw: Path, prepared: Path) -> None:
    """Put a description among the files an engineer may see, unless a recipe has done so."""
    target = prepared / "public" / NAME
    own = raw / NAME
    if target.exists():
        return
    if own.is_file():
        shutil.copyfile(own, target)
    else:
        target.write_text("\n".join(_lines(competition, prepared)) + "\n", encoding="utf-8")


def _lines(competition: Competition, prepared: Path) -> Iterator[str]:
    better = "lower" if competition.is_lower_better else "higher"
    yield f"# {competition.name}"
    yield ""
    yield f"{competition.category}. Kaggle's own text: https://www.kaggle.com/c/{competition.id}"
    yield ""
    yield "## Evaluation"
    yield f"Metric: {competition.metric}; {better} is better."
    yield ""
    yield "## Files"
    entries = sorted((prepared / "public").iterdir())
    for entry in entries[:_MOST_ENTRIES]:
        yield f"- `{entry.name}/`: a folder" if entry.is_dir() else f"- `{entry.name}`: {entry.stat().st_size:,} bytes"
    if len(entries) > _MOST_ENTRIES:
        yield f"- and {len(entries) - _MOST_ENTRIES} more"
    sample = prepared / competition.sample
    if sample.parent.name == "public" and sample.is_file():
        yield ""
        yield "## Submission"
        yield f"A CSV file with the columns and the rows of `{sample.name}`, which begins:"
        yield ""
        yield "```"
        yield from _head(sample)
        yield "```"


def _head(table: Path) -> Iterator[str]:
    with table.open(encoding="utf-8", errors="replace") as file:
        for line in islice(file, 1 + _ROWS_SHOWN):
            text = line.rstrip("\r\n")
            yield text if len(text) <= _LINE_SHOWN else f"{text[:_LINE_SHOWN]}…"
