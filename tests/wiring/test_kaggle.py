import zipfile
from pathlib import Path

import pytest

from mlmaster.errors import DataError
from mlmaster.wiring.kaggle import fetch, is_kaggle


class FakeKaggle:
    """Gives a zip of one table, or of a file that leads out of the folder."""

    def __init__(self, member: str = "train.csv") -> None:
        self._member = member
        self.calls = 0

    def authenticate(self) -> None: ...

    def competition_download_files(self, competition: str, path: str, *, force: bool, quiet: bool) -> None:
        self.calls += 1
        with zipfile.ZipFile(Path(path) / f"{competition}.zip", "w") as archive:
            archive.writestr(self._member, "id,y\n1,0\n")

    def competition_submit(self, file_name: str, message: str, competition: str, *, quiet: bool) -> object:
        raise AssertionError("nothing is sent")


def test_files_are_fetched_once(tmp_path: Path) -> None:
    client = FakeKaggle()
    folder = fetch("kaggle:titanic", tmp_path, lambda: client)
    assert folder == tmp_path / "titanic"
    assert [path.name for path in folder.iterdir()] == ["train.csv"]
    assert fetch("kaggle:titanic", tmp_path, lambda: client) == folder
    assert client.calls == 1


@pytest.mark.parametrize("source", ["kaggle:", "kaggle:../etc", "kaggle:a/b", "kaggle:-x"])
def test_a_slug_is_a_slug(source: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="kaggle:titanic"):
        fetch(source, tmp_path, FakeKaggle)


def test_an_archive_that_leads_out_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lead out of the folder"):
        fetch("kaggle:titanic", tmp_path, lambda: FakeKaggle("../evil.csv"))
    assert not (tmp_path / "titanic").exists()
    assert not (tmp_path / "evil.csv").exists()


def test_what_is_a_source_of_kaggle() -> None:
    assert is_kaggle("kaggle:titanic")
    assert not is_kaggle("titanic")
    assert not is_kaggle(Path("kaggle:titanic"))
