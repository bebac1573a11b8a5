"""Writes docs/harness-scoring.md from what the code knows: `python -m tests.docs.harness_scoring`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.mlebench.test_harness import ON_REAL_DATA

from mlmaster.mlebench.competition import Competition, Split
from mlmaster.mlebench.harness import Harness, harnesses
from mlmaster.mlebench.registry import competitions

PAGE = Path(__file__).parents[2] / "docs" / "harness-scoring.md"

REAL, MADE_UP, EXPECTED = "harness, real data", "harness, made-up data", "harness, expected"
SELF_REPORTED, EXPECTED_SELF_REPORTED = "self-reported", "self-reported, expected"
BASES = {
    REAL: "scored by the harness: shown on the competition's real data",
    MADE_UP: "scored by the harness: shown on data made up in Kaggle's form and prepared by the recipe",
    EXPECTED: "expected to be scored by the harness, by the layout of their files: not shown",
    SELF_REPORTED: "self-reported: rows cannot be hidden today",
    EXPECTED_SELF_REPORTED: "expected to be self-reported: not shown",
}

TEXT = """\
# Who scores which competition

While ML-Master solves a competition, its harness hides rows of the public train data and scores scripts on those
([evaluation.md](evaluation.md)). Where it cannot, scripts report their own score, which nobody has measured
([custom-evaluation.md](custom-evaluation.md)). Both concern the search alone: the official grade of a run that has ended is
the same either way. Of MLE-bench's {all} competitions ({main} in its three splits):

{counts}

**Shown** means that `tests/mlebench/test_harness.py` prepares the competition, hides rows by the rule below, and finds that
the right answers score best on hidden rows, and that those of the real test, laid out as a run lays its own out, have the
best official grade. **Expected** is what the metric and the known form of the files let expect of a competition without a
recipe. Nothing acts on an expectation: such a folder is understood like any other, and `mlmaster task check FOLDER` says how.

## What a self-reported run needs
A competition that is listed as self-reported needs nothing more: its metric and direction are known. Any other competition of
MLE-bench needs `evaluation: self_reported` in `task.yaml`; its official metric and direction come with it. Your own `metric:`
(and `direction:`, where it is none of the standard names) wins. A language model must write the scripts: the offline engineer
takes no part.

With `evaluation: hidden`, and a `split.py` and `metric.py` of your own where they are needed, any of them may be scored.

## All competitions
The last column begins with the fold rule and the harness's own metric; where its name is not that of the official metric, it
is the nearest there is. This page is written by `python -m tests.docs.harness_scoring` from
[harness.yaml](../src/mlmaster/mlebench/harness.yaml) and [competitions.yaml](../src/mlmaster/mlebench/competitions.yaml).

{table}
"""


def basis(name: str, known: Harness) -> str:
    """Return what a competition is scored by, and what that rests on."""
    if known.folds is not None:
        return REAL if name in ON_REAL_DATA else MADE_UP
    return EXPECTED if known.expected else SELF_REPORTED if known.self_reported else EXPECTED_SELF_REPORTED


def render() -> str:
    """Return the page."""
    every = competitions()
    bases = {name: basis(name, harnesses()[name]) for name in every}
    of_all = Counter(bases.values())
    of_main = Counter(bases[name] for name, each in every.items() if each.split is not Split.DEV)
    counts = _table(
        ("", "of all", "of the three splits"),
        [(words, str(of_all[each]), str(of_main[each])) for each, words in BASES.items()],
    )
    rows = [_row(each, bases[name], harnesses()[name]) for name, each in every.items()]
    table = _table(("competition", "split", "scored by", "official metric", "rule and metric, or reason"), rows)
    return TEXT.format(all=len(every), main=of_main.total(), counts=counts, table=table)


def _row(each: Competition, basis: str, known: Harness) -> tuple[str, ...]:
    why = f"{known.folds}; {known.task.metric}" if known.folds is not None else ""
    reasons = (known.self_reported, known.expected, known.expected_self_reported)
    return each.id, each.split, basis, each.metric, why or "".join(reasons)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
