"""Language models as a person meets them who gave something wrong: one clear message, and a run that goes on when mended.

Everything is said to a server of this machine. What the user can mend has exit code 2; what a model cannot do is counted.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.cli.folders import Invoke
from typer.testing import Result

from mlmaster.core.events import NodeFinished, Refused, RunEnded
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.llm_server import Brain, LLMServer, Received, Said

pytestmark = pytest.mark.slow

KEY = "sk-of-the-user-1234567890"
QUICK = ("engine.folds=2", "engine.fold_repeats=1", "engine.slots=1", "engine.threads=1", "llm.protocol=chat")
NODES = 3
CODER = CompetentCoder(shapes=False)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@dataclass
class Solver:
    """Runs the built-in `wine` with a model at an address, and goes on with that run."""

    invoke: Invoke
    out: Path

    def run(self, base_url: str, *more: str) -> Result:
        settings = [word for each in QUICK for word in ("--set", each)]
        model = ("--model", "openai:gpt-4o", "--base-url", base_url)
        budget = ("--nodes", str(NODES), "--time", "5m")
        return self.invoke("run", "wine", "--out", self.out, "--plain", *budget, *model, *settings, *more)

    def resume(self, *more: str) -> Result:
        return self.invoke("resume", self.out, "--plain", *more)

    def count(self, kind: type[object]) -> int:
        store = RunDirectory.open_for_reading(self.out)
        try:
            return sum(isinstance(record.event, kind) for record in store.read())
        finally:
            store.close()

    def ended(self) -> RunEnded:
        store = RunDirectory.open_for_reading(self.out)
        try:
            event = store.read()[-1].event
        finally:
            store.close()
        assert isinstance(event, RunEnded)
        return event


@pytest.fixture
def solver(invoke: Invoke, tmp_path: Path) -> Solver:
    return Solver(invoke, tmp_path / "run")


def complaint(result: Result) -> str:
    """Return the one line of an error after checking its form."""
    assert result.exit_code == 2, result.output
    lines = result.stderr.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1, result.stderr
    assert lines[-1] == errors[0]
    assert len(errors[0]) < 900
    assert "Traceback" not in result.output
    assert KEY not in result.output
    return errors[0]


# ---- said before anything is made


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "openai:gpt-4o"], "OPENAI_API_KEY"),
        (["--model", "opnai:gpt-5"], "did you mean openai:gpt-5?"),
        (["--model", "my-own-thing"], "llm.base_url"),
        (["--model", "openai:gpt-4o", "--base-url", "localhost:8000"], "http://localhost:8000/v1"),
        (["--model", "openai:gpt-4o", "--base-url", "http://me:secret@localhost/v1"], "llm.key_env"),
        (["--engineer", "llm"], "no model is named"),
        (["--replay", "nowhere"], "nowhere"),
    ],
    ids=["no key", "unknown preset", "whose model", "no address", "password in address", "no model", "no run"],
)
def test_what_cannot_be_asked_makes_no_run(
    solver: Solver, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    result = solver.invoke("run", "wine", "--out", solver.out, *words)
    assert said in complaint(result)
    assert "secret" not in result.output
    assert not solver.out.exists()


def test_a_run_that_asked_nothing_cannot_be_replayed(solver: Solver, tmp_path: Path) -> None:
    before = tmp_path / "before"
    assert solver.invoke("run", "wine", "--out", before, "--nodes", "1", "--set", "engine.folds=2").exit_code == 0
    result = solver.invoke("run", "wine", "--out", solver.out, "--replay", before)
    assert "asked no language model" in complaint(result)
    assert not solver.out.exists()


# ---- said by the first question


@pytest.fixture
def closed() -> str:
    """An address at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"


