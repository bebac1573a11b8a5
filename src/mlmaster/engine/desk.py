"""What an engineer may try out while it works at one proposal: the checks, and runs on the small view.

A trial waits for a slot as an evaluation does, so that no more scripts run at a time than the machine has room for. What it
prints passes the filter of logs; it is no outcome of a node, and nothing is scored. A script that ran through but cannot
finish a fold within its limits is told so here, before it costs one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore
from threading import Event as Flag

from mlmaster.core.cost import Cost
from mlmaster.core.execution import Fault
from mlmaster.core.proposal import Trial
from mlmaster.engine.evaluation import Evaluation, Evaluator
from mlmaster.engine.excerpts import excerpt
from mlmaster.engine.forecast import forecast, memory, refuse, seconds
from mlmaster.engine.telling import TellingValues
from mlmaster.errors import InfrastructureError

LOG_CHARACTERS = 8_000
"""How much of the end of a log is shown."""
MOST_LISTED = 40
"""So many files and folders are listed; what lies in a folder with more than a few files is counted."""
FEW = 4
POLL_S = 0.1


class Slots:
    """The slots of a run: whatever runs a script takes one."""

    def __init__(self, number: int) -> None:
        self._free = BoundedSemaphore(number)

    @contextmanager
    def taken(self, cancel: Flag) -> Iterator[bool]:
        """Take a slot while the block runs; the block gets False when `cancel` was set before one was free."""
        has_one = self._free.acquire(blocking=False)
        while not has_one and not cancel.is_set():
            has_one = self._free.acquire(timeout=POLL_S)
        try:
            yield has_one
        finally:
            if has_one:
                self._free.release()


class ProposalDesk:
    """The desk of one proposal; see `mlmaster.ports.Desk`."""

    def __init__(
        self,
        node: int,
        cancel: Flag,
        evaluator: Evaluator,
        slots: Slots,
        values: TellingValues,
        check: Callable[[str], None],
        read_log: Callable[[int], str],
    ) -> None:
        """Set it up; nothing runs.

        Args:
            node: The node that is being made.
            cancel: Set when the run ends.
            evaluator: Runs scripts.
            slots: Shared with all evaluations.
            values: What tells train rows apart.
            check: Raises `ProposalRefused` for a script that may not be run.
            read_log: The newest log of a node, whole.
        """
        self.node, self.cancel = node, cancel
        self._evaluator, self._slots, self._values = evaluator, slots, values
        self._check, self._read_log = check, read_log
        self._trials = 0

    def files(self) -> Sequence[str]:
        """Return a line for each file, or folder of many, that a script finds."""
        return list_files(self._evaluator.input_directory)

    def check(self, code: str) -> None:
        """Check a script."""
        self._check(code)

    def smoke(self, code: str) -> Trial:
        """Run a script on the small view."""
        return self._try(code, has_answer=True)

    def look(self, code: str) -> Trial:
        """Run lines that look at the data."""
        return self._try(code, has_answer=False)

    def log(self, node: int) -> str:
        """Return the end of a node's newest log as engineers may see it."""
        return excerpt(self._read_log(node), self._values)[-LOG_CHARACTERS:]

    def _try(self, code: str, *, has_answer: bool) -> Trial:
        self._trials += 1
        with self._slots.taken(self.cancel) as has_slot:
            if not has_slot:
                return Trial(Fault.CANCELLED, "the run ends", "")
            try:
                found, log = self._evaluator.trial(
                    self.node, code, f"trial-{self._trials}", self.cancel, has_answer=has_answer
                )
            except InfrastructureError as error:  # no word on the script, and no reason to end a run
                return Trial(Fault.INFRASTRUCTURE, str(error), "")
        size = self._evaluator.size(self._evaluator.trial_view().name)
        fault, detail = found.fault, found.detail
        if has_answer and fault is None:
            foreseen = refuse(found.costs, [self._evaluator.largest_fold], self._evaluator.limits)
            fault, detail = foreseen or (fault, detail)
        return Trial(
            fault=fault,
            detail=detail,
            log=excerpt(log, self._values)[-LOG_CHARACTERS:],
            size=size,
            wall_s=found.wall_s,
            peak_bytes=found.peak_bytes,
            forecast=self._foretell(found) if has_answer and fault is None else "",
        )

    def _foretell(self, found: Evaluation) -> str:
        size, limits = self._evaluator.largest_fold, self._evaluator.limits
        law = forecast([Cost(each.size, each.wall_s, each.peak_bytes) for each in found.costs], size)
        if law is None:
            return ""
        return (
            f"one fold ({size.trained or size.predicted:,} rows) will take about {seconds(law.expected_s)} of the "
            f"{seconds(limits.wall_s)} allowed and {memory(law.expected_bytes)} of {memory(limits.memory_bytes)}"
        )


def list_files(directory: Path) -> tuple[str, ...]:
    """Return a line for each file with its size, and one for each folder of many files, in order of their names."""
    lines: list[str] = []
    for path in sorted(directory.iterdir()):
        if path.is_file():
            lines.append(f"{path.name} ({_size(path.stat().st_size)})")
        else:
            lines += _list_folder(path, directory)
        if len(lines) >= MOST_LISTED:
            return (*lines[:MOST_LISTED], "…")
    return tuple(lines)


def _list_folder(folder: Path, root: Path) -> Iterator[str]:
    """Yield the files of a folder of few, else how many there are, by their suffix."""
    inner = sorted(folder.iterdir())
    files = [path for path in inner if path.is_file()]
    if len(files) <= FEW:
        yield from (f"{path.relative_to(root)} ({_size(path.stat().st_size)})" for path in files)
    else:
        suffixes = sorted({path.suffix or "no suffix" for path in files})
        yield f"{folder.relative_to(root)}/ ({len(files):,} files: {', '.join(suffixes[:FEW])}; such as {files[0].name})"
    for path in inner:
        if path.is_dir():
            yield from _list_folder(path, root)


def _size(amount: int) -> str:
    return f"{amount / 1e6:,.1f} MB" if amount >= 1e5 else f"{amount / 1e3:,.1f} kB"
