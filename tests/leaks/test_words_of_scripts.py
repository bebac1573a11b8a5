"""What scripts say and carry: labels in logs and literals, scores of their own, probabilities that fit no answer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import fmean

import pytest
from tests.leaks.corpus import HONEST, LEAKS, READ, Planted, draw_rows, plant, score_carelessly, score_ours

from mlmaster.core.syntax import parse
from mlmaster.engine.checks import check as check_proposal
from mlmaster.engine.excerpts import excerpt
from mlmaster.engine.literals import refuse_memorised
from mlmaster.engine.telling import TellingValues
from mlmaster.errors import ProposalRefused
from mlmaster.tasks.profile import profile

CARRY = "known = json.loads({table!r})\nwrite(lambda row: known.get(row['x']) or shrug(row))"


def planted_with_ids(tmp_path: Path) -> Planted:
    return plant(tmp_path / "task", draw_rows(), draw_rows(40, seed=2))


FORMS = {
    "words": "".join("{id} {x} {y}\n".format(**row) for row in draw_rows()),
    "rows": "".join(f"{row}\n" for row in draw_rows()),
    "one line": f"{draw_rows()}\n",
    "a table": "id,x,y\n" + "".join("{id},{x},{y}\n".format(**row) for row in draw_rows()),
}


def learn(log: str) -> dict[str, str]:
    """Return what an engineer can read off a log: features with their labels."""
    return dict(re.findall(r"(0\.\d{4,})\D+(\d)", log))


@pytest.mark.parametrize("form", FORMS)
def test_labels_that_a_script_prints_for_the_next_one(tmp_path: Path, form: str) -> None:
    """The script fails on purpose; who debugs it reads its log. Labels of one fold's view are hidden in the other's."""
    planted = planted_with_ids(tmp_path)
    log = f"reading\n{FORMS[form]}Traceback\nValueError: stop\n"
    shown = excerpt(log, TellingValues(planted.task, profile(planted.task)))
    assert shown.startswith(("reading\n[", "reading\nid,x,y\n["))
    assert shown.endswith("left out]\nTraceback\nValueError: stop\n")
    assert min(score_carelessly(planted, CARRY.format(table=json.dumps(learn(log))))) > LEAKS
    assert fmean(score_ours(planted, CARRY.format(table=json.dumps(learn(shown))))) < HONEST


def test_labels_that_a_script_carries(tmp_path: Path) -> None:
    """It would score under any views; it is refused before it runs."""
    planted = planted_with_ids(tmp_path)
    code = READ + CARRY.format(table=json.dumps({str(row["x"]): str(row["y"]) for row in draw_rows()}))
    values = TellingValues(planted.task, profile(planted.task))
    assert min(score_carelessly(planted, code.removeprefix(READ))) > LEAKS
    with pytest.raises(ProposalRefused, match="policy"):
        check_proposal(code, frozenset(), {}, values)
    honest = READ + "write(shrug)"
    assert check_proposal(honest, frozenset(), {}, values)
    refuse_memorised(parse(honest), honest, values)


def test_a_score_that_a_script_reports(tmp_path: Path) -> None:
    planted = planted_with_ids(tmp_path)
    code = 'write(shrug)\nprint("accuracy: 1.0")\nopen("metrics.json", "w").write("1.0")'
    assert score_carelessly(planted, code, believes_script=True) == [1.0, 1.0]
    ours = score_ours(planted, code)
    assert fmean(ours) < HONEST