class _Silent(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[str]:
    """An address with a certificate that nobody has signed."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Whoever does not trust the certificate hangs up."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Quiet(("127.0.0.1", 0), _Silent) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()
        thread.join()


def check_and_mend(solver: Solver, result: Result, *said: str) -> None:
    """Check what a run said whose first question nobody could answer, and go on with it at an address that works."""
    message = complaint(result)
    for words in (*said, f"mlmaster resume {solver.out}"):
        assert words in message
    assert "best/ now holds" not in result.stdout.split("nothing to run")[-1], "it ended at once"
    with LLMServer(CODER) as server:
        mended = solver.resume("--base-url", server.openai_url)
        assert mended.exit_code == 0, mended.output
        assert server.received
    assert solver.ended().reason == "nodes"
    assert solver.count(NodeFinished) == NODES
    assert (solver.out / "best" / "submission.csv").exists()


def test_wrong_key(solver: Solver, monkeypatch: pytest.MonkeyPatch) -> None:
    with LLMServer(CODER, key="sk-right") as server:
        check_and_mend(solver, solver.run(server.openai_url), "the key was refused (401)", "set OPENAI_API_KEY")
        assert not server.received


def test_nobody_listens(solver: Solver, closed: str) -> None:
    result = solver.run(closed, "--set", "llm.patience=0.5", "--set", "llm.retries=0")
    check_and_mend(solver, result, closed, "nothing answers there", "is the server running", "llm.patience")


def test_wrong_path(solver: Solver) -> None:
    with LLMServer(CODER) as server:
        result = solver.run(f"{server.url}/api/v9")
    check_and_mend(solver, result, "/api/v9", "404", "--base-url")


def test_a_page_instead_of_an_answer(solver: Solver) -> None:
    with LLMServer(CODER, faults=lambda _: "html") as server:
        result = solver.run(server.openai_url)
    check_and_mend(solver, result, "answered with a page; is it a proxy", "--base-url")


def test_a_certificate_that_nobody_signed(solver: Solver, self_signed: str) -> None:
    check_and_mend(solver, solver.run(self_signed), "its certificate cannot be verified", "SSL_CERT_FILE")


def test_tls_where_there_is_none(solver: Solver) -> None:
    with LLMServer(CODER) as server:
        result = solver.run(server.openai_url.replace("http:", "https:"))
    check_and_mend(solver, result, "http:// instead of https://")


def test_no_such_model(solver: Solver) -> None:
    with LLMServer(CODER, models=["better"]) as server:
        result = solver.run(server.openai_url)
        assert "there is no such model (404)" in complaint(result)
        assert "--model" in complaint(result)
        mended = solver.resume("--model", "openai:better")
        assert mended.exit_code == 0, mended.output
        assert {received.model for received in server.received} == {"gpt-4o", "better"}
    assert solver.ended().reason == "nodes"


# ---- what happens in the middle


def test_an_account_that_is_empty_in_the_middle(solver: Solver) -> None:
    with LLMServer(CODER, faults=lambda number: "quota" if number > 1 else None) as server:
        result = solver.run(server.openai_url, "--set", "engine.proposal_workers=1")
    assert result.exit_code == 0, result.output
    assert "the search ended early: " in result.stderr
    assert "the account has nothing left (429)" in result.stderr
    assert f"mlmaster resume {solver.out}" in result.stderr
    assert solver.ended().reason == "provider"
    before = solver.count(NodeFinished)
    assert before == 2
    with LLMServer(CODER) as server:
        mended = solver.resume("--model", "openai:gpt-4o-mini", "--base-url", server.openai_url)
    assert mended.exit_code == 0, mended.output
    assert solver.count(NodeFinished) == NODES
    assert solver.ended().reason == "nodes"


# ---- a model that is of no use

SAME = """import pandas as pd
test = pd.read_csv("./input/test.csv")
sample = pd.read_csv("./input/sample_submission.csv")
sample.to_csv("./submission.csv", index=False)
"""
LONG = "import pandas as pd\n" + "".join(f"x{i} = {i} * 2 + 1  # of no use\n" for i in range(8_000)) + SAME
PROSE = "I would first look at the data, and then fit boosted trees and tune them with care. That often works well."
FOREIGN = "Zuerst sehe ich mir die Daten an, dann passe ich Bäume an. 我们先看数据，然后训练模型。"


def write(code: str) -> Brain:
    def answer(received: Received) -> Said:
        return Said(f"A plan.\n\n```python\n{code}\n```\n")

    return answer


USELESS: dict[str, tuple[Brain, str]] = {
    "prose": (lambda _: Said(PROSE), "unusable"),
    "another language": (lambda _: Said(FOREIGN), "unusable"),
    "refusal": (lambda _: Said(refusal="I'm sorry, but I can't help with that."), "declined"),
    "refusal in words": (lambda _: Said("I'm sorry, but I can't help with that."), "declined"),
    "nothing": (lambda _: Said(""), "unusable"),
    "200 KB of script": (write(LONG), "unusable"),
}


@pytest.mark.parametrize("name", USELESS)
def test_a_model_that_says_nothing_usable_ends_the_run(solver: Solver, name: str) -> None:
    brain, reason = USELESS[name]
    # short waits between empty replies, and no more sessions than are needed to see that the run ends
    small = (
        "llm.retries=1",
        "llm.max_output_tokens=100000",
        "session.turns=2",
        "engine.attempts=1",
        "search.refusals=1",
    )
    with LLMServer(brain) as server:
        result = solver.run(server.openai_url, "--no-baseline", *(word for each in small for word in ("--set", each)))
        assert result.exit_code == 1, result.output
        assert "Traceback" not in result.output
        assert "nothing was proposed that could be run" in result.stderr
        assert solver.ended().reason == "exhausted"
        assert solver.ended().usage.tokens >= sum(each.input for each in server.counted.values())
        assert reason in result.stderr
    with LLMServer(CODER) as server:
        mended = solver.resume("--model", "openai:gpt-4o-mini", "--base-url", server.openai_url)
    assert mended.exit_code == 0, mended.output
    assert solver.ended().reason == "nodes"


@pytest.mark.parametrize(
    ("brain", "solutions"), [(lambda _: Said(PROSE), 1), (write(SAME), 2)], ids=["prose", "the same script"]
)
def test_with_settings_as_they_are_a_run_keeps_what_it_has_and_its_spending_is_bounded(
    solver: Solver, brain: Callable[[Received], Said], solutions: int
) -> None:
    """Few sessions of few replies: the policy closes each place after two refusals, and there are few places."""
    with LLMServer(brain) as server:
        result = solver.invoke(
            *("run", "wine", "--out", solver.out, "--plain", "--model", "openai:gpt-4o", "--time", "10m"),
            *("--base-url", server.openai_url, *(word for each in QUICK for word in ("--set", each))),
        )
        asked = len(server.received)
    assert result.exit_code == 0, result.output
    assert solver.ended().reason == "exhausted"
    assert asked <= 200
    assert solver.ended().usage.tokens < 1_000_000
    assert solver.count(Refused) <= 20
    assert solver.count(NodeFinished) == solutions
    assert (solver.out / "best" / "submission.csv").exists()
