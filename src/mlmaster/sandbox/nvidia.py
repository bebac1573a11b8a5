"""NVIDIA's GPUs, asked of `nvidia-smi` and read from /proc. CUDA is never initialised: no forked script would survive that.

MIG: a script uses an instance through its parent's device file and two capabilities, of its GPU instance and of its compute
instance, which are files under /dev/nvidia-caps (NVIDIA Multi-Instance GPU User Guide, "Device Nodes and Capabilities").
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from mlmaster.sandbox.gpu import Found, Gpu

PATIENCE_S = 30.0
"""A driver that nothing keeps loaded takes seconds to answer, for each GPU."""

_WSL_PROGRAM = "usr/lib/wsl/lib/nvidia-smi"
_WSL_NODE = "/dev/dxg"
_SHARED = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")
_FIELDS = "index,uuid,memory.total,pci.bus_id,mig.mode.current,name"  # the name last: it may hold a comma
_GPU_LINE = re.compile(r"GPU (\d+): (.+) \(UUID: (\S+)\)\s*$")
_MIG_LINE = re.compile(r"\s*MIG (\S+)\s+Device\s+(\d+):\s+\(UUID: (\S+)\)\s*$")
_OLD_MIG_ID = re.compile(r"MIG-GPU-.+/(\d+)/(\d+)$")
_MINOR = re.compile(r"^Device Minor:\s*(\d+)", re.MULTILINE)
_CAPABILITY = re.compile(r"^DeviceFileMinor:\s*(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Instance:
    """An instance of a split GPU: where the driver keeps it, and its memory."""

    gpu_instance: int
    compute_instance: int
    memory_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Report:
    """What only the long report of `nvidia-smi` says of one GPU."""

    minor: int | None
    instances: dict[int, _Instance]


def find(program: str | None = None, root: Path = Path("/")) -> Found:
    """Return this machine's NVIDIA GPUs in the order of their numbers, instances in place of GPUs that are split.

    Args:
        program: `nvidia-smi`; by default the one there is, none being no GPU.
        root: Where `proc` and `dev` are.
    """
    program = program or shutil.which("nvidia-smi") or _wsl_program(root)
    if program is None:
        return Found()
    try:
        table = _ask(program, f"--query-gpu={_FIELDS}", "--format=csv,noheader")
        listed = _ask(program, "-L")
        rows = [_row(line) for line in table.splitlines() if line.strip()]
        instances = _listed_instances(listed)
        minors = {row.uuid: _minor(row.bus, root) for row in rows}
        needs_report = bool(instances) or None in minors.values()
        reports = _reports(_ask(program, "-q", "-x")) if needs_report and not _is_wsl(root) else {}
    except (OSError, subprocess.SubprocessError, ValueError, ElementTree.ParseError) as error:
        return Found(remarks=(f"nvidia-smi does not answer as it should: {_why(error)}",))
    gpus: list[Gpu] = []
    remarks: list[str] = []
    for row in rows:
        report = reports.get(row.uuid, _Report(None, {}))
        minor = minors[row.uuid]
        if minor is None:
            minor = report.minor
        own = instances.get(row.uuid, [])
        if row.is_split and not own:
            remarks.append(
                f"GPU {row.index} is in MIG mode and has no instances, so nothing runs on it: `nvidia-smi mig -cgi`"
            )
        elif own:
            gpus += [_instance(row, minor, entry, report, root) for entry in own]
        else:
            nodes, is_separable = _whole_nodes(minor, root)
            gpus.append(
                Gpu(
                    "nvidia",
                    row.index,
                    None,
                    row.uuid,
                    row.uuid,
                    row.name,
                    row.memory_bytes,
                    row.uuid,
                    nodes,
                    is_separable,
                )
            )
    return Found(tuple(gpus), tuple(remarks))


@dataclass(frozen=True, slots=True)
class _Row:
    index: int
    uuid: str
    memory_bytes: int
    bus: str
    is_split: bool
    name: str


def _row(line: str) -> _Row:
    """Return one line of the table.

    Raises:
        ValueError: It is none.
    """
    cells = [cell.strip() for cell in line.split(",", 5)]
    if len(cells) != 6 or not cells[0].isdigit():
        raise ValueError(line.strip())
    index, uuid, memory, bus, mode, name = cells
    return _Row(int(index), uuid, _bytes(memory), bus, mode == "Enabled", name)


def _listed_instances(text: str) -> dict[str, list[tuple[int, str, str]]]:
    """Return parent's UUID → (number, id, profile) of each instance, from `nvidia-smi -L`."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    parent = ""
    for line in text.splitlines():
        if whole := _GPU_LINE.match(line):
            parent = whole[3]
        elif part := _MIG_LINE.match(line):
            found.setdefault(parent, []).append((int(part[2]), part[3], part[1]))
    return found


