"""A run of a thousand nodes in which everything is long: what a prompt must stay within its bound of.

`python -m tests.needed_facts.large_run` prints a digest of all prompts that are made of it, for comparison between processes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mlmaster.core.chat import ModelFacts, Placement
from mlmaster.core.events import Event, FoldScored, NodeFinished, Proposed
from mlmaster.core.execution import Fault
from mlmaster.core.node import ROOT, NodeState, Operator
from mlmaster.core.proposal import Context, Machine
from mlmaster.core.task import ColumnKind, ColumnProfile
from mlmaster.core.tree import Tree
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.memory.scoped import build_context
from mlmaster.testing.contexts import decided, make_profile, make_task

NODES = 1_000
CODE = "import pandas as pd\n" + "".join(f"value_{number} = {number}\n" for number in range(150))
FILES = tuple(f"photographs_{number}/ (1,200 files: .png)" for number in range(60))
_FAULTS = (Fault.ERROR, Fault.TIMEOUT, Fault.OUT_OF_MEMORY, Fault.INVALID_SUBMISSION)
_WORDS = (
    "encode group cabin spend deck target scale blend boost tree ridge network clip drop fold seed rate depth bins log"
)


@dataclass
class _Teller:
    events: list[Event] = field(default_factory=list)
    count: int = 0

    def add(self, operator: Operator, *parents: int, state: NodeState = NodeState.SCORED) -> int:
        self.count += 1
        node = self.count
        words = _WORDS.split()
        told = " ".join(
            f"{words[(node * step) % len(words)]} the {words[(node + step) % len(words)]}" for step in range(40)
        )
        edit = f"{words[node % len(words)]}_{words[node // len(words) % len(words)]}_{node}"
        self.events.append(decided(node, operator, parents or (ROOT,)))
        if state is NodeState.DECIDED:
            return node
        self.events.append(
            Proposed(node=node, plan=f"Plan {node}: {told}.", edit=edit, recipe=None, code_hash=f"h{node}")
        )
        if state is NodeState.PROPOSED:
            return node
        value = None if state is NodeState.FAILED else 0.5 + (node * 7919 % 3571) / 10_000
        if value is not None:
            self.events.append(FoldScored(node=node, fold=0, value=value, wall_s=60.0))
        fault = _FAULTS[node % len(_FAULTS)] if value is None else None
        self.events.append(
            NodeFinished(
                node=node,
                state=state,
                value=value,
                utility=value,
                fault=fault,
                detail=f"{fault} in {node}: {told}" if fault else "",
                gain=state is NodeState.SCORED and node % 3 == 0,
                reward=0.0,
                wall_s=61.0,
            )
        )
        return node


@lru_cache
def _story() -> tuple[tuple[Event, ...], dict[Operator, tuple[int, ...]]]:
    teller = _Teller()
    one = _chain(teller, Operator.IMPROVE, 150)
    other = _chain(teller, Operator.IMPROVE, 120)
    broken = teller.add(Operator.DRAFT, state=NodeState.FAILED)
    for _ in range(19):
        broken = teller.add(Operator.DEBUG, broken, state=NodeState.FAILED)
    states = (NodeState.SCORED, NodeState.FAILED, NodeState.RACED)
    for number in range(110):
        teller.add(Operator.DEBUG, broken, state=NodeState.FAILED)
        draft = teller.add(Operator.DRAFT, state=states[number % 3])
        if number % 3 == 1:
            teller.add(Operator.DEBUG, draft)
        teller.add(Operator.IMPROVE, one, state=states[number % 3])
        teller.add(Operator.IMPROVE, other, state=states[number % 3])
        teller.add(Operator.IMPROVE, 1 + number % 100, state=states[number % 3])
    while teller.count < NODES - 10:
        teller.add(Operator.IMPROVE, one)
    for number in range(10):
        teller.add(Operator.IMPROVE, one, state=(NodeState.PROPOSED, NodeState.DECIDED)[number % 2])
    parents = {
        Operator.DRAFT: (ROOT,),
        Operator.IMPROVE: (one,),
        Operator.EVOLVE: (one,),
        Operator.DEBUG: (broken,),
        Operator.MERGE: (one, other),
    }
    return tuple(teller.events), parents


def _chain(teller: _Teller, operator: Operator, length: int) -> int:
    node = teller.add(Operator.DRAFT)
    for _ in range(length):
        node = teller.add(operator, node)
    return node


@lru_cache
def large_context(operator: Operator) -> Context:
    events, parents = _story()
    tree = Tree(events)
    tree.apply(decided(tree.next_id, operator, parents[operator]))
    columns = tuple(
        ColumnProfile(name=f"column_{number}", kind=ColumnKind.NUMBER, missing=0.1, distinct=9, is_target=not number)
        for number in range(500)
    )
    log = "".join(f"epoch {number}: the loss is {number / 7:.4f}\n" for number in range(400))
    return build_context(
        tree,
        len(tree),
        make_task(),
        make_profile(columns=columns),
        read_code=lambda node: f"NODE = {node}\n{CODE}",
        read_log=lambda node: f'{log}  File "solution.py", line 9, in run\n',
        read_notes=lambda node: {f"note_{number}": number for number in range(300)},
        script_limit_s=120.0,
        threads=2,
        packages={f"package-{number}": "1.0" for number in range(400)} | {"torch": "2.9.0", "lightgbm": "4.6.0"},
        seed=7,
        machine=Machine(threads=2, memory_bytes=4_000_000_000, python="3.11.9"),
        description="What stands in the columns is told here at length. " * 400,
        time_left_s=27 * 60,
        nodes_left=14,
    )


def prompts(tokens: int) -> Iterator[tuple[str, str]]:
    """Yield every first request that can be made of the run, with its name."""
    settings: dict[str, dict[str, Any]] = {
        "together": {"step": "together"},
        "plan": {"step": "plan"},
        "code": {"step": "code", "plan": "Do this, then that."},
        "tools": {"step": "together", "tools": "text", "tools_text": "How tools are used."},
    }
    by = Prompts(SessionSettings(context_tokens=tokens), folds=5)
    for operator in Operator:
        context = large_context(operator)
        for placement in (Placement.PROMPT, Placement.COMPLETION):
            for name, arguments in settings.items():
                prompt = by.first(context, FILES, ModelFacts("m", placement=placement), tokens=tokens, **arguments)
                texts = [*(message.text for message in prompt.messages), prompt.thoughts, prompt.name, prompt.memory]
                yield f"{operator} {placement} {name}", "\n".join(texts)


def digests() -> dict[str, str]:
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in prompts(32_000)}


if __name__ == "__main__":
    for name, digest in digests().items():
        print(name, digest)
