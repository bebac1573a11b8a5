"""AMD's GPUs, read from what the kernel's compute driver (KFD) shows: ROCm need not be installed, nothing is initialised.

ROCm counts the nodes of the topology that compute, in order; that number is what HIP_VISIBLE_DEVICES takes. It opens every
GPU's device file as it starts, so a lease shows all of them and relies on that variable.
"""

from __future__ import annotations

from pathlib import Path

from mlmaster.sandbox.gpu import Found, Gpu

_NODE = "/dev/kfd"
_HEAPS = {"1", "2"}
"""Kinds of memory banks that are the GPU's own: visible to the processor, or not (kernel's `kfd_crat.h`)."""


def find(root: Path = Path("/")) -> Found:
    """Return this machine's AMD GPUs; `root` is where `sys` and `dev` are."""
    if not (root / _NODE.lstrip("/")).exists():
        return Found()
    folders = sorted(
        (folder for folder in (root / "sys/class/kfd/kfd/topology/nodes").glob("[0-9]*") if folder.name.isdigit()),
        key=lambda folder: int(folder.name),
    )
    read = [(folder, _properties(folder / "properties")) for folder in folders]
    computing = [(folder, has) for folder, has in read if _number(has, "simd_count") > 0]
    nodes = [f"/dev/dri/renderD{_number(has, 'drm_render_minor')}" for _, has in computing]
    present = tuple(node for node in nodes if (root / node.lstrip("/")).exists())
    if not computing:
        return Found(remarks=("/dev/kfd is there, but the kernel shows no AMD GPU that computes",))
    gpus = tuple(
        Gpu(
            maker="amd",
            index=index,
            instance=None,
            uuid=f"GPU-{unique:016x}" if (unique := _number(has, "unique_id")) else "",
            parent=f"GPU-{unique:016x}" if unique else "",
            name=f"AMD {_name(folder)}".strip(),
            memory_bytes=_memory(folder),
            visible=str(index),
            nodes=(_NODE, *present),
            is_separable=False,
        )
        for index, (folder, has) in enumerate(computing)
    )
    return Found(gpus)


def _properties(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # a container may forbid to read the nodes of GPUs that are not its own
        return {}
    return {name: value for name, _, value in (line.partition(" ") for line in lines)}


def _number(properties: dict[str, str], name: str) -> int:
    text = properties.get(name, "").strip()
    return int(text) if text.isdigit() else 0


def _name(folder: Path) -> str:
    try:
        return (folder / "name").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _memory(folder: Path) -> int:
    banks = [_properties(path) for path in (folder / "mem_banks").glob("*/properties")]
    return sum(_number(bank, "size_in_bytes") for bank in banks if bank.get("heap_type") in _HEAPS)
