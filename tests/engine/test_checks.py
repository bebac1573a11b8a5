from pathlib import Path

import pytest

from mlmaster.engine.checks import check
from mlmaster.engine.telling import TellingValues
from mlmaster.errors import ProposalRefused
from mlmaster.testing.recorded import PROFILE, TASK
from mlmaster.testing.toy_run import write_task

DEEP = {
    "a sum": "x = " + "1 + " * 2_000 + "1",
    "signs": "x = " + "-" * 2_000 + "1",
    "attributes": "x = a" + ".b" * 2_000,
    "texts": "x = " + "'a' + " * 2_000 + "'b'",
    "branches": "if a:\n    pass\n" + "elif b:\n    pass\n" * 700,
    "brackets": "x = " + "[" * 5_000,
}


@pytest.mark.parametrize("source", DEEP.values(), ids=list(DEEP))
def test_a_script_nested_too_deeply_to_be_read_is_refused_and_ends_nothing(source: str) -> None:
    code = f'{source}\nopen("submission.csv", "w")\n'
    with pytest.raises(ProposalRefused) as refused:
        check(code, frozenset(), {}, TellingValues(TASK, PROFILE))
    assert refused.value.reason == "syntax"


def test_a_script_may_have_many_branches(tmp_path: Path) -> None:
    code = "if a:\n    pass\n" + "elif b:\n    pass\n" * 90 + 'open("submission.csv", "w")\n'
    assert check(code, frozenset(), {}, TellingValues(write_task(tmp_path), PROFILE))
