"""Packages declared for scripts: installed once, over what was there, from the user's own index; nothing needs a network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.sandbox.wheels import write_wheel

from mlmaster.errors import SandboxError
from mlmaster.sandbox.interpreter import Interpreter, probe, settle
from mlmaster.sandbox.packages import FOLDER, install
from mlmaster.sandbox.settings import SandboxSettings


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    for name, version, needs in (
        ("extra_thing", "1.0", "helping"),
        ("extra_thing", "2.0", "helping"),
        ("helping", "3.1", ""),
    ):
        write_wheel(folder, name, version, needs)
    return folder


@pytest.fixture(scope="module")
def environ(shelf: Path) -> Mapping[str, str]:
    """Return an environment in which pip knows that shelf alone, and nothing of this machine's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return {**kept, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf), "PIP_CONFIG_FILE": os.devnull}


@pytest.fixture(scope="module")
def below() -> Interpreter:
    return probe(Path(sys.executable))


@pytest.fixture(scope="module")
def made(below: Interpreter, environ: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    return install(below, ("Extra-Thing<2",), tmp_path_factory.mktemp("run"), environ=environ)


def ask(python: Interpreter, code: str) -> str:
    done = subprocess.run([python.python, "-I", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_packages_are_there_with_what_they_need(made: Interpreter) -> None:
    assert made.packages["extra-thing"] == "1.0"
    assert made.packages["helping"] == "3.1"
    assert made.modules["extra_thing"] == ("extra-thing",)
    assert ask(made, "import extra_thing; print(extra_thing.VERSION)") == "1.0"


def test_what_was_importable_stays_so_and_readable(made: Interpreter, below: Interpreter) -> None:
    assert below.packages.items() <= made.packages.items()
    assert ask(made, "import sklearn, mlmaster; print(sklearn.__version__)") == below.packages["scikit-learn"]
    for prefix in below.prefixes:
        assert any(prefix.is_relative_to(other) for other in made.prefixes)


def test_the_environment_is_the_runs_own(made: Interpreter, below: Interpreter) -> None:
    folder = made.python.parents[1]
    assert folder.name == FOLDER
    assert made.version == below.version
    assert folder in made.prefixes
    assert "extra-thing" not in probe(below.python).packages


def test_what_was_made_is_found_again_without_pip(made: Interpreter, below: Interpreter) -> None:
    no_pip = {"PATH": os.environ["PATH"], "PIP_NO_INDEX": "1"}
    assert install(below, ("Extra-Thing<2",), made.python.parents[2], environ=no_pip) == made


@pytest.mark.slow
def test_other_packages_or_a_killed_install_make_it_anew(
    below: Interpreter, environ: Mapping[str, str], tmp_path: Path
) -> None:
    first = install(below, ("helping",), tmp_path, environ=environ)
    assert "extra-thing" not in first.packages
    second = install(below, ("extra_thing", "helping"), tmp_path, environ=environ)
    assert second.packages["extra-thing"] == "2.0"
    # killed between the last file of a package and the stamp
    (tmp_path / FOLDER / "mlmaster.json").unlink()
    (tmp_path / FOLDER / "half-made").touch()
    install(below, ("extra_thing", "helping"), tmp_path, environ=environ)
    assert not (tmp_path / FOLDER / "half-made").exists()


@pytest.mark.slow
def test_without_pip_below_the_one_python_brings_along_is_used(environ: Mapping[str, str], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    bare = probe(tmp_path / "bare")
    assert "pip" not in bare.packages
    assert install(bare, ("helping",), tmp_path, environ=environ).packages["helping"] == "3.1"


def test_a_newer_version_hides_the_one_below(below: Interpreter, environ: Mapping[str, str], tmp_path: Path) -> None:
    newer = tmp_path / "shelf"
    newer.mkdir()
    write_wheel(newer, "filelock", "999.0")
    found = install(below, ("filelock>=999",), tmp_path, environ={**environ, "PIP_FIND_LINKS": str(newer)})
    assert found.packages["filelock"] == "999.0"
    assert ask(found, "import filelock; print(filelock.VERSION)") == "999.0"
    assert probe(below.python).packages["filelock"] == below.packages["filelock"]


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("--index-url=http://localhost", ["names no package", "write for example"]),
        ("-e .", ["names no package"]),
        ("./folder", ["names no package"]),
        ("", ["names no package"]),
        ("a b", ["names no package"]),
        ("x; rm -rf /", ["names no package"]),
        ("x; python_version > '3'", ["holds a condition"]),
        ("x @ https://me:secret@localhost/x.whl", ["holds a password", "~/.netrc", "****@localhost"]),
        ("x @ https://secret@localhost/x.whl", ["holds a password"]),
        ("x @@ https://me:secret@localhost/x.whl", ["names no package", "****@localhost"]),
    ],
)
def test_what_is_no_requirement_is_refused(
    below: Interpreter, tmp_path: Path, requirement: str, words: list[str]
) -> None:
    with pytest.raises(SandboxError) as caught:
        install(below, ("numpy", requirement), tmp_path)
    assert all(word in str(caught.value) for word in ["sandbox.packages", *words]), caught.value
    assert "secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_pips_own_words_are_told_without_passwords(
    below: Interpreter, environ: Mapping[str, str], tmp_path: Path
) -> None:
    index = "http://me:se@cret@127.0.0.1:9/simple"
    asked = {**environ, "PIP_INDEX_URL": index, "PIP_RETRIES": "2", "PIP_FIND_LINKS": "http://me:secret@127.0.0.1:9/x"}
    del asked["PIP_NO_INDEX"]
    with pytest.raises(SandboxError, match="no-such-thing>=2 cannot be installed for the scripts") as caught:
        install(below, ("no-such-thing>=2",), tmp_path, environ=asked)
    assert "No matching distribution found" in str(caught.value)
    assert str(caught.value).count("Retrying") == 1
    assert "cret" not in str(caught.value)
    assert not (tmp_path / FOLDER / "mlmaster.json").exists()


def test_packages_that_pip_puts_elsewhere_are_missed(
    below: Interpreter, environ: Mapping[str, str], tmp_path: Path
) -> None:
    with pytest.raises(SandboxError, match=r"helping: pip installed it, but not into .*pip config list"):
        install(below, ("helping",), tmp_path, environ={**environ, "PIP_TARGET": str(tmp_path / "elsewhere")})


def test_a_folder_that_cannot_be_written_is_named(below: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SandboxError, match=r"no environment for packages can be made in .*file"):
        install(below, ("numpy",), tmp_path / "file")


def test_settings_declare_them(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str]
) -> None:
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.setenv(name, environ[name])
    found = settle(SandboxSettings(packages=("helping",)), tmp_path)
    assert found.python == tmp_path / FOLDER / "bin" / "python"
    assert found.packages["helping"] == "3.1"
