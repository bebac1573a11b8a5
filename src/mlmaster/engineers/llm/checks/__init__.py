"""What a script must pass before it is handed in. Read first: `inspection.py`."""
