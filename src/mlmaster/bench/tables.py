"""Tables of a benchmark, as MLE-bench's leaderboard has them: an agent a row, Markdown for people and CSV for programs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

from mlmaster.bench.aggregate import MEASURES, Aggregate, Mean, aggregate
from mlmaster.bench.outcomes import Outcomes
from mlmaster.errors import DataError
from mlmaster.mlebench.registry import of_split

COLUMNS = ("low", "medium", "high", "all")
"""The splits a leaderboard has, in its order."""

_TITLES = {
    "valid_submissions_percentage": "Valid",
    "above_median_percentage": "Above median",
    "gold_medal_percentage": "Gold",
    "silver_medal_percentage": "Silver",
    "bronze_medal_percentage": "Bronze",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One agent: its numbers by split, and for a split without them, why."""

    agent: str
    splits: Mapping[str, Aggregate | str]


def row_of(agent: str, outcomes: Outcomes, splits: Sequence[str] = COLUMNS, *, pad: bool = False) -> Row:
    """Return the row of an agent; a split without a whole seed holds the reason instead of numbers."""
    numbers: dict[str, Aggregate | str] = {}
    for name in splits:
        try:
            numbers[name] = aggregate(outcomes, [each.id for each in of_split(name)], pad=pad)
        except DataError as error:
            numbers[name] = str(error)
    return Row(agent, numbers)


def to_markdown(rows: Sequence[Row], splits: Sequence[str] = COLUMNS) -> str:
    """Return two tables: medals of any kind by split, then every share on the last split. Mean ± standard error, percent."""
    lines = [_line(["Agent", *(f"{name.capitalize()} (%)" for name in splits), "Seeds"]), _rule(len(splits) + 2)]
    notes: dict[str, None] = {}
    for row in rows:
        cells = [_any_medal(row.splits.get(name, ""), notes) for name in splits]
        seeds = sorted({each.seeds for each in row.splits.values() if isinstance(each, Aggregate)})
        lines.append(
            _line([row.agent, *cells, "–".join(map(str, seeds[:1] + seeds[-1:] if len(seeds) > 1 else seeds)) or "0"])
        )
    last = splits[-1]
    whole = [(row.agent, each) for row in rows if isinstance(each := row.splits.get(last), Aggregate)]
    if whole:
        lines += ["", _line([f"{last.capitalize()} (%)", *_TITLES.values()]), _rule(len(_TITLES) + 1)]
        lines += [_line([agent, *(told(each.means[name]) for name in _TITLES)]) for agent, each in whole]
    return "\n".join([*lines, *(["", *notes] if notes else [])]) + "\n"


def to_csv(rows: Sequence[Row]) -> str:
    """Return one line for each agent, split and measure, with the mean over seeds and its standard error."""
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["agent", "split", "seeds", "competitions", "padded", "measure", "mean", "standard_error"])
    for row in rows:
        for split, each in row.splits.items():
            if isinstance(each, Aggregate):
                for name in MEASURES:
                    mean = each.means[name]
                    writer.writerow(
                        [
                            row.agent,
                            split,
                            each.seeds,
                            each.competitions,
                            each.padded,
                            name,
                            repr(mean.mean),
                            repr(mean.standard_error),
                        ]
                    )
    return stream.getvalue()


def told(mean: Mean) -> str:
    """Return a mean as leaderboards show it."""
    return f"{mean.mean:.2f} ± {mean.standard_error:.2f}"


def _any_medal(numbers: Aggregate | str, notes: dict[str, None]) -> str:
    if isinstance(numbers, str):
        return "—"
    if numbers.padded:
        notes["\\* padded: attempts that are missing count as no submission"] = None
    if numbers.seeds < 3:
        notes["fewer than 3 seeds: MLE-bench asks for 3 or more"] = None
    return told(numbers.means["any_medal_percentage"]) + ("\\*" if numbers.padded else "")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _rule(columns: int) -> str:
    return "|" + "---|" * columns
