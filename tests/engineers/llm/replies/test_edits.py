"""Edits: what is found in replies stands in `replies/edits.yaml`; here is what they make of a script."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.engineers.llm.replies.edits import Applied, Edit, apply_edits, find_edits, write_edits
from mlmaster.engineers.llm.replies.programs import read_module

CODE = '''import pandas as pd
from sklearn.linear_model import Ridge

FOLDS = 5


def build(frame):
    """Return features."""
    frame = frame.copy()
    frame["log_area"] = frame["area"] + 1

    for name in frame.columns:
        if frame[name].dtype == object:
            frame[name] = frame[name].astype("category")
    return frame


def main():
    train = build(pd.read_csv("./input/train.csv"))
    model = Ridge(alpha=1.0)
    model.fit(train.drop(columns="y"), train["y"])
    test = build(pd.read_csv("./input/test.csv"))
    test["y"] = model.predict(test)
    test[["id", "y"]].to_csv("./submission.csv", index=False)


main()
'''
LINES = CODE.split("\n")


def one(search: str, replace: str, code: str = CODE) -> Applied:
    return apply_edits(code, [Edit(search, replace)])


APPLIED = {
    "whole lines": ("    model = Ridge(alpha=1.0)", "    model = Ridge(alpha=2.0)", "    model = Ridge(alpha=2.0)\n"),
    "part of a line": ("Ridge(alpha=1.0)", "Ridge(alpha=2.0)", "    model = Ridge(alpha=2.0)\n"),
    "less indentation": ("model = Ridge(alpha=1.0)", "model = Ridge(\n    alpha=2.0\n)", "    model = Ridge(\n"),
    "more indentation": (
        '            model = Ridge(alpha=1.0)\n            model.fit(train.drop(columns="y"), train["y"])',
        "            model = Ridge()",
        "    model = Ridge()\n    test =",
    ),
    "white space at the end": ("FOLDS = 5   ", "FOLDS = 10", "FOLDS = 10\n"),
    "white space within": ("FOLDS=5", "FOLDS = 10", "FOLDS = 10\n"),
    "a blank line less": (
        '    frame["log_area"] = frame["area"] + 1\n    for name in frame.columns:',
        "    for name in list(frame):",
        "    frame = frame.copy()\n    for name in list(frame):\n        if",
    ),
    "blank lines around": ("\n\nFOLDS = 5\n\n", "\n\nFOLDS = 10\n\n", "import Ridge\n\nFOLDS = 10\n"),
    "the first line alone lost its indentation": (
        "for name in frame.columns:\n        if frame[name].dtype == object:",
        "for name in list(frame):\n        if frame[name].dtype == str:",
        "    for name in list(frame):\n        if frame[name].dtype == str:\n            frame",
    ),
    "line numbers": ("  20 |     model = Ridge(alpha=1.0)", "  20 |     model = Ridge()", "    model = Ridge()\n"),
    "lines taken out": ("FOLDS = 5", "", "import Ridge\n\n\n\ndef build"),
    "tabs for spaces": ("\tmodel = Ridge(alpha=1.0)", "\tmodel = Ridge()", "    model = Ridge()\n"),
}


@pytest.mark.parametrize(("search", "replace", "there"), APPLIED.values(), ids=APPLIED)
def test_what_stands_there_but_for_white_space_is_replaced(search: str, replace: str, there: str) -> None:
    result = one(search, replace)
    assert result.missed == ()
    assert there in result.code
    compile(result.code, "solution.py", "exec")


def test_a_replacement_is_indented_as_the_lines_it_replaces() -> None:
    search = 'if frame[name].dtype == object:\n    frame[name] = frame[name].astype("category")'
    replace = "if frame[name].dtype == object:\n    codes = frame[name].factorize()\n    frame[name] = codes[0]"
    assert textwrap.indent(replace, " " * 8) in one(search, replace).code


MISSED = {
    "several places": ("frame[name]", "x", "stands 3 times in the script (lines 13, 14, 14)"),
    "several whole lines": ("    return frame", "    return 1", "stands 2 times"),
    "nowhere": ("model = Lasso(alpha=1.0)", "x", "stands nowhere in the script; quote its lines exactly"),
    "part of a word": ("OLDS = 5", "OLDS = 6", "stands nowhere"),
    "part of a number": ("alpha=1.", "alpha=2.", "stands nowhere"),
    "the same on both sides": ("FOLDS = 5", "FOLDS = 5", "changes nothing"),
    "the same but for white space": ("FOLDS =  5", "FOLDS = 5", "stands there already"),
    "code left out in the search": ("def build(frame):\n    ...\n    return frame", "x", "leaves code out (`...`)"),
    "code left out in the replacement": (
        "FOLDS = 5",
        "FOLDS = 6\n# ... rest of the code unchanged ...",
        "leaves code out (`# ... rest of the code unchanged ...`)",
    ),
    "other code left out": ("FOLDS = 5", "FOLDS = 6\n# existing code here", "leaves code out"),
    "done before": ("FOLDS = 4", "FOLDS = 5", "what it puts there stands there already"),
    "lines moved unlike each other": (
        'def main():\ntrain = build(pd.read_csv("./input/train.csv"))\n        model = Ridge(alpha=1.0)',
        "x",
        "stands nowhere",
    ),
}


@pytest.mark.parametrize(("search", "replace", "reason"), MISSED.values(), ids=MISSED)
def test_what_cannot_be_placed_is_told_and_changes_nothing(search: str, replace: str, reason: str) -> None:
    code = CODE + "\n\ndef same(frame):\n    return frame\n"
    result = one(search, replace, code)
    assert (result.code, result.done) == (code, 0)
    (missed,) = result.missed
    assert reason in missed.reason


def test_the_nearest_lines_are_quoted_with_their_numbers() -> None:
    (missed,) = one('    model = Lasso(alpha=1.0)\n    model.fit(train.drop(columns="y"), train["y"])', "x").missed
    assert "  20 |     model = Ridge(alpha=1.0)" in missed.nearest.split("\n")
    (missed,) = one("modle = Ridge(alpha = 1.5)", "x").missed
    assert "  20 |     model = Ridge(alpha=1.0)" in missed.nearest.split("\n")
    (missed,) = one("zzz", "x").missed
    assert missed.nearest == ""


def test_edits_apply_one_after_the_other_and_partly() -> None:
    edits = [Edit("FOLDS = 5", "FOLDS = 6"), Edit("nowhere to be found", "x"), Edit("FOLDS = 6", "FOLDS = 7")]
    result = apply_edits(CODE, edits)
    assert result.done == 2
    assert [missed.edit for missed in result.missed] == [edits[1]]
    assert "FOLDS = 7" in result.code


def test_an_empty_search_appends_or_is_the_file() -> None:
    assert one("", "print(1)").code == CODE + "\nprint(1)\n"
    whole = 'import pandas as pd\npd.DataFrame({"y": [1]}).to_csv("./submission.csv")\n'
    assert one("", whole).code == whole
    assert one("", "x = 1", code="").code == "x = 1\n"


def test_an_ellipsis_that_is_code_is_no_omission() -> None:
    assert one("FOLDS = 5", "class Model:\n    ...").done == 1
    code = "class Model:\n    ...\n"
    assert one("class Model:\n    ...", "class Model:\n    x = 1", code).code == "class Model:\n    x = 1\n"


@st.composite
def slices(draw: st.DrawFn) -> tuple[int, int]:
    start = draw(st.integers(0, len(LINES) - 2))
    return start, draw(st.integers(start + 1, min(len(LINES) - 1, start + 8)))


NEW = st.lists(
    st.sampled_from(["a = 1", "b = 2  # x", "    c = 3", "print(a)", "        d = 4"]), min_size=1, max_size=4
)


@given(slices(), NEW)
def test_any_run_of_lines_can_be_replaced_exactly(place: tuple[int, int], new: list[str]) -> None:
    start, end = place
    search = "\n".join(LINES[start:end])
    count = f"\n{CODE}\n".count(f"\n{search}\n")
    result = one(search, "\n".join(new))
    if search.strip() and count == 1:
        assert result.code == "\n".join([*LINES[:start], *new, *LINES[end:]])
    elif search.strip():
        assert result.missed


@given(slices(), st.integers(-8, 12), NEW)
def test_a_shift_of_the_indentation_does_not_matter(place: tuple[int, int], shift: int, new: list[str]) -> None:
    start, end = place
    lines = LINES[start:end]
    indents = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    if not indents or min(indents) + shift < 0 or f"\n{CODE}\n".count("\n" + "\n".join(lines) + "\n") != 1:
        return

    def moved(line: str, by: int) -> str:
        return " " * (len(line) - len(line.lstrip()) + by) + line.lstrip() if line.strip() else line

    base = min(indents)
    replace = [moved(line, base + shift) for line in new]
    result = one("\n".join(moved(line, shift) for line in lines), "\n".join(replace))
    if result.missed:  # moved, it stands elsewhere as well
        assert "times" in result.missed[0].reason
        return
    expected = [moved(line, base) for line in new]
    kept = [line for line in result.code.split("\n") if line.strip()]
    assert kept == [line for line in [*LINES[:start], *expected, *LINES[end:]] if line.strip()]


@given(slices(), NEW)
def test_an_edit_applied_twice_is_told_the_second_time(place: tuple[int, int], new: list[str]) -> None:
    edit = Edit("\n".join(LINES[place[0] : place[1]]), "\n".join([*new, "marker_of_this_edit = True"]))
    first = apply_edits(CODE, [edit])
    is_python = read_module(first.code) is not None  # else any odd place for it may do
    if is_python and first.done and edit.search.strip() and edit.search not in edit.replace:
        second = apply_edits(first.code, [edit])
        assert second.code == first.code
        assert "stands there already" in second.missed[0].reason


@given(
    st.lists(st.builds(Edit, *[st.text("ab \n=<>.#`", max_size=30).map(lambda text: text.strip("\n"))] * 2), max_size=4)
)
def test_counts_add_up_and_nothing_is_lost(edits: list[Edit]) -> None:
    result = apply_edits(CODE, edits)
    assert result.done + len(result.missed) == len(edits)
    assert result.done or result.code == CODE


@given(st.lists(st.tuples(slices(), NEW), min_size=1, max_size=4))
def test_edits_that_are_written_are_read_again(chosen: list[tuple[tuple[int, int], list[str]]]) -> None:
    edits = tuple(Edit("\n".join(LINES[start:end]), "\n".join(new)) for (start, end), new in chosen)
    assert find_edits(write_edits(edits)) == edits
