"""The hostile scripts themselves; `tests.attack.catalogue` lists them all."""
