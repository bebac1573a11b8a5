"""The agent for MLE-bench against a stand-in of its contract: folders, environment, time limit, validation server, registry.

What the registry, the runner and the entry point of openai/mle-bench ask for is stated here as facts. Most tests put a
program in the place of `mlmaster` that behaves as a run does; the slow ones run the real one.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest
import typer.main
import yaml
from tests.mlebench.calls import ANSWERS, served
from tests.mlebench.planted import plant

from mlmaster.cli.app import app
from mlmaster.settings import load_settings

ROOT = Path(__file__).parents[2]
AGENTS = ROOT / "integrations" / "mle-bench" / "agents"
FOLDER = AGENTS / "mlmaster"
ROWS, TEST_ROWS = 240, 60
NOWHERE = "http://127.0.0.1:9/validate"
WAIT_S = 60

FAKE = """\
import json, os, pathlib, signal, sqlite3, sys, time
words = sys.argv[1:]
if words[0] == "report":
    (pathlib.Path(words[1]) / "report.md").write_text("stopped")
    sys.exit()
run = pathlib.Path(words[words.index("--out") + 1])
run.mkdir(parents=True)
source = pathlib.Path(words[1])
(run / "run.yaml").write_text(json.dumps({{
    "words": words, "description": (source / "description.md").read_text(), "files": sorted(os.listdir(source)),
}}))
journal = sqlite3.connect(run / "journal.db")
journal.execute("pragma journal_mode=wal")
journal.execute("create table events (event text)")

def best(number):
    journal.execute("insert into events values (?)", [str(number)])
    journal.commit()
    folder = run / ".best" / str(number)
    (folder / "members" / f"node-{{number}}").mkdir(parents=True)
    (folder / "members" / f"node-{{number}}" / "solution.py").write_text(f"print({{number}})")
    (folder / "submission.csv").write_text(f"id,target\\n1,{{number}}\\n")
    (run / ".link").symlink_to(pathlib.Path(".best") / str(number))
    (run / ".link").replace(run / "best")

{script}
"""
"""In the place of `mlmaster`: keeps what it was asked, and has results as a run has them."""


@dataclass(frozen=True)
class Home:
    """What a container of MLE-bench has below /home, and a way to run the agent in it."""

    path: Path
    programs: Path

    @property
    def submission(self) -> Path:
        return self.path / "submission" / "submission.csv"

    def environment(self, **more: str) -> dict[str, str]:
        names = {"SUBMISSION_DIR": "submission", "LOGS_DIR": "logs", "CODE_DIR": "code", "AGENT_DIR": "agent"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MLMASTER_")}
        path = f"{self.programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        folders = {name: str(self.path / folder) for name, folder in names.items()}
        given = {"DATA_DIR": str(self.path / "data"), "COMPETITION_ID": "colours", "VALIDATION_URL": NOWHERE}
        return {**kept, **folders, **given, "TIME_LIMIT_SECS": "60", "PATH": path, **more}

    def start(self, flags: Sequence[str] = (), **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", str(FOLDER / "start.sh"), *flags],
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, flags: Sequence[str] = (), **more: str) -> tuple[int, str]:
        with self.start(flags, **more) as process:
            said, _ = process.communicate(timeout=120)
        return process.returncode, said

    def asked(self) -> dict[str, Any]:
        """Return what the program in the place of `mlmaster` was asked."""
        found: dict[str, Any] = json.loads((self.path / "logs" / "run.yaml").read_text(encoding="utf-8"))
        return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose data can only be read."""
    home = Home(tmp_path / "home", tmp_path / "programs")
    for folder in ("submission", "logs", "code", "agent"):
        (home.path / folder).mkdir(parents=True)
    home.programs.mkdir()
    write_task(home.path / "data")
    return home


