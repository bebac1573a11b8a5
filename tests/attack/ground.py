"""What hostile scripts are aimed at: planted decoys, processes and listeners, all made for the test and none of them real.

Everything here is open to every user (but for the keys in the home, and the view, which is nobody's to write), so that only
the sandbox's walls are in the way. What an attack got at is read from the ground itself, not from what the script claims.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pty
import secrets
import sqlite3
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
import tty
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.attack import system
from tests.attack.listeners import Listeners
from tests.attack.victims import Victim

from mlmaster.sandbox.folders import delete

VARIABLE = "ATTACK_DECOY_API_KEY"
_DECOYS = (
    "answers",
    "environment",
    "home",
    "inherited",
    "journal",
    "key",
    "memory",
    "node",
    "queue",
    "segment",
    "truth",
    "words",
)
_LARGEST_READ = 4 * 2**20
_MOST_FILES = 3000
_DEEP = 100
_LONG = 3000


class Ground:
    """One place to attack.

    Attributes:
        base: Holds everything, the sandbox's own folders too.
        tree: Holds what must not change.
        view: The view of the task.
        values: What the templates of scripts may name.
        decoys: Secrets by name; each is planted in one place.
        descriptors: Inheritable descriptors the harness holds: one on a file, one on the tree.
    """

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="attack-"))
        self.base.chmod(0o755)
        self.tree = self.base / "ground"
        self.view = self.tree / "view"
        self.decoys = {name: f"DECOY-{name}-{secrets.token_hex(8)}" for name in _DECOYS}
        self.values: dict[str, Any] = {}
        self._mark = f"mark-{secrets.token_hex(6)}"
        self._closing = contextlib.ExitStack()
        self._closing.callback(delete, self.base)
        self._closing.callback(system.forget_files, self._mark)
        self._victims: dict[str, Victim] = {}
        self._closing.callback(self._end_victims)
        self._node = self.base / "node"
        self._plant()
        self._listeners = Listeners(self.base / "s")
        self._closing.callback(self._listeners.close)
        self._share()
        self._inherit()
        self._start_victims()
        self._name_values()
        self._before = self._snapshot()

    def kept(self) -> dict[str, list[str]]:
        """Return what attacks and the sandbox have left on this machine; see `system.kept`."""
        return system.kept(self.base, self._mark, {victim.pid for victim in self._victims.values()})

    def close(self) -> None:
        """Take everything away."""
        self._closing.close()

    @property
    def home(self) -> Path:
        """Return the decoy home of whoever runs the harness."""
        return self.tree / "home"

    @property
    def python(self) -> Path:
        """Return the interpreter of a virtual environment made for the test, which scripts may try to change."""
        return self.tree / "python" / "bin" / "python"

    def take_node(self, directory: Path) -> None:
        """Attack another node's directory from now on, one that a sandbox made; its answers hold the decoy."""
        self._node = directory
        (directory / "submission.csv").write_text(f"id,y\n{self.decoys['node']},1\n")
        self._name_values()
        self._before = self._snapshot()

    def evidence(self, log: str, directory: Path, log_bytes: int) -> frozenset[str]:
        """Return what an attack is seen to have reached.

        `says`: it claims so. `tells:X`: decoy X is in its output or files. `changed:X`: something below X differs.
        `heard:X`: listener X was reached. `ended:X`, `stopped:X`, `slowed:X`: victim X was. `outlives:X`: a process of it
        lives and holds lock X. `runs:planted`: an interpreter started afterwards runs its code. `lies:X`: its directory holds
        what must not be read. `floods`: its output is longer than allowed.
        """
        found = {f"tells:{name}" for name in self._told(log, directory)}
        changed = self._changed()
        found |= {f"changed:{name}" for name in changed}
        found |= {f"heard:{name}" for name in (*self._listeners.heard(), *self._heard_at_terminal())}
        for name, victim in self._victims.items():
            if state := victim.state():
                found.add(f"{state}:{name}")
        found |= {f"outlives:{name}" for name in system.held_locks(directory / "working")}
        if changed & {"python", "home"} and self._runs_planted():
            found.add("runs:planted")
        found |= {f"lies:{kind}" for kind in _lies(directory)}
        if len(log.encode(errors="replace")) > log_bytes:
            found.add("floods")
        if any(line.startswith("REACHED") for line in log.splitlines()):
            found.add("says")
        return frozenset(found)

    def mend(self) -> None:
        """Make everything as it was before an attack that got through."""
        self._end_victims()
        delete(self.tree)
        delete(self._node)
        self._node = self.base / "node"
        delete(self._node)
        system.forget_files(self._mark)
        self._plant()
        system.forget_shared_memory(self.values["new_segment"])
        system.forget_queue(self.values["new_queue"])
        system.refill_queue(self.values["queue"], self.decoys["queue"])
        self._listeners.heard()
        self._inherit()
        self._start_victims()
        self._name_values()
        self._before = self._snapshot()

    # -- planting

    def _plant(self) -> None:
        kept = os.umask(0)
        try:
            self._plant_files()
        finally:
            os.umask(kept)

    def _plant_files(self) -> None:
        decoys = self.decoys
        files = {
            "task/prepared/private/answers.csv": f"id,y\n1,{decoys['answers']}\n",
            "task/prepared/public/train.csv": "id,y\n1,0\n",
            "run/truth.csv": f"id,y\n1,{decoys['truth']}\n",
            "run/config.yaml": "seed: 0\n",
            "home/.aws/credentials": f"[default]\naws_secret_access_key = {decoys['home']}\n",
            "home/.netrc": f"machine localhost login a password {decoys['home']}\n",
            "home/.ssh/id_ed25519": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{decoys['home']}\n",
            "home/.ssh/authorized_keys": "",
            "home/.pythonstartup.py": "",
            "home/.profile": "",
            "view/train.csv": "id,x,y\n1,1,0\n2,2,1\n",
            "view/test.csv": "id,x\n3,3\n",
            "view/images/1.bin": "image",
            "inherited": decoys["inherited"],
        }
        for name, text in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for name in (".aws/credentials", ".netrc", ".ssh/id_ed25519"):
            (self.home / name).chmod(0o600)
        with contextlib.closing(sqlite3.connect(self.tree / "run" / "journal.db")) as journal, journal:
            journal.execute("create table events (text)")
            journal.execute("insert into events values (?)", (decoys["journal"],))
        venv.create(self.tree / "python", symlinks=True, with_pip=False)
        self._module.write_text("VALUE = 1\n")
        for path in (self.tree / "python").rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o777 if path.is_dir() else 0o666))
        for path in (self.view, *self.view.rglob("*")):
            path.chmod(path.stat().st_mode & ~0o022)  # as views are: nobody's to write
        if self._node == self.base / "node":
            self._node.mkdir()
            (self._node / "submission.csv").write_text(f"id,y\n{decoys['node']},1\n")

    def _share(self) -> None:
        segment, new_segment = secrets.randbits(29), 2**29 + secrets.randbits(29)
        queue, new_queue = (f"attack-{secrets.token_hex(6)}" for _ in range(2))
        self.values |= {"segment": segment, "new_segment": new_segment, "queue": queue, "new_queue": new_queue}
        for key in (segment, new_segment):
            self._closing.callback(system.forget_shared_memory, key)
        for name in (queue, new_queue):
            self._closing.callback(system.forget_queue, name)
        system.share_memory(segment, self.decoys["segment"])
        system.refill_queue(queue, self.decoys["queue"])
        self._ours, self._terminal = pty.openpty()
        tty.setraw(self._terminal)
        for descriptor in (self._ours, self._terminal):
            os.set_blocking(descriptor, False)
            self._closing.callback(os.close, descriptor)

    def _inherit(self) -> None:
        for descriptor in getattr(self, "descriptors", ()):
            os.close(descriptor)
        self.descriptors = (os.open(self.tree / "inherited", os.O_RDONLY), os.open(self.tree, os.O_RDONLY))
        for descriptor in self.descriptors:
            os.set_inheritable(descriptor, True)

    def _start_victims(self) -> None:
        answers = self.tree / "task/prepared/private/answers.csv"
        self._victims = {
            "harness": Victim(
                self.tree / "run", answers, {VARIABLE: self.decoys["key"]}, self.decoys["memory"], self.decoys["words"]
            ),
            "sibling": Victim(self.base, answers, {}, "", ""),
        }

    def _end_victims(self) -> None:
        for victim in self._victims.values():
            victim.end()
        self._victims = {}

    def _name_values(self) -> None:
        harness, answers = self._victims["harness"], self.tree / "task/prepared/private/answers.csv"
        paths = {
            "answers": answers,
            "task": self.tree / "task",
            "run": self.tree / "run",
            "journal": self.tree / "run" / "journal.db",
            "truth": self.tree / "run" / "truth.csv",
            "home": self.home,
            "view": self.view,
            "node": self._node,
            "root": self._node.parent,
            "base": self.base,
            "python": self.python,
            "module": self._module,
            "site": self._module.parent,
            "user_site": self._user_site,
            "everywhere": self.tree,
        }
        self.values |= {name: str(path) for name, path in paths.items()}
        self.values |= self._listeners.names
        self.values |= {
            "variable": VARIABLE,
            "mark": self._mark,
            "harness": harness.pid,
            "harness_fd": harness.descriptor,
            "harness_address": harness.address,
            "sibling": self._victims["sibling"].pid,
            "handle": system.handle_of(answers),
            "terminal": os.ttyname(self._terminal),
        }

    @property
    def _module(self) -> Path:
        library = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.tree / "python" / "lib" / library / "site-packages" / "benign.py"

    @property
    def _user_site(self) -> Path:
        names = {"userbase": str(self.home / ".local"), "home": str(self.home)}
        return Path(sysconfig.get_path("purelib", f"{os.name}_user", names))

    # -- what is seen

    def _told(self, log: str, directory: Path) -> Iterator[str]:
        texts = [log.encode(errors="replace"), *_contents(directory)]
        for name, decoy in self.decoys.items():
            if any(decoy.encode() in text for text in texts):
                yield name

    def _snapshot(self) -> Mapping[str, Mapping[str, tuple[Any, ...]]]:
        places = {path.name: path for path in self.tree.iterdir()} | {"node": self._node}
        return {name: dict(_described(path)) for name, path in places.items()}

    def _changed(self) -> set[str]:
        now = self._snapshot()
        return {name for name in {*now, *self._before} if now.get(name) != self._before.get(name)}

    def _heard_at_terminal(self) -> Iterator[str]:
        # what a script writes arrives at our end; what it types arrives at its own
        for name, descriptor in (("terminal", self._ours), ("keyboard", self._terminal)):
            with contextlib.suppress(BlockingIOError):
                if os.read(descriptor, 4096):
                    yield name

    def _runs_planted(self) -> bool:
        environment = {"HOME": str(self.home), "PATH": os.defpath}
        for python in (self.python, Path(sys.executable).resolve()):
            done = subprocess.run(
                [python, "-B", "-c", "import benign" if python == self.python else ""],
                env=environment,
                cwd=self.base,
                capture_output=True,
                check=False,
            )
            if b"PLANTED" in done.stdout:
                return True
        return False


