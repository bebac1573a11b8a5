"""What language models were asked, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mlmaster.core.events import Proposed, Record, Remarked
from mlmaster.report import text
from mlmaster.report.foreign import inert
from mlmaster.report.summary import Summary


def models(summary: Summary, records: Sequence[Record]) -> str:
    """Return the section on language models; "" for a run that asked none."""
    spent = summary.spent
    if not spent.calls:
        return ""
    proposals = [record.event for record in records if isinstance(record.event, Proposed) and record.event.calls]
    lines = [
        "## Language models",
        "",
        f"- {spent.calls:,} calls: {text.tokens(spent.input_tokens)} tokens read, of which "
        f"{_share(spent.cached_tokens, spent.input_tokens)} from a cache, and {text.tokens(spent.output_tokens)} written, "
        f"of which {_share(spent.reasoning_tokens, spent.output_tokens)} reasoning.",
        f"- Cost: {text.spent(spent)}.",
    ]
    if spent.wasted_tokens:
        lines.append(
            f"- Wasted on calls that failed: {text.tokens(spent.wasted_tokens)} tokens, {text.dollars(spent.wasted_usd)}."
        )
    if proposals:
        placed = Counter(event.placement for event in proposals if event.placement)
        turns = sum(event.turns for event in proposals) / len(proposals)
        largest = max(event.prompt_tokens for event in proposals)
        lines += [
            f"- Memory stood in: {text.counts(placed)}." if placed else "- Memory stood nowhere.",
            f"- A proposal took {turns:.1f} replies on average; the largest request had {text.tokens(largest)} tokens.",
        ]
    said = dict.fromkeys(record.event.text for record in records if isinstance(record.event, Remarked))
    return "\n".join([*lines, *(f"- {inert(each)}" for each in said), ""])


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "none"