def write_task(folder: Path) -> None:
    """Write a small task in MLE-bench's layout."""
    folder.mkdir()
    numbers = random.Random(0)
    rows = [(f"r{n}", numbers.gauss(0, 1), numbers.choice(["red", "blue"])) for n in range(ROWS + TEST_ROWS)]
    train, test = rows[:ROWS], rows[ROWS:]
    labelled = [f"{i},{a:.3f},{c},{int(a + (c == 'red') + numbers.gauss(0, 0.3) > 0.5)}\n" for i, a, c in train]
    (folder / "train.csv").write_text("id,a,colour,target\n" + "".join(labelled), encoding="utf-8")
    (folder / "test.csv").write_text(
        "id,a,colour\n" + "".join(f"{i},{a:.3f},{c}\n" for i, a, c in test), encoding="utf-8"
    )
    sample = "id,target\n" + "".join(f"{i},0.5\n" for i, _, _ in test)
    (folder / "sample_submission.csv").write_text(sample, encoding="utf-8")
    (folder / "description.md").write_text(
        "Predict target. The metric is the area under the ROC curve.\n", encoding="utf-8"
    )


def replace_mlmaster(home: Home, script: str) -> None:
    """Put a program in the place of `mlmaster`, which does as the script says."""
    program = home.programs / "mlmaster"
    program.write_text(f"#!{sys.executable}\n{FAKE.format(script=script)}", encoding="utf-8")
    program.chmod(0o755)


def agents() -> dict[str, dict[str, Any]]:
    """Return the agents of `config.yaml`: every entry by whose name the runner can ask."""
    entries = yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))
    return {name: entry for name, entry in entries.items() if name.partition("/")[0] == "mlmaster"}


@pytest.fixture(scope="module")
def adapter() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("mle_bench_adapter", FOLDER / "adapter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


# ---- the registry (agents/registry.py, agents/run.py, agents/utils.py)


def test_agents_have_the_fields_of_the_registry() -> None:
    assert {"mlmaster", "mlmaster/dev", "mlmaster/obfuscated"} <= agents().keys()
    for name, entry in agents().items():
        assert set(entry) <= {"start", "dockerfile", "kwargs", "kwargs_type", "env_vars", "privileged"}, name
        # relative to agents/, and there
        assert (AGENTS / entry["start"]).is_file(), name
        assert (AGENTS / entry["dockerfile"]).is_file(), name
        assert entry["kwargs_type"] == "argparse", name  # must be set where there are kwargs
        assert isinstance(entry.get("kwargs", {}), dict), name
        assert isinstance(entry["env_vars"], dict), name
        assert all(isinstance(value, str | int) and not isinstance(value, bool) for value in entry["env_vars"].values())
        assert not entry.get("privileged", False), name


def test_kwargs_are_flags_of_a_run() -> None:
    command: Any = typer.main.get_command(app)
    known = {flag for parameter in command.commands["run"].params for flag in parameter.opts}
    assert {f"--{key}" for entry in agents().values() for key in entry.get("kwargs", {})} <= known


@pytest.mark.parametrize("name", agents())
def test_environment_is_settings_and_secrets(name: str) -> None:
    given = {key: str(value) for key, value in agents()[name]["env_vars"].items()}
    secret = {key: re.match(r"\$\{\{\s*secrets\.(\w+)\s*\}\}", value) for key, value in given.items()}
    # a secret that is not set is an error of the runner: only agents that ask a model may have any
    assert all(match[1] == key for key, match in secret.items() if match)
    asks_a_model = "MLMASTER_LLM__MODEL" in given
    assert any(secret.values()) == asks_a_model
    assert asks_a_model == (name.partition("/")[2] not in ("", "dev", "obfuscated"))
    own = {key: value for key, value in given.items() if key.startswith("MLMASTER_")}
    environ = {key: "openai:gpt-5" if secret[key] else value for key, value in own.items()}
    load_settings(environ=environ)
    assert int(given["TIME_LIMIT_SECS"]) > 0


def test_short_agent_is_short() -> None:
    assert agents()["mlmaster/dev"]["env_vars"]["TIME_LIMIT_SECS"] < agents()["mlmaster"]["env_vars"]["TIME_LIMIT_SECS"]
    assert agents()["mlmaster/dev"]["kwargs"]["nodes"] <= 10


def test_image_takes_its_folders_and_stays_roots() -> None:
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("FROM")] == ["FROM mlebench-env"]
    for name in ("SUBMISSION_DIR", "LOGS_DIR", "CODE_DIR", "AGENT_DIR"):
        assert f"ARG {name}" in lines
        assert any(f"{name}=${{{name}}}" in line for line in lines)
    assert not any(line.startswith(("USER", "ENTRYPOINT", "CMD")) for line in lines)  # the server must start as root
    assert "COPY . ${AGENT_DIR}" in lines


