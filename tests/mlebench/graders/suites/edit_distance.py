"""Texts and sequences with known edits; distances by the textbook's table of prefixes."""

import random
import string
from collections.abc import Iterator, Sequence

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

TABLE = "The distance is filled in by hand as a table of prefixes (Wagner and Fischer); empty cells are worked by hand."


def suites() -> Iterator[Suite]:
    yield sentences()
    yield molecules()
    yield gestures()


def sentences() -> Suite:
    chance = random.Random(2)
    words = ["The", "dog", "saw", ",", "a", "grüne", "cat", '"', "and", "ran", "."]
    truth = [" ".join(chance.choices(words, k=chance.randint(3, 9))) for _ in range(25)]
    good = pd.DataFrame({"id": range(1, 26), "sentence": truth})

    def scored(kind: str, name: str, texts: Sequence[str]) -> Case:
        return Case(kind, name, good.assign(sentence=texts), mean_distance(texts, truth))

    cases = [
        Case("perfect", "perfect", good, 0.0),
        scored("sample", "one word missing in every sentence", [text.partition(" ")[2] for text in truth]),
        Case("noisy", "one sign more in every sentence", good.assign(sentence=[text + "!" for text in truth]), 1.0),
        Case("noisy", "one sign more in one sentence", with_cell(good, "sentence", truth[0] + "!"), 0.04),
        Case("noisy", "two signs other", with_cell(good, "sentence", "##" + truth[0][2:]), 0.08),
        *(scored("noisy", f"shuffled letters {seed}", [shuffled(text, seed) for text in truth]) for seed in range(4)),
        scored("noisy", "capitals", [text.upper() for text in truth]),
        scored("noisy", "the sentence before", truth[-1:] + truth[:-1]),
        Case(
            "noisy",
            "a number among the sentences",
            with_cell(good, "sentence", 5),
            mean_distance(["5", *truth[1:]], truth),
        ),
        Case("noisy", "a blank", with_cell(good, "sentence", " "), mean_distance([" ", *truth[1:]], truth)),
        Case("perfect", "ids with a point", good.assign(id=good["id"].astype(float)), 0.0),
        Case("perfect", "ids with zeros before", good.assign(id=[f"{each:04}" for each in good["id"]]), 0.0),
        Case("broken", "an empty sentence", with_cell(good, "sentence", None), INVALID),
        Case("broken", "no sentences", good.assign(sentence=None), INVALID),
        Case("broken", "a sentence that reads as missing", with_cell(good, "sentence", "N/A"), INVALID),
        Case("broken", "numbers for sentences", good.assign(sentence=7), INVALID),
        Case("broken", "numbers with a point", good.assign(sentence=0.5), INVALID),
        Case("broken", "flags for sentences", good.assign(sentence=True), INVALID),
        *written_otherwise(good, 0.0),
        *columns_otherwise(good, 0.0),
        *broken_rows(good, "id"),
        *broken_columns(good, "id", "sentence"),
        *broken_files(good),
    ]
    return Suite("billion-word-imputation", good, cases, TABLE)


def molecules() -> Suite:
    chance = random.Random(3)
    truth = [
        f"InChI=1S/C{chance.randint(2, 40)}H{chance.randint(2, 60)}O/c"
        + "-".join(str(chance.randint(1, 30)) for _ in range(6))
        for _ in range(20)
    ]
    good = pd.DataFrame({"image_id": [f"{chance.getrandbits(40):010x}a" for _ in truth], "InChI": truth})

    def scored(kind: str, name: str, texts: Sequence[str]) -> Case:
        return Case(kind, name, good.assign(InChI=texts), mean_distance(texts, truth))

    others = truth[1:]
    cases = [
        Case("perfect", "perfect", good, 0.0),
        scored("sample", "the same for all", ["InChI=1S/H2O/h1H2"] * 20),
        Case("noisy", "one sign more in every row", good.assign(InChI=[f"{text}-" for text in truth]), 1.0),
        Case("noisy", "one sign more in one row", with_cell(good, "InChI", f"{truth[0]}-"), 0.05),
        *(scored("noisy", f"shuffled signs {seed}", [shuffled(text, seed) for text in truth]) for seed in range(4)),
        scored("noisy", "cut", [text[:15] for text in truth]),
        scored("noisy", "the row before", truth[-1:] + truth[:-1]),
        Case(
            "noisy",
            "an empty cell is the word nan",
            with_cell(good, "InChI", None),
            mean_distance(["nan", *others], truth),
        ),
        Case("noisy", "no cells at all", good.assign(InChI=None), mean_distance(["nan"] * 20, truth)),
        Case(
            "noisy",
            "a text that reads as missing",
            with_cell(good, "InChI", "NULL"),
            mean_distance(["nan", *others], truth),
        ),
        Case("noisy", "numbers", good.assign(InChI=12), mean_distance(["12"] * 20, truth)),
        Case("noisy", "numbers with a point", good.assign(InChI=0.50), mean_distance(["0.5"] * 20, truth)),
        Case("noisy", "flags", good.assign(InChI=True), mean_distance(["True"] * 20, truth)),
        Case("noisy", "a newline in a cell", with_cell(good, "InChI", f"{truth[0]}\n"), 0.05),
        *written_otherwise(good, 0.0),
        *columns_otherwise(good, 0.0),
        *broken_rows(good, "image_id"),
        *broken_columns(good, "image_id", "InChI"),
        *broken_files(good),
    ]
    return Suite("bms-molecular-translation", good, cases, TABLE)


