"""Tags of questions, attributes of works of art, diseases of leaves; hits are counted label by label."""

import random
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

COUNTED = (
    "Every label of every row is looked up in plain lists, labels that no answer has are struck out, and F1 is 2 hits over "
    "labels given and true; rows with one change are worked by hand."
)


def suites() -> Iterator[Suite]:
    chance = random.Random(8)
    tags = ["c#", "java", "python", "null-pointer", "homework", "calculus", "r", "javascript", "php", ".net"]
    truth = [chance.sample(tags, chance.randint(1, 4)) for _ in range(30)]
    body = '<p>How, "exactly"?</p>\n\n<pre>a,b</pre>'
    questions = pd.DataFrame(
        {
            "Id": chance.sample(range(1, 10**6), 30),
            "Title": [f"Question, {number}" for number in range(30)],
            "Body": body,
            "Tags": [" ".join(labels) for labels in truth],
        }
    )
    cases = [
        *cases_of(questions[["Id", "Tags"]], "Id", "Tags", truth),
        Case("perfect", "with title and body", questions, 1.0),
        sample(questions, "Tags", ["javascript", "c#", "python", "php", "java"], truth),
        Case("perfect", "ids with a point", questions.assign(Id=questions["Id"].astype(float)), 1.0),
        Case("perfect", "ids with zeros before", questions.assign(Id=[f"{each:08}" for each in questions["Id"]]), 1.0),
    ]
    yield Suite("facebook-recruiting-iii-keyword-extraction", questions, cases, COUNTED)

    numbers = [[str(label) for label in chance.sample(range(3474), 3)] for _ in range(10)]
    attributes = [[*chance.sample(chance.choice(numbers), chance.randint(1, 3)), "9999"] for _ in range(25)]
    works = pd.DataFrame(
        {
            "id": [f"{chance.getrandbits(64):016x}i" for _ in attributes],
            "attribute_ids": [" ".join(each) for each in attributes],
        }
    )
    cases = [
        *cases_of(works, "id", "attribute_ids", attributes),
        sample(works, "attribute_ids", ["0", "1", "2", "9999"], attributes),
        Case("broken", "one attribute for every row", works.assign(attribute_ids=9999), INVALID),
        Case("broken", "no more than one", with_cell(works.assign(attribute_ids=9999), "attribute_ids", None), INVALID),
        Case(
            "noisy",
            "zeros before an attribute",
            with_cell(works, "attribute_ids", " ".join(f"0{label}" for label in attributes[0])),
            micro_f1([[], *attributes[1:]], attributes),
        ),
    ]
    yield Suite("imet-2020-fgvc7", works, cases, COUNTED)

    diseases = ["scab", "rust", "complex", "frog_eye_leaf_spot", "powdery_mildew"]
    leaves = [["healthy"], *(chance.sample(diseases, chance.randint(1, 2)) for _ in range(25))]
    images = pd.DataFrame(
        {
            "image": [f"{chance.getrandbits(64):016x}.jpg" for _ in leaves],
            "labels": [" ".join(labels) for labels in leaves],
        }
    )
    cases = [*cases_of(images, "image", "labels", leaves), sample(images, "labels", ["healthy"], leaves)]
    yield Suite("plant-pathology-2021-fgvc8", images, cases, COUNTED)


def sample(good: pd.DataFrame, target: str, labels: list[str], truth: list[list[str]]) -> Case:
    return Case(
        "sample", "the same for all", good.assign(**{target: " ".join(labels)}), micro_f1([labels] * len(truth), truth)
    )


def cases_of(good: pd.DataFrame, id_column: str, target: str, truth: list[list[str]]) -> Iterator[Case]:
    total = sum(map(len, truth))
    labels = sorted({label for row in truth for label in row})

    def scored(kind: str, name: str, rows: Sequence[Sequence[str]]) -> Case:
        return Case(kind, name, good.assign(**{target: [" ".join(row) for row in rows]}), micro_f1(rows, truth))

    less = 2 * (total - len(truth[0])) / (2 * total - len(truth[0]))
    more = with_cell(good, target, " ".join(["unheard-of", *truth[0]]))
    yield Case("perfect", "perfect", good, 1.0)
    yield Case("perfect", "labels turned round", good.assign(**{target: [" ".join(row[::-1]) for row in truth]}), 1.0)
    yield Case("perfect", "every label twice", good.assign(**{target: [" ".join(row * 2) for row in truth]}), 1.0)
    yield Case("perfect", "several blanks", with_cell(good, target, f"  {'   '.join(truth[0])}"), 1.0)
    yield Case("perfect", "a newline for a blank", with_cell(good, target, "\n".join([*truth[0], ""])), 1.0)
    yield Case("perfect", "an unknown label beside the others", more, 1.0)
    yield Case("noisy", "one empty row", with_cell(good, target, None), less)
    yield Case("noisy", "one row of blanks", with_cell(good, target, "  "), less)
    yield Case("noisy", "one row that reads as missing", with_cell(good, target, "null"), less)
    yield Case("noisy", "an unknown label alone", with_cell(good, target, "unheard-of"), less)
    yield Case("noisy", "no labels at all", good.assign(**{target: ""}), 0.0)
    yield Case(
        "noisy",
        "all labels in every row",
        good.assign(**{target: " ".join(labels)}),
        2 * total / (len(truth) * len(labels) + total),
    )
    yield Case("noisy", "commas between labels", good.assign(**{target: [",".join([*row, "x"]) for row in truth]}), 0.0)
    yield scored("noisy", "first labels and an unknown one", [[row[0], "x"] for row in truth])
    yield scored("noisy", "the row before", truth[-1:] + truth[:-1])
    for seed in range(3):
        chance = random.Random(seed)
        yield scored(
            "noisy", f"noise {seed}", [row if chance.random() < 0.5 else [chance.choice(labels), "x"] for row in truth]
        )
    yield Case("broken", "numbers for labels", good.assign(**{target: 7}), INVALID)
    yield Case("broken", "numbers with a point", good.assign(**{target: 0.5}), INVALID)
    yield Case("broken", "flags and an empty cell", with_cell(good.assign(**{target: True}), target, None), INVALID)
    yield from written_otherwise(good, 1.0)
    yield from columns_otherwise(good, 1.0)
    yield from broken_rows(good, id_column)
    yield from broken_columns(good, id_column, target)
    yield from broken_files(good)


def micro_f1(found: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]) -> float:
    known = [label for row in truth for label in row]
    hits = given = 0
    for row, true in zip(found, truth, strict=True):
        counted = [label for place, label in enumerate(row) if label in known and label not in row[:place]]
        hits += len([label for label in counted if label in true])
        given += len(counted)
    return 2 * hits / (given + len(known))
