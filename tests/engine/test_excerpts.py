"""What engineers see of logs: tracebacks, metrics and progress; no rows, no labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlmaster.engine.excerpts import excerpt, mask
from mlmaster.engine.telling import TellingValues

Read = Callable[[str, Path], list[dict[str, str]]]

USEFUL = """\
reading ./input/train.csv: 8693 rows, 14 columns
fold 0: accuracy 0.81234, log loss 0.41931 after 113 rounds
[100]\tvalid_0's auc: 0.90213\tvalid_0's binary_logloss: 0.31422
0:\tlearn: 0.6931472\ttest: 0.6931001\tbest: 0.6931001 (0)\ttotal: 57ms\tremaining: 57s
Epoch 3/10 - loss: 0.4312 - val_loss: 0.5521
      Iter       Train Loss   Remaining Time
         1           1.2613            0.50s
         2           1.2325            0.45s
         3           1.2066            0.41s
[[51 3]
 [4 42]]
              precision    recall  f1-score   support
         low       0.81      0.80      0.80       150
/usr/lib/python3/x.py:12: UserWarning: no further splits with positive gain
Traceback (most recent call last):
  File "solution.py", line 31, in <module>
    model.fit(train[COLUMNS], train["Answer"])
ValueError: could not convert string to float: 'B/3/S'
"""


def test_a_useful_log_stays_as_it_is(passengers: TellingValues, houses: TellingValues) -> None:
    assert excerpt(USEFUL, passengers) == USEFUL
    assert excerpt(USEFUL, houses) == USEFUL
    assert excerpt("", houses) == ""


def left_out(count: int) -> str:
    return f"[{count} lines with training rows left out]\n"


def test_lines_with_keys_and_texts_are_left_out(passengers: TellingValues, read_rows: Read, tmp_path: Path) -> None:
    rows = read_rows("passengers", tmp_path)
    printed = "".join(f"{row['PassengerId']} -> {row['Answer']}\n" for row in rows[:30])
    assert excerpt(f"begin\n{printed}end\n", passengers) == f"begin\n{left_out(30)}end\n"
    printed = "".join(f"{row}\n" for row in rows[:3])
    assert excerpt(f"{printed}end\n", passengers) == f"{left_out(3)}end\n"
    assert excerpt(f"{rows[0]['Remark']} is {rows[0]['Answer']}\n", passengers) == left_out(1)


@pytest.mark.parametrize("said", ["QUJD" * 60, "01" * 40, f"labels={'ab' * 120}"], ids=["base64", "digits", "letters"])
def test_what_looks_encoded_is_left_out(passengers: TellingValues, said: str) -> None:
    assert excerpt(f"begin\n{said}\nend\n", passengers) == f"begin\n{left_out(1)}end\n"


def test_printed_targets_are_left_out(
    houses: TellingValues, passengers: TellingValues, read_rows: Read, tmp_path: Path
) -> None:
    prices = [int(row["Price"]) for row in read_rows("houses", tmp_path)]
    answers = [row["Answer"] for row in read_rows("passengers", tmp_path)]
    assert excerpt(f"y: {prices}\nend\n", houses) == f"{left_out(1)}end\n"
    assert excerpt(f"{answers}\nend\n", passengers) == f"{left_out(1)}end\n"
    one_a_line = "".join(f"{price}\n" for price in prices[:40])
    assert excerpt(f"{one_a_line}end\n", houses) == f"{left_out(40)}end\n"
    wrapped = "[[1. 0. 1. 1. 0.]\n [0. 0. 1. 1. 1.]\n [1. 0. 1. 1. 0.]\n [0. 1. 0. 0. 1.]]\n"
    assert excerpt(f"{wrapped}end\n", houses) == f"{left_out(4)}end\n"


def test_printed_frames_and_columns_are_left_out(houses: TellingValues, read_rows: Read, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(read_rows("houses", tmp_path))
    shown = excerpt(f"{frame.head(3)}\n\n[300 rows x 4 columns]\nfold 0: 0.5\n", houses).splitlines()
    assert shown[1:] == ["[3 lines with training rows left out]", "", "[300 rows x 4 columns]", "fold 0: 0.5"]
    text = frame.head(4).to_csv(index=False)
    assert excerpt(text, houses) == text.splitlines()[0] + "\n" + left_out(4)
    series = frame["Price"].astype(float)
    assert excerpt(f"{series.head(3)}\nend\n", houses).startswith("[3 lines")
    described = f"{series.describe()}\n{frame.describe()}\n{frame['Zone'].value_counts()}\n"
    assert excerpt(described, houses) == described


def test_a_fault_keeps_its_words_but_not_the_row(passengers: TellingValues, read_rows: Read, tmp_path: Path) -> None:
    row = read_rows("passengers", tmp_path)[3]
    assert mask(f"KeyError: '{row['PassengerId']}'", passengers) == "KeyError: '[…]'"
    assert mask(f"ValueError: could not convert {row['Remark']!r}", passengers) == "ValueError: […]"
    assert mask("KeyError: 'Deck'", passengers) == "KeyError: 'Deck'"
    log = f"Traceback (most recent call last):\nKeyError: '{row['PassengerId']}'\n"
    assert excerpt(log, passengers) == "Traceback (most recent call last):\nKeyError: '[…]'\n"
