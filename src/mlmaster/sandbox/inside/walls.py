"""What a script's own process gives up before the script's first line: rights, descriptors, system calls."""

from __future__ import annotations

import base64
import contextlib
import os
import resource
import signal

from mlmaster.sandbox.inside import kernel, landlock
from mlmaster.sandbox.inside.plan import Plan


def close_in(plan: Plan, status: int, output: int) -> None:
    """Turn this process, one of the harness's user, into one with a script's rights and nothing else.

    Only the three standard descriptors and `status` stay open, and `status` is not inherited.

    Raises:
        OSError: A right cannot be given up; nothing may run then.
    """
    os.setsid()  # so that a script that signals its own group does not reach its supervisor
    _reset_signals(is_executed=plan.command is not None)
    _connect(status, output)
    _set_limits(plan)
    if kernel.is_linux:
        be_the_first_to_go()
        if plan.cores:
            with contextlib.suppress(OSError):  # a core may have gone offline; slower, never wrong
                os.sched_setaffinity(0, plan.cores)
    os.umask(0o022)
    os.chdir(plan.directory)
    if not (plan.program or plan.landlock or plan.namespaces or plan.user):
        return
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if plan.landlock is not None:
        landlock.restrict(plan.landlock)
    _change_user(plan)
    # a change of user hides a process from itself: its own /proc/self would belong to root
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    if plan.program:
        kernel.filter_calls(base64.b64decode(plan.program))


def be_the_first_to_go() -> None:
    """Let the kernel end this process, and all it starts, before others when memory is short."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _reset_signals(*, is_executed: bool) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL if is_executed else signal.default_int_handler)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python itself ignores these when it starts
        signal.signal(number, signal.SIG_DFL if is_executed else signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _connect(status: int, output: int) -> None:
    """Keep nothing open but the standard descriptors and `status`."""
    os.set_inheritable(status, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for number in _open_descriptors():
        if number > 2 and number != status:
            with contextlib.suppress(OSError):  # the one by which they were listed
                os.close(number)


def _open_descriptors() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return list(range(3, 4096))


def _set_limits(plan: Plan) -> None:
    limits = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, plan.file_bytes),
        (resource.RLIMIT_NOFILE, plan.open_files),
    ]
    is_counted_apart = plan.user is not None or (plan.namespaces is not None and plan.namespaces.with_user)
    if is_counted_apart:  # else all processes of the harness's user would count
        limits.append((resource.RLIMIT_NPROC, plan.processes))
    for kind, wanted in limits:
        _, hard = resource.getrlimit(kind)
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _change_user(plan: Plan) -> None:
    kept = kernel.CAP_DAC_READ_SEARCH if plan.reads_closed_folders else None
    if kept is not None:
        # a change of user leaves it, and so does `access`, which else asks what one without it could do
        kernel.prctl(kernel.PR_SET_SECUREBITS, kernel.SECBIT_NO_SETUID_FIXUP)
    kernel.drop_bounds(kept)
    if plan.user is not None:
        os.fchown(1, plan.user, plan.user)  # its own output, so that it may open /dev/stdout
        os.setgroups(plan.groups)
        os.setresgid(plan.user, plan.user, plan.user)
        os.setresuid(plan.user, plan.user, plan.user)
    kernel.drop_capabilities(kept)
