"""Purchases of customers, hotels and whales in pictures; precision at every place by counting again from the first."""

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
    "At every place the guesses up to it are counted again, in fractions; a hit at place n alone is 1/n by hand, and so are "
    "rows with repeated, empty and missing guesses."
)


def suites() -> Iterator[Suite]:
    yield purchases()
    chance = random.Random(10)
    hotels = chance.sample(range(1000, 99999), 12)
    truth = [str(chance.choice(hotels)) for _ in range(24)]
    images = pd.DataFrame(
        {
            "image": [f"{chance.getrandbits(60):015x}h.jpg" for _ in truth],
            "chain": [chance.randint(0, 90) for _ in truth],
            "hotel_id": [int(each) for each in truth],
            "timestamp": "2017-11-12 22:26:00",
        }
    )
    good = images[["image", "hotel_id"]]
    cases = [
        *single(good, "image", "hotel_id", truth),
        *columns_otherwise(good, 1.0),
        sample(good, "hotel_id", "36363 53586 18807 64314 60181", truth),
        Case("noisy", "a point behind the hotel", good.assign(hotel_id=good["hotel_id"].astype(float)), 0.0),
        Case("perfect", "one hotel with zeros before", good.assign(hotel_id=[f"0{each}" for each in truth]), 1.0),
        Case("noisy", "zeros before, and another hotel", good.assign(hotel_id=[f"0{each} 1" for each in truth]), 0.0),
        Case("noisy", "an empty cell makes numbers end in a point", with_cell(good, "hotel_id", None), 0.0),
        Case("perfect", "a blank before a number", good.assign(hotel_id=[f" {each}" for each in truth]), 1.0),
        Case("perfect", "the answers themselves", images, 1.0),
    ]
    yield Suite("hotel-id-2021-fgvc8", images, cases, COUNTED)

    whales = ["new_whale", *(f"w_{chance.getrandbits(27):07x}" for _ in range(9))]
    truth = [*whales, *chance.choices(whales, k=14)]
    pictures = pd.DataFrame({"Image": [f"{chance.getrandbits(31):08x}w.jpg" for _ in truth], "Id": truth})
    cases = [
        *single(pictures, "Image", "Id", truth),
        sample(pictures, "Id", "new_whale w_1287fbc w_98baff9 w_7554f44 w_1eafe46", truth),
        Case("noisy", "an empty cell", with_cell(pictures, "Id", None), 1 - 1 / 24),
        Case("noisy", "a blank before", pictures.assign(Id=[f" {each}" for each in truth]), 1 / 2),
        Case("noisy", "numbers", pictures.assign(Id=5), 0.0),
        Case("perfect", "columns turned round", pictures[["Id", "Image"]], 1.0),
        Case("broken", "a column more", pictures.assign(note="x"), INVALID),
        Case("broken", "an index", pictures.reset_index(), INVALID),
    ]
    yield Suite("whale-categorization-playground", pictures, cases, COUNTED)


def purchases() -> Suite:
    chance = random.Random(11)
    articles = [str(chance.randint(10**8, 10**9 - 1)) for _ in range(40)]
    truth = [chance.choices(articles, k=chance.randint(2, 15)) for _ in range(18)]
    truth[0] = ["108775015", "108775044"]
    customers = sorted(f"{chance.getrandbits(128):032x}" for _ in range(30))
    answers = pd.DataFrame({"customer_id": customers[:18], "prediction": [" ".join(row) for row in truth]})
    good = table(customers, truth)
    some = good.iloc[:18]

    def scored(kind: str, name: str, rows: Sequence[Sequence[str]]) -> Case:
        return Case(kind, name, table(customers, rows), mean(rows, truth, 12))

    own = [sorted(set(row), key=row.index) for row in truth]
    best = mean(own, truth, 12)
    one, other = truth[0]
    twice = pd.concat([good, good.iloc[[-1]]])
    shifted = [own[0], *own[:-1]]
    cases = [
        Case("perfect", "perfect", table(customers, own), best),
        Case("perfect", "scored customers only", table(customers, own).iloc[:18], best),
        scored("sample", "zeros before, as the sample has them", [["0706016001", "0706016002", "0372860001"]] * 30),
        Case(
            "noisy", "zeros before true articles", table(customers, [[f"0{each}" for each in row] for row in own]), 0.0
        ),
        scored("noisy", "as bought, repeats and all", truth),
        scored("noisy", "turned round", [row[::-1] for row in own]),
        scored("noisy", "after two others", [["1", "2", *row] for row in own]),
        scored("noisy", "after twelve others", [[*map(str, range(12)), *row] for row in own]),
        scored("noisy", "one article each", [row[:1] for row in own]),
        scored("noisy", "one article twelve times", [row[:1] * 12 for row in own]),
        scored("noisy", "the customer before", own[-1:] + own[:-1]),
        *(
            scored(
                "noisy", f"random articles {seed}", [random.Random(seed + n).sample(articles, 12) for n in range(30)]
            )
            for seed in range(4)
        ),
        Case("noisy", "one article as a number, zeros before", only(customers, f"0{one}"), 1 / 2 / 18),
        Case("noisy", "the same with another article", only(customers, f"0{one} 0{other}"), 0.0),
        Case("noisy", "two blanks take a place", only(customers, f"x  {one} {other}"), (1 / 3 + 2 / 4) / 2 / 18),
        Case("noisy", "no predictions", good.assign(prediction=None), 0.0),
        Case("noisy", "numbers with a point", good.assign(prediction=0.5), 0.0),
        Case("noisy", "commas", table(customers, [[",".join(row)] for row in own]), 0.0),
        Case("noisy", "a customer nobody asked for twice", pd.concat([table(customers, own), good.iloc[[-1]]]), best),
        Case(
            "noisy",
            "a customer nobody knows",
            pd.concat([table(customers, own), good.iloc[[-1]].assign(customer_id="z")]),
            best,
        ),
        Case(
            "noisy",
            "a scored customer twice shifts all after",
            pd.concat([table(customers, own).iloc[[0]], table(customers, own)]),
            mean(shifted, truth, 12),
        ),
        Case("broken", "a scored customer missing", good.iloc[1:], INVALID),
        Case("broken", "unscored customers only", good.iloc[18:], INVALID),
        Case("broken", "an empty id", with_cell(good, "customer_id", None), INVALID),
        Case("broken", "a suffix at an id", with_cell(good, "customer_id", f"{customers[0]}x"), INVALID),
        Case("broken", "ids counted", good.assign(customer_id=range(30)), INVALID),
        Case("broken", "a column more", good.assign(note=1), INVALID),
        Case("broken", "an index", twice.reset_index(), INVALID),
        Case("perfect", "columns turned round", table(customers, own)[["prediction", "customer_id"]], best),
        *written_otherwise(some.assign(prediction=table(customers, own)["prediction"]), best),
        *broken_columns(good, "customer_id", "prediction"),
        *broken_files(good),
    ]
    return Suite("h-and-m-personalized-fashion-recommendations", answers, cases, COUNTED)


