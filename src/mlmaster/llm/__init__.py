"""Language models: providers, capabilities, prices, budgets, recordings. Read first: `models.py`."""
