# mypy: ignore-errors
"""Statistics of small text files that belong to rows."""
