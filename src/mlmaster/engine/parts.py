"""What a run is put together from; `mlmaster.wiring` does that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

from mlmaster.core.task import Profile, Task
from mlmaster.engine.briefing import Briefing
from mlmaster.engine.evaluation import Evaluator
from mlmaster.engine.finish import Ending
from mlmaster.engine.pools import Pool
from mlmaster.engine.result import ResultWriter
from mlmaster.engine.telling import TellingValues
from mlmaster.ports import Clock, Engineer, Expenses, Policy, RunStore, Sandbox, ViewSource


@dataclass(frozen=True, slots=True)
class Parts:
    """The components of a run.

    Attributes:
        briefing: What every proposal is told alike.
        remarks: What the user should know of how scripts are run.
        expenses: Who counts what calls of language models cost; None where nobody is asked.
        said: What is to be told to the user while the run goes on; filled from any thread.
        release: Lets go what proposals were made with.
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
    briefing: Briefing
    remarks: tuple[str, ...] = ()
    expenses: Expenses | None = None
    said: SimpleQueue[str] = field(default_factory=SimpleQueue)
    release: Callable[[], None] = lambda: None
