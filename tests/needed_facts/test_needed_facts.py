"""Memory carries what it must: with it a model that knows nothing else succeeds, and without any one part of it fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.needed_facts.facts import CARRIERS, FACTS, OUTCOMES, losses, lost
from tests.needed_facts.staging import GOOD, Stage, Told, choosy, looks_first, planning, plans_first, run, whole
from tests.needed_facts.toy_story import write_script

from mlmaster.core.node import Operator
from mlmaster.testing.choosy_model import ChoosyModel, Need
from mlmaster.testing.llm_server import Said
from mlmaster.testing.llm_ways import WAYS

StageOf = Callable[[str], Stage]
SUCCESS = "scored, and best"
SHOWN = {
    Operator.DRAFT: set(),
    Operator.IMPROVE: {"scale_x"},
    Operator.EVOLVE: {"scale_x"},
    Operator.DEBUG: {"log_x"},
    Operator.MERGE: {"scale_x", "finer_bins"},
}
"""Whose scripts an operator is shown: the parents', and nobody else's."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operator", Operator, ids=str)
def test_told_everything_it_succeeds(told: Told, stage_of: StageOf, out: Path, operator: Operator, way: str) -> None:
    truths = told.truths(operator)
    model = choosy(operator, truths)
    found = run(told, out, stage_of(way), operator, model)
    assert [reading.facts for reading in model.readings] == [truths]
    assert found.outcome == SUCCESS
    assert found.proposed.placement == WAYS[way].placement
    assert set(re.findall(r"TAG = '(\w+)'", model.readings[0].received.text)) == SHOWN[operator]
    is_steered = WAYS[way].is_steered
    for fact in FACTS[operator]:
        expected = "thoughts" if is_steered and fact.is_memory else "messages"
        assert model.readings[0].places[fact.name] == {expected}, fact.name


@pytest.mark.parametrize(
    ("operator", "carrier", "way"), [pytest.param(*loss, id="-".join(loss)) for loss in losses(WAYS)]
)
def test_without_one_carrier_it_fails(
    told: Told, stage_of: StageOf, out: Path, operator: Operator, carrier: str, way: str
) -> None:
    truths = told.truths(operator)
    model = choosy(operator, truths)
    found = run(told, out, stage_of(way), operator, model, CARRIERS[carrier])
    known = model.readings[0].facts
    missed = lost(operator, carrier)
    assert [fact for fact in FACTS[operator] if known.get(fact.name) != truths[fact.name]] == missed
    assert found.outcome == OUTCOMES[missed[0].mistake] != SUCCESS


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operator", Operator, ids=str)
def test_after_a_look_at_the_data_it_knows_as_much(
    told: Told, stage_of: StageOf, out: Path, operator: Operator, way: str
) -> None:
    truths = told.truths(operator)
    model = choosy(operator, truths)
    found = run(told, out, stage_of(way), operator, looks_first(model), turns=3)
    assert [reading.facts for reading in model.readings] == [truths]
    assert (found.outcome, found.proposed.turns) == (SUCCESS, 2)


@pytest.mark.parametrize("way", ["chat", "prefix", "completion"])
@pytest.mark.parametrize("operator", Operator, ids=str)
def test_planner_and_coder_are_told_alike(
    told: Told, stage_of: StageOf, out: Path, operator: Operator, way: str
) -> None:
    truths = told.truths(operator)
    planner, coder = planning(operator), choosy(operator, truths)
    found = run(told, out, stage_of(way), operator, plans_first(planner, coder), plan="apart")
    assert [reading.facts for reading in (*planner.readings, *coder.readings)] == [truths, truths]
    assert found.outcome == SUCCESS


REFUSALS = [*((way, True) for way in WAYS), ("chat", False), ("completion", False)]


@pytest.mark.parametrize(
    ("way", "is_told"),
    [pytest.param(way, each, id=f"{way}-{'told' if each else 'not_told'}") for way, each in REFUSALS],
)
@pytest.mark.parametrize("operator", Operator, ids=str)
def test_a_refusal_is_heeded_if_it_is_told(
    told: Told, stage_of: StageOf, out: Path, operator: Operator, way: str, is_told: bool
) -> None:
    good = whole(write_script(GOOD, "anew"))
    bad = good.replace("submission.csv", "answers.csv")
    need = Need("refusal", r"- no_submission: the script never names \./(submission\.csv)")
    model = ChoosyModel([need], lambda reading: Said(good), lambda reading: Said(bad))
    found = run(told, out, stage_of(way), operator, model, CARRIERS["nothing" if is_told else "refusals"])
    assert found.outcome == (SUCCESS if is_told else "refused: no_submission")
    assert [bool(reading.missing) for reading in model.readings] == ([True, False] if is_told else [True] * 3)
