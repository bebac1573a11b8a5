"""Which processor cores an evaluation runs on, so that two slots do not fight for one core while another idles."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock


class CoreLease:
    """Lends cores, the least lent first. One harness's evaluations share one lease; other programs know nothing of it.

    Args:
        cores: The cores to lend; empty where the platform cannot pin processes.
    """

    def __init__(self, cores: Iterable[int]) -> None:
        self._lent = dict.fromkeys(sorted(cores), 0)
        self._lock = Lock()

    @classmethod
    def of_this_process(cls) -> CoreLease:
        """Return a lease of the cores this process may use."""
        return cls(os.sched_getaffinity(0) if sys.platform == "linux" else ())

    @contextmanager
    def borrow(self, count: int) -> Iterator[frozenset[int]]:
        """Lend `count` cores, or all when there are fewer; cores are shared only when none is free."""
        with self._lock:
            cores = sorted(self._lent, key=lambda core: (self._lent[core], core))[: max(count, 1)]
            for core in cores:
                self._lent[core] += 1
        try:
            yield frozenset(cores)
        finally:
            with self._lock:
                for core in cores:
                    self._lent[core] -= 1
