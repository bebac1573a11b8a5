"""Asking the kernel for what a script has no use for: namespaces, mounts, tracing, other system call tables, clocks.

Arguments are such that a call that is let through does nothing: a privileged call that is refused for its arguments, and
not for want of rights, has been reached.
"""

from __future__ import annotations

from tests.attack.attack import Attack

ATTACKS = (
    Attack("user-namespace", "call(272, 0x10000000); reached(os.getuid())", needs="granted"),
    Attack(
        "user-namespace-by-clone",
        """
        child = call(56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
        child == 0 and os._exit(0)
        os.waitpid(child, 0)
        reached('cloned')
        """,
        needs="granted",
    ),
    Attack(
        "user-namespace-by-clone3",
        """
        arguments = ctypes.create_string_buffer(struct.pack('=QQQQQQQQ', 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0))
        child = libc.syscall(435, arguments, 64)
        if child == -1:
            raise OSError(ctypes.get_errno(), 'clone3')
        child == 0 and os._exit(0)
        os.waitpid(child, 0)
        reached('cloned')
        """,
        needs="granted",
    ),
    Attack("mount-namespace", "call(272, 0x20000); reached()", needs="root"),
    Attack("network-namespace", "call(272, 0x40000000); reached()", needs="root"),
    Attack(
        "time-namespace",
        """
        try:
            call(272, 0x80)
        except PermissionError:
            call(272, 0x10000080)
        with open('/proc/self/timens_offsets', 'w') as offsets:
            offsets.write('monotonic 86400 0')
        reached('a clock of its own')
        """,
        needs="granted",
    ),
    Attack(
        "namespace-of-harness",
        "call(308, os.open('/proc/%d/ns/mnt' % $harness, os.O_RDONLY), 0); reached()",
        needs="root",
    ),
    Attack("namespace-by-pidfd", "call(308, call(434, $harness, 0), 0x20000); reached()", needs="root"),
    Attack(
        "mount",
        """
        def cover():
            if libc.mount(b'none', b'working', b'tmpfs', 0, None):
                raise OSError(ctypes.get_errno(), 'mount')
            libc.umount(b'working')
            reached('mounted')

        cover()
        """,
        needs="root",
    ),
    Attack(
        "mount-by-new-calls",
        """
        context = call(430, b'tmpfs', 0)  # fsopen
        reached(context)
        """,
        needs="root",
    ),
    Attack("open-tree", "reached(call(428, -100, b'input', 1))", needs="root"),
    Attack("unmount", "call(166, b'input', 2); reached()", unproven="would unmount whatever lies there"),
    Attack("change-root", "os.chroot('working'); reached(os.listdir('/'))", needs="root"),
    Attack(
        "pivot-root",
        "call(155, b'.', b'working'); reached()",
        unproven="would change the root of the test's own mount namespace",
    ),
    Attack(
        "set-user-program",
        """
        done = subprocess.run(['su', '-c', 'id -u'], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        done.returncode and deny(done.stderr)
        reached(done.stdout)
        """,
        needs="root",
    ),
    Attack(
        "no-new-privileges",
        """
        status = dict(line.split(':', 1) for line in open('/proc/self/status'))
        status['NoNewPrivs'].strip() == '0' and reached('programs may give rights')
        deny('set')
        """,
        needs="granted",
    ),
    Attack(
        "capabilities",
        """
        status = dict(line.split(':', 1) for line in open('/proc/self/status'))
        names = [name for name in ('CapPrm', 'CapEff', 'CapInh', 'CapAmb') if int(status[name], 16) & ~4]
        names and reached({name: status[name].strip() for name in names})
        deny('none')
        """,
        needs="root",
    ),
    Attack("become-root", "os.setuid(0); os.setgid(0); reached(os.getuid())", needs="root"),
    Attack(
        "privileged-calls",
        """
        # all with arguments that cannot work
        calls = {
            'reboot': (169, 0, 0, 0, 0), 'sethostname': (170, b'', -1), 'setdomainname': (171, b'', -1),
            'finit_module': (313, -1, b'', 0), 'delete_module': (176, b'no-such-module', 0), 'swapon': (167, b'/no-such', 0),
            'swapoff': (168, b'/no-such'), 'acct': (163, b'/no-such/file'),
        }
        let_through = []
        for name, (number, *arguments) in calls.items():
            result = libc.syscall(number, *arguments)
            if result == 0 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS, errno.EACCES):
                let_through.append((name, result, ctypes.get_errno()))
        let_through and reached(let_through)
        deny('all')
        """,
        needs="root",
    ),
    Attack(
        "program-in-the-kernel",
        """
        attributes = ctypes.create_string_buffer(struct.pack('=IIIII', 2, 4, 8, 1, 0), 128)  # an array map of one
        reached(call(321, 0, attributes, 128))
        """,
        needs="root",
    ),
    Attack("io-uring", "reached(call(425, 4, ctypes.create_string_buffer(120)))", needs="granted"),
    Attack("key-ring", "reached(call(248, b'user', b'attack', b'decoy', 5, -2))", needs="granted"),
    Attack("key-ring-read", "reached(call(250, 0, -3, 1))  # KEYCTL_GET_KEYRING_ID of the session", needs="granted"),
    Attack(
        "performance-counters",
        """
        attributes = ctypes.create_string_buffer(struct.pack('=IIQ', 1, 112, 1) + bytes(24) + struct.pack('=Q', 0x60), 112)
        reached(call(298, attributes, 0, -1, -1, 0))
        """,
        needs="granted",
    ),
    Attack("page-faults-in-user-space", "reached(call(323, 1))", needs="granted"),
    Attack("file-watcher", "reached(call(300, 0, 0))", needs="root"),
    Attack("address-layout", "call(135, 0x0040000); reached(open('/proc/self/personality').read())", needs="granted"),
    Attack(
        "other-system-call-table",
        """
        # machine code that enters the kernel by the table of 32-bit programs, whose numbers mean other calls: 20 is getpid
        os.uname().machine == 'x86_64' or absent('no x86-64')
        os.WIFSIGNALED(os.system(''))
        child = os.fork()
        if child == 0:
            code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            code.write(bytes.fromhex('53b814000000cd805bc3'))
            address = ctypes.addressof(ctypes.c_char.from_buffer(code))
            answer = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
            os._exit(0 if answer == os.getpid() else 3 if answer < 0 else 4)
        status = os.waitpid(child, 0)[1]
        os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSEGV and absent('no 32-bit calls')
        status == 0 and reached('it was answered')
        deny(status)
        """,
        needs="granted",
    ),
    Attack("clock", "call(164, 0, 0); reached('nothing was set, and might have been')  # settimeofday", needs="root"),
    Attack(
        "clock-set",
        "now = time.time(); time.clock_settime(time.CLOCK_REALTIME, now); reached(now)",
        unproven="would set the machine's clock",
    ),
    Attack("real-time", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); reached()", needs="root"),
    Attack("nicer", "os.nice(-5); reached(os.nice(0))", needs="root"),
    Attack(
        "last-to-be-killed",
        """
        with open('/proc/self/oom_score_adj', 'w') as handle:
            handle.write('0')
        reached(open('/proc/self/oom_score_adj').read())
        """,
    ),
    Attack(
        "limits-raised",
        """
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        except ValueError as error:
            deny(error)
        reached(resource.getrlimit(resource.RLIMIT_FSIZE))
        """,
    ),
    Attack(
        "core-dump",
        """
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
        os.chdir('working')
        child = os.fork()
        if child == 0:
            os.abort()
        status = os.waitpid(child, 0)[1]
        os.WCOREDUMP(status) and reached('a core was written')
        deny('none was written')
        """,
        needs="granted",
    ),
    Attack(
        "control-group-left",
        """
        moved = []
        for path in glob.glob('/sys/fs/cgroup/cgroup.procs') + glob.glob('/sys/fs/cgroup/*/cgroup.procs'):
            try:
                with open(path, 'w') as handle:
                    handle.write(str(os.getpid()))
                moved.append(path)
            except OSError as error:
                why = str(error)
        moved and reached(moved)
        deny('none was open')
        """,
        needs="root",
    ),
    Attack(
        "control-group-raised",
        """
        # opened, never written
        opened = []
        for line in open('/proc/self/cgroup'):
            _, kinds, path = line.strip().split(':', 2)
            for folder in (f'/sys/fs/cgroup/{kinds}{path}', f'/sys/fs/cgroup/unified{path}', f'/sys/fs/cgroup{path}'):
                for name in ('memory.limit_in_bytes', 'memory.max', 'pids.max', 'cgroup.procs'):
                    try:
                        os.close(os.open(os.path.join(folder, name), os.O_WRONLY))
                        opened.append(os.path.join(folder, name))
                    except OSError:
                        pass
        opened and reached(opened)
        deny('none was open')
        """,
        needs="root",
    ),
    Attack(
        "settings-of-the-kernel",
        """
        # opened, never written
        opened = []
        for path in ('/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/proc/sys/vm/overcommit_memory',
                     '/sys/power/state', '/proc/sys/kernel/hostname', '/proc/sys/kernel/modprobe'):
            try:
                os.close(os.open(path, os.O_WRONLY))
                opened.append(path)
            except OSError:
                pass
        opened and reached(opened)
        deny('none was open')
        """,
        needs="root",
    ),
    Attack(
        "devices",
        """
        # opened, never read; what programs need (null, zero, full, random, tty) is left out
        opened = []
        for path in ('/dev/mem', '/dev/kmsg', '/dev/port', '/dev/fuse', '/dev/loop-control', '/dev/net/tun', '/dev/kvm',
                     '/dev/uinput', '/dev/console', '/dev/tty0'):
            try:
                os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY))
                opened.append(path)
            except OSError:
                pass
        opened and reached(opened)
        deny('none was open')
        """,
        needs="root",
    ),
    Attack(
        "device-of-own",
        """
        os.mknod('working/zero', 0o666 | 0o020000, os.makedev(1, 5))
        reached(open('working/zero', 'rb').read(4))
        """,
        needs="root",
    ),
)
