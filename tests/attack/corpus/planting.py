"""Leaving something that the harness, a later fold or a later run would execute or read."""

from __future__ import annotations

from tests.attack.attack import DENIED, HARMLESS, Attack

_MARK = "print('PLANTED')"

ATTACKS = (
    Attack(
        "path-file-in-site-packages",
        "open(os.path.join($site, 'planted.pth'), 'w').write('import sys; sys.stdout.write(\"PLANTED\")\\n')",
        "runs:planted",
    ),
    Attack(
        "site-customisation", f'open(os.path.join($site, "sitecustomize.py"), "w").write("{_MARK}")', "runs:planted"
    ),
    Attack(
        "site-customisation-where-python-says",
        f"""
        import sysconfig
        open(os.path.join(sysconfig.get_paths()['purelib'], 'sitecustomize.py'), 'w').write("{_MARK}")
        """,
        "runs:planted",
    ),
    Attack(
        "user-customisation",
        f"""
        os.makedirs($user_site, exist_ok=True)
        open(os.path.join($user_site, 'usercustomize.py'), 'w').write("{_MARK}")
        """,
        "runs:planted",
        "denied|harmless",  # a folder of that name may be made in its own /tmp
    ),
    Attack("module-overwritten", f'open($module, "a").write("{_MARK}\\n")', "runs:planted"),
    Attack(
        "compiled-module",
        f"""
        import importlib.util, marshal
        goal = importlib.util.cache_from_source($module)
        os.makedirs(os.path.dirname(goal), exist_ok=True)
        code = compile("{_MARK}", $module, 'exec')
        # unchecked by the source's hash
        open(goal, 'wb').write(importlib.util.MAGIC_NUMBER + struct.pack('=I', 1) + bytes(8) + marshal.dumps(code))
        """,
        "runs:planted",
    ),
    Attack(
        "interpreter-replaced",
        "os.rename($python, $python + '.old'); os.symlink('/bin/true', $python)",
        "changed:python",
    ),
    Attack("startup-file", f'open(os.path.join($home, ".pythonstartup.py"), "a").write("{_MARK}\\n")', "changed:home"),
    Attack("shell-profile", "open(os.path.join($home, '.profile'), 'a').write('echo PLANTED\\n')", "changed:home"),
    Attack(
        "authorised-key",
        "open(os.path.join($home, '.ssh/authorized_keys'), 'a').write('ssh-ed25519 PLANTED\\n')",
        "changed:home",
    ),
    Attack(
        "test-configuration-in-run", f'open(os.path.join($run, "conftest.py"), "w").write("{_MARK}")', "changed:run"
    ),
    Attack(
        "pickle-in-run",
        """
        import pickle

        class Payload:
            def __reduce__(self):
                return os.system, ('echo PLANTED',)

        pickle.dump(Payload(), open(os.path.join($run, 'cache.pkl'), 'wb'))
        """,
        "changed:run",
    ),
    Attack(
        "metric-in-task",
        "open(os.path.join($task, 'metric.py'), 'w').write('def score(*a): return 1.0')",
        "changed:task",
    ),
    Attack(
        "marks-everywhere-for-the-next-fold",
        """
        # every folder that is seen gets a mark; the next fold looks for it
        left, tried = [], 0
        for folder, folders, _ in os.walk($everywhere):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in ('/proc', '/sys')]
            if os.path.realpath(folder).startswith(os.path.realpath('.')) or len(left) == 200:
                continue
            tried += 1
            try:
                os.close(os.open(os.path.join(folder, $mark), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
                left.append(folder)
            except OSError:
                pass
        print('folders:', tried, 'marked:', len(left))
        """,
        outcome=HARMLESS,
        limits={"wall_s": 60},
        then="""
        for folder, folders, names in os.walk($everywhere):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in ('/proc', '/sys')]
            if $mark in names:
                reached(folder)
        """,
    ),
    Attack(
        "folders-of-its-own-for-the-next-fold",
        """
        folders = {os.path.expanduser('~'), tempfile.gettempdir(), '/tmp', '/var/tmp', '/dev/shm', '/run/lock'}
        left = []
        for folder in folders | {os.environ.get(name, '') for name in os.environ if name.endswith(('_HOME', 'DIR'))}:
            try:
                open(os.path.join(folder, $mark), 'w').close()
                left.append(folder)
            except OSError:
                pass
        print(left)
        """,
        outcome=HARMLESS,
        then="""
        folders = {os.path.expanduser('~'), tempfile.gettempdir(), '/tmp', '/var/tmp', '/dev/shm', '/run/lock'}
        for folder in folders | {os.environ.get(name, '') for name in os.environ if name.endswith(('_HOME', 'DIR'))}:
            os.path.exists(os.path.join(folder, $mark)) and reached(folder)
        """,
    ),
    Attack(
        "system-v-memory-for-the-next-fold",
        "call(29, $new_segment, 4096, 0o1666)  # shmget, made",
        outcome=DENIED,
        then="reached(call(29, $new_segment, 4096, 0))",
    ),
    Attack(
        "message-queue-for-the-next-fold",
        """
        attributes = ctypes.create_string_buffer(struct.pack('=8q', 0, 1, 16, 0, 0, 0, 0, 0))
        queue = call(240, $new_queue.encode(), os.O_RDWR | os.O_CREAT, 0o666, attributes)  # mq_open
        call(242, queue, b'from fold 0', 11, 0, 0)
        """,
        outcome=DENIED,
        then="reached(call(240, $new_queue.encode(), os.O_RDONLY, 0, 0))",
    ),
    Attack(
        "abstract-socket-for-the-next-fold",
        """
        def keeper(ready):
            os.setsid()
            server = socket.socket(socket.AF_UNIX)
            try:
                server.bind('\\0' + $mark)
                server.listen()
            except OSError as error:
                say('DENIED', error)
            kept = lock('keeper')
            ready()
            time.sleep(20)

        spawn(keeper)
        """,
        outcome="denied|harmless",
        then="socket.socket(socket.AF_UNIX).connect('\\0' + $mark); reached('the daemon of the last fold answers')",
    ),
)
