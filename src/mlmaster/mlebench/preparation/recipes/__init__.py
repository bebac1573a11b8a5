"""One module for each competition that can be prepared here, named after its id with `_` for `-`."""
