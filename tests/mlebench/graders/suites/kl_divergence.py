"""Submissions to the competition scored by Kullback-Leibler divergence; each term is a logarithm of its own."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import no_numbers, out_of_range
from tests.mlebench.graders.suites.damage import broken_columns, broken_rows, with_cell, written_otherwise

VOTES = ("seizure_vote", "lpd_vote", "gpd_vote", "lrda_vote", "grda_vote", "other_vote")
ROWS = 48
EPSILON = 1e-15
Rows = Sequence[Sequence[float]]


def suites() -> Iterator[Suite]:
    rng = np.random.default_rng(100)
    # several rows to an id, next to each other, as in the test set
    ids = np.repeat([1628180742, 2277392603, 722738444, 387987538, 2175806584, 1626798710], ROWS // 6).tolist()
    votes = [rng.multinomial(rng.integers(1, 20), rng.dirichlet([0.5] * 6)).tolist() for _ in ids]
    shares = [[each / sum(row) for each in row] for row in votes]
    answers = pd.DataFrame({"eeg_id": ids, "eeg_sub_id": range(ROWS), "expert_consensus": "GPD"})
    for place, name in enumerate(VOTES):
        answers[name] = [row[place] for row in votes]

    def table(rows: Rows) -> pd.DataFrame:
        return pd.DataFrame({"eeg_id": ids} | {name: [row[k] for row in rows] for k, name in enumerate(VOTES)})

    def score(rows: Rows) -> float:
        return math.fsum(divergence(truth, said) for truth, said in zip(shares, rows, strict=True)) / ROWS

    noisy = [
        [rng.dirichlet([0.05 + scale * each for each in truth]).tolist() for truth in shares]
        for scale in (50, 10, 4, 2, 1)
    ]
    first = noisy[2]
    good, value = table(first), score(first)
    uniform = [[1 / 6] * 6] * ROWS
    by_id = [rng.dirichlet([1.0] * 6).tolist() for _ in range(6)]
    alike = [by_id[place // (ROWS // 6)] for place in range(ROWS)]
    shuffled = table(alike).sample(frac=1, random_state=3)
    ones = [[float(k == 2) for k in range(6)]] * ROWS
    mostly = [[1 - 1e-7, 1e-7, 0.0, 0.0, 0.0, 0.0]] * ROWS
    holes = [[math.nan, 0.5, 0.5, 0.0, 0.0, 0.0], *first[1:]]
    text = good.to_csv(index=False)
    kept = [case for case in written_otherwise(good, value) if case.kind != "shuffled"]
    rows_alone = [case for case in broken_rows(good, "eeg_id") if case.name != "one row in place of another"]
    cases = [
        Case("perfect", "shares of the votes", table(shares), 0.0),
        Case("sample", "all classes alike", table(uniform), score(uniform)),
        *(Case("noisy", f"noise {k}", table(each), score(each)) for k, each in enumerate(noisy)),
        Case("noisy", "rows of an id alike", table(alike), score(alike)),
        Case("noisy", "one class, with points", table(ones), score(ones)),
        Case("noisy", "one class, in whole numbers", table(ones).astype(dict.fromkeys(VOTES, int)), math.inf),
        Case("noisy", "nearly one class", table(mostly), score(mostly)),
        Case("noisy", "an empty cell beside a whole row", table(holes), score(holes)),
        Case("noisy", "a sum just within bounds", table([[each * 1.000004 for each in first[0]], *first[1:]]), value),
        Case("shuffled", "rows of an id alike, in random order", shuffled, score(alike)),
        Case("shuffled", "rows of an id alike, turned round", table(alike).iloc[::-1], score(alike)),
        *kept,
        Case("perfect", "columns turned round", good[good.columns[::-1]], value),
        Case("perfect", "a column of zeros more", good.assign(note=0.0), value),
        Case("perfect", "an empty column more", good.assign(note=None), value),
        Case("perfect", "ids with a point", text.replace("\n1628180742,", "\n1628180742.0,"), value),
        Case("broken", "a column of words more", good.assign(note="x"), INVALID),
        Case("broken", "a column of numbers more", good.assign(note=0.1), INVALID),
        Case("broken", "an index", good.reset_index(), INVALID),
        Case("broken", "the answers' own votes", answers, INVALID),
        Case("broken", "flags", table(ones).astype(dict.fromkeys(VOTES, bool)), INVALID),
        Case(
            "broken", "a sum just out of bounds", table([[each * 1.000006 for each in first[0]], *first[1:]]), INVALID
        ),
        Case("broken", "a negative that evens out", table([[-0.5, 1.5, 0.0, 0.0, 0.0, 0.0], *first[1:]]), INVALID),
        Case("broken", "all zero", table([[0.0] * 6] * ROWS), INVALID),
        Case("broken", "an empty row", table([[math.nan] * 6, *first[1:]]), INVALID),
        Case("broken", "an empty cell", with_cell(table(uniform), "lpd_vote", None), INVALID),
        Case("broken", "an infinity", with_cell(good, "lpd_vote", "inf"), INVALID),
        Case(
            "broken",
            "infinities that even out",
            table([[math.inf, -math.inf, 1.0, 0.0, 0.0, 0.0], *first[1:]]),
            INVALID,
        ),
        Case("broken", "an id with a letter", with_cell(good, "eeg_id", "1628180742x"), INVALID),
        *out_of_range(good, "gpd_vote", 0, 1)[2:],
        *no_numbers(good, "other_vote"),
        *rows_alone,
        *broken_columns(good, "eeg_id", *VOTES[:2]),
        *broken_files(good),
    ]
    yield Suite(
        "hms-harmful-brain-activity-classification",
        answers,
        cases,
        "share * ln(share / prediction) is summed term by term in plain Python, predictions held off 0 and 1 by 1e-15; a "
        "term with an empty prediction counts as none. Whole numbers are not held off 0, so that a term is infinite.",
        pairs_by="position",
    )


def divergence(truth: Sequence[float], said: Sequence[float]) -> float:
    total = 0.0
    for share, chance in zip(truth, said, strict=True):
        if share > 0 and not math.isnan(chance):
            total += share * math.log(share / min(max(chance, EPSILON), 1 - EPSILON))
    return total
