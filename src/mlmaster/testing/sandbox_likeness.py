"""The part of the sandbox conformance suite that is about likeness: a script cannot tell it from `python solution.py`.

Each test runs one script both ways and compares what they show; subclass it beside `SandboxConformance`, with the same
fixture. A sandbox that is dear to start may be made once for a class (`@pytest.fixture(scope="class")`). What an adapter
cannot show alike it declares in `unlike`, see `plain_python.Compared`.

What may differ, and is not compared: process and user numbers, `/proc/self/cmdline` and `/proc/self/environ`, the host's
name, names of the home and the temporary folder, which modules are loaded already (`sys.modules`), with the threads and the
filters of warnings that loading them brings, how many objects the garbage collector holds frozen, and limits on
processes and file size, and the variable by which joblib is told that there are no semaphores.
"""

# ruff: noqa: D102 - the name of a test is its sentence

from __future__ import annotations

from pathlib import Path

from mlmaster.ports import Sandbox
from mlmaster.testing.likeness_ends import EndLikeness
from mlmaster.testing.likeness_libraries import LibraryLikeness
from mlmaster.testing.plain_python import LIMITS, Compared, play_sandboxed

__all__ = ["LikenessConformance"]

MAIN = """\
'''What the script says of itself.'''
print(list(globals()))
import os, sys
main = sys.modules["__main__"]
print(__name__, __file__, __doc__, __package__, __spec__, main.__dict__ is globals(), main)
print(getattr(main, "__cached__", "absent"), __builtins__ is sys.modules["builtins"])
print(type(__loader__), __loader__.name, __loader__.path, __loader__.get_source("__main__") == open(__file__).read())
count: int = 1
print(__annotations__)
print(sys.argv, sys.orig_argv[1:], sys.path, os.getcwd())
print(sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.version)
print(sys.flags, sys.warnoptions, sys._xoptions, sys.dont_write_bytecode, sys.pycache_prefix)
frame = sys._getframe()
print(frame.f_code.co_filename, frame.f_code.co_name, frame.f_code.co_flags, frame.f_code.co_firstlineno)
print(sys.gettrace(), sys.getprofile(), hasattr(sys, "ps1"), hasattr(sys, "last_value"))
print(sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__)
print(sys.unraisablehook is sys.__unraisablehook__)
print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.int_info, sys.get_int_max_str_digits())
print([getattr(finder, "__name__", finder) for finder in sys.meta_path], len(sys.path_hooks))
print([name for name in sys.modules if name.split(".")[0] == "mlmaster"])
print(hash("text"), hash(b"bytes"), list({"a", "b", "c", "d"}))
"""

STATE = """\
import warnings
print(warnings.filters[-5:], warnings.showwarning.__name__, warnings.defaultaction)
import gc, locale, logging, os, signal, stat, sys, threading, time
print(gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.callbacks, gc.garbage)
print(locale.getlocale(), locale.setlocale(locale.LC_ALL), locale.getpreferredencoding(), sys.getfilesystemencoding())
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(type(stream), stream.encoding, stream.errors, stream.name, stream.mode, stream.fileno(), stream.isatty())
    print(stream.line_buffering, stream.write_through, type(stream.buffer), stat.S_IFMT(os.fstat(stream.fileno()).st_mode))
print(sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__, sys.stdin is sys.__stdin__, repr(sys.stdin.read()))
print(os.fstat(1).st_ino == os.fstat(2).st_ino, [os.get_blocking(number) for number in (0, 1, 2)])
print(logging.root.handlers, logging.root.level, logging.raiseExceptions, logging.getLoggerClass().__name__)
print([thread.name for thread in threading.enumerate()], threading.main_thread() is threading.current_thread())
print(threading.main_thread().native_id == os.getpid(), threading.main_thread().ident == threading.get_ident())
print(threading.excepthook is threading.__excepthook__, threading.gettrace(), threading.stack_size())
print({one.name: signal.getsignal(one) for one in signal.valid_signals() if isinstance(one, signal.Signals)})
print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.set_wakeup_fd(-1), signal.getitimer(signal.ITIMER_REAL))
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print({name: int(status[name], 16) & 0x7FFFFFFF for name in ("SigBlk", "SigIgn", "SigCgt", "SigPnd", "ShdPnd")})
print(os.nice(0), time.tzname, time.timezone)
print(os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid())
import multiprocessing
print(multiprocessing.current_process().name, multiprocessing.parent_process(), multiprocessing.active_children())
print(multiprocessing.get_start_method(allow_none=True), multiprocessing.current_process().daemon)
import asyncio, contextvars, decimal, faulthandler, tracemalloc
print(faulthandler.is_enabled(), tracemalloc.is_tracing(), decimal.getcontext(), len(contextvars.copy_context()))
print(type(asyncio.get_event_loop_policy()).__name__, asyncio._get_running_loop())
"""