def gestures() -> Suite:
    chance = random.Random(4)
    truth = [chance.sample(range(1, 21), chance.randint(8, 20)) for _ in range(22)]
    total = sum(map(len, truth))
    ids = [f"{number:04}" for number in range(300, 322)]

    def table(rows: Sequence[Sequence[int]]) -> pd.DataFrame:
        return pd.DataFrame({"Id": ids, "Sequence": [" ".join(map(str, row)) for row in rows]})

    def scored(kind: str, name: str, rows: Sequence[Sequence[int]]) -> Case:
        return Case(kind, name, table(rows), sum(map(distance, rows, truth)) / total)

    good = table(truth)
    cases = [
        Case("perfect", "perfect", good, 0.0),
        scored(
            "sample", "all gestures in random order", [random.Random(n).sample(range(1, 21), 20) for n in range(22)]
        ),
        Case("noisy", "one gesture more in every row", table([[*row, 21] for row in truth]), 22 / total),
        Case("noisy", "one gesture less in one row", table([truth[0][1:], *truth[1:]]), 1 / total),
        scored("noisy", "turned round", [row[::-1] for row in truth]),
        scored("noisy", "the row before", truth[-1:] + truth[:-1]),
        scored("noisy", "one gesture for every row", [[5]] * 22),
        scored("noisy", "far too many", [row * 5 for row in truth]),
        *(scored("noisy", f"some left out {seed}", [row[seed % 3 :: seed] for row in truth]) for seed in range(2, 5)),
        Case("perfect", "ids without zeros before", good.assign(Id=range(300, 322)), 0.0),
        Case("perfect", "ids with a point", good.assign(Id=[float(each) for each in range(300, 322)]), 0.0),
        Case(
            "perfect",
            "zeros before gestures",
            table(truth).assign(Sequence=[" ".join(f"{n:03}" for n in row) for row in truth]),
            0.0,
        ),
        Case("perfect", "several blanks", with_cell(good, "Sequence", "  ".join(map(str, truth[0]))), 0.0),
        Case("noisy", "negative gestures", table([[-7, *truth[0]], *truth[1:]]), 1 / total),
        Case("broken", "an empty sequence", with_cell(good, "Sequence", None), INVALID),
        Case("broken", "words", with_cell(good, "Sequence", "vattene"), INVALID),
        Case("broken", "commas between gestures", with_cell(good, "Sequence", "1,2,3"), INVALID),
        Case("broken", "gestures with a point", with_cell(good, "Sequence", "1.0 2.0"), INVALID),
        Case("broken", "one gesture with a point for every row", good.assign(Sequence=5.0), INVALID),
        Case("broken", "an infinite gesture", with_cell(good, "Sequence", "inf"), INVALID),
        Case("broken", "a list in brackets", with_cell(good, "Sequence", "[1 2 3]"), INVALID),
        *written_otherwise(good, 0.0),
        *columns_otherwise(good, 0.0),
        *broken_rows(good, "Id"),
        *broken_columns(good, "Id", "Sequence"),
        *broken_files(good),
    ]
    return Suite("multi-modal-gesture-recognition", good, cases, TABLE)


def shuffled(text: str, seed: int) -> str:
    chance = random.Random(seed)
    return "".join(chance.choice(string.ascii_letters) if chance.random() < 0.1 * (seed + 1) else sign for sign in text)


def mean_distance(found: Sequence[str], truth: Sequence[str]) -> float:
    return sum(map(distance, found, truth)) / len(truth)


def distance(one: Sequence[object], other: Sequence[object]) -> int:
    above = list(range(len(other) + 1))
    for row, item in enumerate(one, start=1):
        here = [row]
        for column, counterpart in enumerate(other, start=1):
            here.append(min(above[column] + 1, here[-1] + 1, above[column - 1] + (item != counterpart)))
        above = here
    return above[-1]
