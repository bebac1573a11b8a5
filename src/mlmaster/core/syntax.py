"""Parsing Python source, one thread at a time."""

from __future__ import annotations

import ast
import warnings
from threading import Lock

TRIES = 5
_ONE_AT_A_TIME = Lock()
# CPython up to 3.11.7 and 3.12.1 counts the depth of a syntax tree in one place for all threads: two parses at once may
# fail with "SystemError: AST constructor recursion depth mismatch" (python/cpython#106905).


def parse(code: str) -> ast.Module:
    """Return the syntax tree of a module; safe to call from several threads.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: As `ast.parse`.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes: they are the script's own affair
        for _ in range(TRIES):
            try:
                return ast.parse(code)
            except (
                SystemError
            ):  # somebody parsed beside us who takes no lock: Python's own tracebacks do, for their carets
                continue
        return ast.parse(code)
