"""Rebuild a run's answer from its scripts, or answer for new rows. Standard library only; needs no ML-Master.

This very file lies in a finished run's `best/` folder, beside `rebuild.py`, `result.json`, `views/` and `members/`:

    python reproduce.py [--data FOLDER] [--out submission.csv]
    python predict.py NEW.csv [--data FOLDER] [--out predictions.csv]

Every member is run again on the very views it was scored on; its answers are averaged over folds and weighted, in the
order and arithmetic of the run itself (`mlmaster.engine.combining`), so that the same libraries give the same submission.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

if __package__:
    from mlmaster.tasks import rebuild
else:
    import rebuild  # type: ignore[import-not-found, no-redef]

HERE = Path(__file__).resolve().parent
LEAST = 1e-15
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

Cells = list[list[str]]
Numbers = list[list[float]]
Members = Sequence[tuple[float, Sequence[Any]]]
"""For each member its weight, and its answers (rows of cells or numbers) from each of its views."""
Runner = Callable[[Path, Path], Path]
"""(script, view) -> the folder the script wrote its answer to."""


class ReproductionError(Exception):
    """The answer cannot be rebuilt; the message says what to do."""


def rebuild_answer(result: Path, data: Path, run: Runner) -> Cells:
    """Return the rows of the submission, header first, by running every member on every view again.

    Args:
        result: A `best/` folder.
        data: The task's folder.
        run: Runs one script on one view.
    """
    facts = _facts(result)
    plans: dict[str, Any] = {name: _plan(result, name) for member in facts["members"] for name in member["views"]}
    wanted = "hidden" if facts["is_out_of_fold"] else "test"
    members = [
        (m["weight"], [_answers(result, m, plans[name], data, run, facts, wanted) for name in m["views"]])
        for m in facts["members"]
    ]
    if not facts["is_out_of_fold"]:
        return _lay_out(result, facts, list(_blend(members, facts)))
    hidden = [[row for row in rebuild.row_numbers(plans[name]) if row >= 0] for name in facts["members"][0]["views"]]
    answered: list[list[str] | None] = [None] * (1 + max(max(rows) for rows in hidden))
    for number, places in _places(hidden).items():
        answered[number] = _blend(
            [(weight, [[answers[view][row]] for view, row in places]) for weight, answers in members], facts
        )[0]
    return _lay_out(result, facts, answered)


def _places(hidden: Sequence[Sequence[int]]) -> dict[int, list[tuple[int, int]]]:
    """Return for every row number the views that hide it, in order, and where it stands in each."""
    found: dict[int, list[tuple[int, int]]] = {}
    for view, rows in enumerate(hidden):
        for place, number in enumerate(rows):
            found.setdefault(number, []).append((view, place))
    return found


def predict_rows(result: Path, data: Path, table: Path, run: Runner) -> Cells:
    """Return predictions for the rows of a new table, header first, by members trained on all labelled rows."""
    facts = _facts(result)
    plan = _plan(result, "new-rows")
    plan["test"], plan["test_rows"] = _new_source(table)
    plan["test_files"] = str(table.resolve().parent)
    parts = [(m["weight"], [_answers(result, m, plan, data, run, facts, "test")]) for m in facts["members"]]
    cells = _blend(parts, facts)
    column = facts["id_column"]
    ids = _column(table, plan["test"], column) if column else None
    header = [*([column] if ids else []), *facts["prediction_columns"]]
    return [header, *([*([ids[i]] if ids else []), *row] for i, row in enumerate(cells))]


# ---- one member on one view


def _answers(
    result: Path,
    member: dict[str, Any],
    plan: dict[str, Any],
    data: Path,
    run: Runner,
    facts: dict[str, Any],
    wanted: str,
) -> Any:
    with tempfile.TemporaryDirectory(prefix="mlmaster-") as scratch:
        view = Path(scratch, "input")
        try:
            rows = rebuild.materialise(plan, data, view)  # type: ignore[arg-type]
        except rebuild.PlanError as error:
            raise ReproductionError(str(error)) from error
        folder = run(result / member["script"], view)
        name = "probabilities.csv" if facts["labels"] else "submission.csv"
        answer = _read(folder / name, _keys(view, plan, facts), len(rows), _columns(facts, name), facts)
        shutil.rmtree(folder, ignore_errors=True)
    if wanted == "hidden":
        return [answer[i] for i, row in enumerate(rows) if row >= 0]
    order = sorted((i for i, row in enumerate(rows) if row < 0), key=lambda i: -1 - rows[i])
    return [answer[i] for i in order]


def run_script(script: Path, view: Path) -> Path:
    """Run one member with this Python and return the folder it wrote to."""
    facts = _facts(HERE)
    folder = Path(tempfile.mkdtemp(prefix="mlmaster-run-"))
    shutil.copyfile(script, folder / "solution.py")
    shutil.copytree(view, folder / "input")
    (folder / "working").mkdir()
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(facts["threads"])), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [sys.executable, "solution.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReproductionError(f"{script} failed with status {done.returncode}:\n{done.stderr[-2000:]}")
    return folder


def _read(path: Path, keys: list[str] | None, rows: int, columns: list[str], facts: dict[str, Any]) -> Any:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            table = list(csv.DictReader(file))
    except OSError as error:
        raise ReproductionError(f"{path.name} was not written: {error}") from error
    if len(table) != rows:
        raise ReproductionError(f"{path.name} has {len(table)} rows, the view has {rows}")
    if keys is not None and len(set(keys)) == len(keys):
        by_key = {row[facts["id_column"]]: row for row in table}
        table = [by_key[key] for key in keys]
    if facts["form"] != "cells":
        return [[float(row[column]) for column in columns] for row in table]
    return [[row[column] for column in columns] for row in table]


def _keys(view: Path, plan: dict[str, Any], facts: dict[str, Any]) -> list[str] | None:
    if facts["id_column"] is None or facts["id_column"] not in plan["test_columns"]:
        return None
    source = {"path": plan["test_path"], "encoding": "utf-8", "delimiter": plan["delimiter"]}
    return _column(view / plan["test_path"], source, facts["id_column"])


def _columns(facts: dict[str, Any], name: str) -> list[str]:
    columns: list[str] = facts["classes"] if name == "probabilities.csv" else facts["prediction_columns"]
    return columns


# ---- averaging, in the arithmetic of the run


def _blend(members: Members, facts: dict[str, Any]) -> Cells:
    """Return cells from the answers of every member."""
    form, kind = facts["form"], facts["blend"]
    if len(members) == 1:
        answers = members[0][1]
        return _vote([(1.0, each) for each in answers]) if form == "cells" else _written(_mean(answers))
    if form == "cells":
        return _vote([(weight / len(answers), each) for weight, answers in members for each in answers])
    blended = average(form, kind, [(weight, _mean(answers)) for weight, answers in members])
    return _labelled(blended, facts) if facts["labels"] else _written(blended)


def average(form: str, kind: str, parts: Sequence[tuple[float, Numbers]]) -> Numbers:
    """Return the weighted average of numbers by kind, as `mlmaster.engine.combining.average` does."""
    if kind == "rank":
        return _weighted([(weight, _ranks(rows)) for weight, rows in parts])
    if kind == "geometric" and form == "number":
        plain = _weighted(parts)
        safe = [(weight, [[value if value > 0 else 1.0 for value in row] for row in rows]) for weight, rows in parts]
        powers = _powers(safe)
        for i, j in ((i, j) for i, row in enumerate(plain) for j in range(len(row))):
            if any(rows[i][j] <= 0 for _, rows in parts):
                powers[i][j] = plain[i][j]
        return powers
    if kind == "geometric" and form == "probability":
        given = _powers([(weight, _least(rows)) for weight, rows in parts])
        other = _powers([(w, _least([[1.0 - value for value in row] for row in rows])) for w, rows in parts])
        return [[a / (a + b) for a, b in zip(x, y, strict=True)] for x, y in zip(given, other, strict=True)]
    if kind == "geometric":
        powers = _powers([(weight, _least(rows)) for weight, rows in parts])
        totals = []
        for row in powers:
            total = 0.0
            for value in row:
                total = total + value
            totals.append(total)
        return [[value / total for value in row] for row, total in zip(powers, totals, strict=True)]
    total_rows = _weighted(parts)
    return total_rows if form == "number" else [[min(value, 1.0) for value in row] for row in total_rows]


def _weighted(parts: Sequence[tuple[float, Numbers]]) -> Numbers:
    total = [[0.0] * len(row) for row in parts[0][1]]
    for weight, rows in parts:
        total = [[a + weight * b for a, b in zip(x, y, strict=True)] for x, y in zip(total, rows, strict=True)]
    return total


def _powers(parts: Sequence[tuple[float, Numbers]]) -> Numbers:
    logs = _weighted([(weight, [[math.log(value) for value in row] for row in rows]) for weight, rows in parts])
    return [[math.exp(value) for value in row] for row in logs]


def _least(rows: Numbers) -> Numbers:
    return [[max(value, LEAST) for value in row] for row in rows]


def _ranks(rows: Numbers) -> Numbers:
    found = [[0.0] * len(row) for row in rows]
    for column in range(len(rows[0]) if rows else 0):
        values = [row[column] for row in rows]
        order = sorted(range(len(values)), key=values.__getitem__)
        start = 0
        for end in range(1, len(order) + 1):
            if end == len(order) or values[order[end]] != values[order[start]]:
                for place in order[start:end]:
                    found[place][column] = (end - (end - start) / 2.0) / len(rows)
                start = end
    return found


def _mean(answers: Sequence[Numbers]) -> Numbers:
    total = [[0.0] * len(row) for row in answers[0]]
    for answer in answers:
        total = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(total, answer, strict=True)]
    return [[value / len(answers) for value in row] for row in total]


def _vote(parts: Sequence[tuple[float, Cells]]) -> Cells:
    voted = []
    for rows in zip(*(answer for _, answer in parts), strict=True):
        winners = []
        for cells in zip(*rows, strict=True):
            weight_of: dict[str, float] = {}
            for (weight, _), cell in zip(parts, cells, strict=True):
                weight_of[cell] = weight_of.get(cell, 0.0) + weight
            winners.append(max(weight_of, key=weight_of.__getitem__))
        voted.append(winners)
    return voted


def _labelled(rows: Numbers, facts: dict[str, Any]) -> Cells:
    if facts["labels"] == "likeliest":
        return [[facts["classes"][row.index(max(row))]] for row in rows]
    if facts["labels"] == "flags":
        return [["1" if value >= 0.5 else "0" for value in row] for row in rows]
    return [[" ".join(c for c, value in zip(facts["classes"], row, strict=True) if value >= 0.5)] for row in rows]


def _written(rows: Numbers) -> Cells:
    return [[repr(value) for value in row] for row in rows]


# ---- files of a result


def _facts(result: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((result / "result.json").read_text(encoding="utf-8"))
    return facts


def _plan(result: Path, name: str) -> Any:
    plan: dict[str, Any] = json.loads((result / "views" / f"{name}.json").read_text(encoding="utf-8"))
    return plan


def _lay_out(result: Path, facts: dict[str, Any], answered: Sequence[Sequence[str] | None]) -> Cells:
    """Put answers by row number into the submission's rows and columns."""
    with (result / "layout.csv").open(encoding="utf-8", newline="") as file:
        layout = list(csv.DictReader(file))
    rows = [facts["submission_columns"]]
    for line in layout:
        cells = answered[int(line["row"])]
        if cells is None:
            raise ReproductionError(f"row {line['row']} was never predicted")
        predicted = dict(zip(facts["prediction_columns"], cells, strict=True))
        rows.append([predicted[c] if c in predicted else line[f"={c}"] for c in facts["submission_columns"]])
    return rows


