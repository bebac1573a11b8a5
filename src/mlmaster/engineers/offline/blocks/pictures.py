# mypy: ignore-errors
"""Small pictures: reading, gradients, projections."""
