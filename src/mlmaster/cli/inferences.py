"""What a task was taken for, as a short table for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mlmaster.tasks.loaded import Inference


def inference_lines(inferences: Sequence[Inference], notes: Sequence[str]) -> Iterator[str]:
    """Yield one line for each thing settled, with its reason, then the notes."""
    width = max((len(each.name) for each in inferences), default=0)
    wide = min(40, max((len(each.value) for each in inferences), default=0))
    for each in inferences:
        yield f"{each.name:<{width}}  {each.value:<{wide}}  {each.why}".rstrip()
    for note in notes:
        yield f"note: {note}"
