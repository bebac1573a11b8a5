"""What is known of one GPU: the record that a lease lends. How GPUs are found is told in `nvidia.py` and `amd.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU, or one instance of a GPU that is split (MIG).

    Attributes:
        maker: Whose driver it needs.
        index: Its number, as the maker's own tools count.
        instance: Its number among the instances of that GPU; None for a whole GPU.
        uuid: Its name for ever; "" where the driver gives none.
        parent: The UUID of the whole GPU; that of a whole GPU is its own.
        name: What a person calls it.
        memory_bytes: Its memory; 0 where the driver does not say.
        visible: What CUDA_VISIBLE_DEVICES or HIP_VISIBLE_DEVICES must hold to show it, and it alone.
        nodes: Files under /dev that a script needs in order to use it.
        is_separable: True when a script that sees no more of /dev than `nodes` can use this GPU and no other.
    """

    maker: Literal["nvidia", "amd"]
    index: int
    instance: int | None
    uuid: str
    parent: str
    name: str
    memory_bytes: int
    visible: str
    nodes: tuple[str, ...]
    is_separable: bool

    @property
    def label(self) -> str:
        """Return its short name: `0`, or `0:1` for instance 1 of GPU 0."""
        return str(self.index) if self.instance is None else f"{self.index}:{self.instance}"


@dataclass(frozen=True, slots=True)
class Found:
    """The GPUs of a machine, and sentences about those that cannot be used."""

    gpus: tuple[Gpu, ...] = ()
    remarks: tuple[str, ...] = ()
