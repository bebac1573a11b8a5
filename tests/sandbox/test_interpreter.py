"""Asking an interpreter what it is: found by file, folder or name; links stay; what cannot be used is refused."""

from __future__ import annotations

import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest

from mlmaster.errors import SandboxError
from mlmaster.sandbox.interpreter import Interpreter, probe, settle
from mlmaster.sandbox.settings import SandboxSettings


@pytest.fixture(scope="module")
def own() -> Interpreter:
    return probe(Path(sys.executable))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a virtual environment's folder, with packages of every way to be importable."""
    root = tmp_path_factory.mktemp("interpreter")
    folder = root / "made"
    venv.create(folder, with_pip=False, symlinks=True)
    packages = next((folder / "lib").glob("python*")) / "site-packages"
    for name in ("plain", "hooked", "flat"):
        (root / "elsewhere" / name).mkdir(parents=True)
    lines = [root / "elsewhere" / "plain", root / "gone", Path.home(), Path("/"), "import __editable___flat_finder"]
    (packages / "lines.pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (packages / "__editable___flat_finder.py").write_text(
        f"MAPPING = {{'flat': {str(root / 'elsewhere' / 'flat')!r}}}\n"
    )
    for name, listed in (("Some_Thing", "METADATA"), ("broken", "RECORD")):
        (packages / f"{name}-1.5.dist-info").mkdir()
        (packages / f"{name}-1.5.dist-info" / listed).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    record = "some_thing/__init__.py,,\nsome_more.py,,\nsome_thing/__pycache__/x.pyc,,\n__pycache__/some_more.pyc,,\n"
    (packages / "Some_Thing-1.5.dist-info" / "RECORD").write_text(record)
    return folder


def write_program(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_this_interpreter_is_what_it_says(own: Interpreter) -> None:
    assert own.python == Path(sys.executable)
    assert own.version == sys.version_info[:3]
    assert own.version_text == ".".join(map(str, sys.version_info[:3]))
    assert own.packages["scikit-learn"] == metadata.version("scikit-learn")
    assert own.modules["sklearn"] == ("scikit-learn",)
    assert own.modules["PIL"] == ("pillow",)
    assert all(name.isidentifier() and name != "__pycache__" for name in own.modules)


def test_everything_it_imports_from_is_readable_and_nothing_twice(own: Interpreter) -> None:
    for folder in (sys.prefix, sys.base_prefix, Path(sys.executable).resolve()):
        assert any(Path(folder).is_relative_to(prefix) for prefix in own.prefixes), folder
    for prefix in own.prefixes:
        assert prefix.exists()
        assert not set(own.prefixes) & set(prefix.parents)


def test_a_folder_means_the_python_in_it_and_its_link_is_kept(made: Path) -> None:
    found = probe(made)
    assert found.python == made / "bin" / "python"
    assert found.python.is_symlink()
    assert made in found.prefixes
    assert found.packages == {"some-thing": "1.5"}
    assert found.modules == {"some_thing": ("some-thing",), "some_more": ("some-thing",)}


def test_a_link_to_an_environment_is_shown_with_its_goal(made: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(made)
    found = probe(link)
    assert found.python == link / "bin" / "python"
    assert {link, made} <= set(found.prefixes)


def test_what_pth_files_and_editable_installs_name_is_readable_but_no_home(made: Path) -> None:
    prefixes = probe(made).prefixes
    elsewhere = made.parent / "elsewhere"
    assert {elsewhere / "plain", elsewhere / "flat"} <= set(prefixes)
    assert elsewhere / "hooked" not in prefixes
    assert made.parent / "gone" not in prefixes
    assert not {Path("/"), Path.home(), Path.home().resolve()} & set(prefixes)


def test_a_bare_name_is_looked_up_on_the_path(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: Interpreter
) -> None:
    monkeypatch.setenv("PATH", str(made / "bin"), prepend=":")
    assert probe(Path("python")).python == made / "bin" / "python"
    with pytest.raises(SandboxError, match="no-such-python: no such file, and no such program on PATH"):
        probe(Path("no-such-python"))


def test_behind_a_launcher_the_real_one_is_used(tmp_path: Path, own: Interpreter) -> None:
    launcher = write_program(tmp_path / "shim", f'exec {sys.executable} "$@"')
    assert probe(launcher).python == Path(sys.executable)


def test_it_is_asked_without_the_users_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "decoy")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    launcher = write_program(tmp_path / "shim", f"env > {tmp_path}/seen", f'exec {sys.executable} "$@"')
    assert tmp_path not in probe(launcher).prefixes
    seen = (tmp_path / "seen").read_text()
    assert "PATH=" in seen
    assert "decoy" not in seen
    assert "PYTHONPATH" not in seen


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['echo \'{"version": [3, 8, 1]}\' > "$3"'], ["is Python 3.8.1, too old", "3.9 or later"]),
        (["exit 0"], ["is not a Python", "status 0"]),
        (["echo Unknown option: -I >&2", "exit 2"], ["is not a Python", "status 2", "Unknown option: -I"]),
        (["while :; do :; done"], ["did not say within 0.3 s", "--version", "--python"]),
    ],
)
def test_what_is_no_usable_python_is_refused(tmp_path: Path, lines: list[str], words: list[str]) -> None:
    program = write_program(tmp_path / "program", *lines)
    with pytest.raises(SandboxError) as caught:
        probe(program, limit_s=0.3 if "within" in words[0] else 30)
    assert all(word in str(caught.value) for word in [str(program), *words]), caught.value


def test_what_is_no_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"absent/python: there is no such file; give --python"):
        probe(tmp_path / "absent" / "python")
    with pytest.raises(SandboxError, match="is a folder without bin/python"):
        probe(tmp_path)
    (tmp_path / "text").write_text("x")
    with pytest.raises(SandboxError, match="text cannot be executed"):
        probe(tmp_path / "text")
    (tmp_path / "text").chmod(0o755)
    with pytest.raises(SandboxError, match=r"text cannot be started .*; name another with --python"):
        probe(tmp_path / "text")
    (tmp_path / "link").symlink_to(tmp_path / "removed")
    with pytest.raises(SandboxError, match=r"link to .*removed, which is gone"):
        probe(tmp_path / "link")


def test_settings_choose_it(made: Path, tmp_path: Path) -> None:
    assert settle(SandboxSettings(), tmp_path).python == Path(sys.executable)
    assert settle(SandboxSettings(python=str(made)), tmp_path).python == made / "bin" / "python"
    assert list(tmp_path.iterdir()) == []


def test_a_path_in_the_settings_means_the_same_from_every_folder(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.parent)
    assert SandboxSettings(python="made").python == str(made)
    assert SandboxSettings(python="made/bin/python").python == str(made / "bin" / "python")
    assert SandboxSettings(python="python3").python == "python3"
    kept = SandboxSettings.model_validate(SandboxSettings(python="made").model_dump())
    monkeypatch.chdir(tmp_path)
    assert kept.python == str(made)
