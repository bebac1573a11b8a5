"""One hostile script as a record: what it tries, what it is aimed at, and what each isolating adapter makes of it.

The record is data; `ground` plants what it is aimed at, `plain` shows that the script succeeds where nothing stops it, and
`test_walls` runs it in the sandbox. A script is a template: `$answers` stands for the value of that name in `Ground.values`.
It runs as the body of a `try`, so that a refusal by the kernel is told as one, and has four words to say:

    reached(what)   it got what it wanted, as far as it can tell itself
    deny(why)       it did not, though no call failed
    absent(why)     this kernel has no such thing: neither proof nor attack is possible here
    (falls through) it ran to its end; whether that did any harm, the ground tells
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any

from mlmaster.core.execution import Limits

MEGABYTE = 2**20
LIMITS = Limits(
    wall_s=20,
    memory_bytes=192 * MEGABYTE,
    disk_bytes=48 * MEGABYTE,
    log_bytes=32 * 1024,
    processes=48,
    open_files=256,
)

DENIED = "denied"
"""The script was told no."""
HARMLESS = "harmless"
"""The script ran to its end and changed nothing but what is its own."""
REFUSED = "refused"
"""The script left a submission that the harness does not read."""
REACHED = "reached"
"""The wall has a hole."""

_PRELUDE = """\
import ctypes, errno, fcntl, glob, mmap, os, resource, signal, socket, struct, subprocess, sys, tempfile, threading, time

class Denied(OSError):
    pass

def say(word, what=''):
    os.write(1, f'{word} {what}\\n'.encode('utf-8', 'backslashreplace'))

def reached(what=''):
    say('REACHED', what)

def deny(why):
    raise Denied(why)

def absent(why):
    say('ABSENT', why)
    sys.exit(0)

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

def call(number, *arguments):
    "Make a system call by its number; raise what the kernel answers."
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result == -1:
        code = ctypes.get_errno()
        if code == errno.ENOSYS:
            absent(f'system call {number}')
        raise OSError(code, os.strerror(code))
    return result

def lock(name):
    "Hold a lock that lasts as long as this process: whoever finds it held knows that the process lives."
    handle = open('working/lock-' + name, 'w')
    fcntl.flock(handle, fcntl.LOCK_EX)
    os.set_inheritable(handle.fileno(), True)
    return handle

def spawn(child):
    "Fork a process that runs child(ready), and go on once it has called ready."
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            child(lambda: os.write(writer, b'1'))
        finally:
            os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    return pid

"""

_BODY = """\
try:
{body}
except OSError as error:
    say('DENIED', f'{{type(error).__name__}}: {{error}}')
else:
    say('DONE')
"""


@dataclass(frozen=True, slots=True)
class Attack:
    """One hostile script.

    Attributes:
        name: In words with hyphens.
        code: The template of the script.
        aim: What must be seen when nothing stops it; see `ground.Ground.evidence`.
        outcome: What is declared beforehand: one for every adapter, or one by adapter, or by `adapter/user` and
            `adapter/root`. Several in one string, separated by `|`, where timing decides.
        limits: Limits that differ from `LIMITS`.
        then: A second script, run in the same sandbox afterwards: what the first leaves behind is for it to find.
        naive: How the two are run where nothing stops them: each in an interpreter of its own with the same folders
            ("processes"), or one after the other in one interpreter ("interpreter"), as a careless warm one would.
        needs: What the proof needs: "root", or "granted" where the machine's own policy may refuse ordinary users.
        unproven: Why there is no proof: running it where nothing stops it would be unsafe.
    """

    name: str
    code: str
    aim: str = "says"
    outcome: str | Mapping[str, str] = DENIED
    limits: Mapping[str, Any] = field(default_factory=dict)
    then: str | None = None
    naive: str = "processes"
    needs: str | None = None
    unproven: str | None = None

    def scripts(self, values: Mapping[str, Any]) -> list[str]:
        """Return the script, and the second where there is one, with everything filled in."""
        return [self._fill(code, values) for code in (self.code, self.then) if code is not None]

    def declared(self, adapter: str, user: str) -> frozenset[str]:
        """Return the outcomes that are declared for an adapter and a kind of user (`root` or `user`)."""
        if isinstance(self.outcome, str):
            return frozenset(self.outcome.split("|"))
        found = self.outcome.get(f"{adapter}/{user}") or self.outcome.get(adapter) or DENIED
        return frozenset(found.split("|"))

    def _fill(self, code: str, values: Mapping[str, Any]) -> str:
        code = Template(textwrap.dedent(code)).substitute({name: repr(value) for name, value in values.items()})
        return _PRELUDE + _BODY.format(body=textwrap.indent(code, "    "))
