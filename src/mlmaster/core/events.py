"""The events of a run: the only truth about it. The tree, the report, resume and replay are folds over these.

Each event is a small frozen record with a literal `kind`; `Record` is the envelope the journal stores. A new field needs
a default, so that older journals stay readable; a changed meaning needs a new schema version in the journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from mlmaster.core.blend import BlendKind
from mlmaster.core.budget import Budget
from mlmaster.core.cost import Cost, Size
from mlmaster.core.execution import Fault
from mlmaster.core.node import NodeState, Operator
from mlmaster.core.scheme import Scheme
from mlmaster.core.score import Direction
from mlmaster.core.usage import Usage

EXHAUSTED = "exhausted"
"""The reason of a refusal after which the same operator is never tried again on the same parent."""
BUDGET, PROVIDER = "budget", "provider"
"""Reasons of refusals that say nothing of the operator or the parent: nothing was left to ask with, or nobody answered."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RunStarted(_Event):
    """The first event of a run. `scheme` is None in journals written before there was one.

    `is_self_reported` says that every value of the run is its script's own word, with nothing hidden behind it.
    """

    kind: Literal["run_started"] = "run_started"
    version: str
    task: str
    metric: str
    direction: Direction
    engineer: str
    policy: str
    sandbox: str
    folds: int
    seed: int
    scheme: Scheme | None = None
    is_self_reported: bool = False
    settings: Mapping[str, Any] = Field(default_factory=dict)


class RunResumed(_Event):
    """The run goes on after its process ended; `sandbox` says how its scripts are run from here on, "" in old journals."""

    kind: Literal["run_resumed"] = "run_resumed"
    version: str
    sandbox: str = ""


class Decided(_Event):
    """The policy chose an operator and parents; the node's id is the decision's number.

    `chain` says whether this starts a chain on its branch ("new"), goes on with the open one ("continue"), or belongs to
    none and leaves the branch's chain alone ("none": policies without chains, any number in flight on one branch). "new"
    takes over from an open chain that has nothing in flight: a chain its policy does not continue has expired.
    `reason` is the policy's own word for the rule that fired. `budget` is what the policy saw.
    """

    kind: Literal["decided"] = "decided"
    node: int
    operator: Operator
    parents: tuple[int, ...]
    chain: Literal["new", "continue", "none"]
    reason: str
    budget: Budget


class _Paid(_Event):
    """What a decision's proposals have used; the fields are those of `mlmaster.core.usage.Usage`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    unpriced_tokens: int = 0
    cost_usd: float = 0.0
    calls: int = 0

    @property
    def usage(self) -> Usage:
        """Return the same as one record."""
        return Usage(**{each.name: getattr(self, each.name) for each in fields(Usage)})


class Proposed(_Paid):
    """An engineer's answer passed the checks; the script is an artifact of the node.

    `placement`, `memory`, `prompt_tokens` and `turns` are those of `mlmaster.core.proposal.Proposal`.
    """

    kind: Literal["proposed"] = "proposed"
    node: int
    plan: str
    edit: str
    recipe: Mapping[str, Any] | None
    code_hash: str
    seconds: float = 0.0
    placement: str = ""
    memory: str = ""
    prompt_tokens: int = 0
    turns: int = 0


class Refused(_Paid):
    """The decision has no script to run; `reason` is `exhausted`, `budget`, `provider` or a `ProposalRefused` reason."""

    kind: Literal["refused"] = "refused"
    node: int
    reason: str
    detail: str = ""


class SmokePassed(_Event):
    """The script ran through on the small view.

    `wall_s` is of all its runs there; `costs` has one entry for each size it ran through on.
    """

    kind: Literal["smoke_passed"] = "smoke_passed"
    node: int
    wall_s: float
    peak_bytes: int = 0
    costs: tuple[Cost, ...] = ()


class FoldScored(_Event):
    """One view was evaluated; `value` is on the guide part of the fold's hidden rows."""

    kind: Literal["fold_scored"] = "fold_scored"
    node: int
    fold: int
    value: float
    wall_s: float
    cpu_s: float = 0.0
    peak_bytes: int = 0
    size: Size = Size()


