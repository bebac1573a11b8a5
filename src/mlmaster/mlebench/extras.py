"""Packages that only some graders need, and that an installation may lack."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from mlmaster.errors import DataError


def require(module: str, extra: str = "mlebench") -> ModuleType:
    """Return a module of an extra.

    Args:
        module: Its full name.
        extra: The extra of this package that brings it.

    Raises:
        DataError: It is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DataError(
            f"{module.partition('.')[0]} is not installed, and this competition is graded with it: "
            f"`pip install 'ml-master[{extra}]'`"
        ) from error
