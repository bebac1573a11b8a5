"""AI4Code: notebooks of cells, each a word of eight hexadecimal digits; pairs are counted one by one."""

import random
from collections.abc import Iterator
from itertools import combinations

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)


def suites() -> Iterator[Suite]:
    chance = random.Random(1)
    truth = {
        f"a{number:07x}{number}": [f"{chance.getrandbits(32):08x}z" for _ in range(chance.randint(2, 12))]
        for number in range(20)
    }
    good = table(truth)

    def scored(kind: str, name: str, orders: dict[str, list[str]]) -> Case:
        return Case(kind, name, table(orders), tau(orders, truth))

    turned = {name: cells[::-1] for name, cells in truth.items()}
    first, *others = truth
    long = max(truth, key=lambda name: len(truth[name]))
    cells = truth[long]
    cases = [
        Case("perfect", "perfect", good, 1.0),
        Case("noisy", "all turned round", table(turned), -1.0),
        scored("sample", "sorted by name", {name: sorted(cells) for name, cells in truth.items()}),
        scored("noisy", "first notebook turned round", {**truth, first: turned[first]}),
        scored("noisy", "one swap", {**truth, long: [cells[1], cells[0], *cells[2:]]}),
        scored("noisy", "first cell last", {name: [*cells[1:], cells[0]] for name, cells in truth.items()}),
        *(
            scored(
                "noisy",
                f"random order {seed}",
                {name: random.Random(seed).sample(each, len(each)) for name, each in truth.items()},
            )
            for seed in range(5)
        ),
        Case("perfect", "several blanks between cells", with_cell(good, "cell_order", "   ".join(truth[first])), 1.0),
        Case("perfect", "newlines between cells", with_cell(good, "cell_order", "\n".join(truth[first])), 1.0),
        Case("broken", "a cell missing", with_cell(good, "cell_order", " ".join(truth[first][1:])), INVALID),
        Case("broken", "a cell more", with_cell(good, "cell_order", " ".join([*truth[first], "ffffffff"])), INVALID),
        Case(
            "broken",
            "a cell twice",
            with_cell(good, "cell_order", " ".join([truth[first][1], *truth[first][1:]])),
            INVALID,
        ),
        Case(
            "broken",
            "an unknown cell",
            with_cell(good, "cell_order", " ".join(["ffffffff", *truth[first][1:]])),
            INVALID,
        ),
        Case("broken", "no cells", with_cell(good, "cell_order", None), INVALID),
        Case("broken", "commas between cells", with_cell(good, "cell_order", ",".join(truth[first])), INVALID),
        Case("broken", "numbers for cells", good.assign(cell_order=1), INVALID),
        Case(
            "broken",
            "two notebooks changed places",
            table({**truth, first: truth[others[0]], others[0]: truth[first]}),
            INVALID,
        ),
        *written_otherwise(good, 1.0),
        *columns_otherwise(good, 1.0),
        *broken_rows(good, "id"),
        *broken_columns(good, "id", "cell_order"),
        *broken_files(good),
    ]
    yield Suite(
        "AI4Code",
        good,
        cases,
        "Every pair of cells is looked at: 1 - 4 times the pairs in wrong order over the sum of n(n - 1); 1 and -1 by hand.",
    )


def table(orders: dict[str, list[str]]) -> pd.DataFrame:
    return pd.DataFrame({"id": list(orders), "cell_order": [" ".join(cells) for cells in orders.values()]})


def tau(orders: dict[str, list[str]], truth: dict[str, list[str]]) -> float:
    wrong = most = 0
    for name, cells in truth.items():
        place = {cell: number for number, cell in enumerate(orders[name])}
        wrong += sum(place[one] > place[other] for one, other in combinations(cells, 2))
        most += len(cells) * (len(cells) - 1)
    return 1 - 4 * wrong / most