# ---- a run, with a program in the place of mlmaster


def test_results_are_kept_as_they_come(home: Home) -> None:
    replace_mlmaster(home, "best(1)\nbest(2)\n(run / 'report.md').write_text('done')\n")
    code, said = home.run(["--nodes", "7"])
    assert code == 0, said
    assert home.submission.read_text(encoding="utf-8") == "id,target\n1,2\n"
    assert [path.name for path in (home.path / "code").iterdir()] == ["members"]
    assert (home.path / "code" / "members" / "node-2" / "solution.py").read_text(encoding="utf-8") == "print(2)"
    logs = home.path / "logs"
    assert (logs / "report.md").read_text(encoding="utf-8") == "done"
    assert (logs / "mlmaster.log").is_file()
    journal = sqlite3.connect(logs / "journal.db")
    assert journal.execute("select event from events").fetchall() == [("1",), ("2",)]
    journal.close()
    words = home.asked()["words"]
    assert words[:2] == ["run", str(home.path / "data")]
    assert words[words.index("--time") + 1] == "55s"
    assert words[-2:] == ["--nodes", "7"]
    assert "task.name=colours" in words
    assert {path.name for path in home.submission.parent.iterdir()} == {"submission.csv"}


def test_step_limit_is_nodes(home: Home) -> None:
    replace_mlmaster(home, "best(1)")
    home.run(STEP_LIMIT="12")
    words = home.asked()["words"]
    assert words[words.index("--nodes") + 1] == "12"


def test_run_that_goes_on_is_mirrored_and_a_kill_leaves_the_best(home: Home) -> None:
    replace_mlmaster(home, "best(1)\ntime.sleep(600)")
    with home.start() as process:
        wait_for_best(process)
        kill_all(process)
    assert home.submission.read_text(encoding="utf-8") == "id,target\n1,1\n"
    assert (home.path / "code" / "members" / "node-1" / "solution.py").is_file()
    assert (home.path / "logs" / "journal.db").is_file()


def test_signal_ends_it_in_order(home: Home) -> None:
    replace_mlmaster(home, "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nbest(1)\ntime.sleep(600)")
    with home.start() as process:
        wait_for_best(process)
        family = psutil.Process(process.pid).children(recursive=True)
        (own,) = [each for each in family if Path(each.cmdline()[1]).name == "adapter.py"]
        own.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert "stopped" in said
    assert (home.path / "logs" / "report.md").read_text(encoding="utf-8") == "stopped"
    assert not (home.path / "logs" / "validation.json").exists()


def test_time_limit_holds_for_what_does_not_end(home: Home) -> None:
    replace_mlmaster(home, "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nbest(1)\ntime.sleep(600)")
    code, said = home.run(TIME_LIMIT_SECS="5")
    assert code == 124, said
    assert "time limit" in said
    assert home.submission.is_file()


def test_no_result_is_no_submission(home: Home) -> None:
    replace_mlmaster(home, "sys.exit(1)")
    code, said = home.run()
    assert code == 1
    assert "no submission" in said
    assert not home.submission.exists()


def test_missing_data_are_named(home: Home) -> None:
    for path in (home.path / "data").iterdir():
        path.unlink()
    code, said = home.run()
    assert code == 2
    assert str(home.path / "data") in said


