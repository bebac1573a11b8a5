"""The filter, instruction by instruction for both architectures, and under this machine's kernel in fresh processes."""

import base64
import ctypes
import ctypes.util
import errno
import json
import platform
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.sandbox.seccomp import NUMBERS, is_supported, program

KERNEL = pytest.mark.skipif(not is_supported(), reason="no filter is assembled for this architecture")
X86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="another architecture")

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
I386, ARM = 0x40000003, 0x40000028
ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
BOOLEANS = ("with_network", "with_unix_sockets", "with_memory_files")
GENEROUS = dict.fromkeys(BOOLEANS, True)
CHECKED = {"clone", "prlimit64", "unshare", "personality", "ioctl", "fcntl", "socket", "socketpair"}
SYSTEM_V = {"shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semtimedop", "semctl"}
ABSENT = {"clone3", *SYSTEM_V, "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"}
MEMORY = {"memfd_create", "memfd_secret"}
REFUSED = """
    ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
    mount umount2 pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr setns
    bpf perf_event_open io_uring_setup io_uring_enter io_uring_register userfaultfd keyctl add_key request_key
    open_by_handle_at name_to_handle_at fanotify_init quotactl quotactl_fd swapon swapoff acct reboot
    kexec_load kexec_file_load init_module finit_module delete_module settimeofday clock_settime clock_adjtime adjtimex
    sethostname setdomainname syslog vhangup lookup_dcookie nfsservctl
"""  # named once more, so that none is lost from the lists unseen
HIGH = 1 << 32

machines = st.sampled_from(sorted(MACHINES))
choices = st.fixed_dictionaries({name: st.booleans() for name in BOOLEANS})
words = st.integers(0, 2**64 - 1)


def assemble(chosen: dict[str, bool], machine: str | None = None) -> bytes:
    network, unix_sockets, memory_files = (chosen.get(name, False) for name in BOOLEANS)
    return program(
        with_network=network, with_unix_sockets=unix_sockets, with_memory_files=memory_files, machine=machine
    )


def run_filter(code: bytes, architecture: int, number: int, arguments: tuple[int, ...]) -> int:
    """Run a filter as the kernel does, refusing what its checker refuses."""
    instructions = list(struct.iter_unpack("<HBBI", code))
    assert 0 < len(instructions) <= 4096
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    at, accumulator = 0, 0
    value: int
    while True:
        operation, if_true, if_false, value = instructions[at]
        at += 1
        if operation == 0x20:
            assert value % 4 == 0
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif operation == 0x54:
            accumulator &= value
        elif operation == 0x06:
            return value
        else:
            hit = {0x15: accumulator == value, 0x25: accumulator > value, 0x35: accumulator >= value}[operation]
            at += if_true if hit else if_false


@dataclass(frozen=True)
class Filter:
    machine: str
    code: bytes

    def answer(self, name: str, *arguments: int) -> int:
        column, architecture = MACHINES[self.machine]
        number = NUMBERS[name][column]
        assert number is not None
        return run_filter(self.code, architecture, number, arguments)

    def names(self) -> set[str]:
        return {name for name, numbers in NUMBERS.items() if numbers[MACHINES[self.machine][0]] is not None}


@pytest.fixture(params=sorted(MACHINES))
def build(request: pytest.FixtureRequest) -> Callable[..., Filter]:
    machine: str = request.param

    def make(**chosen: bool) -> Filter:
        return Filter(machine, assemble(chosen, machine))

    return make


@given(machines, choices)
def test_every_jump_stays_inside_and_every_way_ends_in_an_answer(machine: str, chosen: dict[str, bool]) -> None:
    instructions = list(struct.iter_unpack("<HBBI", assemble(chosen, machine)))
    assert len(instructions) <= 4096
    for at, (operation, if_true, if_false, value) in enumerate(instructions):
        if operation in (0x15, 0x25, 0x35):
            assert at + 1 + max(if_true, if_false) < len(instructions)
        else:
            assert (if_true, if_false) == (0, 0)
        if operation == 0x06:
            assert value in (ALLOW, KILL, EPERM, ENOSYS)
    assert instructions[-1][0] == 0x06


