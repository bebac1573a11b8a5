"""What every proposal of a run is told alike: the task, what its description says, the machine, the packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlmaster.core.proposal import Machine
from mlmaster.core.task import Profile, Task

MOST_CHARACTERS = 200_000
"""So much of a description is read: what is longer is no description."""


@dataclass(frozen=True, slots=True)
class Briefing:
    """The part of every context that does not change.

    Attributes:
        script_limit_s: Wall seconds of one evaluation.
        packages, modules: As in `mlmaster.core.proposal.Context`.
        description: The task's own, whole; "" without one.
    """

    task: Task
    profile: Profile
    script_limit_s: float
    machine: Machine
    packages: Mapping[str, str] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
    description: str = ""


def read_description(task: Task) -> str:
    """Return what a task's description says; "" when there is none, or none that can be read."""
    if task.description is None:
        return ""
    try:
        with (task.directory / task.description).open(encoding="utf-8", errors="replace") as file:
            return file.read(MOST_CHARACTERS)
    except OSError:
        return ""
