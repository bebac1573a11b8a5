from __future__ import annotations

from pathlib import Path

from tests.mlebench.preparation.recipes.plain_python import assert_same, only, prepared, table, write_files

from mlmaster.mlebench.preparation.recipes import detecting_insults_in_social_commentary as recipe

COLUMNS = ("Insult", "Date", "Comment")


def test_both_tables_are_copied_and_the_labels_taken_out(tmp_path: Path) -> None:
    rows = [
        {
            "Insult": str(i % 2),
            "Date": "" if i % 5 == 0 else f"201206182222{i:02}Z",
            "Comment": f'"You said ""{i}"", \\xa0 {i}"',
            "Usage": ("PublicTest", "PrivateTest")[i % 2],
        }
        for i in range(12)
    ]
    train = b"Insult,Date,Comment\r\n1,,kept to the byte\r\n"
    solutions = table(rows).replace(b"\n", b"\r\n")
    write_files(tmp_path / "raw", {"train.csv": train, "test_with_solutions.csv": solutions})
    found = prepared(recipe, tmp_path / "raw")

    assert_same(
        found,
        {
            "public/train.csv": train,
            "public/test.csv": table(only(rows, "Date", "Comment")),
            "public/sample_submission_null.csv": table(only([row | {"Insult": "0"} for row in rows], *COLUMNS)),
            "private/test.csv": solutions,
            "private/gold_submission.csv": table(only(rows, *COLUMNS)),
        },
    )
