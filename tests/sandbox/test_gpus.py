"""GPUs: found by recorded output of `nvidia-smi` and a fake /proc, /sys and /dev; chosen, lent and shown."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from threading import Barrier, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.errors import SandboxError
from mlmaster.sandbox import environment, gpus
from mlmaster.sandbox.gpu import Gpu

A, B = "GPU-2927d07e-3fe9-7904-9e08-b08b82d9a37d", "GPU-e109d8d9-923e-7235-0429-96b7fdbcbd30"
M0, M1 = "MIG-6e95ef19-5145-571b-b040-7e731f1c1af3", "MIG-b4bcd4f3-6f69-516d-9404-b5ada80d760b"

PLAIN_TABLE = f"""\
0, {A}, 81559 MiB, 00000000:62:00.0, Disabled, NVIDIA H100 80GB HBM3
1, {B}, 24576 MiB, 00004B47:00:00.0, [N/A], NVIDIA GeForce RTX 3090
"""
PLAIN_LIST = f"""\
GPU 0: NVIDIA H100 80GB HBM3 (UUID: {A})
GPU 1: NVIDIA GeForce RTX 3090 (UUID: {B})
"""
SPLIT_TABLE = f"""\
0, {A}, 40960 MiB, 00000000:07:00.0, Enabled, NVIDIA A100-SXM4-40GB
1, {B}, 40960 MiB, 00000000:0F:00.0, Disabled, NVIDIA A100-SXM4-40GB
"""
SPLIT_LIST = f"""\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: {A})
  MIG 3g.20gb     Device  0: (UUID: {M0})
  MIG 1g.5gb      Device  1: (UUID: {M1})
GPU 1: NVIDIA A100-SXM4-40GB (UUID: {B})
"""
SPLIT_REPORT = f"""\
<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log>
  <attached_gpus>2</attached_gpus>
  <gpu id="00000000:07:00.0">
    <mig_mode><current_mig>Enabled</current_mig></mig_mode>
    <mig_devices>
      <mig_device>
        <index>0</index><gpu_instance_id>2</gpu_instance_id><compute_instance_id>0</compute_instance_id>
        <fb_memory_usage><total>19968 MiB</total></fb_memory_usage>
      </mig_device>
      <mig_device>
        <index>1</index><gpu_instance_id>9</gpu_instance_id><compute_instance_id>0</compute_instance_id>
        <fb_memory_usage><total>4864 MiB</total></fb_memory_usage>
      </mig_device>
    </mig_devices>
    <uuid>{A}</uuid>
    <minor_number>0</minor_number>
  </gpu>
  <gpu id="00000000:0F:00.0">
    <mig_devices>None</mig_devices>
    <uuid>{B}</uuid>
    <minor_number>1</minor_number>
  </gpu>