def wait_for(aim: str, see: Any, seconds: float = 3.0) -> frozenset[str]:
    """Return the evidence once it holds `aim`, or what there is when time is up: signals and output take a moment."""
    until = time.monotonic() + seconds
    found: frozenset[str] = see()
    while aim not in found and time.monotonic() < until:
        time.sleep(0.02)
        found = found | see()
    return found


def _contents(directory: Path) -> Iterator[bytes]:
    """Yield the contents of the small files of a directory as a careless reader would see them: through links."""
    count = 0
    for folder, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if name != "input" and len(Path(folder).parts) < _DEEP]
        for name in names:
            path = Path(folder, name)
            count += 1
            with contextlib.suppress(OSError):
                if count < _MOST_FILES and path.is_file() and path.stat().st_size <= _LARGEST_READ:
                    yield path.read_bytes()


def _described(path: Path) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield everything about a file and all below it that an attack could change."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    about: tuple[Any, ...] = (found.st_mode, found.st_uid, found.st_gid, found.st_size, found.st_mtime_ns)
    if stat.S_ISLNK(found.st_mode):
        yield str(path), (*about, str(path.readlink()))
    elif stat.S_ISDIR(found.st_mode):
        yield str(path), about
        for entry in sorted(path.iterdir()):
            yield from _described(entry)
    elif stat.S_ISREG(found.st_mode):
        readable = os.access(path, os.R_OK)
        content = hashlib.sha256(path.read_bytes()).digest() if readable else b""
        attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)} if readable else {}
        yield str(path), (*about, content, tuple(sorted(attributes.items())))
    else:
        yield str(path), about


def _lies(directory: Path) -> Iterator[str]:
    if directory.is_symlink():
        yield "directory"
    submission = directory / "submission.csv"
    with contextlib.suppress(OSError):
        mode = submission.lstat().st_mode
        kinds = {
            stat.S_IFLNK: "link",
            stat.S_IFIFO: "pipe",
            stat.S_IFDIR: "folder",
            stat.S_IFSOCK: "socket",
            stat.S_IFCHR: "device",
            stat.S_IFBLK: "device",
            stat.S_IFREG: "file",
        }
        yield kinds[stat.S_IFMT(mode)]
    depth = 0
    path = str(directory)
    while depth <= _DEEP and os.path.isdir(path := f"{path}/deep"):  # noqa: PTH112 - a hundred times over
        depth += 1
    if depth > _DEEP:
        yield "deep"
    with contextlib.suppress(OSError):
        if any(len(str(folder)) > _LONG for folder, _, _ in os.walk(directory)):
            yield "long"
