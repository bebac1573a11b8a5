"""Laying hands on other processes: the harness, a sibling, the supervisor; and outliving the call.

`$harness` and `$sibling` are processes that the test started. Nothing here signals all processes at once before it has
asked whether it could reach the sibling: a script that could says so and stops.
"""

from __future__ import annotations

from tests.attack.attack import HARMLESS, REACHED, Attack

_DAEMON = """
def daemon(ready):
    os.setsid()
    if os.fork():
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    kept = lock('daemon')
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    ready()
    time.sleep(20)
"""

# neither Landlock nor the filter tells one's own threads from another process of the same user
_OF_THE_SAME_USER = {"landlock/user": REACHED}

ATTACKS = (
    Attack("kill-harness", "os.kill($harness, signal.SIGKILL)", "ended:harness"),
    Attack("stop-harness", "os.kill($harness, signal.SIGSTOP)", "stopped:harness"),
    Attack("kill-group-of-harness", "os.killpg($harness, signal.SIGKILL)", "ended:harness"),
    Attack("kill-sibling", "os.kill($sibling, signal.SIGTERM)", "ended:sibling"),
    Attack(
        "kill-sibling-by-queue",
        "call(129, $sibling, 9, ctypes.create_string_buffer(struct.pack('=iii', 9, 0, -1), 128))",
        "ended:sibling",
    ),
    Attack("kill-sibling-by-thread", "call(234, $sibling, $sibling, 9)", "ended:sibling"),
    Attack("kill-sibling-by-descriptor", "call(424, call(434, $sibling, 0), 9, 0, 0)", "ended:sibling"),
    Attack(
        "kill-sibling-by-own-pipe",
        """
        # the kernel signals the owner of a descriptor when something can be read from it: no kill() is called
        reader, writer = os.pipe()
        fcntl.fcntl(reader, fcntl.F_SETOWN, $sibling)
        fcntl.fcntl(reader, 10, 9)  # F_SETSIG: SIGKILL
        fcntl.fcntl(reader, fcntl.F_SETFL, fcntl.fcntl(reader, fcntl.F_GETFL) | os.O_ASYNC)
        os.write(writer, b'x')
        """,
        "ended:sibling",
        "denied|harmless",
    ),
    Attack(
        "kill-everybody",
        """
        try:
            os.kill($sibling, 0)
        except OSError:
            pass
        else:
            reached('the sibling could be signalled; nothing was sent')
            sys.exit()
        os.kill(-1, signal.SIGKILL)
        deny('nobody else was there')
        """,
    ),
    Attack(
        "kill-supervisor",
        """
        parent = os.getppid()
        parent == 0 and deny('no parent is seen')
        os.kill(parent, signal.SIGKILL)
        time.sleep(0.3)
        os.getppid() == parent and deny('it lives')
        """,
        "ended:parent",
    ),
    Attack(
        "stop-supervisor",
        """
        parent = os.getppid()
        parent == 0 and deny('no parent is seen')
        os.kill(parent, signal.SIGSTOP)
        time.sleep(0.3)
        state = open(f'/proc/{parent}/stat').read().rpartition(')')[2].split()[0]
        os.kill(parent, signal.SIGCONT)
        reached('it stood still') if state == 'T' else deny(state)
        """,
    ),
    Attack(
        "trace-harness",
        """
        call(101, 16, $harness, 0, 0)  # PTRACE_ATTACH
        os.waitpid($harness, 0x40000000)
        word = ctypes.c_long()
        for number in range(8):
            call(101, 2, $harness, $harness_address + 8 * number, ctypes.byref(word))  # PTRACE_PEEKDATA
            os.write(1, struct.pack('=q', word.value))
        call(101, 17, $harness, 0, 0)
        """,
        "tells:memory",
    ),
    Attack(
        "trace-supervisor",
        """
        parent = os.getppid()
        parent == 0 and deny('no parent is seen')
        call(101, 0x4206, parent, 0, 0)  # PTRACE_SEIZE
        reached('the parent is traced')
        """,
    ),
    Attack("slow-sibling-down", "os.setpriority(os.PRIO_PROCESS, $sibling, 19)", "slowed:sibling", _OF_THE_SAME_USER),
    Attack(
        "pin-sibling",
        "os.sched_setaffinity($sibling, {min(os.sched_getaffinity(0))})",
        "slowed:sibling",
        _OF_THE_SAME_USER,
    ),
    Attack(
        "schedule-sibling-last",
        "os.sched_setscheduler($sibling, os.SCHED_IDLE, os.sched_param(0))",
        "slowed:sibling",
        _OF_THE_SAME_USER,
    ),
    Attack(
        "limit-sibling",
        "call(302, $sibling, resource.RLIMIT_NOFILE, ctypes.create_string_buffer(struct.pack('=QQ', 3, 3)), 0)",
        "slowed:sibling",
    ),
    Attack(
        "take-sibling-out-of-memory",
        """
        with open('/proc/%d/oom_score_adj' % $sibling, 'w') as handle:
            handle.write('1000')
        """,
        "slowed:sibling",
    ),
    Attack("daemon", _DAEMON + "spawn(daemon)", "outlives:daemon", HARMLESS),
    Attack(
        "daemon-that-wipes-its-traces",
        """
        def ghost(ready):
            os.setsid()
            if os.fork():
                os._exit(0)
            kept = lock('ghost')
            ready()
            os.execve('/bin/sleep', ['sleep', '20'], {})

        spawn(ghost)
        """,
        "outlives:ghost",
        HARMLESS,
    ),
    Attack(
        "daemon-that-keeps-the-output",
        """
        def keeper(ready):
            os.setsid()
            kept = lock('keeper')
            ready()
            time.sleep(20)

        spawn(keeper)
        """,
        "outlives:keeper",
        HARMLESS,
    ),
    Attack(
        "child-given-to-the-parent",
        """
        # CLONE_PARENT makes the child a sibling of this process: a child of whoever started it
        reader, writer = os.pipe()
        if call(56, 0x8000 | signal.SIGCHLD, 0, 0, 0, 0) == 0:
            os.setsid()
            kept = lock('changeling')
            os.write(writer, b'1')
            time.sleep(20)
            os._exit(0)
        os.close(writer)
        os.read(reader, 1)
        """,
        "outlives:changeling",
        "harmless|denied",
    ),
    Attack(
        "chain-that-forks-and-dies",
        """
        # no process of the chain lives longer than a few milliseconds; it ends by itself after ten seconds
        def runner(ready):
            os.setsid()
            kept = lock('runner')
            ready()
            until = time.monotonic() + 10
            while time.monotonic() < until:
                if os.fork():
                    os._exit(0)
                os.setsid()
                time.sleep(0.002)

        spawn(runner)
        """,
        "outlives:runner",
        HARMLESS,
    ),
    Attack(
        "killed-supervisor-and-daemon",
        _DAEMON
        + "spawn(daemon)\n"
        + "os.getppid() == 0 and deny('no parent is seen')\n"
        + "os.kill(os.getppid(), signal.SIGKILL)\n"
        + "os.kill(os.getpid(), signal.SIGKILL)",
        "outlives:daemon",
        "error|policy|denied",
    ),
    Attack(
        "borrowed-terminal-written",
        "os.write(os.open($terminal, os.O_RDWR | os.O_NOCTTY), b'forged line\\n')",
        "heard:terminal",
    ),
    Attack(
        "borrowed-terminal-typed-into",
        """
        def typist(ready):
            try:
                os.setsid()
                opened = os.open($terminal, os.O_RDWR | os.O_NOCTTY)
                fcntl.ioctl(opened, 0x540E, 1)  # TIOCSCTTY
                fcntl.ioctl(opened, 0x5412, b'x')  # TIOCSTI
            except OSError as error:
                say('DENIED', error)
            ready()

        spawn(typist)
        """,
        "heard:keyboard",
        needs="granted",
    ),
)