def _new_source(table: Path) -> tuple[dict[str, str], int]:
    """Return how to read a table of new rows (UTF-8, comma or what its header uses), and its number of rows."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
    except (OSError, UnicodeDecodeError) as error:
        raise ReproductionError(f"{table} cannot be read as a UTF-8 table: {error}") from error
    delimiter = max(",\t;|", key=first.count)
    source = {"path": str(table.resolve()), "encoding": "utf-8-sig", "delimiter": delimiter}
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = sum(1 for cells in csv.reader(file, delimiter=delimiter) if any(cells)) - 1
    if rows < 1:
        raise ReproductionError(f"{table} holds no rows below its header")
    return source, rows


def _column(path: Path, source: dict[str, str], name: str) -> list[str] | None:
    with path.open(encoding=source["encoding"], newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=source["delimiter"]) if row]
    if name not in rows[0]:
        return None
    place = rows[0].index(name)
    return [row[place] for row in rows[1:]]


def write_rows(path: Path, rows: Cells) -> None:
    """Write a table in one step."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    temporary.replace(path)


def main(arguments: Sequence[str] | None = None, *, predicts: bool = False) -> int:
    """Run as a script; return the exit status."""
    parser = argparse.ArgumentParser(description="Predict new rows." if predicts else "Rebuild the submission.")
    if predicts:
        parser.add_argument("table", type=Path, help="CSV of new rows")
    parser.add_argument("--data", type=Path, help="the task's folder (default: where it lay during the run)")
    parser.add_argument("--out", type=Path, default=Path("predictions.csv" if predicts else "submission.csv"))
    options = parser.parse_args(arguments)
    data = options.data or Path(_facts(HERE)["data"])
    try:
        if not data.is_dir():
            raise ReproductionError(f"the data is not at {data} any more; name its folder with --data")
        rows = (
            predict_rows(HERE, data, options.table, run_script) if predicts else rebuild_answer(HERE, data, run_script)
        )
        write_rows(options.out, rows)
    except ReproductionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{len(rows) - 1} rows written to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
