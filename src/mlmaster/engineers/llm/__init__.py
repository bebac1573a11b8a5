"""The engineer that asks language models: operators as bounded sessions. Read first: `engineer.py`."""
