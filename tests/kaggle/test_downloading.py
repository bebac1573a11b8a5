"""Kaggle's client, played by an object: what goes wrong is told in our words, with a next step and without a secret."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import requests
from tests.mlebench.preparation.kit import ID, RAW, place_in, write_archive

from mlmaster.errors import DataError
from mlmaster.kaggle.client import KaggleClient, import_client
from mlmaster.kaggle.downloading import download

SECRET = "kg-5ecret"
OTHERWISE = "name files you have with --from"


class FakeKaggle:
    """Raises what it is given, one thing at a call, then writes the zip; `authenticate` raises what it is given too."""

    def __init__(self, *errors: BaseException, login: BaseException | None = None) -> None:
        self._errors = list(errors)
        self._login = login
        self.calls = 0

    def authenticate(self) -> None:
        print("get a token at …")
        if self._login is not None:
            raise self._login

    def competition_download_files(self, competition: str, path: str, *, force: bool, quiet: bool) -> None:
        assert not force
        self.calls += 1
        print("downloading", file=sys.stderr)
        if self._errors:
            raise self._errors.pop(0)
        write_archive(Path(path) / f"{competition}.zip", RAW)
        (Path(path) / f"{competition}.zip.kaggle-partial").write_text("{}")

    def competition_submit(self, file_name: str, message: str, competition: str, *, quiet: bool) -> object:
        raise AssertionError("nothing is sent")


def answer(status: int, message: str = "") -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{message} for url https://kaggle.example/?token={SECRET}", response=response)


def fetch(client: FakeKaggle, data_dir: Path) -> tuple[Path, list[float]]:
    pauses: list[float] = []
    return download(ID, place_in(data_dir).home, OTHERWISE, lambda: client, pauses.append), pauses


def refusal(client: FakeKaggle, data_dir: Path) -> str:
    with pytest.raises(DataError) as caught:
        fetch(client, data_dir)
    assert not place_in(data_dir).zip.exists()
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_the_zip_lies_where_mle_bench_has_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = place_in(tmp_path)
    assert fetch(FakeKaggle(), tmp_path) == (place.zip, [])
    assert [entry.name for entry in place.home.iterdir()] == [place.zip.name]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "error", [answer(503), answer(429), requests.ConnectionError(SECRET), requests.Timeout(SECRET)]
)
def test_what_may_pass_is_tried_three_times(error: Exception, tmp_path: Path) -> None:
    client = FakeKaggle(error, error)
    assert fetch(client, tmp_path) == (place_in(tmp_path).zip, [5.0, 5.0])
    assert client.calls == 3


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (requests.ConnectionError(SECRET), "cannot be reached; check the network"),
        (ConnectionResetError(SECRET), "cannot be reached; check the network"),
        (answer(500), "answers with an error (500); try again later"),
        (answer(429), "asks to wait"),
        (RuntimeError(SECRET), "did not do it (RuntimeError)"),
    ],
)
def test_what_does_not_pass_ends_after_the_third(error: Exception, told: str, tmp_path: Path) -> None:
    client = FakeKaggle(*[error] * 5)
    message = refusal(client, tmp_path)
    assert client.calls == 3
    assert told in message


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (answer(401, "Unauthorized"), "refuses the token (401); make a token at https://www.kaggle.com/settings"),
        (
            answer(403, "You must accept this competition's rules"),
            f"accept the rules of the competition first, at https://www.kaggle.com/c/{ID}/rules",
        ),
        (
            answer(403, "Forbidden"),
            "or the competition is closed and takes nobody any more; in that case name files you have",
        ),
        (
            answer(404, "Not Found"),
            "has no such competition, or not any more (404); check the name, or name files you have with --from",
        ),
        (answer(400), "answers with an error (400)"),
        (OSError(28, "No space left on device"), "cannot be read or written (No space left on device); make room"),
    ],
)
def test_what_cannot_pass_ends_at_once(error: Exception, told: str, tmp_path: Path) -> None:
    client = FakeKaggle(error)
    assert told in refusal(client, tmp_path)
    assert client.calls == 1


def test_a_client_newer_than_ours_may_know_statuses_by_itself(tmp_path: Path) -> None:
    class ApiException(Exception):
        status = 401

    assert "refuses the token (401)" in refusal(FakeKaggle(ApiException(SECRET)), tmp_path)


@pytest.mark.parametrize("login", [SystemExit(1), OSError(f"Could not find kaggle.json, {SECRET}"), ValueError(SECRET)])
def test_without_a_token_the_way_to_one_is_told(login: BaseException, tmp_path: Path) -> None:
    message = refusal(FakeKaggle(login=login), tmp_path)
    assert message.startswith(f"{ID}: Kaggle's client has no token; make a token at https://www.kaggle.com/settings")
    assert "KAGGLE_API_TOKEN" in message
    assert "--from" in message
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("login", "told"), [(answer(401), "refuses the token"), (requests.ConnectionError(SECRET), "cannot be reached")]
)
def test_a_token_that_cannot_be_asked_about_is_not_missing(login: Exception, told: str, tmp_path: Path) -> None:
    assert told in refusal(FakeKaggle(login=login), tmp_path)


def test_a_client_that_fetches_nothing_is_told(tmp_path: Path) -> None:
    class Idle(FakeKaggle):
        def competition_download_files(self, competition: str, path: str, *, force: bool, quiet: bool) -> None: ...

    assert f"fetched no {ID}.zip" in refusal(Idle(), tmp_path)


def test_without_the_package_its_extra_is_named(tmp_path: Path) -> None:
    def load() -> KaggleClient:
        return import_client("no_such_module_of_kaggle")

    with pytest.raises(DataError, match=r"pip install 'ml-master\[kaggle\]'"):
        download(ID, tmp_path, OTHERWISE, load)


def test_a_download_cut_short_is_gone_on_with_and_is_no_zip_yet(tmp_path: Path) -> None:
    begun: list[list[str]] = []

    class CutShort(FakeKaggle):
        def competition_download_files(self, competition: str, path: str, *, force: bool, quiet: bool) -> None:
            begun.append(sorted(entry.name for entry in Path(path).iterdir()))
            if len(begun) == 1:
                (Path(path) / f"{competition}.zip").write_bytes(b"PK half")
                raise KeyboardInterrupt
            super().competition_download_files(competition, path, force=force, quiet=quiet)

    client = CutShort()
    with pytest.raises(KeyboardInterrupt):
        fetch(client, tmp_path)
    assert not place_in(tmp_path).zip.exists()
    fetch(client, tmp_path)
    assert begun == [[], [f"{ID}.zip"]]
