"""Why namespaces are denied, read off a fake /proc."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mlmaster.sandbox import hindrances

USER, ROOT, DOCKER_ROOT = "0000000000000000", "000001ffffffffff", "00000000a80425fb"
LINUX = "Linux version 6.8.0-45-generic (buildd@lcy02) #45-Ubuntu SMP"


class Machine:
    """A tree of the few files that are read."""

    def __init__(self, root: Path) -> None:
        self.root, self.proc = root, root / "proc"
        self.write("proc/version", LINUX)
        self.status(USER)
        for kind in ("user", "mnt", "pid", "net", "ipc"):
            self.write(f"proc/sys/user/max_{kind}_namespaces", "95621")
            link = self.proc / "self/ns" / kind
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(f"{kind}:[4026531837]")

    def write(self, path: str, text: str = "") -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text + "\n", encoding="utf-8")

    def status(self, capabilities: str, seccomp: int = 0) -> None:
        self.write("proc/self/status", f"Name:\tpython\nCapEff:\t{capabilities}\nSeccomp:\t{seccomp}")

    def why(self, python: Path | None = None) -> tuple[str, str] | None:
        return hindrances.user_namespaces(self.proc, self.root, python)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_plain_machine_hinders_nothing(machine: Machine) -> None:
    assert machine.why() is None


def test_no_linux(tmp_path: Path) -> None:
    found = hindrances.user_namespaces(tmp_path / "proc", tmp_path)
    assert found is not None
    assert "sandbox.isolation=none" in found[1]


@pytest.mark.parametrize(
    ("version", "is_old"),
    [
        ("Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com)", True),
        ("Linux version 5.15.153.1-microsoft-standard-WSL2 (root@x)", False),
    ],
)
def test_wsl(machine: Machine, version: str, is_old: bool) -> None:
    machine.write("proc/version", version)
    found = machine.why()
    assert (found is not None and "WSL 1" in found[0]) is is_old


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("kernel/unprivileged_userns_clone", "sysctl -w kernel.unprivileged_userns_clone=1"),
        ("user/max_user_namespaces", "sysctl -w user.max_user_namespaces=15000"),
        ("user/max_net_namespaces", "sysctl -w user.max_net_namespaces=15000"),
    ],
)
def test_settings_that_forbid_come_with_the_command_that_allows(machine: Machine, file: str, words: str) -> None:
    machine.write(f"proc/sys/{file}", "0")
    found = machine.why()
    assert found is not None
    assert "is 0" in found[0]
    assert words in found[1]


@pytest.mark.parametrize("file", ["kernel/unprivileged_userns_clone", "user/max_user_namespaces"])
def test_root_needs_no_user_namespace(machine: Machine, file: str) -> None:
    machine.write(f"proc/sys/{file}", "0")
    machine.status(ROOT)
    assert machine.why() is None


def test_root_in_a_user_namespace_of_its_own_needs_another(machine: Machine) -> None:
    machine.write("proc/sys/user/max_user_namespaces", "0")
    machine.status(ROOT)
    found = hindrances.user_namespaces(machine.proc, machine.root, is_root=False)
    assert found is not None
    assert "max_user_namespaces is 0" in found[0]


@pytest.mark.parametrize(("user", "capabilities", "is_hindered"), [(0, USER, True), (0, ROOT, False), (7, USER, False)])
def test_root_without_its_rights(machine: Machine, user: int, capabilities: str, is_hindered: bool) -> None:
    machine.write("proc/self/status", f"Uid:\t{user}\t{user}\t{user}\t{user}\nCapEff:\t{capabilities}\nSeccomp:\t0")
    found = hindrances.user_namespaces(machine.proc, machine.root, is_root=False)
    assert (found is not None and "SETFCAP" in found[1]) is is_hindered


@pytest.mark.parametrize(
    ("version", "seccomp", "reason", "advice"),
    [
        ("Linux version 5.4.0-1 (x)", 0, "Linux 5.4", "5.13 or newer"),
        ("Linux version 5.12.19 (x)", 2, "Linux 5.12", "5.13 or newer"),
        ("Linux version 5.13.0 (x)", 0, "switched off", "lsm="),
        ("Linux version 6.18.44-fc (x)", 2, "the filter", "landlock_restrict_self"),
        ("", 0, "switched off", "lsm="),
    ],
)
def test_why_there_is_no_landlock(machine: Machine, version: str, seccomp: int, reason: str, advice: str) -> None:
    machine.write("proc/version", version)
    machine.status(USER, seccomp)
    why, what = hindrances.landlock(machine.proc, machine.root)
    assert reason in why
    assert advice in what


def test_a_kernel_without_a_kind(machine: Machine) -> None:
    (machine.proc / "self/ns/user").unlink()
    found = machine.why()
    assert found is not None
    assert "of kind user" in found[0]
    machine.status(ROOT)
    assert machine.why() is None


@pytest.mark.parametrize(
    ("mark", "kind", "words"),
    [
        (".dockerenv", "docker", "--security-opt systempaths=unconfined"),
        ("run/.containerenv", "podman", "--security-opt unmask=ALL"),
        ("var/run/secrets/kubernetes.io/token", "kubernetes", "securityContext"),
    ],
)
def test_containers_are_told_apart(machine: Machine, mark: str, kind: str, words: str) -> None:
    machine.write(mark)
    assert hindrances.container(machine.root) == kind
    assert machine.why() is None
    machine.status(DOCKER_ROOT, seccomp=2)
    found = machine.why()
    assert found is not None
    assert found[0] == f"this is a {kind} container, and its seccomp filter denies them"
    assert words in found[1]


@pytest.mark.parametrize(
    ("kind", "words"), [("lxc", "security.nesting"), ("systemd-nspawn", "@mount"), ("rkt", "pivot_root")]
)
def test_containers_that_systemd_knows(machine: Machine, kind: str, words: str) -> None:
    machine.write("run/systemd/container", kind)
    machine.status(USER, seccomp=2)
    found = machine.why()
    assert found is not None
    assert kind in found[0]
    assert words in found[1]


def test_a_container_with_the_right_but_a_profile(machine: Machine) -> None:
    machine.write(".dockerenv")
    machine.status(ROOT)
    machine.write("proc/self/attr/current", "docker-default (enforce)")
    found = machine.why()
    assert found is not None
    assert "its AppArmor profile docker-default" in found[0]
    machine.write("proc/self/attr/current", "unconfined")
    assert machine.why() is None


def test_a_container_whose_proc_is_covered_hinders_ordinary_users(machine: Machine) -> None:
    machine.write(".dockerenv")
    machine.write("proc/self/mountinfo", "32 30 0:7 / /proc/sys/fs/binfmt_misc rw - binfmt_misc b rw")
    assert machine.why() is None
    machine.write("proc/self/mountinfo", "30 25 0:5 / /proc rw - proc proc rw\n31 30 0:6 / /proc/kcore rw - tmpfs t rw")
    found = machine.why()
    assert found is not None
    assert "the covers on its /proc" in found[0]
    machine.status(ROOT)
    assert machine.why() is None


def test_apparmor_names_the_interpreter_behind_the_link(machine: Machine) -> None:
    machine.write("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")
    real = machine.root / "real python"
    real.touch()
    (machine.root / "python").symlink_to(real)
    found = machine.why(machine.root / "python")
    assert found is not None
    assert "AppArmor" in found[0]
    assert f'profile mlmaster "{real}" flags=(unconfined) {{ userns, }}' in found[1]
    default = machine.why()
    assert default is not None
    assert str(Path(sys.executable).resolve()) in default[1]
    machine.status(ROOT)
    assert machine.why(real) is None


def test_a_filter_from_elsewhere(machine: Machine) -> None:
    machine.status(USER, seccomp=2)
    found = machine.why()
    assert found is not None
    assert "seccomp filter" in found[0]
    assert "RestrictNamespaces=no" in found[1]


def test_this_machine_can_be_read() -> None:
    found = hindrances.user_namespaces()
    assert found is None or all(found)
