import json
import math
import os
import re
from pathlib import Path

import pytest

from mlmaster.errors import TaskError
from mlmaster.mlebench.competition import Split
from mlmaster.mlebench.graders.grader import fault_of, grader_of
from mlmaster.mlebench.registry import checksums, competition, competitions, of_split

TASKS = Path(os.environ.get("ML_MASTER_TASKS", Path(__file__).parents[3] / "shared" / "tasks"))
FACTS = TASKS.parent / "facts" / "mle-bench-competitions.json"


def test_82_competitions_in_their_splits() -> None:
    assert len(competitions()) == 82
    assert [len(of_split(name)) for name in ("low", "lite", "medium", "high", "all", "dev")] == [22, 22, 38, 15, 75, 7]
    assert list(competitions()) == sorted(competitions())
    assert next(iter(of_split("dev"))).split is Split.DEV


@pytest.mark.parametrize("name", competitions())
def test_facts_fit_together(name: str) -> None:
    known = competition(name)
    medals = known.thresholds
    steps = [medals.gold, medals.silver, medals.bronze, medals.median]
    assert steps == sorted(steps, reverse=not known.is_lower_better)
    assert re.fullmatch(r"private/[\w.]+", known.answers)
    assert re.fullmatch(r"(public|private)/[\w.]+", known.sample)
    sums = checksums(name)
    assert re.fullmatch(r"[0-9a-f]{32}", sums.zip)
    if not known.answers.endswith(".jsonl"):
        assert Path(known.answers).name in sums.private
    assert callable(grader_of(known))
    assert not fault_of(known) or fault_of(known)[0].isupper() or fault_of(known)[0].isalnum()


@pytest.mark.skipif(not FACTS.is_file(), reason=f"the facts are not at {FACTS}")
def test_registry_says_what_its_source_says() -> None:
    for fact in json.loads(FACTS.read_text(encoding="utf-8")):
        known = competition(fact["id"])
        assert (known.name, known.split, known.is_lower_better) == (
            fact["name"],
            fact["split"],
            fact["is_lower_better"],
        )
        for medal in ("gold", "silver", "bronze", "median"):
            assert getattr(known.thresholds, medal) == fact[f"{medal}_threshold"]
        assert known.thresholds.agrees == fact["medal_thresholds_agree_with_second_source"]
        score = fact["sample_submission_score"]
        assert known.sample_score == score if score is not None else math.isnan(known.sample_score)


def test_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(TaskError, match="did you mean AI4Code"):
        competition("ai4cod")
    with pytest.raises(TaskError, match="bench list"):
        competition("zzzzzz")
    with pytest.raises(TaskError, match="low, lite, medium"):
        of_split("easy")
