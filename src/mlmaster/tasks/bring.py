"""What a task brings for its own evaluation: a split, a metric file, or the word that scripts score themselves."""

from __future__ import annotations

from pathlib import Path

from mlmaster.core.score import Direction
from mlmaster.errors import DataError, TaskError
from mlmaster.tasks.custom_split import SPLIT_FILE
from mlmaster.tasks.frozen import digest, read_source
from mlmaster.tasks.loaded import NONE, Overrides

METRIC_FILE = "metric.py"
"""What a metric file is called as a rule. It runs with the user's rights, so it is never taken up by its name alone."""

SELF_REPORTED = "as you said: nothing is hidden, scripts report their own score, and no estimate is honest"


def settle_split_file(directory: Path, said: Overrides) -> tuple[str | None, str]:
    """Return the task's own split script and where it comes from, with its hash; (None, "") when there is none.

    Raises:
        DataError: The user named one that is not there.
    """
    if said.is_self_reported or (said.split_file or "").lower() == NONE:
        return None, ""
    name = said.split_file or SPLIT_FILE
    if not (directory / name).is_file():
        if said.split_file is None:
            return None, ""
        raise DataError(f"{directory}: has no file {name!r} of split_file; correct task.yaml, or say split_file: none")
    found = "as you said" if said.split_file else "found by its name; switch it off with split_file: none"
    return name, f"{tell_file(directory, name)}; {found}"


def tell_file(directory: Path, name: str | None) -> str:
    """Return what a file of the user's is known by, `metric.py, sha256 1a2b3c4d5e6f`; nothing when there is none.

    Raises:
        DataError: It cannot be read.
    """
    return "" if name is None else f"{name}, sha256 {digest(read_source(directory / name))[:12]}"


def require_direction(said: Overrides, metric: str, direction: Direction) -> None:
    """Check that what the user said of the direction is what the metric has.

    Raises:
        TaskError: It is not.
    """
    if said.direction not in (None, direction):
        raise TaskError(
            f"direction: {said.direction} does not fit the metric {metric}, to be {direction}d; leave it out"
        )


def note_unused(directory: Path, said: Overrides) -> tuple[str, ...]:
    """Return a note on a metric file that lies there and that nobody named."""
    if said.metric_file is not None or not (directory / METRIC_FILE).is_file():
        return ()
    return (f"{METRIC_FILE} is not used; if it is yours, say metric_file: {METRIC_FILE} (it runs with your rights)",)
