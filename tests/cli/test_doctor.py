"""`mlmaster doctor`: on this machine, and on machines made up."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.cli.folders import Invoke

from mlmaster.cli.finding import Finding
from mlmaster.cli.prospect import PACKAGES, Scripts, Shares, Surroundings, findings
from mlmaster.sandbox.gpu import Found, Gpu
from mlmaster.sandbox.settings import SandboxSettings
from mlmaster.settings import Settings


@dataclass(frozen=True)
class Offer:
    name: str
    is_granted: bool
    reason: str = ""
    advice: str = ""


def gpu(index: int, *, is_separable: bool = True) -> Gpu:
    uuid = f"GPU-{index}"
    return Gpu("nvidia", index, None, uuid, uuid, "H100", 80 * 2**30, uuid, (f"/dev/nvidia{index}",), is_separable)


DENIED = Offer("namespaces", False, "AppArmor keeps them without rights", "sudo sysctl -w a=0")
SCRIPTS = Scripts("3.11.9 (/env/bin/python)", dict.fromkeys((*PACKAGES, "xgboost-cpu"), "1.0"), Path("/env/bin/python"))
GOOD = Surroundings(
    offers=(Offer("namespaces", True), Offer("landlock", True), Offer("none", True)),
    groups="cgroup v1",
    lacks=("cgroup v2: it has no memory controller here",),
    scripts=SCRIPTS,
    gpus=Found(),
)
SHARES = Shares(2, 1, 18 * 2**30)


def seen(around: Surroundings, **settings: Any) -> dict[str, Finding]:
    chosen = Settings(sandbox=SandboxSettings(**settings))
    return {finding.name: finding for finding in findings(around, chosen, SHARES)}


def test_a_good_machine() -> None:
    found = seen(GOOD)
    assert all(finding.is_ok for finding in found.values())
    assert found["a run"].value == (
        "would use: namespaces, warm, cgroup v1; 2 slots of 1 thread and 18.0 GiB each; no GPU"
    )
    assert found["cgroups"].advice == "cgroup v2: it has no memory controller here"
    assert found["namespaces"].value == "granted"
    assert found["landlock"].advice == ""


def test_a_denied_adapter_comes_with_advice_and_the_next_is_used() -> None:
    found = seen(replace(GOOD, offers=(DENIED, Offer("landlock", True))))
    assert found["namespaces"].value == "not granted: AppArmor keeps them without rights"
    assert found["namespaces"].advice == "sudo sysctl -w a=0"
    assert found["namespaces"].is_ok
    assert not found["namespaces"].is_there
    assert "a script" in found["landlock"].advice
    assert "would use: landlock, warm" in found["a run"].value


def test_advice_is_not_given_for_what_is_worse_than_what_there_is() -> None:
    found = seen(replace(GOOD, offers=(Offer("namespaces", True), Offer("landlock", False, "too old", "newer kernel"))))
    assert "too old" in found["landlock"].value
    assert found["landlock"].advice == ""


def test_without_isolation_no_run_starts() -> None:
    nothing = replace(GOOD, offers=(DENIED, Offer("landlock", False, "too old", "newer kernel"), Offer("none", True)))
    run = seen(nothing)["a run"]
    assert not run.is_ok
    assert "would not start" in run.value
    assert "--set sandbox.isolation=none" in run.advice
    allowed = seen(nothing, isolation="none")["a run"]
    assert allowed.is_ok
    assert "would use: none" in allowed.value
    assert "your rights" in allowed.advice


def test_an_adapter_asked_for_by_name_must_be_there() -> None:
    run = seen(replace(GOOD, offers=(DENIED, Offer("landlock", True))), isolation="namespaces")["a run"]
    assert not run.is_ok
    assert "does not grant namespaces" in run.value
    assert "sandbox.isolation=auto" in run.advice
    assert "would use: landlock" in seen(GOOD, isolation="landlock")["a run"].value


def test_settings_are_said() -> None:
    run = seen(replace(GOOD, groups=None), warm=False)["a run"]
    assert "namespaces, a fresh interpreter each, watchdog;" in run.value
    assert not seen(replace(GOOD, groups=None))["cgroups"].is_there


def test_packages_are_those_of_the_scripts_interpreter() -> None:
    found = seen(replace(GOOD, scripts=replace(SCRIPTS, packages={"numpy": "2.1", "xgboost": "3.0"})))
    assert found["scripts"].value == "run in Python 3.11.9 (/env/bin/python)"
    assert found["numpy"].value == "2.1"
    assert found["xgboost"].value == "3.0 (xgboost)"
    assert not found["pandas"].is_ok
    assert found["pandas"].advice == "/env/bin/python -m pip install pandas"
    assert found["torch"].is_ok
    assert not found["torch"].is_there


def test_an_interpreter_that_is_none_is_told() -> None:
    found = seen(replace(GOOD, scripts=Scripts("", {}, Path("/no/python"), "/no/python: there is no such file")))
    assert not found["scripts"].is_ok
    assert not found["a run"].is_ok
    assert "no such file" in found["scripts"].advice
    assert "numpy" not in found


def test_gpus_and_how_they_are_lent() -> None:
    around = replace(GOOD, gpus=Found((gpu(0), gpu(1)), ("GPU 2 is in MIG mode and has no instances",)))
    found = seen(around, slots_per_gpu=2)
    assert found["gpu 0"].value == "H100, 80.0 GiB, GPU-0"
    assert "MIG" in found["gpu"].value
    assert "GPUs 0, 1 for 4 at a time (only the leased device can be opened)" in found["a run"].value
    bare = seen(around, isolation="none", gpus=("1",))["a run"]
    assert "GPU 1 for 1 at a time (cooperative: CUDA_VISIBLE_DEVICES)" in bare.value
    assert "no GPU" in seen(around, gpus=())["a run"].value


def test_a_gpu_that_is_not_there_is_told() -> None:
    run = seen(GOOD, gpus=("3",))["a run"]
    assert not run.is_ok
    assert "'3'" in run.advice


def test_doctor_names_everything(invoke: Invoke) -> None:
    result = invoke("doctor")
    names = ("python", "cores", "memory", "disk", "scripts", "lightgbm", "namespaces", "landlock", "cgroups", "a run")
    for name in names:
        assert f"  {name} " in result.output


def test_doctor_as_json_agrees_with_its_exit_code(invoke: Invoke) -> None:
    result = invoke("doctor", "--json", "--folder", "not/made/yet")
    told = json.loads(result.stdout)
    assert result.exit_code == (0 if all(finding["ok"] for finding in told) else 1)
    assert all(finding["advice"] for finding in told if not finding["ok"])


def test_doctor_reads_the_settings_of_the_folder(invoke: Invoke) -> None:
    Path("mlmaster.yaml").write_text("engine:\n  slots: 3\n", encoding="utf-8")
    result = invoke("doctor", "--set", "sandbox.isolation=none")
    assert "would use: none, warm" in result.output
    assert "3 slots" in result.output
    broken = invoke("doctor", "--set", "sandbox.python=/no/python")
    assert broken.exit_code == 1
    assert "/no/python" in broken.output


@pytest.mark.parametrize("words", [["--set", "sandbox.isolatoin=none"], ["--set", "sandbox.isolation=bubblewrap"]])
def test_doctor_refuses_what_run_would_refuse(invoke: Invoke, words: list[str]) -> None:
    assert invoke("doctor", *words).exit_code == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"caches": ("/no/models",)}, "/no/models, which is not there"),
        ({"caches": ("/etc",)}, "/etc, which is the system's own"),
        ({"packages": ("polars==",)}, "'polars==' names no package"),
    ],
)
def test_what_would_keep_a_run_from_starting_is_told(settings: dict[str, Any], words: str) -> None:
    run = seen(GOOD, **settings)["a run"]
    assert not run.is_ok
    assert words in run.advice


def test_without_what_every_script_imports_no_run_starts_unless_it_is_installed_first() -> None:
    bare = replace(GOOD, scripts=replace(SCRIPTS, packages={"numpy": "2.1"}))
    assert "has no pandas, which every script" in seen(bare)["a run"].advice
    run = seen(bare, packages=("pandas",), network=True)["a run"]
    assert run.is_ok
    assert "would use: namespaces, network, warm" in run.value
    assert run.value.endswith("; pandas would be installed first")
