"""Which GPU an evaluation uses: what there is, what the user wants of it, and a lease that lends one GPU at a time.

A script that is lent no GPU is told that there is none. That is all a lease can do where scripts reach the machine's whole
/dev (cooperative: a script that sets the variables anew reaches every GPU); behind walls they open the leased device alone. A
lease does not bound a GPU's memory: only one evaluation at a time for each GPU keeps them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from mlmaster.errors import SandboxError
from mlmaster.sandbox import amd, nvidia
from mlmaster.sandbox.gpu import Found, Gpu

_OWN = {"nvidia": ("CUDA_VISIBLE_DEVICES",), "amd": ("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")}
"""Variables by which a cluster tells a job which GPUs are its own."""


def find(nvidia_smi: str | None = None, root: Path = Path("/")) -> Found:
    """Return the GPUs of this machine: NVIDIA's, else AMD's. May take seconds, as `nvidia-smi` wakes the driver."""
    found = nvidia.find(nvidia_smi, root)
    if found.gpus:
        return found
    others = amd.find(root)
    return Found(others.gpus, (*found.remarks, *others.remarks))


def choose(asked: Sequence[str], found: Sequence[Gpu], own: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return the GPUs to lend.

    Args:
        asked: The setting `sandbox.gpus`: numbers (`0:1` for instance 1 of GPU 0, `0` for all of GPU 0), UUIDs, MIG ids, or
            beginnings of ids that fit one GPU alone. `all` alone: all that the harness itself may use.
        found: What there is.
        own: The harness's environment; where it names the GPUs of this job, as clusters do, None means those.

    Raises:
        SandboxError: Something asked for is not there.
    """
    if tuple(asked) == ("all",):
        return tuple(gpu for gpu in found if _is_granted(gpu, found, own))
    chosen: list[Gpu] = []
    for name in asked:
        fitting = _named(name, found)
        if not fitting:
            there = "; ".join(f"{gpu.label} ({gpu.uuid or gpu.name})" for gpu in found) or "none"
            raise SandboxError(
                f"sandbox.gpus names GPU {name!r}, which this machine does not have; there is: {there}. Name one of these, "
                "leave the setting out for all, or set [] for none"
            )
        chosen += [gpu for gpu in fitting if gpu not in chosen]
    return tuple(chosen)


def _named(name: str, found: Sequence[Gpu]) -> tuple[Gpu, ...]:
    name = name.strip()
    exact = tuple(gpu for gpu in found if name in (gpu.label, str(gpu.index), gpu.uuid, gpu.parent) and name)
    if exact:
        return exact
    begun = [gpu for gpu in found if gpu.uuid.startswith(name) and name.startswith(("GPU-", "MIG-")) and len(name) > 4]
    return tuple(begun) if len(begun) == 1 else ()


def _is_granted(gpu: Gpu, found: Sequence[Gpu], own: Mapping[str, str]) -> bool:
    """Return True where no variable of the harness keeps it from this GPU; a name that fits nothing grants nothing."""
    lists = [own[name].split(",") for name in _OWN[gpu.maker] if name in own]
    return all(any(gpu in _named(name, found) for name in names) for names in lists)


def environment(gpu: Gpu | None) -> dict[str, str]:
    """Return the variables that show a script the GPU it is lent, and no GPU when it is lent none."""
    shown = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "NVIDIA_VISIBLE_DEVICES": ""}
    if gpu is not None and gpu.maker == "nvidia":
        shown |= {"CUDA_VISIBLE_DEVICES": gpu.visible, "NVIDIA_VISIBLE_DEVICES": gpu.visible}
    if gpu is not None and gpu.maker == "amd":
        shown |= {"HIP_VISIBLE_DEVICES": gpu.visible}
    return shown


def devices(gpu: Gpu | None) -> list[str]:
    """Return the device files that a walled-in script needs for the GPU it is lent; none when it is lent none."""
    return [] if gpu is None else list(gpu.nodes)


def describe(gpus: Sequence[Gpu], *, has_walls: bool) -> str:
    """Return how well a lease of these GPUs keeps scripts from the others.

    Args:
        gpus: Those lent.
        has_walls: True when a script can open no device file but those that `devices` names.
    """
    if has_walls and all(gpu.is_separable for gpu in gpus):
        return "only the leased device can be opened"
    variables = sorted({"HIP_VISIBLE_DEVICES" if gpu.maker == "amd" else "CUDA_VISIBLE_DEVICES" for gpu in gpus})
    return f"cooperative: {', '.join(variables)}"


class GpuLease:
    """Lends GPUs, the least lent first. One harness's evaluations share one lease; other programs know nothing of it.

    Evaluations beyond `capacity` are lent none rather than made to wait, as a slot that waits would hold its memory and its
    time limit: bound the slots of a run by `capacity` where its scripts are to have a GPU.

    Args:
        gpus: What is lent.
        per_gpu: How many evaluations may share one GPU.
    """

    def __init__(self, gpus: Sequence[Gpu], per_gpu: int = 1) -> None:
        self._gpus = tuple(gpus)
        self._lent = [0] * len(self._gpus)
        self._per_gpu = per_gpu
        self._lock = Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Return what a person calls them."""
        return tuple(gpu.name for gpu in self._gpus)

    @property
    def capacity(self) -> int:
        """Return how many evaluations can have a GPU at once."""
        return len(self._gpus) * self._per_gpu

    @contextmanager
    def borrow(self) -> Iterator[Gpu | None]:
        """Lend a GPU, or None when there is none or all are lent as often as they may be."""
        with self._lock:
            place = min(range(len(self._gpus)), key=lambda place: (self._lent[place], place), default=None)
            if place is not None and self._lent[place] >= self._per_gpu:
                place = None
            if place is not None:
                self._lent[place] += 1
        try:
            yield None if place is None else self._gpus[place]
        finally:
            if place is not None:
                with self._lock:
                    self._lent[place] -= 1