@given(machines, choices, st.integers(0, 2**32 - 1), st.tuples(*[words] * 6))
def test_only_calls_of_the_own_architecture_are_answered(
    machine: str, chosen: dict[str, bool], number: int, arguments: tuple[int, ...]
) -> None:
    code = assemble(chosen, machine)
    assert run_filter(code, MACHINES[machine][1], number, arguments) in (ALLOW, EPERM, ENOSYS)
    for other in {I386, ARM, *(architecture for _, architecture in MACHINES.values())} - {MACHINES[machine][1]}:
        assert run_filter(code, other, number, arguments) == KILL


@given(machines, choices, st.integers(0, 470), st.tuples(*[words] * 6))
def test_calls_without_a_line_are_allowed(
    machine: str, chosen: dict[str, bool], number: int, arguments: tuple[int, ...]
) -> None:
    column, architecture = MACHINES[machine]
    if number not in {numbers[column] for numbers in NUMBERS.values()}:
        assert run_filter(assemble(chosen, machine), architecture, number, arguments) == ALLOW


@given(machines, choices, st.integers(471, 2**32 - 1))
def test_calls_newer_than_the_lists_do_not_exist(machine: str, chosen: dict[str, bool], number: int) -> None:
    x32 = machine == "x86_64" and number >= 1 << 30
    answer = run_filter(assemble(chosen, machine), MACHINES[machine][1], number, ())
    assert answer == (EPERM if x32 else ENOSYS)


def test_calls_refused_whatever_their_arguments(build: Callable[..., Filter]) -> None:
    assert build().names() - {"iopl", "ioperm", "modify_ldt"} == {*REFUSED.split(), *ABSENT, *MEMORY, *CHECKED}
    for with_memory_files in (False, True):
        made = build(with_memory_files=with_memory_files)
        for name in made.names() - CHECKED:
            expected = ENOSYS if name in ABSENT | MEMORY else EPERM
            if name in MEMORY and with_memory_files:
                expected = ALLOW
            assert made.answer(name, 0, 0) == made.answer(name, 2**64 - 1, 2**64 - 1) == expected, name


@given(machines, words)
def test_clone_and_unshare_make_no_namespace(machine: str, flags: int) -> None:
    made = Filter(machine, assemble({}, machine))
    new = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
    assert made.answer("clone", flags) == (EPERM if flags & new else ALLOW)
    assert made.answer("clone", flags & ~new) == ALLOW
    assert made.answer("unshare", flags) == (ALLOW if flags & ~(0x200 | 0x400 | 0x40000) == 0 else EPERM)


@pytest.mark.parametrize(
    "flag", [0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, HIGH]
)
def test_unshare_of_files_is_allowed_and_of_namespaces_is_not(build: Callable[..., Filter], flag: int) -> None:
    assert build().answer("unshare", 0x200 | 0x400) == ALLOW
    assert build().answer("unshare", 0x400 | flag) == EPERM


def test_commands_to_terminals_and_personalities(build: Callable[..., Filter]) -> None:
    made = build()
    for upper in (0, HIGH, 7 * HIGH):  # the kernel looks at the lower half
        assert made.answer("ioctl", 0, 0x5412 + upper) == made.answer("ioctl", 0, 0x541C + upper) == EPERM
        assert made.answer("personality", upper) == made.answer("personality", 0xFFFFFFFF + upper) == ALLOW
        assert made.answer("personality", 0x40000 + upper) == EPERM
    assert made.answer("ioctl", 0x5412, 0x5401, 0x5412) == ALLOW


def test_neither_leases_on_files_nor_subvolumes(build: Callable[..., Filter]) -> None:
    made = build()
    assert made.answer("fcntl", 3, 1024, 1) == made.answer("fcntl", 3, 1024 + HIGH, 1) == EPERM
    assert made.answer("fcntl", 3, 4, 1024) == made.answer("fcntl", 1024, 1) == ALLOW
    btrfs = [0x94 << 8 | number | 1 << 30 | 4096 << 16 for number in (1, 14, 23, 24)] + [
        0x94 << 8 | 26 | 1 << 30 | 8 << 16
    ]
    assert {made.answer("ioctl", 3, command) for command in btrfs} == {EPERM}
    assert made.answer("ioctl", 3, 0x40049409) == ALLOW  # FICLONE


