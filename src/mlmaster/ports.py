"""The seams: one narrow protocol for each part that can be exchanged. Contracts are stated here, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event as Flag
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from mlmaster.core.budget import Budget
from mlmaster.core.calls import Answered, Asked, Call
from mlmaster.core.chat import ModelFacts, Reply, Request, Role
from mlmaster.core.cost import Size
from mlmaster.core.events import Event, Record
from mlmaster.core.execution import Execution, Limits
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Context, Proposal, Trial
from mlmaster.core.scheme import Scheme
from mlmaster.core.score import Direction
from mlmaster.core.task import PredictionKind, TaskKind
from mlmaster.core.tree import Tree
from mlmaster.core.usage import Usage
from mlmaster.core.view import View

Array = NDArray[Any]
"""Truth and predictions. NUMBER, PROBABILITY: float64 of shape (n, m). CLASS_PROBABILITIES: predictions float64 of shape
(n, classes), truth int64 of shape (n,) (index into `Task.classes`). LABEL, RANKING, TEXT: `str` of shape (n, m).
Truth of PROBABILITY: float64 of 0 and 1, shape (n, m)."""


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...

    def time(self) -> float:
        """Return Unix time in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """What a policy decides: an operator, its parents (primary first), and its chain as in `Decided`."""

    operator: Operator
    parents: tuple[int, ...]
    chain: Literal["new", "continue", "none"]
    reason: str


class Policy(Protocol):
    """Decides the next operator and parents: a pure function of its arguments and its own frozen settings."""

    name: str

    def choose(self, tree: Tree, budget: Budget, rng: Random, operators: frozenset[Operator]) -> Choice | None:
        """Return the next choice, or None when nothing can be started before an outcome arrives.

        None with nothing in flight means that the search is exhausted. Only `operators` (what the engineer has) are
        chosen. Never chooses (parent, operator) pairs that `Tree.is_exhausted` names. A policy that keeps chains never
        touches a branch whose chain has a node in flight, and starts a new chain only where the open one has expired; a
        policy that keeps none chooses with `chain="none"` and may have several nodes in flight on one branch.
        """
        ...


class Engineer(Protocol):
    """Proposes solutions."""

    name: str
    operators: frozenset[Operator]

    def propose(self, context: Context, desk: Desk) -> Proposal:
        """Return one whole script for the context. May be called from several threads.

        Args:
            context: What is asked, and all that is known.
            desk: What may be tried out meanwhile.

        Raises:
            Exhausted: Nothing is left to propose for this operator and parent.
            ProposalRefused: No usable answer could be produced.
            LLMError: Nobody could be asked.
        """
        ...


class Desk(Protocol):
    """What an engineer may try out while it works at one proposal. Used from the thread of that proposal alone."""

    @property
    def node(self) -> int:
        """Return the node that the proposal is for."""
        ...

    @property
    def cancel(self) -> Flag:
        """Return the flag that is set when the proposal is no longer wanted."""
        ...

    def files(self) -> Sequence[str]:
        """Return what stands in `./input/`, a line for each file or folder of many, with sizes; no content."""
        ...

    def check(self, code: str) -> None:
        """Check that a script may be run, without running it; the engine does so again with what is proposed.

        Raises:
            ProposalRefused: With the reason, in words for whoever wrote it.
        """
        ...

    def smoke(self, code: str) -> Trial:
        """Run a script on the small view. Waits for a free slot; `Fault.CANCELLED` when the run ends meanwhile."""
        ...

    def look(self, code: str) -> Trial:
        """Run lines that look at `./input/` of the small view; what they print is the answer, filtered as logs are."""
        ...

    def log(self, node: int) -> str:
        """Return the newest log of a node, filtered; "" when there is none or no such node."""
        ...


class LLM(Protocol):
    """Language models, one for each role, behind retries, budgets and recordings. May be used from several threads."""

    def facts(self, role: Role) -> ModelFacts:
        """Return what is known of the model that plays a role."""
        ...

    def ask(self, request: Request, *, node: int, cancel: Flag) -> Reply:
        """Ask and wait for the whole reply.

        What a provider does now and then (429, 5xx, dropped or silent connections, garbled answers, empty replies) is tried
        again, and waited out while it is down; parameters that the model refuses are left out from then on. The call is
        recorded, and paid from the run's budgets. A request that was answered before for the same node, by a process that
        ended since, gets the recorded reply and costs nothing.

        Args:
            request: What to ask.
            node: The node it is for; 0 for none.
            cancel: Ends the call when set.

        Raises:
            ProviderError, ContextOverflow, BudgetSpent, CallCancelled: As `mlmaster.errors` says.
        """
        ...

    def close(self) -> None:
        """Release what is held; calls in flight are cancelled."""
        ...


class CallLog(Protocol):
    """Where calls of language models are kept, durably. May be used from several threads."""

    def open(self, asked: Asked) -> int:
        """Keep what is about to be sent, and return its id; what was reserved counts as spent until `close`."""
        ...

    def close(self, call: int, answered: Answered) -> None:
        """Keep how a call ended; what it used counts instead of what was reserved."""
        ...

    def read(self, node: int | None = None) -> Sequence[Call]:
        """Return the calls (of a node), in order of sending."""
        ...


class Expenses(Protocol):
    """What calls of language models have used, those in flight with what is reserved. May be used from several threads."""

    def total(self) -> Usage:
        """Return what the whole run has used, over all its processes."""
        ...

    def of(self, node: int) -> Usage:
        """Return what was used for a node."""
        ...

    def wasted(self) -> Usage:
        """Return what of the total went into calls that failed."""
        ...


