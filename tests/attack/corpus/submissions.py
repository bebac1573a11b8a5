"""Leaving a submission that hurts whoever reads it: it must be refused, at once, and nothing else must be read for it."""

from __future__ import annotations

from tests.attack.attack import REFUSED, Attack

ATTACKS = (
    Attack("link-to-answers", "os.symlink($answers, 'submission.csv')", "tells:answers", REFUSED),
    Attack("link-to-itself", "os.symlink('submission.csv', 'submission.csv')", "lies:link", REFUSED),
    Attack("link-to-endless-device", "os.symlink('/dev/zero', 'submission.csv')", "lies:link", REFUSED),
    Attack("hard-link-to-answers", "os.link($answers, 'submission.csv')", "tells:answers", "denied"),
    Attack("pipe", "os.mkfifo('submission.csv')", "lies:pipe", REFUSED),
    Attack("folder", "os.makedirs('submission.csv/submission.csv')", "lies:folder", REFUSED),
    Attack("socket", "socket.socket(socket.AF_UNIX).bind('submission.csv')", "lies:socket", "refused|denied"),
    Attack(
        "device",
        "os.mknod('submission.csv', 0o666 | 0o020000, os.makedev(1, 5))",
        "lies:device",
        "denied",
        needs="root",
    ),
    Attack(
        "whole-directory-replaced",
        """
        here = os.getcwd()
        os.rename(here, here + '-old')
        os.symlink(os.path.dirname($answers), here)
        """,
        "lies:directory",
        "denied|refused",
    ),
    Attack("binary", "open('submission.csv', 'wb').write(bytes(range(256)) * 4096)", "lies:file", REFUSED),
    Attack(
        "pickled",
        """
        import pickle

        class Payload:
            def __reduce__(self):
                return os.system, ('echo PLANTED',)

        pickle.dump(Payload(), open('submission.csv', 'wb'))
        """,
        "lies:file",
        REFUSED,
    ),
    Attack(
        "huge",
        """
        with open('submission.csv', 'w') as handle:
            for _ in range(80):
                handle.write('1,1.0\\n' * 174_763)
        reached('80 MB')
        """,
        "says",
        "denied",
    ),
    Attack(
        "sparse",
        """
        with open('submission.csv', 'w') as handle:
            handle.truncate(1 << 40)
        reached('a terabyte of nothing')
        """,
        "says",
        "denied",
    ),
    Attack("one-endless-line", "open('submission.csv', 'w').write('id,y,' * (4 << 20))", "lies:file", REFUSED),
    Attack(
        "one-endless-cell", "open('submission.csv', 'w').write('id,y\\n1,' + '9' * (8 << 20))", "lies:file", REFUSED
    ),
    Attack("open-quote", "open('submission.csv', 'w').write('id,y\\n1,\"' + 'x\\n' * (1 << 20))", "lies:file", REFUSED),
    Attack(
        "many-columns", "open('submission.csv', 'w').write(','.join(map(str, range(1 << 20))))", "lies:file", REFUSED
    ),
    Attack(
        "too-many-rows", "open('submission.csv', 'w').write('id,y\\n' + '1,1\\n' * (4 << 20))", "lies:file", REFUSED
    ),
    Attack(
        "unreadable",
        "open('submission.csv', 'w').write('nonsense'); os.chmod('submission.csv', 0)",
        "lies:file",
        REFUSED,
    ),
    Attack(
        "swapped-after-the-end",
        """
        open('submission.csv', 'w').write('id,y\\n')

        def swapper(ready):
            os.setsid()
            kept = lock('swapper')
            ready()
            while True:
                os.path.lexists('late') or os.symlink($answers, 'late')
                os.rename('late', 'submission.csv')
                time.sleep(0.05)

        spawn(swapper)
        """,
        "outlives:swapper",
        REFUSED,
    ),
)