def test_a_process_sets_its_own_limits_and_reads_all(build: Callable[..., Filter]) -> None:
    answer = build().answer
    assert answer("prlimit64", 0, 7, 0x7FFF00001000) == answer("prlimit64", HIGH, 7, 1) == ALLOW
    assert answer("prlimit64", 1234, 7, 0, 0x7FFF00001000) == ALLOW
    for new in (1, 0x7FFF00001000, HIGH, 0x7FFF00000000):
        assert answer("prlimit64", 1234, 7, new) == EPERM


SOCKETS = [
    # family, type, protocol, which choice allows it
    (1, 1, 0, "with_unix_sockets"),
    (1, 2 | 0x80000, 0, "with_unix_sockets"),
    (2, 1 | 0x80800, 0, "with_network"),
    (2, 2, 17, "with_network"),
    (10, 1, 6, "with_network"),
    (16, 3 | 0x80000, 0, "with_network"),
    (16, 3, 9, None),  # netlink: audit
    (2, 3, 255, None),  # raw
    (2, 10, 0, None),  # the old name of packet sockets
    (2, 1, 132, None),  # SCTP
    *((family, 2, 0, None) for family in range(46) if family not in (1, 2, 10, 16)),
]


@pytest.mark.parametrize("given_upper", [0, HIGH, 3 * HIGH])
def test_sockets(build: Callable[..., Filter], given_upper: int) -> None:
    for family, kind, protocol, needed in SOCKETS:
        for chosen in ({}, {"with_network": True}, {"with_unix_sockets": True}, GENEROUS):
            expected = ALLOW if chosen.get(needed or "") else EPERM
            answer = build(**chosen).answer("socket", family + given_upper, kind + given_upper, protocol + given_upper)
            assert answer == expected, (family, kind, protocol, chosen)


def test_pairs_of_sockets(build: Callable[..., Filter]) -> None:
    for kind, is_connected in ((1, True), (5, True), (2, False), (3, False), (1 | 0x80800, True)):
        assert build().answer("socketpair", 1, kind) == (ALLOW if is_connected else EPERM)
        assert build(with_unix_sockets=True).answer("socketpair", 1, kind) == ALLOW
    for family in (0, 2, 10, 16, 17, 30, 40):  # 30: TIPC has pairs as well
        assert build(**GENEROUS).answer("socketpair", family, 1) == EPERM


def test_ports_of_x86_64_are_refused() -> None:
    made = Filter("x86_64", assemble(GENEROUS, "x86_64"))
    assert [made.answer(name, 3) for name in ("iopl", "ioperm", "modify_ldt")] == [EPERM] * 3


def test_an_unknown_architecture() -> None:
    with pytest.raises(KeyError):
        assemble({}, "m68k")


@pytest.mark.parametrize("machine", sorted(MACHINES))
def test_numbers_against_libseccomp(machine: str, record_property: Callable[[str, object], None]) -> None:
    path = ctypes.util.find_library("seccomp")
    if path is None:
        pytest.skip("libseccomp is not installed")
    resolve = ctypes.CDLL(path).seccomp_syscall_resolve_name_arch
    resolve.argtypes = (ctypes.c_uint32, ctypes.c_char_p)
    column, architecture = MACHINES[machine]
    found = {name: resolve(architecture, name.encode()) for name in NUMBERS}
    known = {name for name, number in found.items() if number != -1}  # -1: newer than the library
    record_property("compared", len(known))
    # below -1: a call that other architectures have
    assert {name: number if number >= 0 else None for name, number in found.items() if name in known} == {
        name: numbers[column] for name, numbers in NUMBERS.items() if name in known
    }
    assert len(known) >= len(NUMBERS) - 5, f"only {len(known)} of {len(NUMBERS)} are known to {path}"


# from here on: under the kernel

INSTALL = """
import base64, ctypes, errno, json, os, signal, socket, struct, sys

libc = ctypes.CDLL(None, use_errno=True)

def install(code):
    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
    made = Program(len(code) // 8, code)
    def prctl(*values):
        if libc.prctl(*(ctypes.c_ulong(value) for value in values)) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
    prctl(38, 1, 0, 0, 0)
    prctl(22, 2, ctypes.addressof(made))

def call(number, *values):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in values))
    return ctypes.get_errno() if result == -1 else 0

given = json.loads(sys.argv[2])
install(base64.b64decode(sys.argv[1]))
"""


