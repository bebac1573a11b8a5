"""Official checksums that need no raw file: samples whose ids are numbers counted through, and whose cells are constants."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from mlmaster.mlebench.preparation.recipe import recipe_of
from mlmaster.mlebench.registry import checksums, competition


def lines(header: str, rows: Iterable[str]) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def playground_s3e18() -> bytes:
    return lines("id,x,EC1,EC2,EC3,EC4,EC5,EC6", (f"{number},0.5,0,1,0,1,0,1" for number in range(14_838)))


def movie_reviews() -> bytes:
    return lines("PhraseId\tSentenceId\tPhrase\tSentiment", (f"{number}\t1\tso\t3" for number in range(1, 156_061)))


def playground_may_2022() -> bytes:
    return lines("id,f_27,target", (f"{number},A,1" for number in range(900_000)))


def playground_dec_2021() -> bytes:
    return lines("Id,Elevation,Cover_Type", (f"{number},7,1" for number in range(4_000_000)))


@pytest.mark.parametrize(
    ("competition_id", "raw_name", "raw", "sample"),
    [
        ("playground-series-s3e18", "train.csv", playground_s3e18, "sample_submission.csv"),
        ("movie-review-sentiment-analysis-kernels-only", "train.tsv", movie_reviews, "sampleSubmission.csv"),
        ("tabular-playground-series-may-2022", "train.csv", playground_may_2022, "sample_submission.csv"),
        pytest.param(
            "tabular-playground-series-dec-2021",
            "train.csv",
            playground_dec_2021,
            "sample_submission.csv",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["s3e18", "movie reviews", "may 2022", "dec 2021"],
)
def test_the_sample_is_the_official_one(
    competition_id: str, raw_name: str, raw: Callable[[], bytes], sample: str, tmp_path: Path
) -> None:
    recipe = recipe_of(competition(competition_id))
    assert recipe is not None
    folders = [tmp_path / name for name in ("raw", "public", "private")]
    for folder in folders:
        folder.mkdir()
    (folders[0] / raw_name).write_bytes(raw())
    recipe.prepare(*folders)
    found = hashlib.md5((folders[1] / sample).read_bytes(), usedforsecurity=False).hexdigest()
    assert found == checksums(competition_id).public[sample]
