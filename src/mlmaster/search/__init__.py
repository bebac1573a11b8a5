"""Policies: pure functions from a tree to the next choice, and the verdict on every outcome. Read next: `mcts`."""

from mlmaster.search.judgement import Outcome, Verdict, judge
from mlmaster.search.registry import POLICIES, make_policy
from mlmaster.search.settings import SearchSettings

__all__ = ["POLICIES", "Outcome", "SearchSettings", "Verdict", "judge", "make_policy"]