def start(code: str, given: object = None, **chosen: bool) -> "subprocess.CompletedProcess[str]":
    """Run code in a fresh process under the filter; it finds `given` and prints JSON."""
    encoded = base64.b64encode(assemble(chosen)).decode()
    command = [sys.executable, "-c", INSTALL + code, encoded, json.dumps(given)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        timeout=300,
    )


def outcome(code: str, given: object = None, **chosen: bool) -> Any:
    done = start(code, given, **chosen)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@KERNEL
@pytest.mark.parametrize("chosen", [{}, GENEROUS], ids=["strict", "generous"])
def test_the_kernel_refuses_every_call_on_the_lists(chosen: dict[str, bool]) -> None:
    column = MACHINES[platform.machine()][0]
    # arguments of all ones do no harm, were a call let through
    left_out = CHECKED | (MEMORY if chosen.get("with_memory_files") else set())
    calls = {name: numbers[column] for name, numbers in NUMBERS.items() if name not in left_out}
    calls = {name: number for name, number in calls.items() if number is not None}
    found = outcome(
        "print(json.dumps({name: call(number, *[-1] * 6) for name, number in given.items()}))", calls, **chosen
    )
    assert found == {name: errno.ENOSYS if name in ABSENT | MEMORY else errno.EPERM for name in calls}


@KERNEL
def test_the_kernel_refuses_arguments() -> None:
    column = MACHINES[platform.machine()][0]
    given = {name: NUMBERS[name][column] for name in CHECKED} | {
        "new": [0x80, 0x20000, 0x10000000, 0x20000000, 0x40000000]
    }
    found = outcome(
        """
refused = [call(given["unshare"], flag) for flag in given["new"]]
refused += [call(given["clone"], flag | signal.SIGCHLD, 0, 0, 0, 0) for flag in given["new"] if flag != 0x80]
refused += [call(given["ioctl"], 0, command, -1) for command in (0x5412, 0x5412 | 1 << 32, 0x541C)]
refused += [call(given["fcntl"], 0, 1024, kind) for kind in (0, 1, 2)]
refused += [call(given["personality"], 0x40000), call(471, 0), call(given["socketpair"], 1, 2, 0, -1)]
import resource
new = ctypes.create_string_buffer(struct.pack("=qq", *resource.getrlimit(resource.RLIMIT_NOFILE)))
refused += [call(given["prlimit64"], os.getppid(), 7, ctypes.addressof(new), 0)]
refused += [call(given["socket"], family, 1, 0) for family in range(46)]
allowed = [call(given["unshare"], 0x200), call(given["personality"], 0xFFFFFFFF), call(given["personality"], 0)]
print(json.dumps([refused, allowed]))
""",
        given,
    )
    refused, allowed = found
    assert allowed == [0, 0, 0]
    assert refused.count(errno.ENOSYS) == 1  # the call that is newer than the lists
    assert set(refused) == {errno.EPERM, errno.ENOSYS}


@KERNEL
@X86_64
def test_calls_of_other_architectures() -> None:
    call_i386 = """
import mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd80c3"))  # getpid as i386 numbers it
call_i386 = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
"""
    unfiltered = subprocess.run([sys.executable, "-c", "import ctypes" + call_i386 + "call_i386()"], check=False)
    if unfiltered.returncode == 0:
        assert start(call_i386 + "call_i386()").returncode == -signal.SIGSYS
    assert outcome("print(json.dumps(call(1 << 30 | 39)))") == errno.EPERM


