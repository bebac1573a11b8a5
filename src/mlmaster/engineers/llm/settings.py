"""Settings of the LLM engineer: how long it may work at one solution, and what it is told."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SessionSettings(BaseModel):
    """How an engineer works at one solution; every field is a setting `session.<name>`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    turns: int = Field(default=6, ge=1, le=100)
    """Replies a model may take for one solution, with tools in between; 1 is a single shot without tools."""
    tokens: int = Field(default=200_000, ge=1_000)
    """Tokens one solution may take, read and written."""
    time_s: float = Field(default=900.0, gt=0)
    """Seconds one solution may take to be written."""
    context_tokens: int = Field(default=32_000, ge=4_000, le=2_000_000)
    """Bound of a first request, whatever the size of the tree: task, data, memory and scripts together."""
    tools: Literal["auto", "native", "text"] = "auto"
    """How tools are offered: by the provider's own tool calls, or in the text; auto takes native where the model has them."""
    plan: Literal["auto", "together", "apart"] = "auto"
    """One reply that plans and codes, or two; auto takes two where `llm.planner` names a model of its own."""
    rewrite: bool = False
    """Ask for whole scripts instead of edits of the parent."""
    try_first: bool = True
    """Run what is submitted on the small view before it is handed in, and let the model mend what fails there."""
    review: bool = True
    """Ask the feedback model about scripts that look suspicious; without, suspicion alone changes nothing."""
    baseline: bool = True
    """Begin with the offline engineer's first solution: a score to beat, and a valid submission after seconds."""
    fallback: bool = False
    """Let the offline engineer go on while no model can be asked."""