class Sandbox(Protocol):
    """Runs candidate scripts."""

    @property
    def name(self) -> str:
        """Return how scripts are run, in words that a run is stamped with."""
        ...

    def run(self, code: str, view: Path, limits: Limits, cancel: Flag) -> Execution:
        """Run `code` as `solution.py` in a fresh directory with the view as `./input/`, and wait for its end.

        The directory is new and empty but for `solution.py`, `input/` and `working/`. The script gets no environment
        beyond an allow-list, its own home and temporary directory, and `limits.threads` as its thread count. Every limit
        holds for the whole process tree; breaking one ends the tree and yields its fault. Setting `cancel` ends the tree
        with fault CANCELLED. No process of the script outlives the call. The directory then holds regular files and
        folders only, all of which the caller may read and delete; `input/` may be gone. May be called from several
        threads.

        Raises:
            InfrastructureError: The harness could not run the script at all.
        """
        ...

    def close(self) -> None:
        """Release what the sandbox holds; running scripts are ended."""
        ...


class RunStore(Protocol):
    """Where a run lives: its journal and its artifacts. One writer; reads may come from other processes."""

    @property
    def directory(self) -> Path:
        """Return the run directory."""
        ...

    @property
    def elapsed_s(self) -> float:
        """Return the active seconds stored last, by `append` or `beat`."""
        ...

    def append(self, events: Sequence[Event], elapsed_s: float) -> Sequence[Record]:
        """Append events in one transaction, durably, and return their records."""
        ...

    def beat(self, elapsed_s: float) -> None:
        """Remember spent time between events."""
        ...

    def read(self, after: int = 0) -> Sequence[Record]:
        """Return the records with `seq` > `after`, in order."""
        ...

    def node_directory(self, node: int) -> Path:
        """Return the folder of a node's artifacts, made when absent."""
        ...

    def close(self) -> None:
        """Let another process write."""
        ...


class Metric(Protocol):
    """One metric by its standard name."""

    name: str
    direction: Direction
    kinds: frozenset[PredictionKind]
    title: str
    perfect: float | None
    """The value of perfect predictions, which no estimate may pass; None when unknown."""
    is_rank_based: bool
    """True when only the order of the predictions in a column counts, not their size."""

    def score(self, truth: Array, predictions: Array) -> float:
        """Return the metric over aligned rows; higher or lower is better by `direction`.

        Raises:
            SubmissionError: The predictions are outside the metric's domain.
            TaskError: The truth is outside the metric's domain (one class for AUC, negatives for RMSLE).
        """
        ...

    def resampled(self, truth: Array, predictions: Array, counts: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Return the metric of many resamples at once, shape (resamples,).

        Args:
            truth: As for `score`, n rows.
            predictions: As for `score`; `score` accepts them.
            counts: Shape (resamples, n): how often each row is drawn. Row r of the result is what `score` returns for the
                rows repeated `counts[r]` times each; NaN where that is undefined.
        """
        ...


class MetricRegistry(Protocol):
    """Metrics by name."""

    def get(self, name: str, params: Mapping[str, float] | None = None, file: Path | None = None) -> Metric:
        """Return the metric; `file` is a task's own `metric.py`.

        Raises:
            TaskError: No such metric; the message lists near names.
        """
        ...

    def find(self, text: str, kind: TaskKind) -> str | None:
        """Return the name of the metric a description in words asks for, or None when it names none we know."""
        ...

    def default(self, kind: TaskKind) -> str:
        """Return the metric used for a kind of task when nothing names one."""
        ...


class ViewSource(Protocol):
    """The views of one task: the same folds for every node."""

    @property
    def folds(self) -> int:
        """Return the number of folds, over all repeats; in each repeat a row is hidden at most once."""
        ...

    @property
    def truth(self) -> Array:
        """Return the encoded targets of all train rows, in the order of the train table."""
        ...

    @property
    def guide(self) -> NDArray[np.bool_]:
        """Return shape (train rows,): True where a row's label may guide the search, False where it is for the judge."""
        ...

    @property
    def scheme(self) -> Scheme:
        """Return how the hidden evaluation is laid out."""
        ...

    @property
    def clusters(self) -> NDArray[np.int64]:
        """Return shape (train rows,): rows of one number depend on each other and are drawn together."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Return sentences for the user: files that no view holds, and disk where much is needed."""
        ...

    @property
    def has_smoke(self) -> bool:
        """Return False when the full views are small enough to be run at once."""
        ...

    def fold(self, fold: int) -> View:
        """Return the view that hides fold `fold`; built on first use, then reused."""
        ...

    @property
    def rides_along(self) -> bool:
        """Return True when every fold's view holds the real test rows; False too when there is no test."""
        ...

    def smoke(self, scale: int = 1) -> View:
        """Return the small view, `scale` times as large as the smallest."""
        ...

    def fresh(self) -> View:
        """Return a view that hides guide rows of every fold, chosen and ordered under a key that no other view has used.

        About as many rows as one fold hides, none of the judge part; it shows no fewer rows to learn from than a fold does.
        """
        ...

    def full(self) -> View:
        """Return the view with every train row visible and the real test rows to predict."""
        ...

    def size(self, name: str) -> Size:
        """Return the rows of the view called `smoke`, `smoke-<scale>`, `full`, `fresh` or `fold-<number>`; builds nothing."""
        ...

    def forget(self, view: View) -> None:
        """Throw a view away that something has changed; it is built anew when it is next asked for."""
        ...

    def export(self, directory: Path, names: Iterable[str]) -> None:
        """Write what rebuilds the named views without ML-Master: `rebuild.py` and `views/<name>.json`."""
        ...
