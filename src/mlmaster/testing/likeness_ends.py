"""Likeness of ends: exit codes, tracebacks, signals, what happens at exit, and what reaches the output in which order."""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from mlmaster.ports import Sandbox
from mlmaster.testing.plain_python import Compared

FRAMES = "frames below main"

ENDS: dict[str, tuple[str, int | None, int | None]] = {
    "of itself": ("print('x')", 0, None),
    "empty": ("", 0, None),
    "number": ("import sys\nsys.exit(3)", 3, None),
    "great number": ("import sys\nsys.exit(258)", 2, None),
    "negative": ("import sys\nsys.exit(-1)", 255, None),
    "text": ("import sys\nprint('so far')\nsys.exit('why')", 1, None),
    "none": ("import sys\nsys.exit(None)", 0, None),
    "object": ("raise SystemExit([1, 2])", 1, None),
    "true": ("raise SystemExit(True)", 1, None),
    "quit": ("quit(4)", 4, None),
    "at once": ("import atexit, os\natexit.register(print, 'never')\nos._exit(5)", 5, None),
    "error": ("def f():\n    raise ValueError('so')\n\nf()", 1, None),
    "interrupt": ("raise KeyboardInterrupt", None, signal.SIGINT),
    "interrupted": ("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass", None, signal.SIGINT),
    "terminated": ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nwhile True: pass", None, signal.SIGTERM),
    "killed": ("import os, signal\nprint('x')\nos.kill(os.getpid(), signal.SIGKILL)", None, signal.SIGKILL),
    "abort": ("import os\nos.abort()", None, signal.SIGABRT),
    "crash": ("import ctypes\nctypes.string_at(0)", None, signal.SIGSEGV),
    "alarm": ("import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.01)\nsignal.pause()", None, signal.SIGALRM),
    "user signal": ("import os, signal\nos.kill(os.getpid(), signal.SIGUSR1)", None, signal.SIGUSR1),
    "broken pipe": (
        "import os, sys\nr, w = os.pipe()\nos.close(r)\n"
        "try: os.write(w, b'x')\nexcept BrokenPipeError: print('told')\n"
        "import signal\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\nos.write(w, b'x')",
        None,
        signal.SIGPIPE,
    ),
    "error at exit": ("import atexit\n@atexit.register\ndef f(): raise ValueError('late')", 0, None),
    "exit at exit": ("import atexit, sys\natexit.register(sys.exit, 6)", 0, None),
    "error in a thread": ("import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()", 0, None),
    "exit in a thread": ("import sys, threading\nthreading.Thread(target=sys.exit, args=(7,)).start()", 0, None),
    "interrupt from a thread": (
        "import _thread, threading\nthreading.Timer(0.1, _thread.interrupt_main).start()\nwhile True: pass",
        None,
        signal.SIGINT,
    ),
    "unraisable": ("class A:\n    def __del__(self): raise ValueError('gone')\na = A()\ndel a\nprint('on')", 0, None),
    "output closed": ("import sys\nprint('x')\nsys.stdout.close()\n1 / 0", 1, None),
    "own hook": ("import sys\nsys.excepthook = lambda *a: print('hook', a[0].__name__)\n1 / 0", 1, None),
    "in a child": ("import os\nif os.fork() == 0:\n    raise ValueError('child')\nprint(os.wait()[1])", 0, None),
    "exit in a child": ("import os, sys\nif os.fork() == 0:\n    sys.exit(9)\nprint(os.wait()[1] >> 8)", 0, None),
}

TRACES: dict[str, tuple[str, str]] = {
    "cause": ("try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e", "KeyError: 'a'"),
    "context": ("try:\n    {}['a']\nexcept KeyError as e:\n    int('x')", "During handling"),
    "group": ("raise ExceptionGroup('two', [ValueError(1), ExceptionGroup('in', [KeyError(2)])])", "Exception Group"),
    "note": ("e = ValueError('x')\ne.add_note('mind the gap')\nraise e", "mind the gap"),
    "anchors": ("x = {'a': None}\ny = x['a'] + 1", "~~^~~"),
    "suggestion": ("length = 1\nprint(lenght)", "Did you mean: 'length'"),
    # how deep exactly may differ by the few frames of ours below
    "recursion": (
        "depth = 0\ndef f():\n    global depth\n    depth += 1\n    f()\n"
        "try: f()\nexcept RecursionError as e: print(e, depth > 980)",
        "exceeded True",
    ),
    "library": ("import json\njson.loads('{')", "json/decoder.py"),
    "syntax": ("x = 1\ny = = 2\n", "SyntaxError: invalid syntax"),
    "unclosed": ("x = (\n", "SyntaxError"),
    "indentation": ("if True:\nx = 1\n", "IndentationError"),
    "tabs": ("if True:\n\tx = 1\n        y = 2\n", "TabError"),
    "zero": ("x = 1\0\n", "SyntaxError"),
    "surrogate": ("x = '\udc80'\n", "SyntaxError"),
    "encoding": ("# -*- coding: none-such -*-\nx = 1\n", "SyntaxError"),
    "other encoding": ("# -*- coding: latin-1 -*-\nraise ValueError('é')\n", "ValueError"),
    "mark": ("\ufeffraise ValueError('é')\n", "ValueError: é"),
    "lines of windows": ("x = 1\r\nraise ValueError(x)\r\n", "line 2"),
    "unicode": ("def größe(): raise ValueError('naïve 日本')\ngröße()", "naïve 日本"),
    "unprintable": ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", "<exception str() failed>"),
    "escape": ("x = '\\d'\nassert x == '', 'not so'", "AssertionError: not so"),
    "future": ("from __future__ import annotations\ndef f(x: none): ...\nprint(f.__annotations__)", "{'x': 'none'}"),
    "late future": ("x = 1\nfrom __future__ import annotations\n", "SyntaxError"),
    "warned": (
        "import warnings\ndef f():\n    warnings.warn('first', stacklevel=2)\nf()\n"
        "warnings.warn('deep', stacklevel=9)\nwarnings.warn('old', DeprecationWarning)",
        "HERE/solution.py:4: UserWarning: first",
    ),
    "printed": (
        "import traceback\ndef f():\n    try: 1 / 0\n    except ZeroDivisionError: traceback.print_exc()\nf()",
        "ZeroDivisionError",
    ),
    "changed since": ("open('solution.py', 'w').write('# another\\n' * 5)\n\nraise ValueError('x')", "# another"),
}

