"""Runs candidate scripts within limits."""
