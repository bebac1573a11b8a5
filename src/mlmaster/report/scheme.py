"""How the hidden evaluation is laid out, as plain lines: the same on the screen before a run and in its report."""

from __future__ import annotations

from collections.abc import Iterator

from mlmaster.core.scheme import Relation, Scheme

SHARES = "share of rows whose key is in train; for times: later than all of train"
"""What the numbers of the table are."""


def scheme_lines(scheme: Scheme) -> Iterator[str]:
    """Yield the table the folds were chosen by, aligned, then sentences: the choice, its sizes, and the shift."""
    if scheme.relations:
        rows = relation_rows(scheme)
        widths = [max(len(row[place]) for row in rows) for place in range(5)]
        for row in rows:
            yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip()
        yield f"({SHARES})"
    yield from scheme_sentences(scheme)


def relation_rows(scheme: Scheme) -> list[tuple[str, ...]]:
    """Return the table of what was measured, header first."""
    return [("key", "kind", "test", "row folds", "folds by key", ""), *map(_cells, scheme.relations)]


def scheme_sentences(scheme: Scheme) -> Iterator[str]:
    """Yield what was chosen and why, in sentences."""
    yield scheme.reason
    folds = f"{scheme.folds} fold{'s' * (scheme.folds != 1)}"
    dealt = f", dealt {scheme.repeats} times" if scheme.repeats > 1 else ""
    judge = (
        f"a third of the hidden labels is kept for the judge{_together(scheme.cluster)}"
        if scheme.has_judge
        else "no labels are kept for a judge: too few, or not wanted"
    )
    yield f"{folds}{dealt}; {judge}."
    if scheme.shift is not None:
        yield shift_sentence(scheme)


def _together(cluster: str | None) -> str:
    if cluster is None:
        return ""
    if cluster == "duplicates":
        return ", twins together"
    return f", {cluster} whole" if " " in cluster else f", rows of one {cluster} together"


def shift_sentence(scheme: Scheme) -> str:
    """Return in words how well test rows can be told from train rows."""
    assert scheme.shift is not None
    by = f", by {', '.join(scheme.shift.columns)}" if scheme.shift.columns else ""
    said = "train and test differ plainly" if scheme.shift.is_strong else "no strong shift"
    return f"A classifier tells test rows from train rows with ROC AUC {scheme.shift.auc:.2f}{by}: {said}."


def _cells(relation: Relation) -> tuple[str, ...]:
    test = "–" if relation.test is None else _percent(relation.test)
    return relation.key, relation.kind, test, _percent(relation.row), _percent(relation.by_key), relation.note


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")