def _reports(text: str) -> dict[str, _Report]:
    """Return UUID → what the long report says."""
    reports = {}
    for gpu in ElementTree.fromstring(text).iter("gpu"):
        instances = {
            int(part.findtext("index", "-1")): _Instance(
                int(part.findtext("gpu_instance_id", "-1")),
                int(part.findtext("compute_instance_id", "-1")),
                _bytes(part.findtext("fb_memory_usage/total", "")),
            )
            for part in gpu.iterfind("mig_devices/mig_device")
        }
        minor = gpu.findtext("minor_number", "").strip()
        reports[gpu.findtext("uuid", "").strip()] = _Report(int(minor) if minor.isdigit() else None, instances)
    return reports


def _instance(row: _Row, minor: int | None, entry: tuple[int, str, str], report: _Report, root: Path) -> Gpu:
    number, uuid, profile = entry
    place = report.instances.get(number)
    if place is None and (old := _OLD_MIG_ID.match(uuid)):  # drivers before 470 name the place in the id
        place = _Instance(int(old[1]), int(old[2]))
    nodes, is_separable = _whole_nodes(minor, root)
    capabilities = None if minor is None or place is None else _capabilities(minor, place, root)
    return Gpu(
        maker="nvidia",
        index=row.index,
        instance=number,
        uuid=uuid,
        parent=row.uuid,
        name=f"{row.name} MIG {profile}",
        memory_bytes=0 if place is None else place.memory_bytes,
        visible=uuid,
        nodes=(*nodes, *(capabilities or ())),
        is_separable=is_separable and capabilities is not None,
    )


def _capabilities(minor: int, place: _Instance, root: Path) -> tuple[str, ...] | None:
    """Return the files that open an instance, or None when the driver does not tell or make them."""
    folder = root / "proc/driver/nvidia/capabilities" / f"gpu{minor}" / "mig" / f"gi{place.gpu_instance}"
    nodes = []
    for access in (folder / "access", folder / f"ci{place.compute_instance}" / "access"):
        number = _read_number(access, _CAPABILITY)
        node = f"/dev/nvidia-caps/nvidia-cap{number}"
        if number is None or not _exists(node, root):
            return None
        nodes.append(node)
    return tuple(nodes)


def _whole_nodes(minor: int | None, root: Path) -> tuple[tuple[str, ...], bool]:
    """Return the device files of a whole GPU with those that all share, and whether it has one of its own."""
    if _is_wsl(root):
        return (_WSL_NODE,), False
    own = f"/dev/nvidia{minor}"
    shared = tuple(node for node in _SHARED if _exists(node, root))
    return ((own, *shared), True) if minor is not None and _exists(own, root) else (shared, False)


def _minor(bus: str, root: Path) -> int | None:
    """Return the number of a GPU's device file, which need not be its index."""
    place = _bus_numbers(bus)
    folder = root / "proc/driver/nvidia/gpus"
    try:
        known = list(folder.iterdir())
    except OSError:
        return None
    same = (path / "information" for path in known if place is not None and _bus_numbers(path.name) == place)
    return next((number for path in same if (number := _read_number(path, _MINOR)) is not None), None)


def _bus_numbers(bus: str) -> tuple[int, ...] | None:
    """Return domain, bus, device and function; the driver and its tools pad and case them differently."""
    try:
        return tuple(int(part, 16) for part in re.split("[:.]", bus))
    except ValueError:
        return None


def _read_number(path: Path, pattern: re.Pattern[str]) -> int | None:
    try:
        match = pattern.search(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return None if match is None else int(match[1])


def _exists(node: str, root: Path) -> bool:
    return (root / node.lstrip("/")).exists()


def _is_wsl(root: Path) -> bool:
    return _exists(_WSL_NODE, root) and not _exists("/dev/nvidiactl", root)


def _wsl_program(root: Path) -> str | None:
    path = root / _WSL_PROGRAM
    return str(path) if path.exists() else None


def _bytes(text: str) -> int:
    """Return the bytes of `81920 MiB`; 0 for what is no size, such as `[N/A]` or `[Insufficient Permissions]`."""
    number, _, unit = text.strip().partition(" ")
    return int(number) * 2**20 if number.isdigit() and unit == "MiB" else 0


def _ask(program: str, *words: str) -> str:
    return subprocess.run(
        [program, *words], capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=True
    ).stdout


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = (error.stdout or error.stderr or "").strip().splitlines()
        return said[0] if said else f"it ends with status {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"nothing in {PATIENCE_S:.0f} s"
    return str(error)
