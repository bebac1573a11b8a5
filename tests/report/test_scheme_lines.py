"""The layout of the evaluation in words: every kind of line and sentence, and its section of the report."""

from __future__ import annotations

from mlmaster.core.events import RunStarted
from mlmaster.core.scheme import Relation, Scheme, SchemeKind, Shift
from mlmaster.report.scheme import scheme_lines
from mlmaster.report.sections import evaluated
from mlmaster.testing.recorded import recorded_run

SCHEME = Scheme(
    kind=SchemeKind.GROUPED,
    key="patient",
    cluster="patient",
    folds=5,
    reason="Grouped by patient: no test row shares it.",
    relations=(
        Relation(key="patient", kind="group", test=0.0, row=0.985, by_key=0.0, note="60 values"),
        Relation(key="day", kind="time", test=None, row=0.001, by_key=1.0),
    ),
    shift=Shift(auc=0.8, columns=("age", "site")),
)


def test_a_table_and_sentences() -> None:
    assert list(scheme_lines(SCHEME)) == [
        "key      kind   test   row folds  folds by key",
        "patient  group  0.0 %  98.5 %     0.0 %         60 values",
        "day      time   –      0.1 %      100.0 %",
        "(share of rows whose key is in train; for times: later than all of train)",
        "Grouped by patient: no test row shares it.",
        "5 folds; a third of the hidden labels is kept for the judge, rows of one patient together.",
        "A classifier tells test rows from train rows with ROC AUC 0.80, by age, site: train and test differ plainly.",
    ]


def test_without_a_judge_or_a_table() -> None:
    scheme = Scheme(folds=1, repeats=2, has_judge=False, reason="Row folds: as asked for.", shift=Shift(auc=0.5))
    assert list(scheme_lines(scheme)) == [
        "Row folds: as asked for.",
        "1 fold, dealt 2 times; no labels are kept for a judge: too few, or not wanted.",
        "A classifier tells test rows from train rows with ROC AUC 0.50: no strong shift.",
    ]


def test_clusters_have_plain_names() -> None:
    said = {
        name: list(scheme_lines(SCHEME.model_copy(update={"cluster": name})))[5]
        for name in ("duplicates", "stretches of date", None)
    }
    assert said["duplicates"].endswith("judge, twins together.")
    assert said["stretches of date"].endswith("judge, stretches of date whole.")
    assert said[None].endswith("kept for the judge.")


def test_the_report_tells_it_where_it_was_recorded() -> None:
    first, *rest = recorded_run()
    assert isinstance(first.event, RunStarted)
    assert evaluated([first, *rest]) == ""
    told = first.model_copy(update={"event": first.event.model_copy(update={"scheme": SCHEME})})
    text = evaluated([told, *rest])
    assert text.startswith("## How it was evaluated\n\nGrouped by patient: ")
    assert "| patient | group | 0.0 % | 98.5 % | 0.0 % | 60 values |" in text
    own = first.event.model_copy(update={"scheme": SCHEME, "is_self_reported": True})
    assert evaluated([first.model_copy(update={"event": own})]) == ""
