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
        reason: One of ``syntax``, ``no_op``, ``duplicate``, ``no_submission``, ``policy``.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Exhausted(MLMasterError):
    """Nothing is left to propose for this operator on this parent."""


class InfrastructureError(MLMasterError):
    """The harness itself failed: disk, process, store. Never the script's fault."""
