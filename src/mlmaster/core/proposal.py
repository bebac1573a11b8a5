"""What an engineer is shown, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlmaster.core.cost import Size
from mlmaster.core.execution import Fault
from mlmaster.core.node import Node, Operator
from mlmaster.core.task import Profile, Task
from mlmaster.core.usage import Usage


@dataclass(frozen=True, slots=True)
class Machine:
    """What a script gets.

    Attributes:
        threads: Threads, and cores.
        memory_bytes, disk_bytes: Of the whole process tree.
        gpus: Names of the GPUs a script may use; empty for none.
        caches: Folders with models or data that it may read beside its input.
        has_network: Whether it reaches any.
        python: Version of the interpreter, "" when not known.
    """

    threads: int = 1
    memory_bytes: int = 0
    disk_bytes: int = 0
    gpus: tuple[str, ...] = ()
    caches: tuple[str, ...] = ()
    has_network: bool = False
    python: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a proposal may depend on. Pure data: the same context gives the same offline proposal.

    Attributes:
        operator: What is asked for.
        task, profile: What is to be solved, and the shape of the data.
        parent: The node to work on (None for a draft); `parent_code` its script; `parent_log` the end of its last log
            and `parent_notes` its `notes.json`, both without train rows.
        others: Further parents of a merge, with their scripts.
        siblings: Earlier children of the parent (for a draft: the other drafts), unfinished ones included.
        path: From the draft down to the parent.
        history: Every finished node of the run, oldest first.
        script_limit_s: Wall seconds one evaluation may take.
        threads: Threads a script may use.
        machine: All that a script gets.
        packages: Distribution to version of all that scripts can import; names as package indexes write them
            (`scikit-learn`). Empty when it is not known.
        modules: Top-level names that scripts can import beside the standard library; empty when it is not known.
        description: What the task's own description says, whole; "" when there is none.
        successes, failures: Finished nodes most like what is asked for: those whose plans, and those whose faults, may teach
            something here; most similar first, at most two each, none of them in `siblings` or `path`.
        best: The best node of the run so far, or None.
        time_left_s, nodes_left: What the search had left at the decision; infinite, None without such a limit.
        seed: Seed for this proposal's own choices.
        refusals: Why earlier answers to this very request were refused, oldest first.
    """

    operator: Operator
    task: Task
    profile: Profile
    parent: Node | None = None
    parent_code: str | None = None
    parent_log: str = ""
    parent_notes: Mapping[str, Any] = field(default_factory=dict)
    others: tuple[tuple[Node, str], ...] = ()
    siblings: tuple[Node, ...] = ()
    path: tuple[Node, ...] = ()
    history: tuple[Node, ...] = ()
    script_limit_s: float = float("inf")
    threads: int = 1
    machine: Machine = field(default_factory=Machine)
    packages: Mapping[str, str] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
    description: str = ""
    successes: tuple[Node, ...] = ()
    failures: tuple[Node, ...] = ()
    best: Node | None = None
    time_left_s: float = float("inf")
    nodes_left: int | None = None
    seed: int = 0
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """An engineer's answer: one whole script.

    Attributes:
        plan: One to five sentences: what the script does and why.
        code: The script, complete and self-contained.
        edit: Name of the one change made to the parent, or of the family drafted.
        recipe: The engineer's own structured description of the script (JSON data), or None.
        usage: What it cost, where nobody keeps the run's calls (`mlmaster.ports.Expenses`).
        placement: Where memory stood in the request, as `mlmaster.core.chat.Placement` names it; "" without one.
        memory: What of the run the request told, in a few words: `path 2, siblings 3, failures 1`.
        prompt_tokens: Size of the largest request.
        turns: Replies it took.
    """

    plan: str
    code: str
    edit: str = ""
    recipe: Mapping[str, Any] | None = None
    usage: Usage = field(default_factory=Usage)
    placement: str = ""
    memory: str = ""
    prompt_tokens: int = 0
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of running a script, or a few lines that look at the data, on the small view.

    Attributes:
        fault: None when it ran through; a script must also have answered validly, and be able to finish a whole evaluation
            within its limits as far as can be foretold.
        detail: One line on the fault.
        log: The end of what it printed, without train rows.
        size: Rows of the view.
        wall_s, peak_bytes: What it took.
        forecast: What a whole evaluation would take beside its limits, in words; "" when nothing can be said.
    """

    fault: Fault | None
    detail: str
    log: str
    size: Size = field(default_factory=Size)
    wall_s: float = 0.0
    peak_bytes: int = 0
    forecast: str = ""
