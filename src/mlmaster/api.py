"""The Python way in: `mlmaster.solve(...)` is `mlmaster run`."""

from __future__ import annotations

import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlmaster.core.events import Selected
from mlmaster.settings import Layered, load_settings
from mlmaster.wiring import new_run, predict

if TYPE_CHECKING:
    import pandas as pd

    from mlmaster.engine.run import Observer


@dataclass(frozen=True, slots=True)
class Result:
    """What a run handed back.

    Attributes:
        directory: The run directory.
        selected: The final choice with its estimate, or None when no solution was scored on every fold.
    """

    directory: Path
    selected: Selected | None

    @property
    def submission(self) -> Path:
        """Return the path of the predictions in the requested format."""
        return self.directory / "best" / "submission.csv"

    def predict(self, table: pd.DataFrame | str | Path) -> pd.DataFrame:
        """Return predictions for new rows, in their order.

        Args:
            table: A data frame or a CSV file with the columns of the task's test rows.

        Raises:
            UserError: The rows cannot be used; the message says why.
        """
        import pandas as pd

        if isinstance(table, str | Path):
            rows = predict(self.directory, Path(table))
        else:
            with tempfile.TemporaryDirectory(prefix="mlmaster-") as folder:
                path = Path(folder, "new.csv")
                table.to_csv(path, index=False, quoting=csv.QUOTE_MINIMAL)
                rows = predict(self.directory, path)
        found = pd.DataFrame(rows[1:], columns=rows[0])
        for column in found.columns:
            try:
                found[column] = pd.to_numeric(found[column])
            except ValueError:
                continue
        return found


def solve(
    source: str | Path,
    *,
    target: str | None = None,
    metric: str | None = None,
    time: str | None = None,
    nodes: int | None = None,
    cost: float | None = None,
    model: str | None = None,
    base_url: str | None = None,
    goal: str | None = None,
    out: str | Path | None = None,
    seed: int | None = None,
    settings: dict[str, Any] | None = None,
    observer: Observer | None = None,
) -> Result:
    """Solve a task.

    Args:
        source: A folder, a table file, or the name of a built-in task.
        target: Column to predict, where it is not clear.
        metric: Metric by its standard name, where it is not clear.
        time: Time budget: `90s`, `5m`, `1h30m`.
        nodes: Solutions to make at most.
        cost: US dollars for language models at most.
        model: Language model to ask: `openai:gpt-5`, `ollama:qwen3:8b`; by default none is asked.
        base_url: Address of the model's provider, for one of your own.
        goal: What is asked for, in words.
        out: Run directory; by default a new one under `runs/`.
        seed: Seed of every random choice.
        settings: Further settings by dotted key.
        observer: Called with every record and the tree.

    Raises:
        UserError: Something given cannot be used; the message says what to change.
    """
    given = {
        "task.target": target,
        "task.metric": metric,
        "task.goal": goal,
        "budget.time": time,
        "budget.nodes": nodes,
        "budget.cost": cost,
        "llm.model": model,
        "llm.base_url": base_url,
        "seed": seed,
        **(settings or {}),
    }
    flags = {key: Layered(value, "solve()") for key, value in given.items() if value is not None}
    run, _ = new_run(source, load_settings(flags).settings, Path(out) if out else None)
    if observer:
        run.observers.append(observer)
    selected = run.execute()
    return Result(run.directory, selected)