def table(customers: Sequence[str], rows: Sequence[Sequence[str]]) -> pd.DataFrame:
    texts = [" ".join(row) for row in rows]
    return pd.DataFrame({"customer_id": customers, "prediction": [*texts, *["1 2"] * len(customers)][: len(customers)]})


def only(customers: Sequence[str], prediction: str) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": customers, "prediction": [prediction, *["7"] * (len(customers) - 1)]})


def sample(good: pd.DataFrame, target: str, guesses: str, truth: Sequence[str]) -> Case:
    expected = mean([guesses.split()] * len(truth), [[each] for each in truth], 5)
    return Case("sample", "the same for all", good.assign(**{target: guesses}), expected)


def single(good: pd.DataFrame, id_column: str, target: str, truth: Sequence[str]) -> Iterator[Case]:
    def at(places: Sequence[int]) -> pd.DataFrame:
        rows = [["x"] * (place - 1) + [each] for place, each in zip(places, truth, strict=True)]
        return good.assign(**{target: [" ".join(row) for row in rows]})

    rows = len(truth)
    yield Case("perfect", "perfect", good, 1.0)
    yield Case("perfect", "four others behind", good.assign(**{target: [f"{each} a b c d" for each in truth]}), 1.0)
    yield Case("perfect", "five times the same", good.assign(**{target: [" ".join([each] * 5) for each in truth]}), 1.0)
    yield Case(
        "perfect", "a hundred others behind", good.assign(**{target: [each + " a" * 100 for each in truth]}), 1.0
    )
    for place in range(2, 7):
        yield Case("noisy", f"at place {place}", at([place] * rows), 1 / place if place < 6 else 0.0)
    for seed in range(3):
        places = random.Random(seed).choices(range(1, 8), k=rows)
        yield Case("noisy", f"at places {seed}", at(places), float(sum(Fraction(1, n) for n in places if n < 6) / rows))
    yield Case("noisy", "two blanks between", good.assign(**{target: [f"a  {each}" for each in truth]}), 1 / 3)
    yield Case("noisy", "commas", good.assign(**{target: [f"{each},a" for each in truth]}), 0.0)
    yield Case("noisy", "a newline behind", good.assign(**{target: [f"{each}\n x" for each in truth]}), 0.0)
    yield Case("noisy", "no guesses", good.assign(**{target: None}), 0.0)
    yield from written_otherwise(good, 1.0)
    yield from broken_rows(good, id_column)
    yield from broken_columns(good, id_column, target)
    yield from broken_files(good)


def mean(found: Sequence[Sequence[str]], truth: Sequence[Sequence[str]], k: int) -> float:
    return float(sum(average_precision(found[n], row, k) for n, row in enumerate(truth)) / len(truth))


def average_precision(guesses: Sequence[str], truth: Sequence[str], k: int) -> Fraction:
    total = Fraction()
    for place in range(1, min(k, len(guesses)) + 1):
        guess, before = guesses[place - 1], guesses[: place - 1]
        if guess in truth and guess not in before:
            total += Fraction(len({each for each in guesses[:place] if each in truth}), place)
    return total / min(len(set(truth)), k)
