"""The script that is being made: as it stands, what came of its earlier forms, and which of them is the best to hand in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from mlmaster.core.proposal import Trial


class Standing(IntEnum):
    """How a script stands; higher is better to hand in.

    FAILED: it is known to fail on the small view, which the search may yet debug. UNTRIED: nothing is known. PASSED: it ran
    through.
    """

    FAILED = 0
    UNTRIED = 1
    PASSED = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A script that may be handed in, with what its author says of it."""

    code: str
    plan: str
    name: str
    standing: Standing


class Workpiece:
    """The script of one session.

    Args:
        parent: The script it starts from; "" for none.

    Attributes:
        code: As it stands.
        plan, name: What its author said of it: of the last change that was more than a repair, and of repairs after it.
    """

    def __init__(self, parent: str) -> None:
        self.code = parent
        self.plan = ""
        self.name = ""
        self._parent = parent
        self._trials: dict[str, Trial] = {}
        self._refused: dict[str, str] = {}
        self._candidates: dict[str, Candidate] = {}

    @property
    def is_begun(self) -> bool:
        """Return True when there is a script that is not the parent's."""
        return bool(self.code.strip()) and self.code != self._parent

    def describe(self, plan: str, name: str) -> None:
        """Remember what the author says; nothing said leaves what was."""
        self.plan = plan.strip() or self.plan
        self.name = name.strip() or self.name

    def describe_change(self, plan: str, name: str) -> None:
        """Remember what the author says of the next change; one to a script that just failed is a repair, and no new plan."""
        trial = self.trial()
        if trial is None or trial.fault is None or not self.plan:
            self.describe(plan, name)
        elif plan.strip().removesuffix(".") not in self.plan:
            self.plan = f"{self.plan.removesuffix('.')}. Repaired after `{trial.fault}`: {plan.strip()}"

    def trial(self) -> Trial | None:
        """Return what came of the script as it stands, or None when it was not tried."""
        return self._trials.get(self.code)

    def tried(self, trial: Trial) -> None:
        """Remember what came of the script as it stands."""
        self._trials[self.code] = trial
        self.keep(Standing.FAILED if trial.fault else Standing.PASSED)

    def refusal(self) -> str:
        """Return why the script as it stands was refused; "" when it was not."""
        return self._refused.get(self.code, "")

    def refuse(self, why: str) -> None:
        """Remember that the script as it stands was refused."""
        self._refused[self.code] = why

    def keep(self, standing: Standing) -> None:
        """Keep the script as it stands as one that may be handed in."""
        self._candidates.pop(self.code, None)
        self._candidates[self.code] = Candidate(self.code, self.plan, self.name, standing)

    def discard(self) -> None:
        """Never hand in the script as it stands."""
        self._candidates.pop(self.code, None)

    def candidate(self) -> Candidate | None:
        """Return the script as it stands, if it was kept."""
        return self._candidates.get(self.code)

    def candidates(self) -> Iterator[Candidate]:
        """Yield what may be handed in, best first, and of equals the latest."""
        latest_first = reversed(self._candidates.values())
        yield from sorted(latest_first, key=lambda candidate: -candidate.standing)
