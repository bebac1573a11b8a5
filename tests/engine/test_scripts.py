import os
from pathlib import Path

import pytest

from mlmaster.engine.scripts import Scripts
from mlmaster.store.run_directory import RunDirectory
from mlmaster.testing.toy_run import make_run


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    run = make_run(tmp_path / "run", budget__nodes=1)
    run.execute()
    store = RunDirectory.open_for_reading(tmp_path / "run")
    for path in store.node_directory(1).glob("*.log"):
        path.unlink()
    return Scripts(store)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ""),
        (["trial-2", "trial-10", "trial-9"], "trial-10"),
        (["smoke", "trial-1"], "smoke"),
        (["smoke-2", "smoke", "trial-1"], "smoke-2"),
        (["fold-10", "fold-9", "smoke-2"], "fold-10"),
        (["fold-0", "full", "fresh"], "fold-0"),
        (["full"], ""),
    ],
)
def test_the_log_of_a_node_is_that_of_its_last_evaluation_whatever_the_clock_says(
    scripts: Scripts, names: list[str], expected: str
) -> None:
    folder = scripts.store.node_directory(1)
    for age, name in enumerate(names):
        (folder / f"{name}.log").write_text(name, encoding="utf-8")
        os.utime(folder / f"{name}.log", ns=(age * 10**9, age * 10**9))
    assert scripts.log(1) == expected
