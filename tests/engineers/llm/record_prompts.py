"""The golden prompts: what they are made of, and `python -m tests.engineers.llm.record_prompts` to write them anew."""

from __future__ import annotations

from pathlib import Path

from mlmaster.core.chat import ModelFacts, Placement
from mlmaster.core.execution import Fault
from mlmaster.core.node import Operator
from mlmaster.core.proposal import Trial
from mlmaster.engineers.llm.prompting.prompts import Prompt, Prompts
from mlmaster.engineers.llm.replies.edits import Edit, Missed
from mlmaster.engineers.llm.settings import SessionSettings
from mlmaster.testing.contexts import DESCRIPTION, FILES, LOG, SCRIPTS, make_context

GOLDEN = Path(__file__).with_name("golden")
PLAN = "Add the share of the group that is asleep, out of fold where it uses other rows. Model and seed stay."
TOOLS_TEXT = 'To use a tool, write it as `<tool name="…">…</tool>`. (Which tools there are stands here.)'


def golden_prompts() -> dict[str, str]:
    """Return every golden prompt by the name of its file."""
    prompts, one_shot = Prompts(SessionSettings(), folds=5), Prompts(SessionSettings(turns=1), folds=5)
    rewriting = Prompts(SessionSettings(turns=1, rewrite=True), folds=5)
    facts = ModelFacts("scripted:model")
    thinking = ModelFacts("scripted:thinker", placement=Placement.COMPLETION)

    def first(operator: Operator, by: Prompts = one_shot, of: ModelFacts = facts, **arguments: object) -> str:
        return show(by.first(make_context(operator), FILES, of, tokens=32_000, **arguments))  # type: ignore[arg-type]

    improve, context = Operator.IMPROVE, make_context(Operator.IMPROVE)
    return {
        **{str(operator): first(operator) for operator in Operator},
        "draft-first-of-all": show(one_shot.first(make_context(Operator.DRAFT, story=()), FILES, facts, tokens=32_000)),
        "improve-plan": first(improve, step="plan"),
        "improve-code": first(improve, step="code", plan=PLAN),
        "improve-rewrite": first(improve, by=rewriting),
        "improve-tools": first(improve, by=prompts, tools="text", tools_text=TOOLS_TEXT),
        **{f"{operator}-thoughts": first(operator, of=thinking) for operator in Operator},
        "improve-2700-tokens": show(one_shot.first(context, FILES, facts, tokens=2_700)),
        "review": show(
            one_shot.review(SCRIPTS[7], ["line 18: rows of test are told by their place in the file"], context)
        ),
        "shorten": show(one_shot.shorten(DESCRIPTION, 200)),
        "answers": answers(prompts),
    }


def show(prompt: Prompt) -> str:
    """Return a prompt as one readable text; the version of its templates would change with every word, so it is left out."""
    parts = [f"===== {prompt.name.partition('@')[0]} · memory: {prompt.memory or '-'}"]
    for message in prompt.messages:
        parts.append(f"===== {message.author}{' (stable)' if message.is_stable else ''}\n\n{message.text}")
    if prompt.thoughts:
        parts.append(f"===== assistant, thinking\n\n{prompt.thoughts}")
    return "\n\n".join(parts) + "\n"


def answers(prompts: Prompts) -> str:
    """Return what a model may be told within a session."""
    missed = Missed(
        Edit("p[:, 1] > 0.5", "p[:, 1] > 0.48"),
        "what it searches stands nowhere in the script",
        "  29 | p[:, 1] >= 0.5",
    )
    failed = Trial(Fault.ERROR, "KeyError: 'Group'", LOG, wall_s=3.2, peak_bytes=210_000_000)
    passed = Trial(
        None, "", "600 train rows\n", wall_s=4.1, peak_bytes=230_000_000, forecast="one fold will take about 60 s"
    )
    said = {
        "continue": prompts.say("continue"),
        "declined": prompts.say("declined"),
        "edited": prompts.say("edited", lines=41),
        "left": prompts.say("left", turns=3, seconds=400.0, tools=True),
        "left, the last": prompts.say("left", turns=1, seconds=400.0, tools=True),
        "left_out": prompts.say("left_out"),
        "log": prompts.say("log", node=3, log="epoch 1\nepoch 2\n"),
        "log, none": prompts.say("log", node=99, log=""),
        "looked": prompts.say("looked", trial=passed),
        "missed": prompts.say("missed", done=1, missed=(missed,)),
        "missed, all": prompts.say("missed", done=0, missed=(missed, missed)),
        "no_script": prompts.say("no_script", tools=True),
        "refused": prompts.say(
            "refused", tool="submit", reason="no_op", detail="the script is its parent's but for comments"
        ),
        "refused, a tool": prompts.say(
            "refused", tool="read_log", reason="unusable", detail="node is 'x'; give a number"
        ),
        "trial, failed": prompts.say("trial", trial=failed),
        "trial, passed": prompts.say("trial", trial=passed),
    }
    return "\n\n".join(f"===== {name}\n\n{text}" for name, text in said.items()) + "\n"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    wanted = golden_prompts()
    for path in GOLDEN.glob("*.md"):
        if path.stem not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (GOLDEN / f"{name}.md").write_text(text, encoding="utf-8")
    print(f"{len(wanted)} prompts written to {GOLDEN}")
