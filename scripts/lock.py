"""Writes requirements.lock and requirements-dev.lock: the exact versions that plain `pip install -r` installs.

pip resolves `pyproject.toml` from nothing (what is installed here plays no part) and reports what it would take. Run it
with a recent pip: `make lock`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN_NAME = "ml-master"
HEAD = "# Exact versions, written by `make lock` from pyproject.toml; do not edit.\n"

PLATFORMS = {
    "xgboost-cpu": "xgboost-cpu=={version} ; sys_platform != 'darwin'\nxgboost=={version} ; sys_platform == 'darwin'",
}
"""Packages that bear another name on another platform."""


def resolve(*what: str) -> dict[str, str]:
    """Return name → version of everything pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        subprocess.run([*command, "--report", str(report), *what], check=True, cwd=ROOT)
        items = json.loads(report.read_text(encoding="utf-8"))["install"]
    found = {item["metadata"]["name"].lower(): item["metadata"]["version"] for item in items}
    found.pop(OWN_NAME, None)
    return found


def write(path: Path, versions: dict[str, str]) -> None:
    """Write one lock."""
    lines = [
        PLATFORMS.get(name, "{name}=={version}").format(name=name, version=versions[name]) for name in sorted(versions)
    ]
    path.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(versions)} packages")


if __name__ == "__main__":
    write(ROOT / "requirements.lock", resolve("."))
    write(ROOT / "requirements-dev.lock", resolve(".", "--group", "dev"))
