"""Why this machine grants no namespaces or no Landlock, as far as files tell, and what to do. Tries nothing.

Whether they are granted is told by a trial (`isolation.py`); the kernel answers a denial with one bare number, and what
denied it (a setting, a container, AppArmor) is what the user must know.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

_SYS_ADMIN, _SETFCAP = 1 << 21, 1 << 31
"""CAP_SYS_ADMIN: makes namespaces without a user namespace. CAP_SETFCAP: takes root into one (linux/capability.h)."""

_FILTERED = "2"
"""The mode of seccomp in which a filter decides (`Seccomp:` in /proc/self/status)."""

_LANDLOCK_SINCE = (5, 13)
_KINDS = ("user", "mnt", "pid", "net", "ipc")
_ENOUGH = 15_000

_DOCKER = "--security-opt seccomp=unconfined --security-opt apparmor=unconfined"
_ADVICE = {
    "docker": f"start the container with: docker run {_DOCKER} --security-opt systempaths=unconfined … (as root in it, also "
    "--cap-add SYS_ADMIN); this loosens the container's own walls, so run nothing else in it",
    "podman": "start the container with: podman run --security-opt unmask=ALL … (and --security-opt seccomp=unconfined where "
    "yours filters more than Podman's own); this loosens the container's own walls",
    "kubernetes": "give the container a securityContext with seccompProfile and appArmorProfile of type Unconfined and "
    "procMount: Unmasked (with hostUsers: false), or capability SYS_ADMIN; this loosens the container's own walls",
    "lxc": "allow nesting on the host: lxc config set NAME security.nesting true, then restart the container",
    "systemd-nspawn": "start the container with: systemd-nspawn --system-call-filter=@mount …",
}
_ANY_CONTAINER = (
    "allow the calls unshare, mount and pivot_root in the container's seccomp filter, "
    "and mounts in its AppArmor profile"
)


def container(root: Path = Path("/")) -> str | None:
    """Return what kind of container this is (docker, podman, kubernetes, lxc, …), or None on a machine of its own."""
    if (root / "var/run/secrets/kubernetes.io").exists() or (root / "run/secrets/kubernetes.io").exists():
        return "kubernetes"
    if (root / "run/.containerenv").exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    return _read(root / "run/systemd/container") or None


def user_namespaces(
    proc: Path = Path("/proc"), root: Path = Path("/"), python: Path | None = None, *, is_root: bool | None = None
) -> tuple[str, str] | None:
    """Return why namespaces are denied here and what to do; None when nothing that is known to deny them is in sight.

    Means nothing where they are granted: some of what it sees matters to ordinary users alone, or is passed by.

    Args:
        proc: What the kernel tells of itself and this process.
        root: Where containers leave their marks.
        python: The interpreter that AppArmor's advice names; by default this one.
        is_root: True when namespaces are made without a user namespace; by default where CAP_SYS_ADMIN is held.
    """
    version = _read(proc / "version")
    if not version:
        return "namespaces are a matter of Linux, and this system is none", _elsewhere()
    if "microsoft" in version.lower() and "wsl2" not in version.lower():
        return "this is WSL 1, which has no namespaces", "convert the distribution to WSL 2: wsl --set-version NAME 2"
    status = _status(proc)
    rights = int(status.get("CapEff", "0"), 16)
    is_root = bool(rights & _SYS_ADMIN) if is_root is None else is_root
    inside = container(root)
    return (
        _not_built(proc, is_root)
        or _switched_off(proc, is_root)
        or _contained(proc, inside, status, is_root)
        or _apparmor(proc, is_root, python or Path(sys.executable))
        or _filtered(status)
        or _stripped(status, rights, is_root)
    )


def landlock(proc: Path = Path("/proc"), root: Path = Path("/")) -> tuple[str, str]:
    """Return why there is no Landlock here, and what to do; means nothing where there is."""
    found = re.match(r"Linux version (\d+)\.(\d+)", _read(proc / "version"))
    if found is not None and (int(found[1]), int(found[2])) < _LANDLOCK_SINCE:
        return f"this kernel is Linux {found[1]}.{found[2]}, which has no Landlock", "it needs Linux 5.13 or newer"
    if _status(proc).get("Seccomp") == _FILTERED:
        where = (
            f"the filter of this {container(root)} container" if container(root) else "the filter it was started under"
        )
        return (
            f"{where} denies it, or the kernel has it switched off",
            "allow the calls landlock_create_ruleset, landlock_add_rule and landlock_restrict_self in that seccomp filter "
            "(newer versions of Docker and Podman do)",
        )
    return (
        "this kernel has Landlock switched off",
        "add landlock to the kernel's parameter lsm=, and restart the machine",
    )


def _not_built(proc: Path, is_root: bool) -> tuple[str, str] | None:
    kinds = _KINDS[1:] if is_root else _KINDS
    missing = [kind for kind in kinds if not (proc / "self/ns" / kind).is_symlink()]
    if not missing:
        return None
    return (
        f"this kernel is built without namespaces of kind {', '.join(missing)}",
        "run another kernel, or ML-Master as root",
    )


def _switched_off(proc: Path, is_root: bool) -> tuple[str, str] | None:
    """Return a kernel setting that forbids: Debian's own switch, and the limits that RHEL 7 sets to 0."""
    if not is_root and _read(proc / "sys/kernel/unprivileged_userns_clone") == "0":
        return _setting("kernel.unprivileged_userns_clone", 0, 1)
    for kind in _KINDS[1:] if is_root else _KINDS:
        if _read(proc / f"sys/user/max_{kind}_namespaces") == "0":
            return _setting(f"user.max_{kind}_namespaces", 0, _ENOUGH)
    return None


