"""The run: choose, propose, check, evaluate, record; then select."""
