"""Sessions for tests: an engineer over scripted replies, and replies as models write them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from mlmaster.core.chat import Finish, ModelFacts, Reply, Request, Role, ToolCall
from mlmaster.core.execution import Fault
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Context, Proposal, Trial
from mlmaster.core.usage import Usage
from mlmaster.engineers.llm.engineer import LLMEngineer
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.replies.edits import Edit, write_edits
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.errors import LLMError, ProposalRefused
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.contexts import SCRIPTS, make_context, script
from mlmaster.testing.scripted_desk import ScriptedDesk
from mlmaster.testing.scripted_llm import ScriptedLLM

PARENT = SCRIPTS[7]
GOOD = script(
    "from catboost import CatBoostClassifier as Model", '    features["Spend"] = rows["Spa"] + rows["RoomService"]'
)
BETTER = GOOD.replace("SEED = 7", "SEED = 8")
WRONG = GOOD.replace("SEED = 7", "SEED = 7 / 0")
TOOLED = ModelFacts("scripted:model", has_tools=True)
FAULTY = Trial(Fault.ERROR, "ZeroDivisionError: division by zero", "reading\nTraceback: line 6\n", wall_s=2.0)


def answer(code: str, plan: str = "Sum what was billed: sleepers spend nothing.", name: str = "spend_sum") -> str:
    return f"{plan}\n\nName: {name}\n\n```python\n{code}```\n"


def edit_answer(*edits: tuple[str, str], plan: str = "Another seed.", name: str = "other_seed") -> str:
    return f"{plan}\n\nName: {name}\n\n{write_edits(Edit(*each) for each in edits)}\n"


def use(tool: str, body: str) -> str:
    return f'I look first.\n\n<tool name="{tool}">\n{body}\n</tool>\n'


def call(tool: str, number: int = 1, **arguments: Any) -> Reply:
    return Reply("", calls=(ToolCall(f"call_{number}", tool, json.dumps(arguments)),), finish=Finish.TOOLS)


def fails(*faulty: str) -> Callable[[str], Trial]:
    """Return a smoke run that some scripts do not pass."""
    return lambda code: (
        FAULTY if code in faulty else Trial(None, "", "best iteration 412\n", wall_s=3.0, forecast="fits")
    )


def refuses(reason: str, *refused: str) -> Callable[[str], None]:
    def check(code: str) -> None:
        if code in refused:
            raise ProposalRefused(reason, f"this is {reason}")

    return check


class Case:
    """One proposal under scripted replies; what a test does not say is as by default."""

    def __init__(
        self,
        replies: Callable[[Request, int], Reply | str] | Sequence[Reply | str | LLMError],
        *,
        facts: ModelFacts | None = None,
        roles: dict[Role, ModelFacts] | None = None,
        desk: ScriptedDesk | None = None,
        clock: FakeClock | None = None,
        **settings: Any,
    ) -> None:
        self.llm = RoleLLM(replies, facts, roles or {})
        self.desk = desk or ScriptedDesk(fails(WRONG))
        self.settings = SessionSettings(**settings)
        self.clock = clock or FakeClock()
        self.engineer = LLMEngineer(self.llm, Prompts(self.settings), self.settings, self.clock)

    def propose(self, operator: Operator = Operator.IMPROVE, **changes: Any) -> Proposal:
        return self.engineer.propose(self.context(operator, **changes), self.desk)

    def context(self, operator: Operator, **changes: Any) -> Context:
        return make_context(operator, **changes)

    @property
    def requests(self) -> list[Request]:
        return [request for _, request in self.llm.requests]

    def told(self, number: int) -> str:
        """Return what the model was told last before a reply, the first being 0."""
        return self.requests[number].messages[-1].text


class RoleLLM(ScriptedLLM):
    """A scripted model with facts of its own for some roles."""

    def __init__(
        self,
        replies: Callable[[Request, int], Reply | str] | Sequence[Reply | str | LLMError],
        facts: ModelFacts | None,
        roles: dict[Role, ModelFacts],
    ) -> None:
        super().__init__(replies, facts)
        self._roles = roles

    def facts(self, role: Role) -> ModelFacts:
        return self._roles.get(role) or super().facts(role)


def used(tokens: int, text: str) -> Reply:
    return Reply(text, usage=Usage(input_tokens=tokens - 100, output_tokens=100, calls=1))