STACK = """\
import faulthandler, inspect, sys, traceback, warnings
def f():
    traceback.print_stack()
    print(traceback.extract_stack(), len(inspect.stack()))
f()
print(sys._getframe().f_back)
faulthandler.dump_traceback(all_threads=False)
warnings.warn("deep", stacklevel=3)
"""

AT_EXIT = """\
import atexit, sys, threading, time, weakref

class Thing:
    def __init__(self, name): self.name = name
    def __del__(self): print("gone", self.name)

class Cycle(Thing): pass

def late():
    time.sleep(0.2)
    print("thread done", threading.main_thread().is_alive())

atexit.register(print, "first registered")
atexit.register(lambda: print("second registered", kept.name, sys.is_finalizing()))
kept, cycle = Thing("kept"), Cycle("cycle")
cycle.own = cycle
finalizer = weakref.finalize(kept, print, "finalized")
open_file = open("working/never_closed.txt", "w")
open_file.write("flushed " * 1000)
raw = open("working/by_bytes", "wb")
raw.write(b"x" * 100)
threading.Thread(target=late).start()
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
threading._register_atexit(print, "threads end")
print("end of main")
"""

OUTPUT = """\
import ctypes, os, subprocess, sys, warnings
libc = ctypes.CDLL(None)
print("one")
os.write(1, b"two\\n")
print("three", file=sys.stderr)
libc.write(2, b"four\\n", 5)
subprocess.run([sys.executable, "-c", "import sys; print('five'); print('six', file=sys.stderr)"])
subprocess.run(["sh", "-c", "echo seven; echo eight >&2"])
print("nine", end="")
sys.stdout.buffer.write(b" ten\\n")
os.system("echo eleven")
print("größer 日本 \\U0001f600 \\udc80")
try:
    print("\\ud800")
except UnicodeEncodeError as error:
    print(error)
libc.printf(b"flushed by C at exit\\n")
sys.stdout.writelines(["a\\n", "b"])
sys.stderr.write("no end of line")
"""

SIGNALS = """\
import os, signal, subprocess, sys, threading, time
def show(number, frame): print(signal.Signals(number).name, frame.f_code.co_name, frame.f_lineno)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD):
    signal.signal(number, show)
    os.kill(os.getpid(), number)
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
print(subprocess.run(["sh", "-c", "kill -TERM $$"]).returncode)
print(subprocess.run([sys.executable, "-c", "raise KeyboardInterrupt"], capture_output=True).returncode)
ignored = "import signal; print([s.name for s in signal.Signals if signal.getsignal(s) == signal.SIG_IGN])"
print(subprocess.run([sys.executable, "-c", ignored], capture_output=True, text=True).stdout)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
os.kill(os.getpid(), signal.SIGUSR2)
print(signal.sigwait({signal.SIGUSR2}), signal.sigpending())
try:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(30)
except KeyboardInterrupt:
    print("interrupted")
child = os.fork()
if child == 0:
    os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
try:
    os.wait()
except ChildProcessError as error:
    print(error)
"""


class EndLikeness(Compared):
    """Ends as plain Python ends."""

    @pytest.mark.parametrize("name", ENDS)
    def test_end(self, sandbox: Sandbox, tmp_path: Path, name: str) -> None:
        code, exit_code, number = ENDS[name]
        shown = self.compare(sandbox, tmp_path, code)
        assert (shown.exit_code, shown.signal) == (exit_code, number)

    @pytest.mark.parametrize("name", TRACES)
    def test_traceback(self, sandbox: Sandbox, tmp_path: Path, name: str) -> None:
        code, part = TRACES[name]
        assert part in "\n".join(self.compare(sandbox, tmp_path, code).lines)

    def test_nothing_is_on_the_stack_below_main(self, sandbox: Sandbox, tmp_path: Path) -> None:
        assert "None" in self.compare(sandbox, tmp_path, STACK, behaviour=FRAMES).lines

    def test_what_happens_at_exit(self, sandbox: Sandbox, tmp_path: Path) -> None:
        shown = self.compare(sandbox, tmp_path, AT_EXIT)
        assert shown.exit_code == 0
        assert shown.lines.index("thread done False") < shown.lines.index("first registered")
        assert [len(text) for _, text in shown.files] == [100, 8000]

    def test_output_of_every_kind_in_its_order(self, sandbox: Sandbox, tmp_path: Path) -> None:
        shown = self.compare(sandbox, tmp_path, OUTPUT)
        assert shown.lines[:8] == ("one", "two", "three", "four", "five", "six", "seven", "eight")
        assert "flushed by C at exit" in "".join(shown.lines)

    def test_signals(self, sandbox: Sandbox, tmp_path: Path) -> None:
        shown = self.compare(sandbox, tmp_path, SIGNALS)
        assert shown.exit_code == 0
        assert {"interrupted", "-15", "-2", "3"} <= set(shown.lines)
