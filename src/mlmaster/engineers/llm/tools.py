"""The tools of a session: what a model is offered, and what comes of each but `submit`, which `checks.inspection` judges.

Every result is bounded, and says what to do where nothing came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlmaster.core.chat import Tool
from mlmaster.core.execution import Fault
from mlmaster.core.proposal import Trial
from mlmaster.core.tokens import cut_to_tokens
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.replies.edits import Edit, apply_edits, find_edits
from mlmaster.engineers.llm.workpiece import Workpiece
from mlmaster.errors import CallCancelled, ProposalRefused
from mlmaster.ports import Desk

LOOK, RUN, LOG, EDIT, SUBMIT = "look_at_data", "run_on_smoke", "read_log", "edit", "submit"
LONGEST_NUMBER = 9
"""Digits of a solution's number."""

_CODE = {"type": "string", "description": "The whole script."}
_EDITS = {
    "type": "array",
    "description": "Changes of the script as it stands, in order.",
    "items": {
        "type": "object",
        "properties": {
            "search": {"type": "string", "description": "Lines exactly as they stand, and only once, in the script."},
            "replace": {"type": "string", "description": "What shall stand there instead."},
        },
        "required": ["search", "replace"],
    },
}


def _tool(name: str, description: str, required: tuple[str, ...] = (), /, **properties: Mapping[str, Any]) -> Tool:
    return Tool(name, description, {"type": "object", "properties": properties, "required": list(required)})


TOOLS: tuple[Tool, ...] = (
    _tool(
        LOOK,
        "Run a few lines of Python that look at ./input/ (a small sample of the rows) and get what they print. Lines that "
        "show training rows are left out: print shapes, dtypes, counts, shares, quantiles.",
        ("code",),
        code={"type": "string", "description": "The lines to run."},
    ),
    _tool(
        RUN,
        "Run the script on a small sample of the data: whether it ends without an error and answers in the right form, how "
        "long it takes, the end of its log. Give the whole script, or edits of it as it stands, or neither to run it so.",
        code=_CODE,
        edits=_EDITS,
    ),
    _tool(
        LOG,
        "Read the end of the newest log of an earlier solution of this run.",
        ("node",),
        node={"type": "integer", "description": "Number of the solution."},
    ),
    _tool(EDIT, "Change the script as it stands, without running it.", ("edits",), edits=_EDITS),
    _tool(
        SUBMIT,
        "Hand the script in, which ends your work. Give the whole script, or edits of it as it stands, or neither to hand it "
        "in as it is.",
        ("name", "plan"),
        name={
            "type": "string",
            "description": "Name of the change or of the approach, snake_case, at most four words.",
        },
        plan={"type": "string", "description": "What the script does and why, one to five sentences."},
        code=_CODE,
        edits=_EDITS,
    ),
)
NAMES = frozenset(tool.name for tool in TOOLS)


class Objection(ProposalRefused):
    """A refusal of which the model is told more than the run keeps."""

    def __init__(self, reason: str, detail: str, words: str) -> None:
        super().__init__(reason, detail)
        self.words = words


class Workbench:
    """Carries out what a model wants done.

    Args:
        desk: What may be tried out.
        work: The script.
        prompts: Words what comes of it.
        tokens: Bound of one result.
    """

    def __init__(self, desk: Desk, work: Workpiece, prompts: Prompts, tokens: int) -> None:
        self._desk, self._work, self._prompts, self._tokens = desk, work, prompts, tokens

    def carry_out(self, name: str, arguments: Mapping[str, str]) -> str:
        """Do what a tool does, and return what the model is told; not for `submit`.

        Raises:
            ProposalRefused: It cannot be done so; the detail says why.
            CallCancelled: The run ended meanwhile.
        """
        match name:
            case "look_at_data":
                return self._look(arguments.get("code", ""))
            case "run_on_smoke":
                self.change(arguments)
                return self.tell(self.run())
            case "read_log":
                return self._log(arguments.get("node", ""))
            case "edit":
                return self._edit(arguments.get("edits", ""))
            case _:
                raise ProposalRefused(
                    "unusable", f"there is no such tool; there are {', '.join(each.name for each in TOOLS)}"
                )

    def change(self, arguments: Mapping[str, str]) -> None:
        """Change the script as `code` or `edits` say; neither leaves it as it is.

        Raises:
            ProposalRefused: An edit fits nowhere (`edit`), or there is no script (`unusable`).
        """
        code, edits = arguments.get("code", ""), arguments.get("edits", "")
        if code.strip():
            self._work.code = code
        elif edits.strip():
            self._apply(find_edits(edits))
        if not self._work.code.strip():
            raise ProposalRefused("unusable", "there is no script yet, so the whole script is needed")

    def run(self) -> Trial:
        """Run the script on the small view, or return what came of it before.

        Raises:
            CallCancelled: The run ended meanwhile.
        """
        found = self._work.trial()
        if found is None:
            found = _unless_cancelled(self._desk.smoke(self._work.code))
            if found.fault is not Fault.INFRASTRUCTURE:
                self._work.tried(found)
        return found

    def tell(self, trial: Trial) -> str:
        """Return what came of running the script, in words."""
        return self._prompts.say("trial", trial=self._shown(trial))

    def _apply(self, edits: tuple[Edit, ...]) -> None:
        if not edits:
            raise ProposalRefused("edit", "no edit can be read; each is a text to search and a text to put there")
        applied = apply_edits(self._work.code, edits)
        self._work.code = applied.code
        if not applied.missed:
            return
        first = applied.missed[0]
        detail = f"{len(applied.missed)} of {len(edits)} edits cannot be applied; of the first one, {first.reason}"
        if applied.done:
            self._work.refuse(detail)  # half of a change is not what its plan says
        words = self._prompts.say("missed", done=applied.done, missed=applied.missed)
        raise Objection("edit", detail, cut_to_tokens(words, self._tokens))

    def _edit(self, edits: str) -> str:
        if not edits.strip():
            raise ProposalRefused("edit", "there are no edits; each is a text to search and a text to put there")
        self.change({"edits": edits})
        return self._prompts.say("edited", lines=len(self._work.code.splitlines()))

    def _look(self, code: str) -> str:
        if not code.strip():
            raise ProposalRefused("unusable", "there is no code to run")
        return self._prompts.say("looked", trial=self._shown(_unless_cancelled(self._desk.look(code))))

    def _log(self, node: str) -> str:
        number = node.strip().lstrip("#")
        if not number.isdecimal() or len(number) > LONGEST_NUMBER:
            named = node if len(node) <= LONGEST_NUMBER else f"{node[:LONGEST_NUMBER]}…"
            raise ProposalRefused("unusable", f"node is {named!r}, and the number of a solution is needed, such as 3")
        return self._prompts.say("log", node=int(number), log=cut_to_tokens(self._desk.log(int(number)), self._tokens))

    def _shown(self, trial: Trial) -> Trial:
        return replace(trial, log=cut_to_tokens(trial.log.strip(), self._tokens))


def _unless_cancelled(trial: Trial) -> Trial:
    if trial.fault is Fault.CANCELLED:
        raise CallCancelled("the run ended while a script was tried out")
    return trial
