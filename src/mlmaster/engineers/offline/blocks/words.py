# mypy: ignore-errors
"""Text: cleaning, TF-IDF, topics, style."""
