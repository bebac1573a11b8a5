"""Ways of speaking to a model, one module a protocol. Read first: `provider.py`."""
