"""The double itself: what it finds, where, and that it knows nothing from one request to the next."""

from __future__ import annotations

from mlmaster.testing.choosy_model import ChoosyModel, Need, Reading
from mlmaster.testing.llm_server import Heard, Received, Said

NEEDS = (Need("score", r"scored ([\d.]+)"), Need("fault", r"failed with (\w+)"))


def request(*texts: str, thoughts: str = "") -> Received:
    heard = tuple(Heard("user", text) for text in texts)
    return Received("chat", "", {}, {}, "m", heard, thoughts)


def tell(reading: Reading) -> Said:
    return Said(" ".join(f"{name}={value}" for name, value in reading.facts.items()))


def test_it_answers_well_only_where_all_that_it_needs_is_told() -> None:
    model = ChoosyModel(NEEDS, tell, lambda reading: Said(f"unknown: {', '.join(reading.missing)}"))
    assert model(request("it scored 0.5", "it failed with error")).text == "score=0.5 fault=error"
    assert model(request("it scored 0.5")).text == "unknown: fault"
    assert model(request("nothing")).text == "unknown: score, fault"
    assert [reading.missing for reading in model.readings] == [(), ("fault",), ("score", "fault")]


def test_without_another_answer_it_says_what_it_knows() -> None:
    assert ChoosyModel(NEEDS, tell)(request("it failed with error")).text == "fault=error"


def test_it_says_where_facts_stood_and_believes_its_thoughts_first() -> None:
    model = ChoosyModel(NEEDS, tell)
    model(request("it scored 0.5", "it scored 0.6, and failed with error", thoughts="mine scored 0.7"))
    reading = model.readings[0]
    assert reading.facts == {"score": "0.7", "fault": "error"}
    assert reading.places == {"score": {"messages", "thoughts"}, "fault": {"messages"}}
