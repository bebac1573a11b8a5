"""Reading what must not be read: answers, keys, the journal, other nodes, the memory of the harness."""

from __future__ import annotations

from tests.attack.attack import REACHED, Attack

# Landlock leaves everybody's names, sizes, times and command lines to be seen
_NOT_BY_LANDLOCK = {"landlock": REACHED}

ATTACKS = (
    Attack("answers-by-absolute-path", "print(open($answers).read())", "tells:answers"),
    Attack(
        "answers-by-dots",
        """
        print(open('/'.join(['..'] * 40) + $answers).read())
        """,
        "tells:answers",
    ),
    Attack(
        "answers-by-relative-path",
        "print(open(os.path.relpath($answers, os.path.realpath('.'))).read())",
        "tells:answers",
    ),
    Attack(
        "answers-by-symlink",
        """
        os.symlink($answers, 'working/answers')
        os.symlink(os.path.dirname($answers), 'working/private')
        print(open('working/answers').read(), open('working/private/answers.csv').read())
        """,
        "tells:answers",
    ),
    Attack(
        "answers-by-hard-link",
        """
        os.link($answers, 'working/answers')
        print(open('working/answers').read())
        """,
        "tells:answers",
    ),
    Attack(
        "answers-by-rename",
        """
        os.rename($answers, 'working/answers')
        print(open('working/answers').read())
        """,
        "tells:answers",
    ),
    Attack(
        "answers-by-program",
        """
        done = subprocess.run(['cat', $answers], capture_output=True, text=True)
        print(done.stdout)
        done.returncode and deny(done.stderr)
        """,
        "tells:answers",
    ),
    Attack(
        "answers-by-search",
        """
        found = [os.path.join(folder, 'answers.csv') for folder, _, names in os.walk($base) if 'answers.csv' in names]
        for path in found:
            print(open(path).read())
        found or deny('nothing found')
        """,
        "tells:answers",
    ),
    Attack(
        "answers-by-own-root",
        """
        tried = []
        for name in ('/proc/self/root', '/proc/thread-self/root', '/proc/1/root', '/proc/self/cwd/' + '../' * 40):
            try:
                print(open(name + $answers).read())
            except OSError as error:
                tried.append(str(error))
        len(tried) == 4 and deny(tried)
        """,
        "tells:answers",
    ),
    Attack("answers-by-root-of-harness", "print(open('/proc/%d/root' % $harness + $answers).read())", "tells:answers"),
    Attack(
        "journal-by-folder-of-harness",
        "print(open('/proc/%d/cwd/journal.db' % $harness, 'rb').read())",
        "tells:journal",
    ),
    Attack(
        "answers-by-descriptor-of-harness",
        "print(open('/proc/%d/fd/%d' % ($harness, $harness_fd)).read())",
        "tells:answers",
    ),
    Attack(
        "answers-by-taken-descriptor",
        """
        process = call(434, $harness, 0)  # pidfd_open
        taken = call(438, process, $harness_fd, 0)  # pidfd_getfd
        print(os.pread(taken, 4096, 0))
        """,
        "tells:answers",
    ),
    Attack(
        "inherited-descriptors",
        """
        found = 0
        for number in range(3, 1024):
            try:
                os.lseek(number, 0, os.SEEK_SET)
                print(os.read(number, 4096))
                found += 1
            except OSError:
                pass
        found or deny('no open descriptor')
        """,
        "tells:inherited",
    ),
    Attack(
        "inherited-folder",
        """
        found = 0
        for number in range(3, 1024):
            try:
                print(open(os.open('task/prepared/private/answers.csv', os.O_RDONLY, dir_fd=number)).read())
                found += 1
            except OSError:
                pass
        found or deny('no open folder')
        """,
        "tells:answers",
    ),
    Attack(
        "answers-by-file-handle",
        """
        # a handle names a file past all folders; with the right to search every folder it opens from any mount
        handle = ctypes.create_string_buffer($handle, len($handle))
        opened = call(304, os.open('.', os.O_RDONLY), handle, os.O_RDONLY)
        print(os.read(opened, 4096))
        """,
        "tells:answers",
        needs="root",
    ),
    Attack(
        "answers-by-raw-disk",
        """
        device = os.stat($base if os.path.exists($base) else '.').st_dev
        os.mknod('working/disk', 0o600 | 0o060000, device)
        try:
            os.close(os.open('working/disk', os.O_RDONLY))
        except OSError as error:
            error.errno == errno.ENXIO and absent('no disk behind this folder')
            raise
        reached('the disk is open')
        """,
        needs="root",
    ),
    Attack(
        "environment-of-own",
        "print(dict(os.environ), open('/proc/self/environ').read())",
        "tells:environment",
        "harmless",
    ),
    Attack("environment-of-harness", "print(open('/proc/%d/environ' % $harness).read())", "tells:key"),
    Attack(
        "command-line-of-harness",
        "print(open('/proc/%d/cmdline' % $harness).read())",
        "tells:words",
        _NOT_BY_LANDLOCK,
    ),
    Attack(
        "answers-by-size-and-time",
        "found = os.stat($answers); reached((found.st_size, found.st_mtime))",
        outcome=_NOT_BY_LANDLOCK,
    ),
    Attack(
        "environment-of-everybody",
        """
        found = 0
        for path in glob.glob('/proc/[0-9]*/environ') + glob.glob('/proc/[0-9]*/task/*/environ'):
            try:
                values = dict(part.partition('=')[::2] for part in open(path, errors='replace').read().split('\\0'))
            except OSError:
                continue
            if $variable in values:
                print(path, values[$variable])
                found += 1
        found or deny('no key found')
        """,
        "tells:key",
    ),
    Attack(
        "memory-of-harness",
        """
        maps = open('/proc/%d/maps' % $harness).read()
        with open('/proc/%d/mem' % $harness, 'rb', 0) as memory:
            memory.seek($harness_address)
            print(memory.read(64))
        """,
        "tells:memory",
    ),
    Attack(
        "memory-of-parents",
        """
        pid, opened = os.getppid(), 0
        for pid in {os.getppid(), 1} - {0}:
            try:
                open('/proc/%d/mem' % pid, 'rb', 0).close()
                reached(f'/proc/{pid}/mem is open')
                opened += 1
            except OSError as error:
                why = str(error)
        opened or deny(why)
        """,
        "says",
    ),
    Attack(
        "memory-by-process-vm-readv",
        """
        buffer = ctypes.create_string_buffer(64)
        mine = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 64)
        theirs = (ctypes.c_size_t * 2)($harness_address, 64)
        call(310, $harness, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
        print(buffer.raw)
        """,
        "tells:memory",
    ),
    Attack(
        "memory-by-process-vm-writev",
        """
        buffer = ctypes.create_string_buffer(b'OVERWRITTEN', 64)
        mine = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 11)
        theirs = (ctypes.c_size_t * 2)($harness_address, 11)
        reached(call(311, $harness, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0))
        """,
    ),
    Attack(
        "keys-in-home",
        """
        found = 0
        for name in ('.ssh/id_ed25519', '.aws/credentials', '.netrc'):
            try:
                print(open(os.path.join($home, name)).read())
                found += 1
            except OSError as error:
                why = str(error)
        found or deny(why)
        """,
        "tells:home",
    ),
    Attack(
        "keys-of-the-machine",
        """
        folders = [name for name in ('/etc/ssl/private', '/etc/pki/tls/private') if os.path.isdir(name)]
        found = [name for name in folders if os.listdir(name) is not None]
        reached(found) if found else absent('no such folder')
        """,
        needs="root",
    ),
    Attack(
        "journal-read",
        """
        import sqlite3
        try:
            print(sqlite3.connect('file:' + $journal + '?mode=ro', uri=True).execute('select text from events').fetchall())
        except sqlite3.Error as error:
            deny(error)
        """,
        "tells:journal",
    ),
    Attack("other-node-read", "print(open(os.path.join($node, 'submission.csv')).read())", "tells:node"),
    Attack(
        "other-nodes-listed",
        """
        listed = os.listdir($root)
        os.path.basename($node) in listed and reached(listed)
        deny(listed)
        """,
    ),
    Attack("run-folder-listed", "reached(os.listdir($run))"),
    Attack("guide-labels", "print(open($truth).read())", "tells:truth"),
    Attack(
        "system-v-shared-memory",
        """
        libc.shmat.restype = ctypes.c_void_p
        number = call(29, $segment, 64, 0)  # shmget
        address = libc.shmat(number, None, 0o10000)
        address == ctypes.c_void_p(-1).value and deny('shmat')
        print(ctypes.string_at(address, 64))
        """,
        "tells:segment",
    ),
    Attack(
        "message-queue",
        """
        queue = call(240, $queue.encode(), os.O_RDONLY | os.O_NONBLOCK, 0, 0)  # mq_open
        buffer = ctypes.create_string_buffer(128)
        call(243, queue, buffer, 128, 0, 0)
        print(buffer.raw)
        """,
        "tells:queue",
    ),
    Attack(
        "kernel-log",
        """
        buffer = ctypes.create_string_buffer(256)
        reached(call(103, 3, buffer, 256))  # syslog: read the last messages
        """,
        needs="root",
    ),
)
