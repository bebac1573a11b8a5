"""From a context to what a model is asked and told. Read first: `prompts.py`."""
