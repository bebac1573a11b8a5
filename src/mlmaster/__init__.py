"""ML-Master: the autonomous machine-learning engineer.

import mlmaster
result = mlmaster.solve("data/", target="price", time="10m")
"""

from typing import TYPE_CHECKING, Any

from mlmaster.version import __version__

__all__ = ["Result", "__version__", "solve"]

if TYPE_CHECKING:
    from mlmaster.api import Result, solve


def __getattr__(name: str) -> Any:
    """Import the API on first use: `import mlmaster` alone stays cheap."""
    if name in ("Result", "solve"):
        from mlmaster import api

        return getattr(api, name)
    raise AttributeError(f"module 'mlmaster' has no attribute {name!r}")
