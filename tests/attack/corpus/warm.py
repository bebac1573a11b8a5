"""What only a warm interpreter offers: its state, its descriptors, its control, and what it hands to the next script."""

from __future__ import annotations

from tests.attack.attack import HARMLESS, Attack

ATTACKS = (
    Attack(
        "built-in-functions-poisoned",
        """
        import builtins
        builtins.sorted = lambda *_, **__: 'poisoned'
        """,
        outcome=HARMLESS,
        then="sorted([1]) == 'poisoned' and reached()",
        naive="interpreter",
    ),
    Attack(
        "modules-poisoned",
        """
        import json
        json.dumps = lambda *_, **__: 'poisoned'
        sys.modules['csv'] = json
        sys.path.insert(0, '/attack')
        sys.meta_path.insert(0, None)
        del sys.meta_path[0]
        """,
        outcome=HARMLESS,
        then="""
        import csv, json
        (json.dumps(1) == 'poisoned' or csv is json or '/attack' in sys.path) and reached()
        """,
        naive="interpreter",
    ),
    Attack(
        "types-poisoned-through-memory",
        """
        # small integers are shared: 42 becomes 43 in this whole process
        ctypes.memmove(id(42) + 24, ctypes.byref(ctypes.c_uint32(43)), 4)
        """,
        outcome=HARMLESS,
        then="str(int('42')) == '43' and reached()",
        naive="interpreter",
    ),
    Attack(
        "environment-poisoned",
        "os.environ['ATTACK_POISON'] = 'x'; libc.setenv(b'ATTACK_POISON_2', b'x', 1)",
        outcome=HARMLESS,
        then="""
        libc.getenv.restype = ctypes.c_char_p
        ('ATTACK_POISON' in os.environ or libc.getenv(b'ATTACK_POISON_2')) and reached()
        """,
        naive="interpreter",
    ),
    Attack(
        "random-state-handed-on",
        "import random; random.seed(7); open('working/x', 'w').write(str(random.getstate()))",
        outcome=HARMLESS,
        then="""
        import random
        state = random.getstate()
        random.seed(7)
        state == random.getstate() and reached()
        """,
        naive="interpreter",
    ),
    Attack(
        "signal-handlers-and-limits-handed-on",
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.umask(0o777)
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
        """,
        outcome=HARMLESS,
        then="""
        handed_on = signal.getsignal(signal.SIGTERM) == signal.SIG_IGN or os.umask(0o22) == 0o777
        (handed_on or resource.getrlimit(resource.RLIMIT_NOFILE)[1] == 200) and reached()
        """,
        naive="interpreter",
    ),
    Attack(
        "threads-and-trace-functions-handed-on",
        """
        sys.settrace(lambda *_: None)
        threading.settrace(lambda *_: None)
        import atexit, gc
        gc.disable()
        """,
        outcome=HARMLESS,
        then="import gc; (sys.gettrace() or threading.gettrace() or not gc.isenabled()) and reached()",
        naive="interpreter",
    ),
    Attack(
        "descriptors-of-the-parents",
        """
        # whatever pipe or socket of a parent opens is a way to forge its words
        opened, why = [], 'no parent is seen'
        own = [os.readlink(f'/proc/self/fd/{number}') for number in (0, 1, 2)] if os.path.isdir('/proc/self/fd') else []
        for pid in {os.getppid(), 1} - {0, os.getpid()}:
            try:
                numbers = os.listdir(f'/proc/{pid}/fd')
            except OSError as error:
                why = str(error)
                continue
            for number in numbers:
                path = f'/proc/{pid}/fd/{number}'
                try:
                    name = os.readlink(path)
                    if name.startswith('pipe:') and name not in own:
                        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
                        opened.append((pid, number, name))
                except OSError as error:
                    why = str(error)
        opened and reached(opened)
        deny(why)
        """,
    ),
    Attack(
        "words-of-the-supervisor-forged",
        """
        # every pipe of the parents is told that the script ended well
        written = 0
        for pid in {os.getppid(), 1} - {0, os.getpid()}:
            for path in glob.glob(f'/proc/{pid}/fd/*'):
                try:
                    if os.readlink(path).startswith('pipe:') and os.readlink(path) != os.readlink('/proc/self/fd/1'):
                        writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
                        written += os.write(writer, b'ended 0\\nusage 0 0\\nended x\\n\\xff\\n{"ended": 0}\\n\\n')
                except OSError:
                    pass
        written and reached(written)
        deny('none was open')
        """,
    ),
    Attack(
        "own-descriptors",
        """
        kept = [number for number in os.listdir('/proc/self/fd') if int(number) > 2]
        kept = [os.readlink(f'/proc/self/fd/{number}') for number in kept if os.path.lexists(f'/proc/self/fd/{number}')]
        kept and reached(kept)
        deny('three and no more')
        """,
    ),
    Attack(
        "zygote-killed",
        """
        # up the line of parents, and only those that are the sandbox's own
        killed, pid = [], os.getppid()
        while pid > 1:
            try:
                words = open(f'/proc/{pid}/cmdline').read()
                parent = int(open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()[1])
            except OSError as error:
                deny(error)
            if 'mlmaster/sandbox/inside' not in words.replace(os.sep, '/'):
                break
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
            pid = parent
        killed and reached(killed)
        deny('no parent is seen')
        """,
    ),
)
