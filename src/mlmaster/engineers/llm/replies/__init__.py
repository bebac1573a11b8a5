"""Reading what models write: plans, scripts, edits, uses of tools. Read first: `parsing.py`."""
