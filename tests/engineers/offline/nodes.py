"""Nodes that proposals came to, with no run behind them."""

from __future__ import annotations

import json
from typing import Any

from mlmaster.core.node import ROOT, Node, NodeState, Operator
from mlmaster.core.proposal import Proposal


def scored(proposal: Proposal, number: int, operator: Operator, parent: int = ROOT, **changes: Any) -> Node:
    """Return a scored node with a proposal's script; `changes` are fields."""
    known: dict[str, Any] = {
        "branch": 1,
        "depth": number,
        "debug_depth": 0,
        "state": NodeState.SCORED,
        "plan": proposal.plan,
        "edit": proposal.edit,
        "recipe": json.loads(json.dumps(proposal.recipe)),
    }
    return Node(id=number, operator=operator, parents=(parent,), **{**known, **changes})
