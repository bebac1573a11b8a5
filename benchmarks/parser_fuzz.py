"""100,000 mutated replies through everything that reads replies: no exception, and no input that takes long.

The table of shapes that the tests read is cut, spliced, doubled, repeated and salted with seeded chance. Run:
`python benchmarks/parser_fuzz.py`; writes `benchmarks/results/parser_fuzz.json`.
"""

from __future__ import annotations

import argparse
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

import yaml

from measure import write_result
from mlmaster.core.chat import ToolCall
from mlmaster.engineers.llm.checks.suspicion import find_violations
from mlmaster.engineers.llm.replies.actions import TOOLS, find_actions, read_arguments
from mlmaster.engineers.llm.replies.edits import apply_edits, find_edits
from mlmaster.engineers.llm.replies.parsing import is_refusal, join_continued, read_answer

REPLIES = Path(__file__).parent.parent / "tests" / "engineers" / "llm" / "replies"
LONGEST = 8_000
"""Characters of a mutated reply; the long ones are in `LONG`."""
MARKS = (
    *(
        "```",
        "~~~",
        "```python",
        "<think>",
        "</think>",
        "<tool_call>",
        '<tool name="submit">',
        "</tool>",
        "<code>",
        "</code>",
    ),
    *(
        "<<<<<<< SEARCH",
        "=======",
        ">>>>>>> REPLACE",
        "{",
        "}",
        "[",
        "]",
        '"',
        "'",
        "\\",
        "\\n",
        ",",
        ":",
        "@@",
        "+",
        "-",
        ">",
    ),
    *(">>>", "<|channel|>final<|message|>", "...", "#", "submission.csv", "import os", '"""', "'''"),
)
"""What replies are made of."""
LONG = {
    "spaces": " ",
    "line ends": "\n",
    "fences": "```\n",
    "fences of Python": "```python\nx = 1\n",
    "fences that do not parse": "```python\n(\n",
    "think marks": "<think>\n",
    "closing think marks": "</think>\n",
    "tags": "<code>\n",
    "tools": '<tool name="submit">\n',
    "calls": '<tool_call>{"name": "submit"',
    "search markers": "<<<<<<< SEARCH\n",
    "edits": "<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n",
    "dividers": "=======\n",
    "braces": "{",
    "braces on lines": "{\n",
    "objects": '{"plan": "x"}\n',
    "open lists": "[\n",
    "quotes": '"',
    "escapes": '{"code": "\\',
    "backslashes": "\\",
    "brackets of code": "import os\nx = (",
    "minus signs": "-",
    "hunks": "@@ -1 +1 @@\n-a\n+b\n",
    "at signs": "@",
    "signs of a diff": "+",
    "names": "Name: x y z\n",
    "actions": "Action: submit\n",
    "entities": "&lt;",
    "a word": "a",
    "imports": "import os\n",
    "imports that break": "import os\n(\n\n",
    "search tags": "<search>x</search>\n",
    "markers without a line end": "<<<<<<< SEARCH ",
    "channels": "<|channel|>analysis<|message|>x<|end|>",
    "quote marks": "> ",
    "list marks": "- ",
    "tabs": "\t",
    "white space and a letter": " \t\n x",
    "parameters": "<parameter=code>",
    "unicode": "\ufeff\u200b\ud800é漢",
}
"""Adversaries: what is repeated to a megabyte."""


def read_table() -> list[dict[str, Any]]:
    """Return every shape of the table."""
    return [
        shape for file in sorted(REPLIES.glob("*.yaml")) for shape in yaml.safe_load(file.read_text(encoding="utf-8"))
    ]


