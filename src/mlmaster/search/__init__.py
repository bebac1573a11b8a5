"""Policies: pure functions from a tree to the next choice."""
