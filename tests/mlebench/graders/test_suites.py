"""Every grader on every submission of its suite; see `suite.py`."""

import importlib
import json
import math
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from tests.mlebench.graders.suite import FEWEST, KINDS, Case, Suite

from mlmaster.mlebench.grading import Verdict, judge
from mlmaster.mlebench.registry import competition, competitions

ALL = sorted(competitions())


@cache
def suites_of(module: str) -> dict[str, Suite]:
    found = importlib.import_module(f"tests.mlebench.graders.suites.{module}").suites()
    return {suite.competition: suite for suite in found}


@pytest.mark.parametrize("name", ALL)
def test_every_submission_gets_its_official_verdict(name: str, tmp_path: Path) -> None:
    suite = suites_of(competition(name).grader)[name]
    wrong = []
    for case in suite.cases:
        verdict = grade_case(suite, case, tmp_path)
        if not is_same(verdict.score, case.expected):
            wrong.append(f"{case.name}: {verdict.score} ({verdict.reason}), expected {case.expected}")
        told = set(re.findall(r"'((?:[^'\\]|\\.)+)'", verdict.reason)) & cells_of(suite)
        given = (tmp_path / "submission.csv").read_text(encoding="utf-8", errors="replace").replace('""', '"')
        wrong += [
            f"{case.name}: {cell!r} stands in the answers alone, and is told"
            for cell in told
            if cell not in given and cell != "nan"
        ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ALL)
def test_order_of_rows_counts_where_rows_are_paired_by_position(name: str, tmp_path: Path) -> None:
    suite = suites_of(competition(name).grader)[name]
    tables = [case for case in suite.cases if isinstance(case.content, pd.DataFrame) and case.expected is not None]
    changed = 0
    for number, case in enumerate(tables):
        assert isinstance(case.content, pd.DataFrame)
        turned = case.content.sample(frac=1, random_state=number)
        verdict = grade_case(suite, replace(case, content=turned), tmp_path)
        if suite.pairs_by == "id":
            assert is_same(verdict.score, case.expected), f"{case.name}: {verdict.score} once its rows were shuffled"
        changed += not is_same(verdict.score, case.expected)
    assert (changed > 0) == (suite.pairs_by == "position")


@pytest.mark.parametrize("name", ALL)
def test_suite_is_whole(name: str) -> None:
    suite = suites_of(competition(name).grader)[name]
    assert len(suite.cases) >= FEWEST
    assert {case.kind for case in suite.cases} == set(KINDS)
    assert len({case.name for case in suite.cases}) == len(suite.cases)
    assert suite.derivation
    scores = {case.expected for case in suite.cases if case.expected is not None and not math.isnan(case.expected)}
    assert len(scores) >= 5, "the cases tell no scores apart"


def cells_of(suite: Suite) -> set[str]:
    if isinstance(suite.answers, list):
        return set(re.findall(r'"([^"]+)"(?!:)', json.dumps(suite.answers)))
    return {str(cell) for name in suite.answers.columns for cell in suite.answers[name].tolist()}


def grade_case(suite: Suite, case: Case, folder: Path) -> Verdict:
    answers = folder / Path(competition(suite.competition).answers).name
    if not answers.exists() and isinstance(suite.answers, list):
        answers.write_text("".join(json.dumps(record) + "\n" for record in suite.answers), encoding="utf-8")
    elif not answers.exists() and isinstance(suite.answers, pd.DataFrame):
        suite.answers.to_csv(answers, index=False)
    path = folder / "submission.csv"
    case.write(path)
    return judge(path, answers, competition(suite.competition))


def is_same(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    if math.isnan(expected) or math.isinf(expected):
        return repr(float(found)) == repr(float(expected))
    # a right rounding to five decimals, whichever way a tie falls after a last bit that differs
    return abs(found - expected) <= 0.5e-5 + 1e-9 * max(1.0, abs(expected)) and found == round(found, 5)
