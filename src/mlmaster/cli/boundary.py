"""Where errors end: one short line on stderr and an exit code, never a traceback for what a user can cause.

0 it worked · 1 our fault, the traceback is in a file · 2 the user's input · 130 interrupted. Ctrl-C during a run is the
business of `drive.py`; here it only ends commands that have nothing to keep.
"""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from mlmaster.errors import InfrastructureError, MLMasterError
from mlmaster.report.foreign import visible

USERS, OURS, INTERRUPTED = 2, 1, 130

_USERS_ERRNO = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG})

_NO_TEMPORARY = "No usable temporary directory"
"""What Python's `tempfile` says when it has tried them all."""


class GuardedGroup(TyperGroup):
    """A group of commands whose errors all end here."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn whatever it raises into a line and an exit code."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say_error("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except typer.Abort:
            raise
        except BrokenPipeError:
            _forget_stdout()
            raise typer.Exit(0) from None
        except Exception as error:
            if hasattr(error, "exit_code"):
                raise  # typer's own: usage errors and Exit know theirs
            raise typer.Exit(_report(error)) from None


def say_error(message: str) -> None:
    """Print `error: …` on stderr, red where colours are wanted."""
    typer.echo(typer.style("error: ", fg="red", bold=True) + visible(" ".join(message.split())), err=True)


def _report(error: Exception) -> int:
    if isinstance(error, MLMasterError) and not isinstance(error, InfrastructureError):
        say_error(str(error))
        return USERS
    if isinstance(error, OSError) and error.errno in _USERS_ERRNO:
        say_error(f"{error.filename or 'a file'}: {error.strerror}; make room or allow access, then try again")
        return USERS
    if isinstance(error, FileNotFoundError) and _NO_TEMPORARY in (error.strerror or ""):
        say_error("no folder for temporary files can be written; name one of yours: TMPDIR=/path mlmaster …")
        return USERS
    where = _write_log(error)
    say_error(f"{type(error).__name__}: {error}; this is a fault of ML-Master; {where}")
    return OURS


def _write_log(error: Exception) -> str:
    text = "".join(traceback.format_exception(error))
    try:
        descriptor, path = tempfile.mkstemp(prefix="mlmaster-error-", suffix=".log", text=True)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        typer.echo(text, err=True)
        return "the details are above"
    return f"the details are in {path}"


def _forget_stdout() -> None:
    """Keep the interpreter from complaining about a reader that went away (`mlmaster report | head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
