"""The competent coder: its scripts solve tasks, its answers are understood by the engineer that asks, its bugs are mended."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from mlmaster.core.chat import ModelFacts, Placement, Role
from mlmaster.core.execution import Fault
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Proposal, Trial
from mlmaster.engineers.llm.engineer import LLMEngineer
from mlmaster.engineers.llm.prompting.prompts import Prompts
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.tasks.builtin import write_builtin
from mlmaster.testing.clock import FakeClock
from mlmaster.testing.competent_coder import CompetentCoder
from mlmaster.testing.competent_reader import Asked
from mlmaster.testing.competent_scripts import BUGS, Change, draft, join, lighten, read_members, vary, write_script
from mlmaster.testing.contexts import make_context
from mlmaster.testing.llm_server import Heard, Received, Said
from mlmaster.testing.scripted_desk import ScriptedDesk
from mlmaster.testing.scripted_llm import ScriptedLLM, spoken

TEXTS = {
    "sea": "The ship sailed over the grey waves of the ocean while the sailors watched the harbour and the tide",
    "city": "The crowded street was loud with carriages and lamps while merchants sold bread beside the old houses",
    "moor": "The wind cried over the lonely moor where ghosts and shadows wandered among black stones at midnight",
}
MEMBERS = draft("table", Random(1)).members
SCRIPT = write_script("table", Change("first", "", MEMBERS), 0)
OTHER = write_script("table", draft("table", Random(5)), 1)


def write_text_task(directory: Path, rows: int) -> np.ndarray[Any, Any]:
    """Write a task with texts of three authors and return the true authors of its test."""
    rng = Random(3)
    authors = [rng.choice(sorted(TEXTS)) for _ in range(rows)]
    texts = [
        " ".join(rng.choices(TEXTS[name].split(), k=9) + rng.choices(TEXTS["sea"].split(), k=6)) for name in authors
    ]
    table = pd.DataFrame({"id": [f"id{i}" for i in range(rows)], "text": texts, "author": authors})
    train, test = table[: rows * 2 // 3], table[rows * 2 // 3 :]
    directory.mkdir(parents=True)
    train.to_csv(directory / "train.csv", index=False)
    test[["id", "text"]].to_csv(directory / "test.csv", index=False)
    test[["id"]].assign(**dict.fromkeys(sorted(TEXTS), 0.3)).to_csv(directory / "sample_submission.csv", index=False)
    return test["author"].to_numpy()


def run(code: str, data: Path, directory: Path) -> pd.DataFrame:
    directory.mkdir(parents=True)
    (directory / "input").symlink_to(data)
    (directory / "solution.py").write_text(code)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "solution.py"], cwd=directory, capture_output=True, text=True, timeout=120, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    return pd.read_csv(directory / "submission.csv")


@pytest.mark.parametrize("seed", range(3))
def test_texts_are_learned(tmp_path: Path, seed: int) -> None:
    truth = write_text_task(tmp_path / "data", 450)
    rng = Random(seed)
    change = draft("text", rng)
    for _ in range(2):
        change = vary("text", change.members, rng)
    answers = run(write_script("text", change, seed), tmp_path / "data", tmp_path / "run")
    assert list(answers.columns) == ["id", *sorted(TEXTS)]
    assert np.allclose(answers[sorted(TEXTS)].sum(axis=1), 1)
    assert log_loss(truth, answers[sorted(TEXTS)].to_numpy()) < 0.7 * math.log(3)


@pytest.mark.parametrize(("name", "seed"), [("wine", 0), ("wine", 2), ("breast-cancer", 1), ("diabetes", 2)])
def test_builtin_tables_are_learned(tmp_path: Path, name: str, seed: int) -> None:
    folder = write_builtin(name, tmp_path / "tasks") / "prepared"
    rng = Random(seed)
    change = vary("table", draft("table", rng).members, rng)
    answers = run(write_script("table", change, seed), folder / "public", tmp_path / "run")
    truth = pd.read_csv(folder / "private" / "answers.csv")
    assert list(answers.iloc[:, 0]) == list(truth.iloc[:, 0])
    if name == "wine":
        assert log_loss(truth.iloc[:, 1], answers.iloc[:, 1:].to_numpy()) < 0.5
    elif name == "diabetes":
        assert ((truth.iloc[:, 1] - answers.iloc[:, 1]) ** 2).mean() ** 0.5 < 72
    else:
        assert roc_auc_score(truth.iloc[:, 1], answers.iloc[:, 1]) > 0.97


def test_labels_are_answered_as_labels(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": range(300), "a": rng.normal(size=300), "b": rng.choice(["x", "y", "z"], 300)})
    table["flag"] = table["a"] + (table["b"] == "x") > 0.3
    data = tmp_path / "data"
    data.mkdir()
    table[:200].to_csv(data / "train.csv", index=False)
    table[200:].drop(columns="flag").to_csv(data / "test.csv", index=False)
    table[200:][["id"]].assign(flag=False).to_csv(data / "sample_submission.csv", index=False)
    answers = run(write_script("table", draft("table", Random(0)), 0), data, tmp_path / "run")
    assert set(answers["flag"].astype(str)) == {"True", "False"}
    assert (answers["flag"].to_numpy() == table["flag"][200:].to_numpy()).mean() > 0.8
    probabilities = pd.read_csv(tmp_path / "run" / "probabilities.csv")
    assert list(probabilities.columns) == ["id", "False", "True"]


def test_changes_are_new_and_can_be_read_back() -> None:
    seen = set()
    for seed in range(300):
        rng = Random(seed)
        data = rng.choice(["text", "table"])
        change = draft(data, rng)  # type: ignore[arg-type]
        for _ in range(rng.randrange(4)):
            change = vary(data, change.members, rng)  # type: ignore[arg-type]
        code = write_script(data, change, 0)  # type: ignore[arg-type]
        assert read_members(code) == (data, change.members)
        seen.add(str(change.members))
    assert len(seen) >= 298


def test_lighter_scripts_do_less() -> None:
    light = lighten("table", [*MEMBERS, *MEMBERS])
    assert len(light.members) == 1
    assert light.members[0]["size"] <= MEMBERS[0]["size"]
    joined = join(MEMBERS, [{"model": "linear", "size": 1, "strength": 1.0, "leaf": 1, "weight": 1.0}], Random(0))
    assert [member["model"] for member in joined.members] == [MEMBERS[0]["model"], "linear"]


class Case:
    """One proposal of the engineer, with the coder as its model."""

    def __init__(self, coder: CompetentCoder, facts: ModelFacts | None = None, **settings: Any) -> None:
        self.llm = ScriptedLLM(spoken(coder), facts or ModelFacts("scripted:model"))
        self.settings = SessionSettings(**settings)
        self.desk = ScriptedDesk(_smoke)

    def propose(self, operator: Operator, **changes: Any) -> Proposal:
        prompts = Prompts(self.settings, 5)
        engineer = LLMEngineer(self.llm, prompts, self.settings, FakeClock())
        return engineer.propose(make_context(operator, **changes), self.desk)


def _smoke(code: str) -> Trial:
    broken = [wrong for _, wrong, _ in BUGS if wrong in code]
    return (
        Trial(Fault.ERROR, f"KeyError: {broken[0]}", "Traceback", wall_s=1.0)
        if broken
        else Trial(None, "", "", wall_s=1.0)
    )


WAYS: Sequence[dict[str, Any]] = (
    {"turns": 1},
    {"turns": 1, "rewrite": True},
    {"turns": 6},
    {"turns": 6, "tools": "text"},
    {"turns": 1, "plan": "apart"},
    {"turns": 6, "plan": "apart"},
)


@pytest.mark.parametrize("placement", [Placement.PROMPT, Placement.PREFIX])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(f"{name}_{value}" for name, value in way.items()))
@pytest.mark.parametrize("operator", Operator)
def test_engineer_understands_it(operator: Operator, way: dict[str, Any], placement: Placement) -> None:
    facts = ModelFacts("scripted:model", has_tools=way.get("tools") != "text", placement=placement)
    for seed in range(2):
        case = Case(CompetentCoder(seed), facts, **way)
        changes: dict[str, Any] = {"seed": seed}
        if operator is not Operator.DRAFT:
            changes["parent_code"] = SCRIPT
        if operator is Operator.MERGE:
            node, _ = make_context(operator).others[0]
            changes["others"] = ((node, OTHER),)
        proposal = case.propose(operator, **changes)
        known = read_members(proposal.code)
        assert known is not None
        assert known[1] != MEMBERS or operator is Operator.DRAFT
        assert "MEMBERS" not in proposal.plan or way.get("plan") == "apart"
        assert proposal.plan not in ("", "The model gave no plan.")
        if operator is Operator.MERGE:
            assert len(known[1]) == len(MEMBERS) + 1 or way.get("plan") == "apart"
        if operator not in (Operator.DRAFT, Operator.DEBUG) and "rewrite" not in way:
            assert SCRIPT.partition("MEMBERS")[0] == proposal.code.partition("MEMBERS")[0]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug[1])
@pytest.mark.parametrize("way", WAYS[:3], ids=["single", "rewrite", "tools"])
def test_debug_mends_the_bug(bug: tuple[str, str, str], way: dict[str, Any]) -> None:
    right, wrong, _ = bug
    assert right in SCRIPT
    case = Case(CompetentCoder(), ModelFacts("scripted:model", has_tools=True), **way)
    proposal = case.propose(Operator.DEBUG, parent_code=SCRIPT.replace(right, wrong))
    assert proposal.code.rstrip() == SCRIPT.rstrip()


def test_bugs_are_planted_where_asked_for() -> None:
    asked = [received(f"# Draft a new solution\n\nNumber {i}.") for i in range(40)]
    texts = [CompetentCoder(bugs=True)(one).text for one in asked]
    assert 10 < sum(any(wrong in text for _, wrong, _ in BUGS) for text in texts) < 30
    assert not any(wrong in CompetentCoder()(one).text for one in asked for _, wrong, _ in BUGS)


@pytest.mark.parametrize("has_tools", [True, False])
def test_bug_that_shows_on_the_small_view_is_mended_in_the_session(has_tools: bool) -> None:
    mended = 0
    for seed in range(6):
        case = Case(CompetentCoder(seed, bugs=True), ModelFacts("scripted:model", has_tools=has_tools), turns=6)
        proposal = case.propose(Operator.DRAFT)
        assert _smoke(proposal.code).fault is None
        mended += any(_smoke(code).fault is not None for code in case.desk.smoked)
    assert mended > 0


def test_foreign_scripts_are_replaced_by_its_own() -> None:
    for operator in (Operator.IMPROVE, Operator.DEBUG, Operator.MERGE, Operator.EVOLVE):
        proposal = Case(CompetentCoder(), turns=1).propose(operator)
        assert read_members(proposal.code) is not None


def test_same_request_same_answer_and_other_seeds_others() -> None:
    def code(seed: int) -> str:
        return Case(CompetentCoder(seed), turns=1).propose(Operator.DRAFT).code

    assert code(1) == code(1)
    assert len({code(seed) for seed in range(5)}) == 5


def test_answers_come_in_many_shapes() -> None:
    replies: list[Said] = []

    def remember(coder: CompetentCoder) -> Any:
        def brain(received: Received) -> Said:
            replies.append(coder(received))
            return replies[-1]

        return brain

    for seed in range(40):
        llm = ScriptedLLM(spoken(remember(CompetentCoder(seed))))
        settings = SessionSettings(turns=1)
        engineer = LLMEngineer(llm, Prompts(settings, 5), settings, FakeClock())
        engineer.propose(make_context(Operator.IMPROVE, parent_code=SCRIPT), ScriptedDesk())
    texts = [said.text for said in replies]
    assert any("<think>" in text for text in texts)
    assert any("<<<<<<< SEARCH" in text for text in texts)
    assert any("```python" in text for text in texts)
    assert any(text.endswith("nothing else.") for text in texts)
    assert any(said.reasoning for said in replies)


def test_answer_that_was_cut_off_goes_on() -> None:
    coder = CompetentCoder(shapes=False)
    asked = received("# Draft a new solution\n\nDesign a first solution from nothing.")
    whole = coder(asked).text
    begun = Heard("assistant", whole[:500])
    rest = coder(
        replace(
            asked,
            messages=(*asked.messages, begun, Heard("user", "Your reply was cut off. Go on exactly where it ended.")),
        )
    )
    assert whole[:500] + rest.text == whole


def test_plan_alone_is_a_plan_alone() -> None:
    said = CompetentCoder()(received(f"# Improve this script\n\n```python\n{SCRIPT}```\n\nOnly plan now"))
    assert set(json.loads(said.text)) == {"name", "plan", "changes"}


@pytest.mark.parametrize(
    ("words", "operator"),
    [
        ("# Draft a new solution\nIt may debug itself.", Operator.DRAFT),
        ("# Repair this script\nIt failed after an improvement.", Operator.DEBUG),
        ("## Improve the solution\nThe draft scored 0.7.", Operator.IMPROVE),
        ("# Evolve this branch", Operator.EVOLVE),
        ("# Merge a strength of another branch into this script", Operator.MERGE),
        ("Please debug the following script.", Operator.DEBUG),
        ("Improve the script.", Operator.IMPROVE),
        ("# Improve this script\n\n## The script: #2 merge_and_mend, 0.7", Operator.IMPROVE),
        ("Write something good.", Operator.DRAFT),
    ],
)
def test_operators_are_told_apart(words: str, operator: Operator) -> None:
    shown = "" if operator is Operator.DRAFT else f"\n```python\n{SCRIPT}```"
    asked = Asked.of(received(words + shown))
    assert asked.operator is operator
    assert bool(asked.script) == bool(shown)


def test_script_stands_as_the_session_has_made_it() -> None:
    given = json.dumps({"edits": [{"search": "SEED = 0", "replace": "SEED = 5"}]})
    talk = received(f"# Improve this script\n```python\n{SCRIPT}```")
    turns = (
        Heard("assistant", f"Another seed.\n\nName: other_seed\nedit {given}"),
        Heard("tool", "Done. It has not been run, and is not handed in yet."),
    )
    asked = Asked.of(replace(talk, messages=(*talk.messages, *turns)))
    assert asked.script == SCRIPT.replace("SEED = 0", "SEED = 5")
    assert asked.has_run
    assert asked.tried == ("other_seed", "Another seed.")


def received(text: str) -> Received:
    messages = (Heard("system", "You write Python. Edits: <<<<<<< SEARCH …"), Heard("user", text))
    return Received("chat", "", {}, {}, str(Role.CODER), messages)
