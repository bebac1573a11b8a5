"""State that one evaluation leaves for the next: fold 0 has seen the labels that fold 1 hides."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.leaks.corpus import HONEST, LEAKS, draw_rows, plant, score_carelessly, score_ours

REMEMBER = """
import pathlib, tempfile
place = pathlib.Path(PLACE)
known = {}
try:
    if PLACE.startswith("input"):
        os.chmod("input", 0o755)
    memory = place / NAME
    if memory.exists():
        known.update(json.loads(memory.read_text()))
    memory.write_text(json.dumps({**known, **{row["x"]: row["y"] for row in train}}))
except OSError as error:
    print(error)
write(lambda row: known.get(row["x"]) or shrug(row))
"""

PLACES = {
    "the working folder": "'working'",
    "the script's own folder": "'.'",
    "the home": "str(pathlib.Path.home())",
    "the temporary folder": "tempfile.gettempdir()",
    "beside the home": "str(pathlib.Path.home().parent)",
    "the view": "'input'",
}
SHARED = ["'/tmp'", "'/var/tmp'", "'/dev/shm'", "str(pathlib.Path.cwd().parent)"]


def last_scores(tmp_path: Path, place: str, name: str) -> tuple[float, float]:
    """Return the accuracy of the last of two folds, careless and ours."""
    planted = plant(tmp_path / "task", draw_rows(), draw_rows(40, seed=2))
    code = f"import pathlib, tempfile\nNAME, PLACE = {name!r}, {place}\n" + REMEMBER
    return score_carelessly(planted, code)[-1], score_ours(planted, code)[-1]


@pytest.mark.parametrize("place", PLACES)
def test_a_memory_in_the_evaluations_own_folders(tmp_path: Path, place: str) -> None:
    careless, ours = last_scores(tmp_path, PLACES[place], "memory.json")
    assert careless > LEAKS
    assert ours < HONEST


@pytest.mark.parametrize("place", SHARED)
def test_a_memory_in_a_folder_that_all_share(tmp_path: Path, place: str) -> None:
    name = f"mlmaster-leak-{os.getpid()}.json"
    try:
        careless, ours = last_scores(tmp_path, place, name)
    finally:
        if place.startswith("'"):
            Path(place.strip("'"), name).unlink(missing_ok=True)
    assert careless > LEAKS
    assert ours < HONEST