</nvidia_smi_log>
"""
SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")


def program(folder: Path, table: str, listed: str, report: str = "", status: int = 0) -> str:
    """Return a program that answers as `nvidia-smi` does, and refuses to make the long report where none was recorded."""
    for name, text in (("table", table), ("list", listed), ("report", report)):
        (folder / name).write_text(text, encoding="utf-8")
    path = folder / "nvidia-smi"
    path.write_text(
        "#!/bin/sh\n"
        f"cd '{folder}'\n"
        f"[ {status} = 0 ] || {{ cat table; exit {status}; }}\n"
        'case "$1" in\n'
        "  --query-gpu=*) cat table ;;\n"
        "  -L) cat list ;;\n"
        "  -q) [ -s report ] || exit 9; cat report ;;\n"
        "  *) exit 8 ;;\n"
        "esac\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return str(path)


def machine(folder: Path, minors: dict[str, int], nodes: tuple[str, ...] = ()) -> Path:
    """Lay out /proc and /dev of a machine whose driver knows these buses."""
    root = folder / "root"
    for bus, minor in minors.items():
        place = root / "proc/driver/nvidia/gpus" / bus
        place.mkdir(parents=True)
        text = f"Model: \t\t NVIDIA\nBus Location: \t {bus}\nDevice Minor: \t {minor}\nGPU Excluded:\t No\n"
        (place / "information").write_text(text, encoding="utf-8")
    for node in (*SHARED, *(f"nvidia{minor}" for minor in minors.values()), *nodes):
        (root / "dev" / node).parent.mkdir(parents=True, exist_ok=True)
        (root / "dev" / node).touch()
    return root


def allow(root: Path, minor: int, place: str, number: int) -> None:
    """Write the file by which the driver names the capability of an instance."""
    folder = root / f"proc/driver/nvidia/capabilities/gpu{minor}/mig" / place
    folder.mkdir(parents=True, exist_ok=True)
    text = f"DeviceFileMinor: {number}\nDeviceFileMode: 292\nDeviceFileModify: 1\n"
    (folder / "access").write_text(text, encoding="utf-8")


def whole(index: int, uuid: str = "") -> Gpu:
    uuid = uuid or f"GPU-{index:08x}"
    return Gpu("nvidia", index, None, uuid, uuid, "x", 0, uuid, (f"/dev/nvidia{index}",), True)


def part(index: int, instance: int, uuid: str, parent: str) -> Gpu:
    return Gpu("nvidia", index, instance, uuid, parent, "x", 0, uuid, (), True)


def test_whole_gpus_have_the_device_of_their_bus_not_of_their_index(tmp_path: Path) -> None:
    root = machine(tmp_path, {"0000:62:00.0": 5, "4b47:00:00.0": 2})
    found = gpus.find(program(tmp_path, PLAIN_TABLE, PLAIN_LIST), root)
    assert found.remarks == ()
    first, second = found.gpus
    assert (first.index, first.label, first.visible, first.name) == (0, "0", A, "NVIDIA H100 80GB HBM3")
    assert first.memory_bytes == 81559 * 2**20
    assert first.nodes == ("/dev/nvidia5", *(f"/dev/{name}" for name in SHARED))
    assert second.nodes[0] == "/dev/nvidia2"
    assert first.is_separable
    assert second.is_separable


def test_a_split_gpu_gives_its_instances_with_the_capabilities_of_each(tmp_path: Path) -> None:
    nodes = tuple(f"nvidia-caps/nvidia-cap{number}" for number in (21, 22, 84, 85))
    root = machine(tmp_path, {"0000:07:00.0": 0, "0000:0f:00.0": 1}, nodes)
    for place, number in (("gi2", 21), ("gi2/ci0", 22), ("gi9", 84), ("gi9/ci0", 85)):
        allow(root, 0, place, number)
    found = gpus.find(program(tmp_path, SPLIT_TABLE, SPLIT_LIST, SPLIT_REPORT), root)
    first, second, other = found.gpus
    assert (first.label, first.visible, first.parent) == ("0:0", M0, A)
    assert first.name == "NVIDIA A100-SXM4-40GB MIG 3g.20gb"
    assert first.memory_bytes == 19968 * 2**20
    caps = [[node for node in gpu.nodes if "caps" in node] for gpu in (first, second, other)]
    assert caps == [
        ["/dev/nvidia-caps/nvidia-cap21", "/dev/nvidia-caps/nvidia-cap22"],
        ["/dev/nvidia-caps/nvidia-cap84", "/dev/nvidia-caps/nvidia-cap85"],
        [],
    ]
    assert first.nodes[0] == second.nodes[0] == "/dev/nvidia0"
    assert (other.label, other.uuid) == ("1", B)
    assert all(gpu.is_separable for gpu in found.gpus)


def test_the_ids_of_old_drivers_name_the_instance_themselves(tmp_path: Path) -> None:
    listed = f"GPU 0: A100-PCIE-40GB (UUID: {A})\n  MIG 1g.5gb Device 0: (UUID: MIG-{A}/7/0)\n"
    table = f"0, {A}, 40536 MiB, 00000000:07:00.0, Enabled, A100-PCIE-40GB\n"
    root = machine(tmp_path, {"0000:07:00.0": 0}, ("nvidia-caps/nvidia-cap66", "nvidia-caps/nvidia-cap67"))
    allow(root, 0, "gi7", 66)
    allow(root, 0, "gi7/ci0", 67)
    (gpu,) = gpus.find(program(tmp_path, table, listed, "<nvidia_smi_log/>"), root).gpus
    assert gpu.visible == f"MIG-{A}/7/0"
    assert gpu.nodes[-2:] == ("/dev/nvidia-caps/nvidia-cap66", "/dev/nvidia-caps/nvidia-cap67")


def test_an_instance_whose_capabilities_are_not_known_cannot_be_kept_apart(tmp_path: Path) -> None:
    root = machine(tmp_path, {"0000:07:00.0": 0, "0000:0f:00.0": 1})
    found = gpus.find(program(tmp_path, SPLIT_TABLE, SPLIT_LIST, SPLIT_REPORT), root)
    assert [gpu.is_separable for gpu in found.gpus] == [False, False, True]


def test_a_gpu_in_mig_mode_without_instances_is_told_and_not_lent(tmp_path: Path) -> None:
    root = machine(tmp_path, {"0000:07:00.0": 0, "0000:0f:00.0": 1})
    listed = "".join(line for line in SPLIT_LIST.splitlines(keepends=True) if "MIG" not in line)
    found = gpus.find(program(tmp_path, SPLIT_TABLE, listed), root)
    assert [gpu.uuid for gpu in found.gpus] == [B]
    assert "GPU 0 is in MIG mode and has no instances" in found.remarks[0]


def test_where_proc_is_silent_the_long_report_tells_the_device(tmp_path: Path) -> None:
    root = machine(tmp_path, {}, ("nvidia0", "nvidia1"))
    table = SPLIT_TABLE.replace("Enabled", "Disabled")
    listed = PLAIN_LIST
    found = gpus.find(program(tmp_path, table, listed, SPLIT_REPORT), root)
    assert [gpu.nodes[0] for gpu in found.gpus] == ["/dev/nvidia0", "/dev/nvidia1"]


def test_sizes_that_are_not_told_are_unknown(tmp_path: Path) -> None:
    root = machine(tmp_path, {"0000:62:00.0": 0})
    table = f"0, {A}, [Insufficient Permissions], 00000000:62:00.0, Disabled, NVIDIA H200, rev a\n"
    (gpu,) = gpus.find(program(tmp_path, table, f"GPU 0: NVIDIA H200, rev a (UUID: {A})\n"), root).gpus
    assert (gpu.memory_bytes, gpu.name) == (0, "NVIDIA H200, rev a")


@pytest.mark.parametrize(
    ("table", "status", "words"),
    [
        (
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n\n",
            9,
            "couldn't communicate",
        ),
        ("", 3, "status 3"),
        ("No devices were found\n", 0, "No devices were found"),
        ("0, half\n", 0, "0, half"),
    ],
)
def test_a_driver_in_trouble_is_a_remark(tmp_path: Path, table: str, status: int, words: str) -> None:
    found = gpus.find(program(tmp_path, table, "", status=status), tmp_path)
    assert found.gpus == ()
    assert words in found.remarks[0]


def test_a_program_that_cannot_be_run_is_a_remark(tmp_path: Path) -> None:
    found = gpus.find(str(tmp_path / "nvidia-smi"), tmp_path)
    assert "nvidia-smi" in found.remarks[0]


def test_in_wsl_all_gpus_share_one_device(tmp_path: Path) -> None:
    (tmp_path / "root/dev").mkdir(parents=True)
    (tmp_path / "root/dev/dxg").touch()
    found = gpus.find(program(tmp_path, PLAIN_TABLE, PLAIN_LIST), tmp_path / "root")
    assert {gpu.nodes for gpu in found.gpus} == {("/dev/dxg",)}
    assert gpus.describe(found.gpus, has_walls=True).startswith("cooperative")


def kfd(root: Path, properties: dict[str, str], nodes: tuple[str, ...]) -> None:
    for number, text in properties.items():
        folder = root / "sys/class/kfd/kfd/topology/nodes" / number
        (folder / "mem_banks/0").mkdir(parents=True)
        (folder / "properties").write_text(text, encoding="utf-8")
        (folder / "name").write_text("gfx1201\n", encoding="utf-8")
        bank = "heap_type 1\nsize_in_bytes 34208743424\nflags 0\n"
        (folder / "mem_banks/0/properties").write_text(bank, encoding="utf-8")
    for node in ("kfd", *nodes):
        (root / "dev" / node).parent.mkdir(parents=True, exist_ok=True)
        (root / "dev" / node).touch()


def test_amd_gpus_are_counted_as_rocm_counts_them(tmp_path: Path) -> None:
    properties = {
        "0": "cpu_cores_count 20\nsimd_count 0\ndrm_render_minor 0\n",
        "2": "simd_count 480\ndrm_render_minor 130\nunique_id 0\n",
        "10": "simd_count 64\ndrm_render_minor 129\nunique_id 5752170827923136638\n",
    }
    kfd(tmp_path, properties, ("dri/renderD129", "dri/renderD130", "dri/renderD128"))
    first, second = gpus.find(None, tmp_path).gpus
    assert (first.index, first.visible, first.uuid) == (0, "0", "")
    assert (second.index, second.visible, second.uuid) == (1, "1", "GPU-4fd3d0e445b9207e")
    assert second.name == "AMD gfx1201"
    assert second.memory_bytes == 34208743424
    assert first.nodes == second.nodes == ("/dev/kfd", "/dev/dri/renderD130", "/dev/dri/renderD129")
    assert gpus.environment(second)["HIP_VISIBLE_DEVICES"] == "1"
    assert gpus.environment(second)["CUDA_VISIBLE_DEVICES"] == ""
    assert gpus.describe((first,), has_walls=True) == "cooperative: HIP_VISIBLE_DEVICES"


def test_a_machine_without_gpus_has_none_and_nothing_to_say(tmp_path: Path) -> None:
    empty = tmp_path / "nvidia-smi"
    empty.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    empty.chmod(0o755)
    found = gpus.find(str(empty), tmp_path)
    assert found.gpus == ()
    assert found.remarks == ()


FOUND = (part(0, 0, M0, A), part(0, 1, M1, A), whole(1, B))


@pytest.mark.parametrize(
    ("asked", "places"),
    [
        (["all"], [0, 1, 2]),
        ([], []),
        (["1"], [2]),
        (["0"], [0, 1]),
        (["0:1"], [1]),
        ([M1, B], [1, 2]),
        ([B, "1"], [2]),
        ([" 1 "], [2]),
        ([A], [0, 1]),
        (["MIG-6e95"], [0]),
        (["GPU-e109d8d9"], [2]),
    ],
)
def test_what_is_asked_for_is_chosen(asked: list[str], places: list[int]) -> None:
    assert gpus.choose(asked, FOUND, {}) == tuple(FOUND[place] for place in places)


@pytest.mark.parametrize("asked", ["2", "0:2", "GPU-", "MIG-", "", "GPU-ffff", "H100"])
def test_what_is_not_there_is_refused_with_what_there_is(asked: str) -> None:
    with pytest.raises(SandboxError) as caught:
        gpus.choose([asked], FOUND, {})
    assert repr(asked) in str(caught.value)
    for words in (M0, M1, B, "0:1", "[]"):
        assert words in str(caught.value)


def test_where_there_is_none_that_is_said() -> None:
    with pytest.raises(SandboxError, match="there is: none"):
        gpus.choose(["0"], (), {})


@pytest.mark.parametrize(
    ("own", "places"),
    [
        ({"CUDA_VISIBLE_DEVICES": "1"}, [2]),
        ({"CUDA_VISIBLE_DEVICES": f"{M1},{B}"}, [1, 2]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-e109d8d9"}, [2]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"HIP_VISIBLE_DEVICES": ""}, [0, 1, 2]),
    ],
)
def test_all_means_those_the_harness_itself_was_given(own: dict[str, str], places: list[int]) -> None:
    assert gpus.choose(("all",), FOUND, own) == tuple(FOUND[place] for place in places)
    assert gpus.choose(["1"], FOUND, own) == (FOUND[2],)


def test_a_script_sees_the_gpu_it_is_lent_and_else_none() -> None:
    names = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
    assert gpus.environment(None) == dict.fromkeys(names, "")
    assert gpus.environment(FOUND[1]) == dict(zip(names, (M1, "", M1), strict=True))
    assert gpus.devices(None) == []
    assert gpus.devices(FOUND[2]) == ["/dev/nvidia1"]
    built = environment.build({"CUDA_VISIBLE_DEVICES": "0,1,2"}, Path("/h"), Path("/t"), 1, "mark", FOUND[1])
    assert built["CUDA_VISIBLE_DEVICES"] == M1
    assert environment.build(built, Path("/h"), Path("/t"), 1, "mark")["CUDA_VISIBLE_DEVICES"] == ""


def test_how_far_a_lease_is_kept() -> None:
    assert gpus.describe(FOUND, has_walls=True) == "only the leased device can be opened"
    assert gpus.describe(FOUND, has_walls=False) == "cooperative: CUDA_VISIBLE_DEVICES"


def test_a_lease_spreads_and_then_lends_none() -> None:
    lease = gpus.GpuLease((whole(0), whole(1)), per_gpu=2)
    assert lease.capacity == 4
    with lease.borrow() as a, lease.borrow() as b:
        assert (a, b) == (whole(0), whole(1))
        with lease.borrow() as c, lease.borrow() as d, lease.borrow() as e:
            assert (c, d, e) == (whole(0), whole(1), None)
    with lease.borrow() as again:
        assert again == whole(0)


def test_without_gpus_none_is_lent() -> None:
    lease = gpus.GpuLease(())
    with lease.borrow() as gpu:
        assert gpu is None
    assert lease.capacity == 0


def test_a_failing_evaluation_gives_its_gpu_back() -> None:
    lease = gpus.GpuLease((whole(0),))
    with pytest.raises(KeyError), lease.borrow():
        raise KeyError
    with lease.borrow() as gpu:
        assert gpu == whole(0)


@given(count=st.integers(0, 4), per_gpu=st.integers(1, 3), moves=st.lists(st.integers(0, 9), max_size=40))
def test_no_gpu_is_ever_lent_too_often_nor_one_twice_while_another_is_idle(
    count: int, per_gpu: int, moves: list[int]
) -> None:
    lease = gpus.GpuLease(tuple(whole(index) for index in range(count)), per_gpu)
    held: list[tuple[AbstractContextManager[Gpu | None], Gpu | None]] = []
    for move in moves:
        if move < 6 or not held:
            loan = lease.borrow()
            held.append((loan, loan.__enter__()))
        else:
            held.pop(move % len(held))[0].__exit__(None, None, None)
        lent = [gpu.index for _, gpu in held if gpu is not None]
        assert all(lent.count(index) <= per_gpu for index in range(count))
        assert len(lent) <= lease.capacity
        if any(gpu is None for _, gpu in held[-1:]) and move < 6:
            assert len(lent) == lease.capacity


def test_threads_share_a_lease() -> None:
    lease = gpus.GpuLease(tuple(whole(index) for index in range(4)))
    together = Barrier(8)
    got: list[int | None] = []

    def work() -> None:
        with lease.borrow() as gpu:
            got.append(None if gpu is None else gpu.index)
            together.wait()

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(index for index in got if index is not None) == [0, 1, 2, 3]
    assert len(got) == 8