SURROUNDINGS = """\
import ctypes, os, pathlib, resource, sys, tempfile
home, temporary = os.environ["HOME"], os.environ["TMPDIR"]
for name, value in sorted(os.environ.items()):
    if name not in ("MLMASTER_EVALUATION", "JOBLIB_MULTIPROCESSING"):
        print(name, value.replace(home, "<home>").replace(temporary, "<temporary>"))
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
print([name for name, value in os.environb.items() if getenv(name) != value])
print(os.environ.get("MLMASTER_EVALUATION") is None)
print(tempfile.gettempdir() == temporary, str(pathlib.Path.home()) == home, os.path.expanduser("~/x") == home + "/x")
here = os.getcwd()  # which may lie in the temporary folder
print([name for name in os.listdir(temporary) if not here.startswith(os.path.join(temporary, name))], os.listdir(home))
print(os.access(home, os.W_OK), os.access(temporary, os.W_OK))
with tempfile.NamedTemporaryFile() as file:
    print(os.path.dirname(file.name) == temporary, os.get_inheritable(file.fileno()))
with tempfile.TemporaryDirectory() as folder:
    print(os.listdir(folder))
descriptors = []
for number in range(1024):
    try:
        os.fstat(number)
    except OSError:
        continue
    descriptors.append(number)
print(descriptors, os.open(os.devnull, os.O_RDONLY))
print(oct(os.umask(0o77)), oct(os.stat("solution.py").st_mode & 0o777), sorted(os.listdir(".")))
print(os.cpu_count(), len(os.sched_getaffinity(0)))
names = {n for n in dir(resource) if n[:7] == "RLIMIT_"} - {"RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_CPU", "RLIMIT_AS"}
print({name: resource.getrlimit(getattr(resource, name)) for name in sorted(names)})
print(os.access("solution.py", os.W_OK), os.stat("solution.py").st_uid == os.getuid() == os.geteuid())
"""

CODE_IN_MAIN = """\
import asyncio, dataclasses, inspect, json, linecache, logging, pickle, subprocess, sys, typing
from enum import Enum

class Colour(Enum):
    RED = 1

@dataclasses.dataclass
class Thing:
    value: "int"
    colour: "Colour" = Colour.RED

def double(thing: "Thing") -> "Thing":
    "Twice as much."
    return Thing(thing.value * 2)

async def wait() -> int:
    await asyncio.sleep(0)
    reader = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(6)", stdout=subprocess.PIPE)
    return int((await reader.communicate())[0]) + await asyncio.to_thread(lambda: 1)

class Named(typing.NamedTuple):
    first: int

print(pickle.loads(pickle.dumps(Thing(3))), pickle.dumps(Thing(4)), pickle.loads(pickle.dumps(Named(1))))
print(Thing, double.__module__, double.__qualname__, double.__code__, Thing.__module__, Colour.RED)
print(typing.get_type_hints(Thing), typing.get_type_hints(double), inspect.signature(double))
print(inspect.getsource(double), inspect.getsource(Thing), inspect.getfile(Thing), inspect.getsourcelines(wait)[1])
print(linecache.getline(__file__, 1), inspect.getmodule(double), inspect.stack()[0].code_context)
print(asyncio.run(wait()))
print(subprocess.run([sys.executable, "-c", "import sys; print(sys.argv, sys.flags)"], capture_output=True, text=True).stdout)
open("beside.py", "w").write("import __main__\\nprint(__name__, __main__.Thing)\\ndef add(a, b): return a + b\\n")
import beside
import solution
print(beside.add(1, 2), beside.__file__, solution.Thing is Thing)
logging.warning("plain")
logging.basicConfig(level=logging.INFO)
logging.getLogger("own").info("shown")
exec(compile("print(__name__)", "made", "exec"))
if __name__ == "__main__":
    print("as main")
"""

LANGUAGE = """\
# A script's text: future statements, typed names and assertions are its own affair, not the caller's.
def typed(x: undefined_name) -> None: ...
"""


class LikenessConformance(EndLikeness, LibraryLikeness, Compared):
    """A script cannot tell the sandbox from plain Python."""

    def test_the_script_is_main(self, sandbox: Sandbox, tmp_path: Path) -> None:
        shown = self.compare(sandbox, tmp_path, MAIN)
        assert shown.lines[1].startswith("__main__ HERE/solution.py What the script says of itself. None None True")

    def test_the_interpreter_is_as_new(self, sandbox: Sandbox, tmp_path: Path) -> None:
        assert self.compare(sandbox, tmp_path, STATE).exit_code == 0

    def test_surroundings(self, sandbox: Sandbox, tmp_path: Path) -> None:
        assert "[0, 1, 2] 3" in self.compare(sandbox, tmp_path, SURROUNDINGS).lines

    def test_code_in_main_is_found_by_name(self, sandbox: Sandbox, tmp_path: Path) -> None:
        shown = self.compare(sandbox, tmp_path, CODE_IN_MAIN)
        assert shown.lines[-1] == "as main"
        assert "WARNING:root:plain" in shown.lines

    def test_annotations_are_evaluated(self, sandbox: Sandbox, tmp_path: Path) -> None:
        assert "NameError" in self.compare(sandbox, tmp_path, LANGUAGE).lines[-1]

    def test_limits_are_shown(self, sandbox: Sandbox, tmp_path: Path) -> None:
        code = "import resource\nprint(*(resource.getrlimit(n)[0] for n in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)))"
        execution, _ = play_sandboxed(sandbox, tmp_path, code, 1)
        assert execution.log.split() == [str(LIMITS.open_files), str(LIMITS.disk_bytes)]

    def test_processor_time_counts_from_the_start(self, sandbox: Sandbox, tmp_path: Path) -> None:
        execution, _ = play_sandboxed(sandbox, tmp_path, "import time\nprint(time.process_time())", 1)
        assert 0 <= float(execution.log) <= execution.wall_s
