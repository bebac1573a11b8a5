"""Submissions to the competitions scored by correlations; ranks are counted and Pearson's is the standard library's."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from tests.mlebench.graders.suite import INVALID, UNDEFINED, Case, Suite, broken_files
from tests.mlebench.graders.suites.cells import ROWS, hex_ids, no_numbers
from tests.mlebench.graders.suites.damage import (
    broken_columns,
    broken_rows,
    columns_otherwise,
    with_cell,
    written_otherwise,
)

ASPECTS = """
    question_asker_intent_understanding question_body_critical question_conversational question_expect_short_answer
    question_fact_seeking question_has_commonly_accepted_answer question_interestingness_others question_interestingness_self
    question_multi_intent question_not_really_a_question question_opinion_seeking question_type_choice question_type_compare
    question_type_consequence question_type_definition question_type_entity question_type_instructions
    question_type_procedure question_type_reason_explanation question_type_spelling question_well_written answer_helpful
    answer_level_of_information answer_plausible answer_relevance answer_satisfaction answer_type_instructions
    answer_type_procedure answer_type_reason_explanation answer_well_written
"""
TARGETS = tuple(ASPECTS.split())


def suites() -> Iterator[Suite]:
    yield patents()
    yield quest()


def patents() -> Suite:
    rng = np.random.default_rng(190)
    ids = hex_ids(190)
    truth = rng.choice([0.0, 0.25, 0.5, 0.75, 1.0], ROWS).tolist()
    answers = pd.DataFrame(
        {"id": ids, "anchor": "abatement", "target": "act of abating", "context": "A47", "score": truth}
    )

    def table(values: Sequence[object]) -> pd.DataFrame:
        return pd.DataFrame({"id": ids, "score": values})

    def score(values: Sequence[float]) -> float:
        return statistics.correlation(truth, values)

    noisy = [(np.array(truth) + rng.normal(scale=s, size=ROWS)).tolist() for s in (0.01, 0.1, 0.4, 1, 5)]
    first = noisy[2]
    good, value = table(first), score(first)
    flagged = [each > 0.4 for each in first]
    cases = [
        Case("perfect", "the answers themselves", answers, 1.0),
        Case("perfect", "stretched", table([3 * each - 7 for each in truth]), 1.0),
        Case("perfect", "turned to its opposite", table([1 - each for each in truth]), -1.0),
        Case("sample", "zero for all", table([0] * ROWS), UNDEFINED),
        Case("sample", "one half for all", table([0.5] * ROWS), UNDEFINED),
        *(Case("noisy", f"noise {k}", table(each), score(each)) for k, each in enumerate(noisy)),
        Case("noisy", "flags", table(flagged), score([float(each) for each in flagged])),
        Case("noisy", "stretched by a million", table([1e6 * each for each in first]), value),
        Case("noisy", "an empty cell", with_cell(good, "score", None), UNDEFINED),
        Case("noisy", "nothing", table([None] * ROWS), UNDEFINED),
        Case("noisy", "an infinity", with_cell(good, "score", "inf"), UNDEFINED),
        *written_otherwise(good, value),
        *columns_otherwise(good, value),
        Case("broken", "an underscore among digits", with_cell(good, "score", "0_1"), INVALID),
        Case("broken", "flags with an empty cell", with_cell(table(flagged), "score", None), INVALID),
        *no_numbers(good, "score"),
        *broken_rows(good, "id"),
        *broken_columns(good, "id", "score"),
        *broken_files(good),
    ]
    derivation = "statistics.correlation of the standard library; linear functions of the truth are 1 and -1 by hand."
    return Suite("us-patent-phrase-to-phrase-matching", answers, cases, derivation)


def quest() -> Suite:
    """Ids are not compared, so that rows are paired by the rank of their id."""
    rng = np.random.default_rng(200)
    ids = rng.permutation(np.arange(ROWS) * 17 + 39).tolist()
    truth = {name: rng.choice([0.0, 1 / 3, 0.5, 2 / 3, 1.0], ROWS).tolist() for name in TARGETS}

    def table(columns: Mapping[str, Sequence[object]], keys: Sequence[object] = tuple(ids)) -> pd.DataFrame:
        return pd.DataFrame({"qa_id": keys, **columns})

    def score(columns: Mapping[str, Sequence[float]]) -> float:
        return sum(spearman(truth[name], columns[name]) for name in TARGETS) / len(TARGETS)

    def noisy(scale: float) -> dict[str, list[float]]:
        return {
            name: (np.array(column) + rng.normal(scale=scale, size=ROWS)).tolist() for name, column in truth.items()
        }

    answers = table(truth)
    first = noisy(0.4)
    good, value = table(first), score(first)
    one = TARGETS[0]
    climbing = np.linspace(0, 1, ROWS).tolist()
    coarse = {name: [round(each * 3) / 3 for each in column] for name, column in first.items()}
    letters = [f"grade {chr(ord('a') + sorted(set(truth[one])).index(each))}" for each in truth[one]]
    turned_ids = [10**6 - each for each in ids]
    ranks = sorted(range(ROWS), key=lambda place: ids[place])
    across = {name: [first[name][ranks[ROWS - 1 - ranks.index(place)]] for place in range(ROWS)] for name in TARGETS}
    infinite = {**first, one: [math.inf, *first[one][1:]]}
    largest = {**first, one: [1e300, *first[one][1:]]}
    length = ("one row less", "first half only", "one row twice", "all rows twice")
    rows = [case for case in broken_rows(good, "qa_id") if case.name in length]
    cases = [
        Case("perfect", "the answers themselves", answers, 1.0),
        Case("perfect", "cubes", table({name: [each**3 for each in column] for name, column in truth.items()}), 1.0),
        Case("perfect", "words in the order of the alphabet", table({**truth, one: letters}), 1.0),
        Case(
            "sample",
            "climbing from 0 to 1",
            table(dict.fromkeys(TARGETS, climbing)),
            score(dict.fromkeys(TARGETS, climbing)),
        ),
        Case("sample", "one half for all", table({name: [0.5] * ROWS for name in TARGETS}), UNDEFINED),
        *(
            Case("noisy", f"noise of {s}", table(each), score(each))
            for s, each in ((s, noisy(s)) for s in (0.1, 0.3, 1.0, 3.0))
        ),
        Case("noisy", "with ties", table(coarse), score(coarse)),
        Case(
            "noisy",
            "turned to its opposite",
            table({name: [-x for x in column] for name, column in first.items()}),
            -value,
        ),
        Case("noisy", "an infinity", table(infinite), score(largest)),
        Case("noisy", "one column constant", table({**first, one: [0.5] * ROWS}), UNDEFINED),
        Case("noisy", "an empty cell", with_cell(good, one, None), UNDEFINED),
        Case("noisy", "other ids of the same rank", table(first, [each + 5 for each in ids]), value),
        Case("noisy", "ids of the opposite rank", table(first, turned_ids), score(across)),
        Case("noisy", "ids with a point", table(first, [f"{each}.0" for each in ids]), value),
        *written_otherwise(good, value),
        Case("perfect", "columns turned round", good[good.columns[::-1]], value),
        Case("broken", "a column more", good.assign(note=0), INVALID),
        Case("broken", "an index", good.reset_index(), INVALID),
        Case("noisy", "a word and an empty cell", with_cell(with_cell(good, one, "high"), one, None, 1), UNDEFINED),
        *rows,
        *broken_columns(good, "qa_id", one, TARGETS[-1]),
        *broken_files(good),
    ]
    derivation = (
        "Ranks counted in plain Python, ties at their mean, and statistics.correlation of the standard library; monotonic "
        "functions of the truth are 1 by hand."
    )
    return Suite("google-quest-challenge", answers, cases, derivation)


def spearman(truth: Sequence[float], said: Sequence[float]) -> float:
    return statistics.correlation(ranked(truth), ranked(said))


def ranked(values: Sequence[float]) -> list[float]:
    return [sum(other < each for other in values) + (sum(other == each for other in values) + 1) / 2 for each in values]
