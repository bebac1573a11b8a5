from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.cli.folders import Invoke

from mlmaster.errors import DataError
from mlmaster.kaggle.submitting import submit


class FakeKaggle:
    """Takes a submission, or raises what it is given."""

    def __init__(self, error: Exception | None = None, login: BaseException | None = None) -> None:
        self._error, self._login = error, login
        self.sent: list[tuple[str, str, str]] = []

    def authenticate(self) -> None:
        if self._login is not None:
            raise self._login

    def competition_download_files(self, competition: str, path: str, *, force: bool, quiet: bool) -> None:
        raise AssertionError("nothing is fetched")

    def competition_submit(self, file_name: str, message: str, competition: str, *, quiet: bool) -> object:
        print("100%")
        self.sent.append((file_name, message, competition))
        if self._error is not None:
            raise self._error
        return SimpleNamespace(message="Successfully submitted\nto Titanic")


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    path = tmp_path / "submission.csv"
    path.write_text("id,y\n1,0\n")
    return path


def test_it_is_sent_once_and_kaggle_is_quoted(submission: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = FakeKaggle()
    assert submit("titanic", submission, "first", lambda: client) == "Successfully submitted to Titanic"
    assert client.sent == [(str(submission), "first", "titanic")]
    assert capsys.readouterr() == ("", "")


def test_what_may_have_arrived_is_not_sent_again(submission: Path) -> None:
    client = FakeKaggle(TimeoutError("https://kaggle.example/?token=5ecret"))
    with pytest.raises(DataError, match="cannot be reached") as caught:
        submit("titanic", submission, "first", lambda: client)
    assert len(client.sent) == 1
    assert "5ecret" not in str(caught.value)
    assert "by hand at https://www.kaggle.com/c/titanic/submit" in str(caught.value)


def test_without_a_token_or_a_file(submission: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no token"):
        submit("titanic", submission, "first", lambda: FakeKaggle(login=SystemExit(1)))
    with pytest.raises(DataError, match="no such file"):
        submit("titanic", tmp_path / "nothing.csv", "first", FakeKaggle)


def test_nothing_is_sent_unless_it_is_said(ended: Path, invoke: Invoke) -> None:
    result = invoke("submit", ended, "-c", "titanic")
    assert result.exit_code == 2
    assert "would be sent to kaggle.com/c/titanic; say so with --yes" in result.stderr
