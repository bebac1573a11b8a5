"""Taking more than is given. Every bomb has a ceiling of its own: past the limit, and small enough to do no harm.

Ceilings: 200 processes, 512 MB of memory, 300 MB of disk, 20,000 files, seconds. Unsandboxed a bomb reaches its ceiling and
says so; within limits it never does.
"""

from __future__ import annotations

from tests.attack.attack import DENIED, MEGABYTE, REACHED, Attack

_COUNTED = f"error|{DENIED}"  # by the kernel where the script has a user or a user namespace of its own, else watched

_GRAB = """
def grab(megabytes, pause_s=0.0):
    "Take memory by 16 MB at a time, every page of it."
    kept = []
    for _ in range(megabytes // 16):
        kept.append(bytearray(b'x') * (16 << 20))
        time.sleep(pause_s)
    return kept
"""

_FILL = """
def fill(folder, megabytes):
    "Fill a folder with files of 16 MB each, none of which is too large by itself."
    made = []
    for number in range(megabytes // 16):
        made.append(os.path.join(folder, $mark + str(number)))
        with open(made[-1], 'wb', 0) as handle:
            for _ in range(4):
                handle.write(b'x' * (4 << 20))
    return made
"""

ATTACKS = (
    Attack(
        "fork",
        """
        children = []
        try:
            for _ in range(120):
                child = os.fork()
                if child == 0:
                    time.sleep(10)
                    os._exit(0)
                children.append(child)
            time.sleep(1)
            reached(f'{len(children)} processes')
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
        """,
        outcome="error|denied",
    ),
    Attack(
        "fork-in-all-generations",
        """
        # doubles until it is refused or seven generations are there: 128 processes
        for _ in range(7):
            os.fork()
        open(f'working/{os.getpid()}-{time.monotonic_ns()}', 'w').close()
        time.sleep(5)
        len(os.listdir('working')) > 100 and reached(len(os.listdir('working')))
        """,
        outcome="error|denied",
    ),
    Attack(
        "threads",
        """
        threading.stack_size(1 << 16)
        go = threading.Event()
        try:
            for _ in range(150):
                threading.Thread(target=go.wait, args=(10,), daemon=True).start()
            time.sleep(0.5)
            reached(threading.active_count())
        except RuntimeError as error:
            deny(error)
        finally:
            go.set()
        """,
        outcome=_COUNTED,
        limits={"processes": 24},  # threads may be a few times as many
    ),
    Attack(
        "zombies",
        """
        for _ in range(120):
            if os.fork() == 0:
                os._exit(0)
        time.sleep(0.5)
        reached('120 dead children kept')
        """,
        outcome=_COUNTED,
        limits={"processes": 24},
    ),
    Attack(
        "memory-sudden",
        "kept = bytearray(b'x') * (448 << 20); time.sleep(1); reached(len(kept))",
        outcome="out_of_memory",
    ),
    Attack(
        "memory-nobody-may-look-at",
        """
        libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: from now on /proc says little of this process, but to root
        kept = [bytearray(b'x') * (16 << 20) for _ in range(24)]
        time.sleep(2)
        reached(f'{16 * len(kept)} MB')
        """,
        outcome="out_of_memory",
    ),
    Attack("memory-slow", _GRAB + "kept = grab(320, 0.08); time.sleep(1); reached(len(kept))", outcome="out_of_memory"),
    Attack(
        "memory-in-children",
        _GRAB
        + """
children = []
for _ in range(6):
    child = os.fork()
    if child == 0:
        kept = grab(64)
        time.sleep(1.5)
        os._exit(0)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
if not any(codes):
    reached('384 MB in six children')
else:
    os.kill(os.getpid(), signal.SIGKILL)
""",
        outcome="out_of_memory",
    ),
    Attack(
        "memory-shared",
        """
        kept = mmap.mmap(-1, 320 << 20)
        for start in range(0, 320 << 20, 4 << 20):
            kept[start:start + (4 << 20)] = bytes(b'x') * (4 << 20)
        time.sleep(1)
        reached(len(kept))
        """,
        outcome="out_of_memory",
    ),
    Attack(
        "memory-in-a-file-without-name",
        """
        with open(os.memfd_create('attack'), 'wb', 0) as handle:
            for _ in range(80):
                handle.write(b'x' * (4 << 20))
            time.sleep(1)
            reached('320 MB')
        """,
    ),
    Attack(
        "memory-in-files-nobody-maps",
        """
        # a descriptor each, and no page mapped: no process seems to hold anything
        for number in range(20):
            handle = os.memfd_create(f'attack-{number}')
            for _ in range(4):
                os.write(handle, b'x' * (4 << 20))
        time.sleep(1)
        reached('320 MB')
        """,
        # allowed only where the kernel counts them
        outcome={"namespaces": "out_of_memory|denied", "landlock": DENIED},
    ),
    Attack(
        "memory-in-shared-folder",
        _FILL + "made = fill('/dev/shm', 320)\ntime.sleep(1)\nreached('320 MB')\nfor name in made: os.unlink(name)",
        outcome="denied|out_of_memory",
    ),
    Attack(
        "memory-in-temporary-folder",
        _FILL + "made = fill('/tmp', 256)\ntime.sleep(1)\nreached('256 MB')\nfor name in made: os.unlink(name)",
        outcome="denied|out_of_memory",
    ),
    Attack(
        "memory-in-pipes",
        """
        kept = []
        for _ in range(100):
            reader, writer = os.pipe()
            fcntl.fcntl(writer, 1031, 1 << 20)  # F_SETPIPE_SZ
            os.set_blocking(writer, False)
            os.write(writer, b'x' * (1 << 20))
            kept += [reader, writer]
        time.sleep(0.5)
        reached('100 MB')
        """,
        outcome="denied|out_of_memory",
        limits={"memory_bytes": 64 * MEGABYTE},
        needs="root",
    ),
    Attack(
        "disk-in-many-files",
        """
        for number in range(30):
            open(f'working/{number}', 'wb').write(b'x' * (4 << 20))
        time.sleep(2)
        reached('120 MB')
        """,
        outcome="disk",
    ),
    Attack("disk-in-one-file", "for _ in range(24): open('big', 'ab').write(b'x' * (4 << 20))\nreached('96 MB')"),
    Attack(
        "disk-in-a-removed-file",
        """
        kept = []
        for number in range(6):
            handle = open('working/gone', 'wb', 0)
            os.unlink('working/gone')
            for _ in range(5):
                handle.write(b'x' * (4 << 20))
            kept.append(handle)
        time.sleep(3)
        reached('120 MB in files without a name')
        """,
        outcome="disk",
    ),
    Attack(
        "disk-in-a-removed-file-of-a-hidden-process",
        """
        libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
        kept = []
        for number in range(24):
            kept.append(open('working/gone', 'wb', 0))
            os.unlink('working/gone')
            kept[-1].write(b'x' * (4 << 20))
        time.sleep(3)
        reached('96 MB in files without a name')
        """,
        outcome={"namespaces/root": "disk", "landlock/root": "disk", "namespaces": "policy", "landlock": "policy"},
    ),
    Attack(
        "disk-in-a-closed-folder",
        """
        # opened first: who closes a folder to everybody can go on writing what is open in it
        os.mkdir('working/closed')
        kept = [open(f'working/closed/{number}', 'wb', 0) for number in range(20)]
        os.chmod('working/closed', 0)
        for handle in kept:
            handle.write(b'x' * (4 << 20))
        time.sleep(2)
        reached('80 MB')
        """,
        # an ordinary user is shut out of it as well: found out, and failed, only when the script has ended
        outcome={"namespaces/root": "disk", "landlock/root": "disk", "namespaces": REACHED, "landlock": REACHED},
    ),
    Attack(
        "disk-in-home-and-temporary-folder",
        """
        for folder in (os.path.expanduser('~'), tempfile.gettempdir()):
            for number in range(8):
                open(os.path.join(folder, $mark + str(number)), 'wb').write(b'x' * (4 << 20))
        time.sleep(2)
        reached('64 MB')
        """,
        outcome="disk|denied|out_of_memory",
    ),
    Attack(
        "disk-deeper-than-a-path-can-name",
        """
        for _ in range(30):
            os.mkdir('n' * 250)
            os.chdir('n' * 250)
        for number in range(30):
            open(str(number), 'wb').write(b'x' * (4 << 20))
        time.sleep(2)
        reached('120 MB')
        """,
        outcome="disk",
    ),
    Attack(
        "sparse-file",
        """
        with open('working/sparse', 'wb') as handle:
            handle.truncate(1 << 40)
        reached('a terabyte')
        """,
    ),
    Attack(
        "space-reserved",
        "os.posix_fallocate(os.open('working/reserved', os.O_CREAT | os.O_RDWR), 0, 128 << 20); reached('128 MB')",
    ),
    Attack(
        "empty-files",
        """
        for number in range(20_000):
            os.close(os.open(f'working/{number}', os.O_CREAT | os.O_WRONLY))
        time.sleep(2)
        reached('20,000 files')
        """,
        outcome="disk",
        limits={"disk_bytes": 16 * MEGABYTE},
    ),
    Attack(
        "folders-within-folders",
        """
        for number in range(2_000):
            os.mkdir('deep')
            os.chdir('deep')
        """,
        "lies:deep",
        outcome="harmless",
    ),
    Attack(
        "folders-of-long-names",
        """
        for _ in range(30):
            os.mkdir('n' * 250)
            os.chdir('n' * 250)
        os.mkdir('closed')
        os.mkdir('closed/inner')
        os.chmod('closed', 0)
        """,
        "lies:long",
        outcome="harmless",
    ),
    Attack(
        "log-flood",
        """
        for number in range(2_000):
            os.write(1 + number % 2, b'x' * 65536)
        """,
        "floods",
        "harmless",
    ),
    Attack(
        "log-of-one-endless-line",
        "os.write(1, b'first'); [os.write(1, b'x' * 65536) for _ in range(1_000)]",
        "floods",
        "harmless",
    ),
    Attack(
        "log-of-terminal-commands",
        "os.write(1, b'\\x1b]0;owned\\x07\\x1b[2J\\x00\\xff\\xfe' * 9_000)",
        "floods",
        "harmless",
    ),
    Attack("sleep", "time.sleep(3); reached('slept')", outcome="timeout", limits={"wall_s": 1}),
    Attack(
        "sleep-without-signals",
        """
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        time.sleep(3)
        reached('slept')
        """,
        outcome="timeout",
        limits={"wall_s": 1},
    ),
    Attack(
        "sleep-of-a-stopped-process",
        """
        child = os.fork()
        if child == 0:
            time.sleep(2.5)
            os.kill(os.getppid(), signal.SIGCONT)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGSTOP)
        reached('it was stopped for as long as it liked')
        """,
        outcome="timeout",
        limits={"wall_s": 1},
    ),
    Attack(
        "processor-time-in-children",
        """
        for _ in range(3):
            if os.fork() == 0:
                while time.process_time() < 1.5: pass
                os._exit(0)
        for _ in range(3):
            os.wait()
        reached('4.5 s')
        """,
        outcome="timeout",
        limits={"cpu_s": 1.5},
    ),
    Attack(
        "processor-time-in-short-lived-children",
        """
        for _ in range(1_000):
            child = os.fork()
            if child == 0:
                while time.process_time() < 0.03: pass
                os._exit(0)
            os.waitpid(child, 0)
            used = os.times()
            if used.children_user + used.children_system > 3:
                reached(used)
                break
        """,
        outcome="timeout",
        limits={"cpu_s": 1},
    ),
    Attack(
        "descriptors",
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        kept = [os.open('/dev/null', os.O_RDONLY) for _ in range(900)]
        reached(len(kept))
        """,
    ),
    Attack(
        "descriptors-of-sockets",
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        kept = [socket.socketpair() for _ in range(450)]
        reached(len(kept))
        """,
    ),
    Attack(
        "descriptors-in-flight",
        """
        # sent and not received, a descriptor is in nobody's table
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours.setblocking(False)
        kept = [(ours, theirs)]
        sent = 0
        opened = os.open('/dev/null', os.O_RDONLY)
        while sent < 900:
            try:
                socket.send_fds(kept[-1][0], [b'x'], [opened] * 100)
                sent += 100
            except BlockingIOError:
                kept.append(socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
                kept[-1][0].setblocking(False)
        reached(sent)
        """,
    ),
)
