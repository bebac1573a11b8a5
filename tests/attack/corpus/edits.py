"""Changing what is not one's own: the view, the grader's inputs, another node's answers, the journal.

Where nothing stops a script, `input` is a link to the view that every evaluation shares. Where the view is a bind mount or
another user's, it can only be read; where it is a copy of the same user's, a script that insists may change its copy, and
the original stays as it was.
"""

from __future__ import annotations

from tests.attack.attack import DENIED, REACHED, Attack

_OWN_COPY = {"namespaces": DENIED, "landlock/root": DENIED, "landlock/user": "denied|harmless"}

# Landlock governs neither modes nor times
_OF_THE_SAME_USER = {"landlock/user": REACHED}


def _on_view(name: str, code: str, needs: str | None = None) -> Attack:
    return Attack(f"view-{name}", code, "changed:view", _OWN_COPY, needs=needs)


ATTACKS = (
    _on_view("written", "open('input/train.csv', 'a').write('3,1\\n')"),
    _on_view(
        "written-and-time-put-back",
        """
        before = os.stat('input/train.csv')
        open('input/train.csv', 'r+').write('ID')
        os.utime('input/train.csv', ns=(before.st_atime_ns, before.st_mtime_ns))
        """,
    ),
    _on_view(
        "written-through-memory",
        """
        with open('input/train.csv', 'r+b') as handle:
            mapped = mmap.mmap(handle.fileno(), 0)
            mapped[0:2] = b'ID'
            mapped.flush()
        """,
    ),
    _on_view("truncated", "os.truncate('input/train.csv', 1)"),
    _on_view("mode", "os.chmod('input/train.csv', 0o777); os.chmod('input', 0o700)"),
    _on_view(
        "owner",
        """
        mine = os.stat('.')
        os.chown('input/train.csv', mine.st_uid, mine.st_gid)
        os.chmod('input/train.csv', 0o640)
        """,
    ),
    _on_view("times", "os.utime('input/train.csv', (1, 1))"),
    _on_view("attribute", "os.setxattr('input/train.csv', 'user.label', b'1')", needs="granted"),
    _on_view("renamed", "os.rename('input/train.csv', 'input/test.csv')"),
    _on_view("removed", "os.unlink('input/train.csv')"),
    _on_view("added", "open('input/planted', 'w').close()"),
    _on_view(
        "replaced-by-link",
        """
        os.symlink('/etc/passwd', 'working/link')
        os.rename('working/link', 'input/train.csv')
        """,
    ),
    _on_view(
        "through-hard-link",
        """
        os.link('input/train.csv', 'working/mine')
        open('working/mine', 'a').write('3,1\\n')
        """,
    ),
    _on_view("through-real-path", "open(os.path.realpath('input/train.csv'), 'a').write('3,1\\n')"),
    _on_view(
        "through-descriptor",
        """
        opened = os.open('input/train.csv', os.O_RDONLY)
        os.fchmod(opened, 0o666)
        open(f'/proc/self/fd/{opened}', 'a').write('3,1\\n')
        """,
    ),
    Attack(
        "view-leased",
        """
        # whoever opens it to write, the harness too, then waits for 45 s; with the other kind of lease, whoever opens it
        fcntl.fcntl(os.open('input/train.csv', os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK)
        reached()
        """,
    ),
    Attack("view-original-written", "open(os.path.join($view, 'train.csv'), 'a').write('3,1\\n')", "changed:view"),
    Attack(
        "view-mounted-over",
        """
        def cover():
            libc.mount(b'none', b'/', None, 0x44000, None)  # private and recursive: never beyond this process
            if libc.mount(b'none', b'input', b'tmpfs', 0, None):
                raise OSError(ctypes.get_errno(), 'mount')
            reached(os.listdir('input'))

        try:
            call(272, 0x20000)  # unshare
        except PermissionError:
            call(272, 0x10020000)
        cover()
        """,
        needs="granted",
    ),
    Attack("truth-written", "open($truth, 'w').write('id,target\\n')", "changed:run"),
    Attack("truth-replaced", "os.symlink('/dev/zero', 'working/l'); os.rename('working/l', $truth)", "changed:run"),
    Attack("answers-written", "open($answers, 'a').write('planted')", "changed:task"),
    Attack(
        "other-node-written", "open(os.path.join($node, 'submission.csv'), 'w').write('id,y\\n1,0\\n')", "changed:node"
    ),
    Attack("other-node-removed", "os.unlink(os.path.join($node, 'submission.csv'))", "changed:node"),
    Attack("other-node-mode", "os.chmod(os.path.join($node, 'submission.csv'), 0)", "changed:node", _OF_THE_SAME_USER),
    Attack(
        "other-node-times",
        "os.utime(os.path.join($node, 'submission.csv'), (1, 1))",
        "changed:node",
        _OF_THE_SAME_USER,
    ),
    Attack("other-node-truncated", "os.truncate(os.path.join($node, 'submission.csv'), 0)", "changed:node"),
    Attack(
        "journal-written",
        """
        import sqlite3
        try:
            with sqlite3.connect($journal) as journal:
                journal.execute("insert into events values ('scored 1.0')")
        except sqlite3.Error as error:
            deny(error)
        """,
        "changed:run",
    ),
)
