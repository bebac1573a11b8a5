"""Rebuild a run's answer from its scripts, or answer for new rows. Standard library only; needs no ML-Master.

This very file lies in a finished run's `best/` folder, beside `rebuild.py`, `result.json`, `views/` and `members/`:

    python reproduce.py [--data FOLDER] [--out submission.csv]
    python predict.py NEW.csv [--data FOLDER] [--out predictions.csv]

Every member is run again on the very views it was scored on; its answers are averaged over folds and weighted, in the
order and arithmetic of the run itself, so that the same libraries give the same submission.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

if __package__:
    from mlmaster.tasks import rebuild
else:
    import rebuild  # type: ignore[import-not-found, no-redef]

HERE = Path(__file__).resolve().parent
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

Cells = list[list[str]]
Numbers = list[list[float]]
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
    views = [(path, json.loads(path.read_text(encoding="utf-8"))) for path in _plans(result, facts)]
    wanted = "hidden" if facts["is_out_of_fold"] else "test"
    parts: list[list[tuple[float, Any]]] = []
    for member in facts["members"]:
        by_view = [_answers(result, member, plan, data, run, facts, wanted) for _, plan in views]
        parts.append([(member["weight"], answer) for answer in by_view])
    if facts["is_out_of_fold"]:
        rows: dict[int, list[str]] = {}
        for index in range(len(views)):
            order = [row for row in rebuild.row_numbers(views[index][1]) if row >= 0]
            cells = _blend([(member[index][0], [member[index][1]]) for member in parts], facts)
            rows.update(zip(order, cells, strict=True))
        answered = [rows.get(number) for number in range(max(rows) + 1)]
    else:
        answered = list(_blend([(member[0][0], [answer for _, answer in member]) for member in parts], facts))
    return _lay_out(result, facts, answered)


def predict_rows(result: Path, data: Path, table: Path, run: Runner) -> Cells:
    """Return predictions for the rows of a new table, header first, by members trained on all labelled rows."""
    facts = _facts(result)
    plan = json.loads((result / "views" / "new-rows.json").read_text(encoding="utf-8"))
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
        name = "submission.csv"
        if facts["prediction_kind"] == "label" and facts["blends_probabilities"]:
            name = "probabilities.csv"
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
    if _is_numeric(facts):
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


def _is_numeric(facts: dict[str, Any]) -> bool:
    averaged = facts["prediction_kind"] in ("number", "probability", "class_probabilities")
    return averaged or bool(facts["blends_probabilities"])


def _blend(members: Sequence[tuple[float, Sequence[Any]]], facts: dict[str, Any]) -> Cells:
    """Return cells from (weight, answers by fold) of every member."""
    if not _is_numeric(facts):
        return _vote(members[0][1])
    total: Numbers | None = None
    for weight, answers in members:
        part = _mean(answers)
        if len(members) == 1:
            total = part
            break
        total = total or [[0.0] * len(row) for row in part]
        total = [[a + weight * b for a, b in zip(x, y, strict=True)] for x, y in zip(total, part, strict=True)]
    assert total is not None
    if facts["prediction_kind"] == "label":
        return [[facts["classes"][row.index(max(row))]] for row in total]
    return [[repr(value) for value in row] for row in total]


def _mean(answers: Sequence[Numbers]) -> Numbers:
    total = [[0.0] * len(row) for row in answers[0]]
    for answer in answers:
        total = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(total, answer, strict=True)]
    return [[value / len(answers) for value in row] for row in total]


def _vote(answers: Sequence[Cells]) -> Cells:
    voted = []
    for rows in zip(*answers, strict=True):
        voted.append([Counter(cells).most_common(1)[0][0] for cells in zip(*rows, strict=True)])
    return voted


# ---- files of a result


def _facts(result: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((result / "result.json").read_text(encoding="utf-8"))
    return facts


def _plans(result: Path, facts: dict[str, Any]) -> list[Path]:
    return [result / "views" / f"{name}.json" for name in facts["views"]]


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
