"""What a run is put together from; `mlmaster.wiring` does that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mlmaster.core.task import Profile, Task
from mlmaster.engine.evaluation import Evaluator
from mlmaster.engine.finish import Ending
from mlmaster.engine.pools import Pool
from mlmaster.engine.result import ResultWriter
from mlmaster.engine.telling import TellingValues
from mlmaster.ports import Clock, Engineer, Policy, RunStore, Sandbox, ViewSource


@dataclass(frozen=True, slots=True)
class Parts:
    """The components of a run.

    Attributes:
        packages: What scripts can import, as in `Context`.
        remarks: What the user should know of how scripts are run.
    """

    task: Task
    profile: Profile
    values: TellingValues
    views: ViewSource
    evaluator: Evaluator
    engineer: Engineer
    policy: Policy
    sandbox: Sandbox
    store: RunStore
    results: ResultWriter
    finisher: Ending
    pool: Pool
    clock: Clock
    packages: Mapping[str, str]
    remarks: tuple[str, ...] = ()