def test_obfuscated_run_sees_no_name(home: Home) -> None:
    replace_mlmaster(home, "best(1)")
    data = home.path / "data"
    (data / "description_obfuscated.md").write_text("Predict target.", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    code, said = home.run(OBFUSCATE="true")
    assert code == 0, said
    assert home.asked()["description"] == "Predict target."
    assert home.asked()["files"] == ["description.md", "sample_submission.csv", "test.csv", "train.csv"]
    assert "colours" not in str(home.asked()["words"][2:])
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


def test_obfuscated_run_without_such_a_description_does_not_start(home: Home) -> None:
    replace_mlmaster(home, "best(1)")
    code, said = home.run(OBFUSCATE="true")
    assert code == 2
    assert "description_obfuscated.md" in said
    assert not home.submission.exists()


def test_validation_is_asked_once_at_the_end_and_only_logged(home: Home, tmp_path: Path) -> None:
    replace_mlmaster(home, "best(1)\nbest(2)")
    with served(plant(tmp_path / "bench"), tmp_path / "uploads", program=ANSWERS) as server:
        code, said = home.run(VALIDATION_URL=f"http://127.0.0.1:{server.port}/validate")
        call = server.log.next()
        assert server.log.lines.empty()
    assert code == 0, said
    assert (call["call"], call["verdict"], call["bytes"]) == ("validate", "valid", len("id,target\n1,2\n"))
    logged = json.loads((home.path / "logs" / "validation.json").read_text(encoding="utf-8"))
    assert logged["status"] == 200
    assert "result" in json.loads(logged["answer"])
    assert "submission.csv" in logged["answer"]
    assert "result" not in said.replace("best result", "")


def test_server_that_is_away_does_not_matter(home: Home) -> None:
    replace_mlmaster(home, "best(1)")
    assert home.run()[0] == 0
    assert json.loads((home.path / "logs" / "validation.json").read_text(encoding="utf-8"))["status"] is None


@pytest.mark.parametrize(
    ("limit", "expected"), [(86400, 86100), (900, 855), (60, 55), (20, 15), (12, 10), (1, 10)], ids=str
)
def test_time_of_the_run(limit: float, expected: float, adapter: ModuleType) -> None:
    assert adapter.run_seconds(limit) == expected


def test_result_that_is_replaced_while_it_is_copied_is_left_for_later(home: Home, adapter: ModuleType) -> None:
    contract = adapter.Contract.read(home.environment())
    mirror = adapter.Mirror(contract, home.path / "agent" / "run")
    assert not mirror.update()
    best = home.path / "agent" / "run" / "best"
    best.mkdir(parents=True)
    (best / "submission.csv").write_text("id\n1\n", encoding="utf-8")
    (best / "gone.py").symlink_to(best / "nowhere")
    assert not mirror.update()
    (best / "gone.py").unlink()
    assert mirror.update()
    assert not mirror.update()


# ---- the real thing


@pytest.mark.slow
def test_whole_run(home: Home, tmp_path: Path) -> None:
    with served(plant(tmp_path / "bench"), tmp_path / "uploads", program=ANSWERS) as server:
        address = f"http://127.0.0.1:{server.port}/validate"
        code, said = home.run(["--nodes", "1", "--set", "engine.folds=2"], VALIDATION_URL=address)
    assert code == 0, said
    check_submission(home)
    assert list((home.path / "code" / "members").glob("node-*/solution.py"))
    assert (home.path / "code" / "reproduce.py").is_file()
    logs = {path.name for path in (home.path / "logs").iterdir()}
    assert logs >= {"journal.db", "report.md", "mlmaster.log", "run.yaml", "task.json", "validation.json"}
    journal = sqlite3.connect(home.path / "logs" / "journal.db")
    assert journal.execute("pragma integrity_check").fetchone() == ("ok",)
    journal.close()


@pytest.mark.slow
def test_run_that_is_killed_in_the_middle_has_a_submission(home: Home) -> None:
    with home.start(["--set", "engine.folds=2"], TIME_LIMIT_SECS="600") as process:
        wait_for_best(process)
        kill_all(process)
    check_submission(home)
    assert list((home.path / "code" / "members").glob("node-*/solution.py"))


def check_submission(home: Home) -> None:
    with home.submission.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [f"r{number}" for number in range(ROWS, ROWS + TEST_ROWS)]
    assert all(0.0 <= float(row["target"]) <= 1.0 for row in rows)


def wait_for_best(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "a new best result" in line:
            return
    raise AssertionError("".join(said))


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill the agent and all it started at once, as the end of a container does."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for each in family:
        each.suspend()
    for each in family:
        each.kill()
    psutil.wait_procs(family, WAIT_S)
