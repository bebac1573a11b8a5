"""Files in memory that scripts share with the rest of the machine count as memory, and go with the script."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlmaster.core.execution import Fault
from mlmaster.errors import SandboxError
from mlmaster.ports import Sandbox
from mlmaster.testing.sandbox_limits import MEGABYTE, run
from mlmaster.testing.sandboxes import open_sandbox

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only scripts of a user of their own may use /dev/shm")
_FILL = """
import os, time
kept = []
for number in range(12):
    {make}
    kept.append(handle)
    for _ in range(4):
        handle.write(bytes(b'x' * (4 << 20)))
time.sleep(20)
"""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    try:
        adapter = open_sandbox(tmp_path / "evaluations", "landlock")
    except SandboxError as error:
        pytest.skip(str(error))
    yield adapter
    adapter.close()


@pytest.mark.parametrize(
    "make",
    [
        "handle = open(f'/dev/shm/mlmaster-test-{os.getuid()}-{number}', 'wb', 0)",
        "handle = open(f'/dev/shm/mlmaster-test-{os.getuid()}', 'wb', 0); os.unlink(handle.name)",
        "os.makedirs(folder := f'/dev/shm/mlmaster-test-{os.getuid()}/{number}'); handle = open(folder + '/x', 'wb', 0)",
    ],
    ids=["named", "removed", "in folders"],
)
def test_files_nobody_maps_count(sandbox: Sandbox, tmp_path: Path, make: str) -> None:
    execution = run(sandbox, tmp_path, _FILL.format(make=make), memory_bytes=96 * MEGABYTE)
    assert (execution.fault, execution.peak_bytes > 96 * MEGABYTE) == (Fault.OUT_OF_MEMORY, True), execution.log
    assert not list(Path("/dev/shm").glob("mlmaster-test-*"))