def _setting(name: str, value: int, better: int) -> tuple[str, str]:
    change = f"{name}={better}"
    return (
        f"the kernel's setting {name} is {value}",
        f"sudo sysctl -w {change}, and to keep it: echo {change} | sudo tee /etc/sysctl.d/60-mlmaster.conf",
    )


def _contained(proc: Path, inside: str | None, status: dict[str, str], is_root: bool) -> tuple[str, str] | None:
    """Return what a container denies: calls by its filter, mounts by its profile, a new /proc by covers on its own."""
    if inside is None:
        return None
    profile = _read(proc / "self/attr/current")
    means = []
    if status.get("Seccomp") == _FILTERED:
        means.append("its seccomp filter")
    if profile.endswith(")") and not profile.startswith("unconfined"):
        means.append(f"its AppArmor profile {profile.partition(' ')[0]}")
    if not is_root and _has_covered_proc(proc):
        means.append("the covers on its /proc")
    if not means:
        return None
    advice = _ADVICE.get(inside, _ANY_CONTAINER)
    return f"this is a {inside} container, and {' or '.join(means)} denies them", advice


def _has_covered_proc(proc: Path) -> bool:
    """Return True where parts of /proc are hidden: an ordinary user may then mount no new one (mount_namespaces(7))."""
    lines = _read(proc / "self/mountinfo").splitlines()
    places = [parts[4] for line in lines if len(parts := line.split()) > 4]
    return any(place.startswith("/proc/") and place != "/proc/sys/fs/binfmt_misc" for place in places)


def _apparmor(proc: Path, is_root: bool, python: Path) -> tuple[str, str] | None:
    if is_root or _read(proc / "sys/kernel/apparmor_restrict_unprivileged_userns") != "1":
        return None
    profile = f'abi <abi/4.0>, profile mlmaster "{python.resolve()}" flags=(unconfined) {{ userns, }}'
    file = "/etc/apparmor.d/mlmaster"
    return (
        "AppArmor keeps ordinary users' namespaces without rights (Ubuntu 23.10 and newer)",
        f"allow this interpreter: echo {shlex.quote(profile)} | sudo tee {file} && sudo apparmor_parser -r {file}; or all "
        "programs: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    )


def _filtered(status: dict[str, str]) -> tuple[str, str] | None:
    if status.get("Seccomp") != _FILTERED:
        return None
    return (
        "whatever started ML-Master put a seccomp filter on it (a service with RestrictNamespaces, a snap, another sandbox)",
        "start ML-Master from a plain shell, or allow namespaces there (systemd: RestrictNamespaces=no)",
    )


def _stripped(status: dict[str, str], rights: int, is_root: bool) -> tuple[str, str] | None:
    if is_root or rights & _SETFCAP or status.get("Uid", "").split()[:1] != ["0"]:
        return None
    return (
        "you are root without the capability SETFCAP, and may take no root into a user namespace",
        "start ML-Master as an ordinary user (docker run --user 1000), or give it that capability (--cap-add SETFCAP)",
    )


def _elsewhere() -> str:
    return (
        "run ML-Master in a Linux machine or container; or set sandbox.isolation=none, which keeps scripts from nothing"
    )


def _status(proc: Path) -> dict[str, str]:
    lines = _read(proc / "self/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip(" \n\0")
    except OSError:
        return ""
