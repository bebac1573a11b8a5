"""What may have caused a fault, worked out without a model: the line that raised, the last change, what such a fault is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlmaster.core.execution import Fault
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Context
from mlmaster.engineers.llm.prompting.figures import gigabytes, seconds
from mlmaster.engineers.llm.prompting.quotes import code, inline

_FRAME = re.compile(r'File "(?:[^"]*/)?solution\.py", line (\d+)')
_LONGEST_LINE = 160


def suspects(context: Context) -> list[str]:
    """Return what is suspected of the parent's fault, the surest first; [] where nothing is known."""
    return [*_line(context), *_change(context), *_kind(context)]


def _line(context: Context) -> Iterator[str]:
    frames = _FRAME.findall(context.parent_log)
    lines = (context.parent_code or "").splitlines()
    if frames and 0 < int(frames[-1]) <= len(lines) and lines[int(frames[-1]) - 1].strip():
        number = int(frames[-1])
        yield f"It was raised at line {number} of the script: {code(lines[number - 1].strip()[:_LONGEST_LINE])}"


def _change(context: Context) -> Iterator[str]:
    parent = context.parent
    before = context.path[-2] if len(context.path) > 1 else None
    if parent is None or before is None:
        return
    if before.is_faulty and before.fault is parent.fault:
        yield f"#{before.id} failed with `{before.fault}` too, and the last fix did not remove it: its cause lies elsewhere."
    elif before.is_faulty:
        yield f"#{before.id} failed with `{before.fault}`; the fix for that brought this fault, or uncovered it."
    elif parent.operator is not Operator.DRAFT:
        edit = inline(parent.edit, 60) or parent.operator
        yield f"#{before.id}, which this script was made from, ran through: look first at what `{edit}` changed."


def _kind(context: Context) -> Iterator[str]:
    match context.parent and context.parent.fault:
        case Fault.TIMEOUT:
            yield (
                f"A run may take {seconds(context.script_limit_s)}: find the slowest step, and make it cheaper (fewer "
                "rounds, folds or candidates, smaller inputs) or let it watch the clock."
            )
        case Fault.OUT_OF_MEMORY:
            held = gigabytes(context.machine.memory_bytes) if context.machine.memory_bytes else "less"
            yield (
                f"All processes together may hold {held}: look for wide one-hot tables, dense copies of sparse matrices, "
                "float64 where float32 does, and workers that each copy the data."
            )
        case Fault.DISK:
            yield "It wrote more than may be written: look for caches, checkpoints and copies of the data."
        case Fault.INVALID_SUBMISSION:
            yield (
                "It ran through, but what it wrote breaks the format: compare rows, columns, their order and their values "
                "with the test file it found and with the sample."
            )
        case Fault.POLICY:
            yield "It did what a script may not do here: see the rules of the sandbox."
        case Fault.ERROR if "ModuleNotFoundError" in context.parent_log or "ImportError" in context.parent_log:
            yield "It imports what is not installed, and nothing can be installed: use the packages that are listed."
        case _:
            return
