"""What a script must pass before it is handed in: the mechanical checks, a run on the small view, a second opinion.

Each finding is an answer to the model, in words; nothing is dropped in silence.
"""

from __future__ import annotations

from mlmaster.core.chat import ModelFacts, Request, Role
from mlmaster.core.execution import Fault
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Context
from mlmaster.engineers.llm.allowance import Allowance
from mlmaster.engineers.llm.checks.imports import missing_imports
from mlmaster.engineers.llm.checks.suspicion import find_suspicions
from mlmaster.engineers.llm.checks.violations import find_violations
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.replies.loose_json import read_json
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.engineers.llm.tools import Objection, Workbench
from mlmaster.engineers.llm.workpiece import Standing, Workpiece
from mlmaster.errors import BudgetSpent, ContextOverflow, ProposalRefused
from mlmaster.ports import Desk

LARGEST = 100_000
"""Bytes of a script; more is data in the guise of a script, and would fill every later prompt."""
REVIEW = {
    "type": "object",
    "properties": {"leak": {"type": "boolean"}, "why": {"type": "string"}, "fix": {"type": "string"}},
    "required": ["leak", "why", "fix"],
    "additionalProperties": False,
}
MOST_WORDS = 1_500
"""Characters of a second opinion."""
REVIEW_TOKENS = 4_000
"""Most tokens of a second opinion, reasoning included."""


class Inspection:
    """Judges what is submitted in one session.

    Args:
        context: What is asked for.
        desk: What may be tried out.
        bench: Runs the script.
        work: The script.
        allowance: Through which a second opinion is asked for.
        prompts: Words findings and questions.
        facts: Of the model that is asked for a second opinion.
        settings: What is tried and asked.
    """

    def __init__(
        self,
        context: Context,
        desk: Desk,
        bench: Workbench,
        work: Workpiece,
        allowance: Allowance,
        prompts: Prompts,
        facts: ModelFacts,
        settings: SessionSettings,
    ) -> None:
        self._context, self._desk, self._bench, self._work = context, desk, bench, work
        self._allowance, self._prompts, self._facts = allowance, prompts, facts
        is_single_shot = settings.turns == 1
        self._tries = not is_single_shot and (settings.try_first or context.operator is Operator.DEBUG)
        # a reviewer that is wrong must not hold a place up for ever: its word counts once for each decision
        self._reviews = settings.review and not any(refusal.startswith("leak:") for refusal in context.refusals)

    def judge(self) -> None:
        """Judge the script as it stands, and keep it as one that may be handed in unless it must not be.

        Raises:
            ProposalRefused: What is wrong with it.
            LLMError: A second opinion was wanted, and nobody could be asked.
        """
        self.check(self._work.code)
        self._work.keep(Standing.UNTRIED)
        trial = self._work.trial()
        if trial is None and self._tries and self._allowance.seconds_left > 0:
            trial = self._bench.run()
        if trial is not None and trial.fault is not Fault.INFRASTRUCTURE:
            self._work.tried(trial)  # again, since its author may have named it only now
            if trial.fault is not None:
                said = f"on the small view it fails with {trial.fault}: {trial.detail}"
                raise Objection("failed", said, self._bench.tell(trial))
        self._review()

    def check(self, code: str) -> None:
        """Check a script without running it.

        Raises:
            ProposalRefused: It is too large, does not parse, changes nothing, is not new, breaks a rule or lacks a package.
        """
        size = len(code.encode("utf-8", "replace"))
        if size > LARGEST:
            raise ProposalRefused(
                "unusable",
                f"the script has {size:,} bytes, and {LARGEST:,} are allowed; read data from ./input/ instead of writing it "
                "into the script",
            )
        machine = self._context.machine
        violations = find_violations(code, has_network=machine.has_network, has_weights=bool(machine.caches))
        if violations:
            raise ProposalRefused("policy", "; ".join(map(str, violations)))
        self._desk.check(code)
        modules = self._context.modules
        missing = missing_imports(code, modules, is_known=bool(modules))
        if missing:
            raise ProposalRefused("import", "; ".join(missing))

    def _review(self) -> None:
        """Ask once for a second opinion where the script looks as if it used what it must not know."""
        suspicions = find_suspicions(self._work.code, self._context.task) if self._reviews else ()
        if not suspicions:
            return
        self._reviews = False
        prompt = self._prompts.review(self._work.code, suspicions, self._context)
        request = Request(
            role=Role.FEEDBACK,
            messages=prompt.messages,
            schema=REVIEW if self._facts.has_schema else None,
            max_output_tokens=min(REVIEW_TOKENS, self._facts.max_output_tokens),
            prompt=prompt.name,
        )
        try:
            reply = self._allowance.ask(request)
        except (BudgetSpent, ContextOverflow):
            return  # suspicion alone changes nothing
        found = _read_leak(reply.text)
        if found is not None:
            self._work.discard()
            raise ProposalRefused("leak", found)


def _read_leak(text: str) -> str | None:
    """Return why a script leaks and how to mend it; None when it does not, or nothing that can be read was said."""
    start = text.find("{")
    found = read_json(text, start) if start >= 0 else None
    said = found.value if found is not None and isinstance(found.value, dict) else {}
    if str(said.get("leak")).strip().lower() not in ("true", "yes"):
        return None
    words = (str(said.get(name) or "").strip() for name in ("why", "fix"))
    return " ".join(filter(None, words))[:MOST_WORDS] or "it uses what it must not know"
