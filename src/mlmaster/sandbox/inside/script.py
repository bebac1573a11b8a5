"""Turns a fork of the warm interpreter into `python solution.py`, so that the script cannot tell the difference.

What stays different is little: `/proc/self/cmdline`, the libraries already in `sys.modules`, and a few frames of ours
below the script's own on the stack, which tracebacks do not show.
"""

from __future__ import annotations

import atexit
import builtins
import ctypes
import importlib.machinery
import linecache
import os
import signal
import sys
import tempfile
import threading
import types
from typing import Any

from mlmaster.sandbox.inside.plan import Plan

SCRIPT = "solution.py"
TOKEN = b"MLMASTER_EVALUATION="

_token_address = 0


def find_token() -> None:
    """Find the mark of an evaluation in the environment this process was started with, before anything changes it.

    `/proc/<pid>/environ` goes on showing that memory, whatever `os.environ` says: the mark must be written there to be
    seen.
    """
    global _token_address
    entry = ctypes.POINTER(ctypes.c_void_p).in_dll(ctypes.CDLL(None), "environ")
    index = 0
    while address := entry[index]:
        if ctypes.string_at(address).startswith(TOKEN):
            _token_address = address + len(TOKEN)
        index += 1


def become(plan: Plan) -> None:
    """Play the script and end as Python would; never returns normally.

    Raises:
        SystemExit: The script has ended; the interpreter must end with it.
    """
    _settle(plan)
    path = os.path.join(plan.directory, SCRIPT)
    main = _new_main(path)
    try:
        exec(_compile(path), main.__dict__)
    except SystemExit:
        raise
    except BaseException as error:  # whatever a script raises ends it, as in Python's own main
        _die_of(error)


def _compile(path: str) -> types.CodeType:
    """Return the script's code; a text that is no Python goes to a fresh interpreter, which words what is wrong with it."""
    with open(path, "rb") as file:
        source = file.read()
    try:
        return compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        os.execv(sys.executable, sys.orig_argv)


def _settle(plan: Plan) -> None:
    """Make this process's surroundings those of the script: environment, modules, random numbers, threads."""
    environment = plan.environment
    if _token_address:
        mark = environment.get(TOKEN[:-1].decode(), "").encode()
        ctypes.memmove(_token_address, mark, min(len(mark), len(ctypes.string_at(_token_address))))
    os.environ.clear()
    os.environ.update(environment)
    for name in [name for name in sys.modules if name == "mlmaster" or name.startswith("mlmaster.")]:
        del sys.modules[name]
    sys.argv = [SCRIPT]
    sys.orig_argv = [sys.executable, SCRIPT]
    sys.path.insert(0, plan.directory)
    tempfile.tempdir = None
    linecache.clearcache()
    _make_random()
    process: Any = sys.modules.get("multiprocessing.process")
    if process is not None:
        process.ORIGINAL_DIR = plan.directory
        process.current_process().authkey = os.urandom(32)
    threading.main_thread()._set_native_id()  # type: ignore[attr-defined]
    if plan.threads > 1 and "threadpoolctl" in sys.modules:
        # the threads that this starts take no signal: the script may block one, and wait for it
        kept = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
        sys.modules["threadpoolctl"].threadpool_limits(limits=plan.threads)
        signal.pthread_sigmask(signal.SIG_SETMASK, kept)


def _make_random() -> None:
    """Let scripts differ where they are not seeded; Python's own generator does so by itself after a fork."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _new_main(path: str) -> types.ModuleType:
    main = types.ModuleType("__main__")
    main.__loader__ = importlib.machinery.SourceFileLoader("__main__", path)
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    main.__dict__.update(__builtins__=builtins, __file__=path, __cached__=None)
    sys.modules["__main__"] = main
    if "__mp_main__" in sys.modules:  # where children of `multiprocessing` say that things of the script come from
        sys.modules["__mp_main__"] = main
    return main


def _die_of(error: BaseException) -> None:
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next  # the frame that is ours
    sys.excepthook(type(error), error, error.__traceback__)
    if isinstance(error, KeyboardInterrupt):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(1)
