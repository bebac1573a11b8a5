"""A desk whose trials are a function: no sandbox, no data, no waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event as Flag

from mlmaster.core.proposal import Trial

PASSED = Trial(fault=None, detail="", log="")


def pass_all(code: str) -> Trial:  # noqa: ARG001 - every script is alike to it
    """Return the trial of a script that ran through."""
    return PASSED


def allow_all(code: str) -> None:
    """Refuse nothing."""


class ScriptedDesk:
    """A scripted double of `mlmaster.ports.Desk`.

    Args:
        smoke: What comes of a script on the small view.
        look: What comes of lines that look at the data.
        check: Raises `ProposalRefused` for scripts that may not be run.
        logs: Log of each node that has one.
        listing: What stands in `./input/`.
        node: The node the proposal is for.

    Attributes:
        checked, smoked, looked: What was given to each, in order.
        cancel: As in the protocol; set by the test.
    """

    def __init__(
        self,
        smoke: Callable[[str], Trial] = pass_all,
        look: Callable[[str], Trial] = pass_all,
        check: Callable[[str], None] = allow_all,
        logs: Mapping[int, str] | None = None,
        listing: Sequence[str] = ("train.csv (61.2 kB)", "test.csv (28.6 kB)"),
        node: int = 1,
    ) -> None:
        self.node = node
        self.cancel = Flag()
        self.checked: list[str] = []
        self.smoked: list[str] = []
        self.looked: list[str] = []
        self._smoke, self._look, self._check = smoke, look, check
        self._logs = dict(logs or {})
        self._listing = tuple(listing)

    def files(self) -> Sequence[str]:
        """Return the listing."""
        return self._listing

    def check(self, code: str) -> None:
        """Do as the scripted check does."""
        self.checked.append(code)
        self._check(code)

    def smoke(self, code: str) -> Trial:
        """Return the scripted trial."""
        self.smoked.append(code)
        return self._smoke(code)

    def look(self, code: str) -> Trial:
        """Return the scripted look."""
        self.looked.append(code)
        return self._look(code)

    def log(self, node: int) -> str:
        """Return a node's log, "" when it has none."""
        return self._logs.get(node, "")
