from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pytest

import live_check
from live_rates import FAILED, RAN, Heard, Run, Solution, Turn, hear, read_sessions, summarise
from mlmaster.core.calls import Answered, Asked, Call
from mlmaster.core.chat import Finish, Message, Reply, Request, Role, ToolCall
from mlmaster.core.usage import Usage
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.llm_server import LLMServer

PARENT = "import pandas as pd\n\nDEPTH = 3\nprint(DEPTH)\n"
SETTINGS = SessionSettings()
CONTINUE = Prompts(SETTINGS, folds=1).say("continue")


def edit(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE"


def submit(**arguments: object) -> Reply:
    return Reply("", calls=(ToolCall("1", "submit", json.dumps({"name": "n", "plan": "p", **arguments})),))


FENCED = Reply("A plan.\n\n```python\nimport os\nprint(os.name)\n```\n")
BROKEN = Reply("A plan.\n\n```python\nimport os\nprint(os.name\n```\n")


@pytest.mark.parametrize(
    ("reply", "heard"),
    [
        (FENCED, Heard(True, False, False, scripts=1, parsed=1)),
        (BROKEN, Heard(True, False, False, scripts=1, parsed=0)),
        (Reply(edit("DEPTH = 3", "DEPTH = 4")), Heard(True, False, False, edits=1, applied=1)),
        (Reply(edit("DEPTH = 7", "DEPTH = 8")), Heard(True, False, False, edits=1, applied=0)),
        (submit(code=PARENT), Heard(True, False, False, scripts=1, parsed=1)),
        (
            submit(edits=[{"search": "DEPTH = 3", "replace": "DEPTH = 4"}, {"search": "no", "replace": "yes"}]),
            Heard(True, False, False, edits=2, applied=1),
        ),
        (submit(edits="make it deeper"), Heard(True, False, False, edits=1, applied=0)),
        (Reply('<tool name="look_at_data">print(1)</tool>'), Heard(True, False, False)),
        (Reply("It should be deeper."), Heard(False, False, False)),
        (Reply("I'm sorry, but I can't help with that."), Heard(False, True, False)),
        (Reply("", finish=Finish.FILTERED), Heard(False, True, False)),
        (Reply("It should be", finish=Finish.LENGTH), Heard(False, False, True)),
    ],
    ids=[
        "script",
        "script that is no Python",
        "edit",
        "edit that does not fit",
        "native script",
        "native edits",
        "native edits in prose",
        "tool in words",
        "prose",
        "refusal",
        "filtered",
        "cut",
    ],
)
def test_what_a_reply_comes_to(reply: Reply, heard: Heard) -> None:
    assert list(hear([Turn(reply, None)], PARENT)) == [heard]


def test_edits_are_applied_to_what_earlier_ones_made() -> None:
    first, second = Reply(edit("DEPTH = 3", "DEPTH = 4")), Reply(edit("DEPTH = 4", "DEPTH = 5"))
    assert [each.applied for each in hear([Turn(first, "not yet"), Turn(second, None)], PARENT)] == [1, 1]
    assert [each.applied for each in hear([Turn(second, None)], PARENT)] == [0]


def call(number: int, messages: Sequence[Message], reply: Reply | None, role: Role = Role.CODER) -> Call:
    asked = Asked(1, "m", Request(role, tuple(messages)), Usage())
    return Call(number, 0.0, asked, Answered("failed" if reply is None else "answered", Usage(calls=1), reply))


def test_sessions_are_told_apart_and_continuations_joined() -> None:
    prompt = (Message("system", "s"), Message("user", "u"))
    cut = Reply("A plan.\n\n```python\nimport os\n", finish=Finish.LENGTH)
    rest = Reply("print(os.name)\n```\n")
    joined = Message("assistant", cut.text + rest.text)
    calls = [
        call(1, prompt, None),
        call(2, prompt, Reply("no review", usage=Usage()), Role.FEEDBACK),
        call(3, prompt, cut),
        call(4, (*prompt, Message("assistant", cut.text), Message("user", CONTINUE)), rest),
        call(5, (*prompt, joined, Message("user", f"{FAILED} (30 rows)")), FENCED),
        call(6, prompt, FENCED),
    ]
    first, second = read_sessions(calls, SETTINGS)
    assert [turn.told for turn in first] == [f"{FAILED} (30 rows)", None]
    assert [each.scripts for each in hear(first, "")] == [1, 1]
    assert [turn.reply for turn in second] == [FENCED]


def test_what_a_trial_came_to_is_told_in_these_words() -> None:
    template = (files("mlmaster.engineers.llm.prompting") / "words" / "say" / "trial.md.j2").read_text(encoding="utf-8")
    assert FAILED in template
    assert RAN in template


def test_rates_are_of_what_was_counted() -> None:
    heard = (Heard(True, False, False, scripts=1, parsed=1), Heard(False, True, False))
    good = Solution("scored", heard, True, "prompt")
    bad = Solution("refused: declined", (Heard(True, False, False, edits=4, applied=1),), None, "")
    answered = Reply("", usage=Usage(), model="v1", seconds=3.0)
    usage = Usage(input_tokens=100, output_tokens=10, cached_tokens=25, cost_usd=0.5, calls=1)
    asked = Asked(1, "m", Request(Role.CODER, ()), Usage())
    calls = (Call(1, 0.0, asked, Answered("answered", usage, answered, dropped=("temperature",))), Call(2, 0.0, asked))
    found = summarise([Run((good,), calls), Run((bad,), ())])
    assert found["parse"] == {"rate": 0.667, "of": 3}
    assert found["edits_apply"] == {"rate": 0.25, "of": 4}
    assert found["smoke_pass"] == {"rate": 1.0, "of": 1}
    assert found["scored"] == {"rate": 0.5, "of": 2}
    assert found["cache_hit"] == {"rate": 0.25, "of": 100}
    assert found["outcomes"] == {"refused: declined": 1, "scored": 1}
    assert (found["cost_usd"], found["answered_as"], found["left_out"]) == (0.5, ["v1"], ["temperature"])
    assert summarise([])["parse"] is None


def test_a_larger_task_is_taken_where_it_is(tmp_path: Path) -> None:
    assert live_check.choose_tasks({}) == ["breast-cancer", "diabetes", "wine"]
    assert live_check.choose_tasks({"ML_MASTER_TASKS": str(tmp_path)}) == ["breast-cancer", "diabetes", "wine"]
    larger = tmp_path / "spooky-author-identification"
    larger.mkdir()
    assert live_check.choose_tasks({"ML_MASTER_TASKS": str(tmp_path)}) == ["breast-cancer", "diabetes", str(larger)]


def test_without_a_model_it_says_how_to_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        live_check.main([])
    assert ended.value.code == 2
    assert "make live-check MODEL=openai:gpt-5" in capsys.readouterr().err


def test_without_a_key_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(SystemExit) as ended:
        live_check.main(["--model", "openai:gpt-5"])
    assert ended.value.code == 2
    assert "OPENAI_API_KEY" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_pretended_model_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    prices = "llm.prices={pretended: {input: 1.0, output: 4.0}}"
    result = tmp_path / "figures.json"
    with LLMServer(CompetentCoder(bugs=True)) as server:
        reached = ["--model", "compatible:pretended", "--base-url", server.openai_url]
        where = ["--out", str(tmp_path / "runs"), "--result", str(result)]
        live_check.main([*reached, *where, "--task", "diabetes", "--nodes", "4", "--set", prices])
    found = json.loads(result.read_text(encoding="utf-8"))
    figures = found["all"]
    assert figures == found["diabetes"]
    assert figures["solutions"] == sum(figures["outcomes"].values()) == 4
    assert figures["parse"] == {"rate": 1.0, "of": figures["replies"]}
    assert figures["edits_apply"]["rate"] == 1.0
    assert figures["scored"]["rate"] > 0
    assert figures["smoke_pass"]["of"] == 4
    assert figures["placements"] == {"prompt": 4}
    tokens = figures["tokens"]
    assert figures["cost_usd"] == pytest.approx((tokens["read"] + 4 * tokens["written"]) / 1e6, abs=1e-4)
    assert "smoke pass" in capfd.readouterr().out
