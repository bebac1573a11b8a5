"""Answers and pieces of tweets; the index is counted word by word."""

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

COUNTED = (
    "Words are counted one by one into fractions, without sets or scikit-learn; single changed rows are worked by hand."
)


def suites() -> Iterator[Suite]:
    yield answers_to_questions()
    yield pieces_of_tweets()


def answers_to_questions() -> Suite:
    chance = random.Random(5)
    words = ["दिल्ली", "में", "सन्", "सென்னை", "Chennai", "ஆண்டு", "and", "the", "river", "Ganga", "1947"]
    truth = [" ".join(chance.choices(words, k=chance.randint(1, 5))) for _ in range(20)]
    truth[:2] = ["Delhi river", "one two three four"]
    good = pd.DataFrame({"id": [f"{chance.getrandbits(36):09x}q" for _ in truth], "PredictionString": truth})
    target = "PredictionString"
    cases = [
        *shared(good, "id", target, truth),
        Case("sample", "dummy text", good.assign(**{target: "dummy text"}), 0.0),
        Case("noisy", "no text at all", good.assign(**{target: None}), 0.0),
        Case("broken", "numbers for texts", good.assign(**{target: 1947}), INVALID),
        Case("broken", "numbers with a point", good.assign(**{target: 19.47}), INVALID),
        Case("broken", "numbers and empty cells", with_cell(good.assign(**{target: 1947}), target, None), INVALID),
        Case("broken", "flags", good.assign(**{target: True}), INVALID),
        Case("broken", "flags and empty cells", with_cell(good.assign(**{target: True}), target, None), INVALID),
    ]
    return Suite("chaii-hindi-and-tamil-question-answering", good, cases, COUNTED)


def pieces_of_tweets() -> Suite:
    chance = random.Random(6)
    words = ["so", "SAD", "i", "will", "miss", "you", "here", "in", "San", "Diego!!!", "http://x.y", "****", ":("]
    truth = [" ".join(chance.choices(words, k=chance.randint(1, 6))) for _ in range(24)]
    truth[:2] = ["good day", "one two three four"]
    answers = pd.DataFrame(
        {
            "textID": [f"{chance.getrandbits(36):09x}t" for _ in truth],
            "text": [f"well, {text}" for text in truth],
            "selected_text": truth,
            "sentiment": [chance.choice(["positive", "negative", "neutral"]) for _ in truth],
        }
    )
    good = answers[["textID", "selected_text"]]
    target = "selected_text"
    cases = [
        *shared(good, "textID", target, truth),
        Case("sample", "no text at all", good.assign(**{target: ""}), 0.0),
        Case(
            "noisy", "the whole tweet", good.assign(**{target: answers["text"]}), mean(answers["text"].tolist(), truth)
        ),
        Case("noisy", "numbers for texts", good.assign(**{target: 5}), 0.0),
        Case(
            "noisy", "numbers with a point and empty cells", with_cell(good.assign(**{target: 0.5}), target, None), 0.0
        ),
        Case("noisy", "flags", good.assign(**{target: True}), 0.0),
        Case("perfect", "the answers themselves", answers, 1.0),
    ]
    return Suite("tweet-sentiment-extraction", answers, cases, COUNTED)


def shared(good: pd.DataFrame, id_column: str, target: str, truth: list[str]) -> Iterator[Case]:
    rows = len(truth)

    def scored(name: str, texts: Sequence[str]) -> Case:
        return Case("noisy", name, good.assign(**{target: texts}), mean(texts, truth))

    yield Case("perfect", "perfect", good, 1.0)
    yield Case("perfect", "capitals", good.assign(**{target: [text.upper() for text in truth]}), 1.0)
    yield Case(
        "perfect", "words turned round", good.assign(**{target: [" ".join(text.split()[::-1]) for text in truth]}), 1.0
    )
    yield Case("perfect", "every word twice", good.assign(**{target: [f"{text} {text}" for text in truth]}), 1.0)
    yield Case("perfect", "newlines for blanks", with_cell(good, target, truth[0].replace(" ", "\n")), 1.0)
    yield Case("noisy", "one empty row", with_cell(good, target, None), 1 - 1 / rows)
    yield Case("noisy", "one row that reads as missing", with_cell(good, target, "None"), 1 - 1 / rows)
    yield Case("noisy", "one word of four", with_cell(good, target, "two", row=1), 1 - 3 / 4 / rows)
    yield Case(
        "noisy", "four words and one", with_cell(good, target, "zero one two three four", row=1), 1 - 1 / 5 / rows
    )
    yield Case(
        "noisy", "half the words and two others", with_cell(good, target, "two three five six", row=1), 1 - 2 / 3 / rows
    )
    yield Case("noisy", "a comma at a word", with_cell(good, target, "one, two three four", row=1), 1 - 2 / 5 / rows)
    yield scored("first words", [text.split()[0] for text in truth])
    yield scored("last words", [text.split()[-1] for text in truth])
    yield scored("the row before", truth[-1:] + truth[:-1])
    yield from written_otherwise(good, 1.0)
    yield from columns_otherwise(good, 1.0)
    yield from broken_rows(good, id_column)
    yield from broken_columns(good, id_column, target)
    yield from broken_files(good)


def mean(found: Sequence[str], truth: Sequence[str]) -> float:
    return float(sum(map(index, found, truth), Fraction()) / len(truth))


def index(one: str, other: str) -> Fraction:
    words = one.lower().split() + other.lower().split()
    distinct = [word for place, word in enumerate(words) if word not in words[:place]]
    both = [word for word in distinct if word in one.lower().split() and word in other.lower().split()]
    return Fraction(len(both), len(distinct))
