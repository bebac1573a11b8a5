"""The process between the harness and a script: it counts the script in, walls it in, and ends its whole tree.

It is reached through three descriptors. *Lifeline*, a pipe: its first line is the plan; it ends when the harness closes
it or dies, and then so does the tree. *Status*, a stream socket, takes the lines `failed REASON`, `memory` (with
descriptors of the folders held in memory), `started`, `ended WAIT_STATUS`, `usage CPU_SECONDS PEAK_BYTES` (of the
largest process, without what it inherited). *Output* becomes the script's standard output and error.

Being a process with one thread, it may run Python between fork and exec; the harness, which has threads, may not. It
watches nothing: that is `watchdog.py`, in the harness.

    harness → supervisor → script           without namespaces: the supervisor adopts orphans and kills all below it
    harness → supervisor → init → script    with them: the kernel kills all when init, the first process, ends
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import NoReturn

from mlmaster.sandbox.inside import kernel, mounts, walls
from mlmaster.sandbox.inside.plan import Namespaces, Plan

_CHUNK = 1 << 16


class Channel:
    """Where the harness is told what happens."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def tell(self, line: str, descriptors: list[int] | None = None) -> None:
        """Send one line, with descriptors."""
        with contextlib.suppress(OSError):  # the harness may be gone; ending the tree matters more
            connection = socket.socket(fileno=os.dup(self.descriptor))
            with connection:
                socket.send_fds(connection, [line.encode("utf-8", "replace") + b"\n"], descriptors or [])


def supervise(lifeline: int, status: int, output: int) -> Plan:
    """Start one script and see it to its end; returns only in the script's own process, which is walled in by then."""
    channel = Channel(status)
    try:
        plan = Plan.from_json(_first_line(lifeline))
        if os.getsid(0) != os.getpid():
            os.setsid()
        _join(plan.cgroup)
        bell = _ring_when_a_child_ends()
        if plan.namespaces is not None:
            _leave_namespaces(plan.namespaces)
        elif kernel.is_linux:
            kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    except (OSError, ValueError, TypeError) as error:
        channel.tell(f"failed {error}")
        os._exit(1)
    child = os.fork()
    if child == 0:
        if plan.namespaces is not None:
            child = _become_init(plan.namespaces, channel, output)
            if child:
                _serve_as_init(child, channel)
        return _become_script(plan, channel, output)
    os.close(output)
    _wait(child, lifeline, bell, None if plan.namespaces is not None else channel)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    inherited = 0 if plan.command is not None else _resident_bytes()
    channel.tell(f"usage {usage.ru_utime + usage.ru_stime} {max(usage.ru_maxrss * unit - inherited, 0)}")
    os._exit(0)


def _first_line(lifeline: int) -> str:
    text = b""
    while not text.endswith(b"\n"):
        data = os.read(lifeline, _CHUNK)
        if not data:
            raise OSError("the harness has gone")
        text += data
    return text.decode()


def _join(files: list[str]) -> None:
    for file in files:
        with open(file, "w") as group:
            group.write(str(os.getpid()))


def _ring_when_a_child_ends() -> int:
    bell, ringer = os.pipe()
    os.set_blocking(bell, False)
    os.set_blocking(ringer, False)
    signal.set_wakeup_fd(ringer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return bell


def _leave_namespaces(wanted: Namespaces) -> None:
    user, group = os.getuid(), os.getgid()
    flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    flags |= 0 if wanted.with_network else kernel.CLONE_NEWNET
    flags |= kernel.CLONE_NEWUSER if wanted.with_user else 0
    kernel.unshare(flags)
    if wanted.with_user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def _become_init(wanted: Namespaces, channel: Channel, output: int) -> int:
    """Build the root as the first process of the namespaces; return 0 in the script's process, its number in init."""
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        walls.be_the_first_to_go()  # here: behind the mounts, nothing in /proc can be written
        held = mounts.enter(wanted.mounts)
        channel.tell("memory", held)
        child = os.fork()
        if child:
            for descriptor in (*held, output):
                os.close(descriptor)
        return child
    except OSError as error:
        channel.tell(f"failed {error}")
        os._exit(1)


def _serve_as_init(script: int, channel: Channel) -> NoReturn:
    """Collect orphans until the script ends; what is left then is ended by the kernel together with this process."""
    while True:
        pid, wait_status = os.wait()
        if pid == script:
            channel.tell(f"ended {wait_status}")
            os._exit(0)


def _become_script(plan: Plan, channel: Channel, output: int) -> Plan:
    try:
        walls.close_in(plan, channel.descriptor, output)
        channel.tell("started")
        if plan.command is not None:
            os.execve(plan.command[0], plan.command, plan.environment)
    except (OSError, ValueError) as error:
        channel.tell(f"failed {plan.command[0] + ': ' if plan.command else ''}{error}")
        os._exit(127)
    os.close(channel.descriptor)
    return plan


def _wait(child: int, lifeline: int, bell: int, channel: Channel | None) -> None:
    """Wait until the child ends or the harness goes, then end everything below this process.

    Args:
        child: The script, or init.
        lifeline: Ends with the harness.
        bell: Rings when a child ends.
        channel: Where the script's end is told; None where init does so.
    """
    is_left = True
    while is_left:
        ready, _, _ = select.select([lifeline, bell], [], [])
        if bell in ready:
            os.read(bell, 4096)
        is_left = not _reap(child, channel) and lifeline not in ready
    while _has_children():
        if channel is None:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        else:
            _kill_descendants(child)
        _reap(child, channel)
        time.sleep(0.002)


def _reap(main: int, channel: Channel | None) -> bool:
    """Collect every ended child; return True when `main` was among them."""
    is_main_ended = False
    while True:
        try:
            pid, wait_status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return is_main_ended
        if pid == main:
            is_main_ended = True
            if channel is not None:
                channel.tell(f"ended {wait_status}")


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _kill_descendants(main: int) -> None:
    """Kill all below this process, not only its children: the fewer rounds, the less a forking tree can outrun them."""
    with contextlib.suppress(OSError):
        os.killpg(main, signal.SIGKILL)
    parents = dict(_parents())
    for pid in parents:
        ancestor = pid
        while ancestor in parents and ancestor != os.getpid():
            ancestor = parents[ancestor]
        if ancestor == os.getpid() and pid != ancestor:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _resident_bytes() -> int:
    """Return what this process holds, and with it every fork of the same warm interpreter from its first line on."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _parents() -> list[tuple[int, int]]:
    """Return (process, parent) for every process; nothing where there is no /proc."""
    pairs = []
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as file:
                # the second field is the program's name in brackets and may itself hold brackets and spaces
                pairs.append((int(name), int(file.read().rpartition(b")")[2].split()[1])))
    return pairs
