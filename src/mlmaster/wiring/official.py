"""The official grade of a run that has ended, where its task is a competition of MLE-bench with its answers at hand.

It is taken by the command line after the run is over and its store is closed: nothing that searches can ask for it, and
nothing of it is written into the run, so a run that is gone on with has not seen it either.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlmaster.errors import MLMasterError

if TYPE_CHECKING:
    from mlmaster.mlebench.grading import Grade


def official_grade(sources: list[Path], submission: Path) -> Grade | None:
    """Return MLE-bench's grade of a run's submission; None where the task is no competition whose answers are at hand.

    Args:
        sources: What the user named, and where the task's files lie.
        submission: The run's predictions.
    """
    from mlmaster.mlebench.grading import grade
    from mlmaster.mlebench.places import find_place

    for source in sources:
        place = find_place(source)
        if place is not None:
            try:
                return grade(submission, place)
            except MLMasterError:  # the run's result stands all the same; `mlmaster grade` says what is wrong
                return None
    return None
