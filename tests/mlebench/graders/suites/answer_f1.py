"""Questions on pages of Wikipedia; right rows are counted by hand."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import broken_columns, broken_rows, columns_otherwise, written_otherwise

EXAMPLES = 24
ROWS = 2 * EXAMPLES
"""Of each four examples one has no answer, one a long one, one a long and two short ones, one a long one and YES or NO."""


def suites() -> Iterator[Suite]:
    chance = random.Random(14)
    answers = [example(number, chance) for number in range(EXAMPLES)]
    right = {row: text for each in answers for row, text in best(each).items()}
    empty = dict.fromkeys(right, "")
    long, short = ([name for name in right if name.endswith(kind)] for kind in ("_long", "_short"))
    no, spans = [name for name in right if not right[name]], [name for name in right if ":" in right[name]]
    words = [name for name in right if right[name] in {"YES", "NO"}]
    other = {
        name: second(answers[number])
        for number in range(2, EXAMPLES, 4)
        for name in [f"{answers[number]['example_id']}_short"]
    }
    good = table(right)

    def wrong(name: str, changes: Mapping[str, str], rows: int, kind: str = "noisy") -> Case:
        return Case(kind, name, table({**right, **changes}), 1 - rows / ROWS)

    def broken(name: str, cell: str) -> Case:
        return Case("broken", name, table({**right, spans[0]: cell}), INVALID)

    ids = good["example_id"].str.rpartition("_")[0]
    cases = [
        Case("perfect", "perfect", good, 1.0),
        wrong("the other short answer", other, 0, "perfect"),
        wrong("blanks round an answer", {spans[0]: f"  {right[spans[0]].replace(':', ' : ')} "}, 0, "perfect"),
        wrong("zeros and signs", {spans[0]: "+00" + right[spans[0]].replace(":", ":0")}, 0, "perfect"),
        wrong("blanks for no answer", dict.fromkeys(no, "   "), 0, "perfect"),
        Case("sample", "no answers", table(empty), len(no) / ROWS),
        Case("noisy", "no long answers", table({**right, **dict.fromkeys(long, "")}), 1 - 18 / ROWS),
        Case("noisy", "no short answers", table({**right, **dict.fromkeys(short, "")}), 1 - 12 / ROWS),
        Case(
            "noisy",
            "long answers only where there are none",
            table({**empty, **dict.fromkeys(long[::4], "1:2")}),
            12 / ROWS,
        ),
        Case(
            "noisy",
            "YES everywhere",
            table(dict.fromkeys(right, "YES")),
            sum(right[name] == "YES" for name in words) / ROWS,
        ),
        Case(
            "noisy",
            "NO everywhere",
            table(dict.fromkeys(right, "NO")),
            sum(right[name] == "NO" for name in words) / ROWS,
        ),
        wrong("one wrong span", {spans[0]: "99999:100000"}, 1),
        wrong("one span turned round", {spans[0]: ":".join(right[spans[0]].split(":")[::-1])}, 1),
        wrong("all ends one off", {name: f"{right[name]}0" for name in spans}, len(spans)),
        wrong("a span for no answer", dict.fromkeys(no, "5:9"), len(no)),
        wrong("minus one for no answer", dict.fromkeys(no, "-1:-1"), len(no)),
        wrong(
            "YES and NO change places", {name: {"YES": "NO", "NO": "YES"}[right[name]] for name in words}, len(words)
        ),
        wrong("an answer that reads as missing", {spans[0]: "N/A"}, 1),
        wrong("a missing answer where there is none", {no[0]: "null"}, 0, "perfect"),
        broken("a word", "maybe"),
        broken("yes in small letters", "yes"),
        broken("three numbers", "1:2:3"),
        broken("a number", "17"),
        broken("a dash", "17-20"),
        broken("an open span", "17:"),
        broken("tokens with a point", "17.0:20.0"),
        broken("words for tokens", "YES:NO"),
        Case("broken", "numbers everywhere", good.assign(PredictionString=1), INVALID),
        Case("broken", "flags everywhere", good.assign(PredictionString=True), INVALID),
        Case("broken", "ids without their kind", good.assign(example_id=ids), INVALID),
        Case("broken", "long answers only", table({name: right[name] for name in long}), INVALID),
        Case("broken", "one row for each example", good.iloc[:EXAMPLES], INVALID),
        Case("broken", "blanks round ids", good.assign(example_id=good["example_id"] + " "), INVALID),
        *written_otherwise(good, 1.0),
        *columns_otherwise(good, 1.0),
        *broken_rows(good, "example_id"),
        *broken_columns(good, "example_id", "PredictionString"),
        *broken_files(good),
    ]
    yield Suite(
        "tensorflow2-question-answering",
        answers,
        cases,
        "Of 24 examples it is known how many have long, short and yes-or-no answers; rows made wrong are counted.",
    )


def example(number: int, chance: random.Random) -> dict[str, Any]:
    start = chance.randint(0, 900)
    has_long, has_short, has_word = number % 4 != 0, number % 4 == 2, number % 4 == 3
    annotation = {
        "yes_no_answer": chance.choice(["YES", "NO"]) if has_word else "NONE",
        "long_answer": {
            "start_token": start if has_long else -1,
            "candidate_index": 3 if has_long else -1,
            "end_token": start + 50 if has_long else -1,
        },
        "short_answers": [
            {"start_token": start + shift, "end_token": start + shift + 2} for shift in ((4, 9) if has_short else ())
        ],
        "annotation_id": chance.getrandbits(60),
    }
    return {
        "example_id": str(chance.randint(-(2**62), 2**62)),
        "question_text": "who is it",
        "document_text": 'Ünï\u2028code <P> it is "he" </P>',
        "long_answer_candidates": [{"start_token": start, "top_level": True, "end_token": start + 50}],
        "document_url": "https://en.wikipedia.org/",
        "annotations": [annotation],
    }


def best(each: dict[str, Any]) -> dict[str, str]:
    (annotation,) = each["annotations"]
    long, short = annotation["long_answer"], annotation["short_answers"]
    text = f"{long['start_token']}:{long['end_token']}" if long["candidate_index"] >= 0 else ""
    word = annotation["yes_no_answer"].replace("NONE", "")
    first = f"{short[0]['start_token']}:{short[0]['end_token']}" if short else word
    return {f"{each['example_id']}_short": first, f"{each['example_id']}_long": text}


def second(each: dict[str, Any]) -> str:
    short = each["annotations"][0]["short_answers"][1]
    return f"{short['start_token']}:{short['end_token']}"


def table(rows: Mapping[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"example_id": list(rows), "PredictionString": list(rows.values())})
