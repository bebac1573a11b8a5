"""What an engineer is shown, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlmaster.core.node import Node, Operator
from mlmaster.core.task import Profile, Task


@dataclass(frozen=True, slots=True)
class Usage:
    """What a proposal cost."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0


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
        packages: Distribution to version of all that scripts can import; names as package indexes write them
            (`scikit-learn`). Empty when it is not known.
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
    packages: Mapping[str, str] = field(default_factory=dict)
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
        usage: What it cost.
    """

    plan: str
    code: str
    edit: str = ""
    recipe: Mapping[str, Any] | None = None
    usage: Usage = field(default_factory=Usage)