WORKS = """
import asyncio, resource, subprocess, tempfile, threading, time

pid = os.fork()
if pid == 0:
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7

done = []
threads = [threading.Thread(target=done.append, args=(at,)) for at in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert sorted(done) == list(range(8))

assert subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, check=True).stdout == b"42\\n"
assert subprocess.run("exit 3", shell=True).returncode == 3

one, other = socket.socketpair()
one.sendall(b"x")
assert other.recv(1) == b"x"

with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile(dir=folder) as file:
    os.chmod(file.name, 0o600)
    os.utime(file.name)

heard = []
signal.signal(signal.SIGALRM, lambda *_: heard.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.001)
while not heard:
    signal.sigtimedwait([], 0.01)
assert time.time() > 0 and time.process_time() > 0 and time.localtime()

assert asyncio.run(asyncio.sleep(0, "slept")) == "slept"
backwards = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda a, b: 0)
libc.qsort(ctypes.create_string_buffer(b"ba", 2), ctypes.c_size_t(2), ctypes.c_size_t(1), backwards)
os.sched_setaffinity(0, os.sched_getaffinity(0))
resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))
"""

POOL = """
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(abs, [-1, -2, -3]) == [1, 2, 3]
with multiprocessing.get_context("spawn").Pool(1) as pool:
    assert pool.map(abs, [-1]) == [1]
"""

TRAINING = """
import joblib, lightgbm, numpy, pandas
x = numpy.random.default_rng(0).normal(size=(200, 3))
model = lightgbm.LGBMClassifier(n_estimators=3, n_jobs=2, verbose=-1).fit(x, x[:, 0] > 0)
assert (model.predict(x) == (x[:, 0] > 0)).mean() > 0.9
assert joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-at) for at in range(4)) == [0, 1, 2, 3]
"""

DONE = 'print(json.dumps("done"))'


@KERNEL
def test_what_scripts_need_works() -> None:
    assert outcome(WORKS + DONE) == "done"


@KERNEL
def test_pools_of_processes_work() -> None:
    assert outcome("import multiprocessing\n" + POOL + DONE) == "done"


@KERNEL
@pytest.mark.slow
def test_training_works_and_spreads_over_processes() -> None:
    assert outcome(TRAINING + DONE) == "done"


@KERNEL
def test_a_manager_of_shared_objects_works_with_unix_sockets() -> None:
    code = """
import multiprocessing
with multiprocessing.get_context("fork").Manager() as manager:
    shared = manager.list([1])
    shared.append(2)
    found = list(shared)
print(json.dumps(found))
"""
    assert outcome(code, with_unix_sockets=True) == [1, 2]


@KERNEL
def test_the_network_is_reached_only_where_it_is_allowed() -> None:
    code = """
found = []
for host, port in given:
    try:
        found.append(socket.create_connection((host, port)).recv(2).decode())
    except OSError as error:
        found.append(errno.errorcode[error.errno])
print(json.dumps(found))
"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        names = [("127.0.0.1", port), ("localhost", port)]
        encoded = base64.b64encode(assemble({"with_network": True})).decode()
        command = [sys.executable, "-c", INSTALL + code, encoded, json.dumps(names)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            for _ in names:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b"in")
            assert child.stdout is not None
            assert json.loads(child.stdout.read()) == ["in", "in"]
        assert outcome(code, names[:1]) == ["EPERM"]


@KERNEL
def test_no_pair_of_sockets_leads_to_a_socket_with_a_name(tmp_path: Path) -> None:
    code = """
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
kinds, names = given

def attempt(make):
    try:
        make()
    except OSError:
        pass

for kind in kinds:
    for name in names:
        for is_left in (False, True):
            one, other = socket.socketpair(type=kind)
            if is_left:
                other.close()
            attempt(lambda: one.sendto(b"out", name))
            attempt(lambda: one.sendmsg([b"out"], (), 0, name))
            attempt(lambda: one.connect(name))
            attempt(lambda: one.send(b"out"))
print("null")
"""
    listeners = [socket.socket(socket.AF_UNIX, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)]
    with listeners[0] as datagrams, listeners[1] as connections:
        names = [str(tmp_path / "datagrams"), str(tmp_path / "connections")]
        for listener, name in zip(listeners, names, strict=True):
            listener.setblocking(False)
            listener.bind(name)
        connections.listen()
        outcome(code, [[socket.SOCK_STREAM, socket.SOCK_SEQPACKET], names])
        with pytest.raises(BlockingIOError):
            datagrams.recv(10)
        with pytest.raises(BlockingIOError):
            connections.accept()
        # a pair of datagram sockets does lead out
        outcome(code, [[socket.SOCK_DGRAM], names], with_unix_sockets=True)
        assert datagrams.recv(10) == b"out"
