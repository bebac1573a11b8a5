"""A plan of one visible and one hidden row, for tests of what carries plans out."""

from __future__ import annotations

from collections.abc import Sequence

from mlmaster.tasks.rebuild import FORMAT, Plan, RowFiles, SampleColumn, Source


def make_plan(name: str = "fold-0", sides: str = "vh", files: Sequence[RowFiles] = ()) -> Plan:
    """Return the plan of a view of the columns x and y."""
    return Plan(
        format=FORMAT,
        name=name,
        train=Source(path="train.csv", encoding="utf-8", delimiter=","),
        train_path="train.csv",
        train_columns=["x", "y"],
        test=None,
        test_path="test.csv",
        test_columns=["x"],
        test_files="",
        delimiter=",",
        sides=sides,
        test_rows=0,
        order_key="",
        rows=[],
        renumber=None,
        sample_path="sample.csv",
        sample_delimiter=",",
        sample=[SampleColumn(name="y", rule="fill", value="0")],
        files=list(files),
        side_tables=[],
        copies=[],
    )