class Deferred(_Event):
    """The rest of the run does not hold what a proposed node still needs, so nothing more of it is started.

    It keeps its state and is nobody's fault; a resumed run looks at it anew. `detail` is the forecast in words.
    """

    kind: Literal["deferred"] = "deferred"
    node: int
    detail: str


class NodeFinished(_Event):
    """A proposed node reached its final state. Everything derived from noise or constants is fixed here, once.

    `reward` is None when nothing is backed up (`ABANDONED`). `chain_ended` closes the branch's chain.
    """

    kind: Literal["node_finished"] = "node_finished"
    node: int
    state: NodeState
    value: float | None = None
    utility: float | None = None
    fault: Fault | None = None
    detail: str = ""
    gain: bool = False
    is_new_best: bool = False
    has_removed_fault: bool = False
    chain_ended: bool = False
    reward: float | None = None
    wall_s: float = 0.0


class SubmissionWritten(_Event):
    """`best/` was replaced; `source` is a node id in words or `blend`."""

    kind: Literal["submission_written"] = "submission_written"
    source: str
    rows: int


class JudgeOpened(_Event):
    """The judge part was looked at for the named finalists; anything that goes on after this reuses it."""

    kind: Literal["judge_opened"] = "judge_opened"
    finalists: tuple[str, ...]


class Rescored(_Event):
    """The chosen finalist was scored once more, under a fresh key and fold assignment.

    `value` is on rows that were hidden afresh, `reference` its earlier value on the same rows, `error` the standard error of
    their difference. `holds` is False when the fresh value is worse than noise explains: the solution leaned on something
    that only the first layout had.
    """

    kind: Literal["rescored"] = "rescored"
    choice: str
    value: float
    reference: float
    error: float
    holds: bool


class Selected(_Event):
    """The final choice and the honest answer.

    `members` are (node, weight), averaged by `blend`. `basis` says what the intervals rest on: hidden rows kept for the
    judge; `repeats` of folds that the search saw, corrected for having chosen; the scripts' own word; or nothing. `guide`
    and `judge` are metric values of the chosen finalist on the two parts; `expected_low` and `expected_high` bound the
    expected score, `predicted_low` and `predicted_high` the score on a test of this size (90 % intervals); None where they
    cannot be had.
    """

    kind: Literal["selected"] = "selected"
    choice: str
    members: tuple[tuple[int, float], ...]
    blend: BlendKind = BlendKind.MEAN
    basis: Literal["judge", "repeats", "self_reported", "none"] = "judge"
    guide: float | None
    judge: float | None
    expected_low: float | None = None
    expected_high: float | None = None
    predicted_low: float | None = None
    predicted_high: float | None = None
    note: str = ""


class Remarked(_Event):
    """Something the user should know that changes nothing: a provider is away, a model takes no temperature."""

    kind: Literal["remarked"] = "remarked"
    text: str


class RunEnded(_Paid):
    """The run is over.

    By `time`, `nodes`, `cost`, `tokens`, `exhausted`, `provider` (nobody to ask), `infrastructure` (ours) or `stopped` (the
    user). What was used is that of the whole run, decisions that came to nothing included; `wasted_tokens` and `wasted_usd`
    of it went into calls that failed.
    """

    kind: Literal["run_ended"] = "run_ended"
    reason: str
    wasted_tokens: int = 0
    wasted_usd: float = 0.0


Event = Annotated[
    RunStarted
    | RunResumed
    | Decided
    | Proposed
    | Refused
    | SmokePassed
    | FoldScored
    | Deferred
    | NodeFinished
    | SubmissionWritten
    | JudgeOpened
    | Rescored
    | Selected
    | Remarked
    | RunEnded,
    Field(discriminator="kind"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Parses and writes any event as JSON."""


class Record(BaseModel):
    """An event as the journal holds it.

    Attributes:
        seq: Position in the journal, from 1, without holes.
        at: Unix time in seconds.
        elapsed_s: Active seconds of the run so far, over all its processes.
        event: The event.
    """

    model_config = ConfigDict(frozen=True)

    seq: int
    at: float
    elapsed_s: float
    event: Event