def mutate(texts: list[str], rng: Random) -> str:
    """Return one of the texts after one to six seeded changes."""
    text = rng.choice(texts)
    for _ in range(rng.randint(1, 6)):
        at, other = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        match rng.randrange(10):
            case 0:
                text = text[:at]
            case 1:
                text = text[at:]
            case 2:
                text = text[:at] + text[other:]
            case 3:
                text = text[:other] + text[at:]
            case 4:
                piece = rng.choice(texts)
                start = rng.randint(0, len(piece))
                text = text[:at] + piece[start : start + rng.randint(1, 400)] + text[at:]
            case 5:
                text = text[:at] + text[at : at + 40] * rng.choice([2, 2, 5, 5, 20, 20, 20, 500]) + text[at:]
            case 6:
                salt = "".join(
                    chr(rng.choice([rng.randrange(32, 127), rng.randrange(0x110000)])) for _ in range(rng.randint(1, 8))
                )
                text = text[:at] + salt + text[at:]
            case 7:
                text = text[:at] + rng.choice(MARKS) + rng.choice(["", "\n"]) + text[at:]
            case 8:
                lines = text.split("\n")
                rng.shuffle(lines)
                text = "\n".join(lines)
            case _:
                text = text.replace(
                    "\n", rng.choice(["\r\n", "\n\n", "\\n", "\n    ", "\r", " "]), rng.choice([-1, 1, 3])
                )
        text = text[:LONGEST]
    return text


def read_everything(text: str, other: str, script: str) -> str:
    """Send a reply through every reader, and return what was found in it."""
    answer = read_answer(text)
    is_refusal(text)
    find_actions(text, TOOLS.keys())
    edits = find_edits(text)
    applied = apply_edits(script, edits)
    assert applied.done + len(applied.missed) == len(edits)
    assert applied.code == script or applied.done
    read_arguments(ToolCall("1", "submit", text))
    find_violations(answer.script or text)
    joined = join_continued(text[: len(text) // 2], other)
    assert len(joined) <= len(text) + len(other) + 1
    found = "script" if answer.script else "edits" if answer.edits else "actions" if answer.actions else "nothing"
    return f"{found}, cut" if answer.is_cut else found


def fuzz(count: int, seed: int) -> dict[str, Any]:
    """Return figures of a seeded run: exceptions, what was found, and how long the readers took."""
    rng = Random(seed)
    texts = [shape["reply"] for shape in read_table()]
    script = (REPLIES / "_whole.py").read_text(encoding="utf-8") * 3
    found: Counter[str] = Counter()
    failures: list[str] = []
    took: list[float] = []
    longest = ("", 0.0)
    for _ in range(count):
        text, other = mutate(texts, rng), mutate(texts, rng)
        start = time.perf_counter()
        try:
            found[read_everything(text, other, script)] += 1
        except Exception:  # noqa: BLE001 - counting them is the purpose
            failures.append(f"{text[:2_000]!r}\n{traceback.format_exc()}")
        took.append(time.perf_counter() - start)
        if took[-1] > longest[1]:
            longest = (text, took[-1])
    return {
        "replies": count,
        "exceptions": len(failures),
        "examples": failures[:3],
        "found": dict(found.most_common()),
        "seconds": round(sum(took), 1),
        "median_ms": round(quantiles(took, n=100)[49] * 1000, 3),
        "p99_ms": round(quantiles(took, n=100)[98] * 1000, 3),
        "slowest_ms": round(longest[1] * 1000, 1),
        "slowest_begins": longest[0][:200],
    }


def measure_long(size: int) -> dict[str, float]:
    """Return how many seconds one adversary of so many characters takes to be read as an answer, the worst first."""
    took = {}
    for name, part in LONG.items():
        text = (part * (size // len(part) + 1))[:size]
        start = time.perf_counter()
        read_answer(text)
        find_actions(text, TOOLS.keys())
        edits = find_edits(text)[:20]
        apply_edits(text, edits)
        join_continued(text, text)
        took[name] = round(time.perf_counter() - start, 2)
    return dict(sorted(took.items(), key=lambda each: -each[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of odd escapes in what is parsed
    figures = {
        "what": "mutated replies through read_answer, is_refusal, find_edits, apply_edits, find_actions, read_arguments, "
        "join_continued and find_violations; then a megabyte of each adversary through the first ones",
        "seed": args.seed,
        "shapes": len(read_table()),
        **fuzz(args.count, args.seed),
        "seconds_of_1_mb": measure_long(1_000_000),
        "seconds_of_250_kb": measure_long(250_000),
    }
    write_result("parser_fuzz", figures)


if __name__ == "__main__":
    main()
