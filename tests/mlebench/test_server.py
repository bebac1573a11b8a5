"""The validation server over a real socket: the official protocol, broken calls, many at a time, nothing of the answers."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest
from tests.mlebench.calls import ANSWERS, BOUNDARY, READY, WAIT_S, Served, form, part, served
from tests.mlebench.planted import broken_submissions, plant, table
from typer.testing import CliRunner

from mlmaster.cli.app import app
from mlmaster.errors import DataError, SettingsError
from mlmaster.mlebench.call_log import CallLog
from mlmaster.mlebench.limits import Limits
from mlmaster.mlebench.server import ValidationServer, is_loopback, listen

BAD_REQUEST = """<!doctype html>
<html lang=en>
<title>400 Bad Request</title>
<h1>Bad Request</h1>
<p>The browser (or proxy) sent a request that this server could not understand.</p>
"""
"""What Flask, and so the official server, answers to a form without the file."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("server")
    with served(plant(folder / "data"), folder / "uploads") as running:
        yield running


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with little patience, for little submissions."""
    folder = tmp_path_factory.mktemp("strict")
    limits = Limits(upload_bytes=100_000, idle_s=0.2, closing_s=1)
    with served(plant(folder / "data"), folder / "uploads", limits, ANSWERS) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_is_left(server: Served) -> Iterator[None]:
    yield
    assert server.uploads() == []


def good(server: Served) -> bytes:
    return table(dict.fromkeys(server.planted.ids, "guess")).encode()


def test_health(server: Served) -> None:
    reply = server.ask("GET", "/health")
    assert (reply.status, json.loads(reply.text)) == (200, {"status": "running"})


def test_valid_submission(server: Served) -> None:
    reply = server.validate(good(server))
    assert (reply.status, reply.kind) == (200, "application/json")
    assert json.loads(reply.text) == {"result": "Submission is valid."}


def test_invalid_submission_is_answered_by_200_too(server: Served) -> None:
    assert server.validate(b"a,b\n1,2\n").result.startswith("Submission invalid! ")


@pytest.mark.parametrize("name", ["submission.txt", "", "../../x.csv", "/etc/passwd", "x" * 3000, "a\x01b"])
def test_name_of_the_file_does_not_matter(name: str, server: Served) -> None:
    assert server.validate(good(server), name).result == "Submission is valid."


@pytest.mark.parametrize(
    "body",
    [
        form(),
        form(part(b"x", name="submission")),
        form(part(b"x", file_name=None)),
        form(part(b"x"))[:-6],
        form(part(b"x"))[: len(BOUNDARY) + 40],
        b"no form at all",
        b"",
        b"--" + BOUNDARY.encode() + b"\r\nno header\r\n\r\nx\r\n--" + BOUNDARY.encode() + b"--\r\n",
        b"--" + BOUNDARY.encode() + b"\r\n" + b"X-Header: y\r\n" * 10_000,
    ],
    ids=["empty", "other field", "no file name", "no end", "cut", "text", "nothing", "no header", "headers"],
)
def test_form_without_the_file_is_a_bad_request(body: bytes, server: Served) -> None:
    reply = server.send(body)
    assert (reply.status, reply.kind, reply.text) == (400, "text/html; charset=utf-8", BAD_REQUEST)
    assert reply.call["verdict"] == "no file"


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/csv",
        "application/json",
        "multipart/form-data",
        f"multipart/mixed; boundary={BOUNDARY}",
        "multipart/form-data; boundary=" + "x" * 500,
    ],
)
def test_what_is_no_form_is_a_bad_request(kind: str, server: Served) -> None:
    reply = server.ask("POST", "/validate", form(part(good(server))), kind)
    assert (reply.status, reply.text) == (400, BAD_REQUEST)


def test_first_of_two_files_counts(server: Served) -> None:
    other = part(b"a,b\n")
    assert server.send(form(part(good(server)), other)).result == "Submission is valid."
    assert server.send(form(other, part(good(server)))).result.startswith("Submission invalid!")
    around = [part(b"x" * 1000, None, "note"), part(b"y", "y.bin", "attachment")]
    assert server.send(form(*around, part(good(server)), *around)).result == "Submission is valid."


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/validate", 405),
        ("POST", "/health", 405),
        ("GET", "/", 404),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("GET", "/redoc", 404),
        ("GET", "/health/", 404),
    ],
)
def test_nothing_else_is_served(method: str, path: str, status: int, server: Served) -> None:
    reply = server.ask(method, path)
    assert reply.status == status
    assert f"<h1>{'Not Found' if status == 404 else 'Method Not Allowed'}</h1>" in reply.text


def test_every_call_is_logged(server: Served) -> None:
    content = good(server)
    health = server.ask("GET", "/health").call
    valid = server.validate(content).call
    invalid = server.validate(b"secret-cell,b\n", "secret-name.csv").call
    other = server.ask("GET", "/secret-path").call
    assert (health["call"], health["status"]) == ("health", 200)
    assert (valid["verdict"], valid["status"], valid["bytes"]) == ("valid", 200, len(content))
    assert valid["sha256"] == sha256(content).hexdigest()
    assert valid["client"].startswith("127.0.0.1:")
    assert valid["seconds"] >= 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", valid["time"])
    assert (invalid["verdict"], invalid["bytes"]) == ("invalid", 14)
    assert (other["call"], other["status"]) == ("other", 404)
    assert "secret" not in server.log.getvalue()


def test_answers_stay_inside(server: Served) -> None:
    said = []
    for name, content in broken_submissions(server.planted):
        reply = server.validate(content, f"{name}.csv")
        message = reply.result
        assert message.startswith("Submission invalid!"), name
        assert not server.planted.leaks(message, content.decode(errors="replace")), name
        said.append(json.dumps(reply.call))
    assert not server.planted.leaks("".join(said))


def test_client_that_goes_leaves_nothing(server: Served) -> None:
    body = form(part(good(server) * 100_000))
    for share in (2, 10):
        with server.begin(body[: len(body) // share], len(body)):
            pass
        call = server.log.next()
        assert (call["verdict"], call["status"], call["sha256"]) == ("client gone", None, None)
        assert server.uploads() == []


def test_many_at_a_time(server: Served) -> None:
    large = (table({str(number): "guess" for number in range(200_000)}) + "\n" * 2_000_000).encode()
    contents = [large if number == 7 else good(server) if number % 2 else b"a,b\n1,2\n" for number in range(32)]
    with ThreadPoolExecutor(len(contents)) as pool:
        replies = list(pool.map(server.validate, contents))
    for number, reply in enumerate(replies):
        assert (reply.result == "Submission is valid.") == (number % 2 == 1 and number != 7), number
    assert {reply.call["sha256"] for reply in replies} == {sha256(content).hexdigest() for content in contents}


def test_too_large_a_submission(strict: Served) -> None:
    for size in (100_001, 1_300_000, 30_000_000):
        reply = strict.validate(b"x" * size)
        assert reply.status == 413
        assert "MB" in json.loads(reply.text)["details"]
        assert reply.call["verdict"] == "too large"
    reply = strict.validate(b"x" * 100_000)
    assert (reply.status, reply.call["bytes"]) == (200, 100_000)


def test_too_large_a_submission_of_undeclared_length(strict: Served) -> None:
    def pieces() -> Iterator[bytes]:
        yield form(part(b""))[: -len(BOUNDARY) - 8]
        yield from [b"x" * 65536] * 40

    reply = strict.ask("POST", "/validate", pieces(), f"multipart/form-data; boundary={BOUNDARY}")  # type: ignore[arg-type]
    assert (reply.status, reply.call["verdict"]) == (413, "too large")


def test_client_that_waits_for_a_word_need_not_send(strict: Served) -> None:
    with strict.begin(b"", 10**12, "Expect: 100-continue\r\n") as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert strict.log.next()["verdict"] == "too large"


def test_upload_that_stands_still(strict: Served) -> None:
    with strict.begin(form(part(b"x"))[:40], 1000) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")
    assert strict.log.next()["verdict"] == "stalled"
    assert strict.uploads() == []


def test_disk_without_room(tmp_path: Path) -> None:
    with served(plant(tmp_path / "data"), tmp_path / "uploads", Limits(free_bytes=2**62), ANSWERS) as full:
        reply = full.validate(good(full))
        assert (reply.status, reply.call["verdict"]) == (507, "no room")


def test_failure_tells_nothing(server: Served) -> None:
    planted = server.planted
    planted.place.answers.write_bytes(b"\xff" + "".join(planted.secrets).encode())
    try:
        reply = server.validate(good(server))
    finally:
        planted.place.answers.write_text(table(planted.labels), encoding="utf-8")
    assert reply.status == 500
    assert json.loads(reply.text) == {
        "error": "An unexpected error occurred.",
        "details": "the grader failed (DataError)",
    }
    assert reply.call["verdict"] == "not graded: the grader failed (DataError)"
    assert server.validate(good(server)).result == "Submission is valid."


def test_program_that_dies_is_an_answer_and_no_end(tmp_path: Path) -> None:
    dies = READY + "sys.stdin.readline(); os.kill(os.getpid(), 9)"
    with served(plant(tmp_path / "data"), tmp_path / "uploads", program=dies) as server:
        for _ in range(2):
            reply = server.validate(b"x")
            assert (reply.status, "was lost" in reply.text) == (500, True)
        assert server.ask("GET", "/health").status == 200


def test_server_that_is_stopped_leaves_nothing_of_a_long_call(tmp_path: Path) -> None:
    hangs = READY + "sys.stdin.readline(); time.sleep(600)"
    with (
        ThreadPoolExecutor(1) as pool,
        served(plant(tmp_path / "data"), tmp_path / "uploads", Limits(closing_s=0), program=hangs) as server,
    ):
        asked = pool.submit(server.validate, b"x")
        while not server.uploads():
            assert not asked.done()
    reply = asked.result()
    assert (reply.status, reply.call["verdict"]) == (503, "server stopped")


def test_server_without_answers_does_not_start(tmp_path: Path) -> None:
    planted = plant(tmp_path / "data")
    planted.place.answers.unlink()
    server = ValidationServer(planted.place, CallLog(sys.stderr), Limits())
    with listen("127.0.0.1", 0) as listener, pytest.raises(DataError, match="not prepared"):
        server.run(listener)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("127.8.8.8", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_port_in_use() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(SettingsError, match="--port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_no_host_is_not_every_host() -> None:
    with pytest.raises(SettingsError, match="--host is empty"):
        listen("", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_cli_serves_until_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    planted = plant(tmp_path / "data")
    (tmp_path / "tmp").mkdir()
    log = tmp_path / "calls.jsonl"
    log.write_text('{"before": true}\n', encoding="utf-8")
    words = ["-c", "spaceship-titanic", "--data-dir", str(tmp_path / "data"), "--port", "0", "--log", str(log)]
    with subprocess.Popen(
        [sys.executable, "-m", "mlmaster.cli", "serve-grader", *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        port = re.search(r"http://127\.0\.0\.1:(\d+)/validate", line)
        assert port, line
        body = form(part(table(dict.fromkeys(planted.ids, "guess")).encode()))
        connection = http.client.HTTPConnection("127.0.0.1", int(port[1]), timeout=WAIT_S)
        connection.request("POST", "/validate", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
        assert json.loads(connection.getresponse().read()) == {"result": "Submission is valid."}
        connection.close()
        with socket.create_connection(("127.0.0.1", int(port[1])), timeout=WAIT_S):  # an idle one does not hold it up
            process.send_signal(number)
            rest = process.stderr.read()
        assert process.wait(WAIT_S) == 0
    assert rest == "stopped\n"
    assert list((tmp_path / "tmp").iterdir()) == []
    lines = [json.loads(each) for each in log.read_text(encoding="utf-8").splitlines()]
    assert [each.get("verdict") for each in lines] == [None, "valid"]


def test_cli_names_what_is_missing(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["serve-grader", "-c", "spaceship-titanic", "--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "not prepared" in result.stderr
    plant(tmp_path / "data")
    options = ["-c", "spaceship-titanic", "--data-dir", str(tmp_path / "data"), "--port", "0"]
    result = CliRunner().invoke(app, ["serve-grader", *options, "--log", str(tmp_path / "no" / "log")])
    assert result.exit_code == 2
    assert "--log" in result.stderr
