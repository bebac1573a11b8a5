"""Ways in which a good submission is written otherwise, or broken, that mean the same for most competitions."""

import csv

import pandas as pd
from tests.mlebench.graders.suite import INVALID, Case


def written_otherwise(good: pd.DataFrame, score: float) -> list[Case]:
    """Return the same submission in other spellings of CSV, all of which pandas reads alike."""
    text = good.to_csv(index=False)
    return [
        Case("shuffled", "rows turned round", good.iloc[::-1], score),
        Case("shuffled", "rows in random order", good.sample(frac=1, random_state=1), score),
        Case("perfect", "byte order mark", b"\xef\xbb\xbf" + text.encode(), score),
        Case("perfect", "Windows line ends", text.replace("\n", "\r\n"), score),
        Case("perfect", "every cell quoted", good.to_csv(index=False, quoting=csv.QUOTE_ALL), score),
        Case("perfect", "blank lines between rows", text.replace("\n", "\n\n"), score),
        Case("perfect", "no newline at the end", text.rstrip("\n"), score),
    ]


def columns_otherwise(good: pd.DataFrame, score: float) -> list[Case]:
    """Return the same submission with its columns in another order, and with others beside them."""
    return [
        Case("perfect", "columns turned round", good[good.columns[::-1]], score),
        Case("perfect", "a column more", good.assign(note="x"), score),
        Case("perfect", "an index", good.reset_index().rename(columns={"index": ""}), score),
    ]


def broken_rows(good: pd.DataFrame, id_column: str) -> list[Case]:
    """Return submissions whose ids are not those of the answers."""
    last = good.iloc[[-1]]
    first = good[id_column].iloc[0]

    def other_first(value: object) -> pd.DataFrame:
        ids = good[id_column].astype(object).tolist()
        return good.assign(**{id_column: pd.Series([value, *ids[1:]], index=good.index, dtype=object)})

    return [
        Case("broken", "one row less", good.iloc[:-1], INVALID),
        Case("broken", "first half only", good.iloc[: len(good) // 2], INVALID),
        Case("broken", "one row twice", pd.concat([good, last]), INVALID),
        Case("broken", "all rows twice", pd.concat([good, good]), INVALID),
        Case("broken", "one row in place of another", pd.concat([good.iloc[1:], last]), INVALID),
        Case("broken", "an unknown id more", pd.concat([good, last.assign(**{id_column: "unknown"})]), INVALID),
        Case("broken", "an unknown id in place of another", other_first("unknown"), INVALID),
        Case("broken", "an empty id", other_first(None), INVALID),
        Case("broken", "an id with a suffix", other_first(f"{first}.jpeg"), INVALID),
        Case("broken", "all ids the same", good.assign(**{id_column: first}), INVALID),
        Case(
            "broken", "ids counted from 1000000", good.assign(**{id_column: range(10**6, 10**6 + len(good))}), INVALID
        ),
    ]


def broken_columns(good: pd.DataFrame, *columns: str) -> list[Case]:
    """Return submissions that lack each of some columns, or have it under another name."""
    cases = []
    for name in columns:
        cases += [
            Case("broken", f"without {name}", good.drop(columns=name), INVALID),
            Case("broken", f"{name} in another case", good.rename(columns={name: name.swapcase()}), INVALID),
            Case("broken", f"{name} with a blank before it", good.rename(columns={name: f" {name}"}), INVALID),
        ]
    semicolons = good.to_csv(index=False, sep=";")
    latin = good.to_csv(index=False).encode() + "é,é\n".encode("latin-1")
    return [*cases, Case("broken", "semicolons", semicolons, INVALID), Case("broken", "Latin-1", latin, INVALID)]


def with_cell(table: pd.DataFrame, column: str, value: object, row: int = 0) -> pd.DataFrame:
    """Return a table with one cell replaced."""
    cells = table[column].astype(object).tolist()
    cells[row] = value
    return table.assign(**{column: pd.Series(cells, index=table.index, dtype=object)})
