"""What runs in bad weather are made of: a toy task, real models behind a pretended provider, and time in a hurry."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from mlmaster.core.budget import BudgetLimits
from mlmaster.core.events import Decided, Event, FoldScored, NodeFinished, Proposed, Refused
from mlmaster.core.execution import Fault
from mlmaster.engine.pools import ThreadPool
from mlmaster.engine.run import Run
from mlmaster.settings import Settings
from mlmaster.store.run_directory import RunDirectory
from mlmaster.tasks.profile import profile
from mlmaster.testing.fake_sandbox import FakeSandbox, Outcome
from mlmaster.testing.llm_server import LLMServer
from mlmaster.testing.toy_run import make_settings, play, write_task
from mlmaster.testing.toy_run import script as toy_script
from mlmaster.wiring import assemble

HASTE = 60.0
PRICE = {"input": 2.0, "output": 8.0, "cached": 0.5}
"""Dollars a million tokens, of whatever model."""
PROTOCOLS = ("chat", "messages")


class HastyClock:
    """A clock that runs some times as fast as time does, so that minutes of patience are over in seconds."""

    def __init__(self, haste: float = HASTE) -> None:
        self._haste = haste
        self._began, self._began_at = time.monotonic(), time.time()

    def monotonic(self) -> float:
        return self._haste * (time.monotonic() - self._began)

    def time(self) -> float:
        return self._began_at + self.monotonic()


def behave(code: str, view: Path, *, is_good: bool = False) -> Outcome:
    """Play a real script: its text alone says how far off it is, and some fail, unless they shall not, on the folds."""
    rng = Random(hashlib.sha256(code.encode()).digest())
    error, is_faulty = rng.uniform(0.05, 1.0), rng.random() < 0.15 and not is_good
    fault = Fault.ERROR.value if is_faulty and is_fold(view) else ""
    return play(toy_script(error, tag=str(error), fault=fault, seconds=0.1), view)


def is_fold(view: Path) -> bool:
    """Return True for the view of a fold, which a node is scored on."""
    return any(part.startswith("fold-") for part in view.parts[-2:])


def reach(server: LLMServer, protocol: str) -> dict[str, object]:
    """Return the settings that lead to a server by a protocol."""
    model, url = {
        "chat": ("openai:gpt-4o", server.openai_url),
        "messages": ("anthropic:claude-sonnet-4-5", server.url),
    }[protocol]
    return {
        "llm__model": model,
        "llm__base_url": url,
        "llm__protocol": protocol,
        "llm__prices": {"*": PRICE},
    }


def brave(
    out: Path,
    settings: Settings | None = None,
    *,
    limits: BudgetLimits | None = None,
    play: Callable[[str, Path], Outcome] = behave,
    haste: float = HASTE,
) -> Run:
    """Return a run with real models and pools of threads, new or resumed; only its scripts are played."""
    if (out / "journal.db").exists():
        store = RunDirectory.open_for_writing(out)
        settings = settings or Settings.model_validate(store.settings())
    else:
        settings = settings or make_settings()
        RunDirectory.reserve(out)
        task = write_task(out.parent / f"{out.name}-data")
        store = RunDirectory.create(out, settings.dump(), task, profile(task))
    engine = settings.engine
    return assemble(
        store,
        settings,
        limits,
        sandbox=FakeSandbox(out / "work", play),
        pool=ThreadPool(engine.actual_proposal_workers, engine.actual_slots),
        clock=HastyClock(haste),
    )


def events_of(out: Path) -> list[Event]:
    store = RunDirectory.open_for_reading(out)
    try:
        return [record.event for record in store.read()]
    finally:
        store.close()


def lost(events: Sequence[Event]) -> set[int]:
    """Return the decisions that came to nothing that the journal knows of."""
    decided = {event.node for event in events if isinstance(event, Decided)}
    proposed = {event.node for event in events if isinstance(event, Proposed)}
    ended = {event.node for event in events if isinstance(event, Refused | NodeFinished)}
    assert ended <= decided
    assert proposed <= decided
    return decided - ended


def scored_between(events: Sequence[Event], begin: int, end: int) -> int:
    return sum(isinstance(event, FoldScored) for event in events[begin:end])
