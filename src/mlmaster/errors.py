"""Every error ML-Master raises, and whose fault each one is.

    MLMasterError
    ├── UserError                 something the user gave us; shown without a traceback, exit code 2
    │   ├── DataError             a file, a table, a column
    │   ├── TaskError             the task as a whole: target, metric, kind
    │   ├── SettingsError         a setting, a flag, a budget
    │   ├── RunDirectoryError     a run directory that exists, is newer, is in use or is not one
    │   └── SandboxError          what scripts would run in: isolation this machine lacks, an interpreter, a package
    ├── SubmissionError           a submission that breaks the task's format (the script's fault, or the user's in `grade`)
    ├── ProposalRefused           an engineer's answer that is never run: syntax, no-op, duplicate, policy
    ├── Exhausted                 an engineer has nothing left to propose for this operator and parent
    ├── LLMError                  a language model could not be asked, or could not answer
    │   ├── ProviderError         its provider: key, address, model, quota, or away for too long
    │   ├── ContextOverflow       the request is larger than the model takes; a smaller one may do
    │   ├── BudgetSpent           nothing is left of the tokens or dollars
    │   └── CallCancelled         the run ended while it was asked
    └── InfrastructureError       ours: retried, never blamed on a script

Messages name the thing, the value found, and what to do next.
"""

from __future__ import annotations


class MLMasterError(Exception):
    """Base of every error raised on purpose."""


class UserError(MLMasterError):
    """The user's input cannot be used; the message says what to change."""


class DataError(UserError):
    """A file or table cannot be read or does not hold what it must."""


class TaskError(UserError):
    """The task cannot be made sense of: target, metric or kind."""


class SettingsError(UserError):
    """A setting or flag is unknown or out of range."""


class RunDirectoryError(UserError):
    """A run directory cannot be created, opened or resumed."""


class SandboxError(UserError):
    """Scripts cannot be run as asked for: this machine lacks the isolation, or an interpreter or package is unusable."""


class SubmissionError(MLMasterError):
    """A submission breaks the task's format; names file, column, row and value."""


class ProposalRefused(MLMasterError):
    """A proposal that must not be run.

    Attributes:
        reason: One of ``syntax``, ``no_op``, ``duplicate``, ``no_submission``, ``policy``, ``import`` (a package that is not
            there), ``leak``, ``failed`` (it failed on the small view), ``time``, ``edit`` (edits that fit nowhere),
            ``unusable`` (an answer without a script), ``declined`` (the model would not answer).
        is_final: Whoever wrote it was told, and had its chance to do better: asking again would cost as much once more.
    """

    def __init__(self, reason: str, detail: str, *, is_final: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.is_final = is_final


class Exhausted(MLMasterError):
    """Nothing is left to propose for this operator on this parent."""


class LLMError(MLMasterError):
    """A language model could not be asked, or could not answer."""


class ProviderError(LLMError):
    """A provider cannot be used, and asking again now would not help.

    Attributes:
        cause: ``key`` (missing or refused), ``model`` (not found), ``quota`` (out of money or of an allowance), ``address``
            (no such host, not this protocol, a page instead of an answer), ``certificate``, ``request`` (the provider calls
            the request itself wrong), ``away`` (no answer for longer than the run waits).
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class ContextOverflow(LLMError):
    """A request and its reply do not fit the model's context.

    Attributes:
        limit_tokens: What the provider says fits, or None.
    """

    def __init__(self, message: str, limit_tokens: int | None = None) -> None:
        super().__init__(message)
        self.limit_tokens = limit_tokens


class BudgetSpent(LLMError):
    """What is left of a budget does not hold another call.

    Attributes:
        which: ``cost`` or ``tokens``.
    """

    def __init__(self, which: str, message: str) -> None:
        super().__init__(message)
        self.which = which


class CallCancelled(LLMError):
    """The run ended while a model was being asked."""


class InfrastructureError(MLMasterError):
    """The harness itself failed: disk, process, store. Never the script's fault."""
