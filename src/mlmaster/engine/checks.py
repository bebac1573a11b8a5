"""What a proposal must pass before it costs a run: parses, changes something, is new, answers, and carries no train rows."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping

from mlmaster.core.syntax import parse
from mlmaster.engine.literals import refuse_memorised
from mlmaster.engine.telling import TellingValues
from mlmaster.errors import ProposalRefused

SUBMISSION_FILE = "submission.csv"


def normalised_hash(code: str) -> str:
    """Return a hash that does not change with comments, layout or docstrings.

    Raises:
        ProposalRefused: `syntax`: the code does not parse.
    """
    module = _parse(code)
    for part in ast.walk(module):
        if (
            isinstance(part, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and part.body
            and isinstance(part.body[0], ast.Expr)
            and isinstance(part.body[0].value, ast.Constant)
            and isinstance(part.body[0].value.value, str)
        ):
            part.body = part.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(module).encode()).hexdigest()


def _parse(code: str) -> ast.Module:
    try:
        return parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise ProposalRefused("syntax", f"line {line}: {error}" if line else str(error)) from error


def check(code: str, parent_hashes: frozenset[str], seen: Mapping[str, int], values: TellingValues) -> str:
    """Return the hash of a script that may be run.

    Args:
        code: The proposed script.
        parent_hashes: Hashes of the parents' scripts.
        seen: Hash to node, of every script of this run.
        values: What tells train rows apart.

    Raises:
        ProposalRefused: With the reason an engineer is told.
    """
    try:
        return _check(code, parent_hashes, seen, values)
    except RecursionError:  # trees are walked by recursion, here and by whoever reads the script later
        raise ProposalRefused(
            "syntax", "it is nested too deeply to be read; write long chains as data: a list, a dictionary, a loop"
        ) from None


def _check(code: str, parent_hashes: frozenset[str], seen: Mapping[str, int], values: TellingValues) -> str:
    digest = normalised_hash(code)
    if digest in parent_hashes:
        raise ProposalRefused("no_op", "the script is its parent's but for comments and layout")
    if digest in seen:
        raise ProposalRefused("duplicate", f"the script is that of node {seen[digest]}, which was run already")
    if SUBMISSION_FILE not in code:
        raise ProposalRefused("no_submission", f"the script never names ./{SUBMISSION_FILE}, which it must write")
    refuse_memorised(_parse(code), code, values)
    return digest
