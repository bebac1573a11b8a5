"""`mlmaster task init|check`: what is inferred about a task, shown or written down to be corrected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlmaster.cli.options import JsonOption, SetOption

if TYPE_CHECKING:
    from mlmaster.settings import Settings
    from mlmaster.tasks.loaded import LoadedTask

app = typer.Typer(no_args_is_help=True, help="See or write down what a task is taken for.")

Source = Annotated[str, typer.Argument(metavar="DIR", help="Folder, data file or built-in task.", show_default=False)]
Target = Annotated[list[str] | None, typer.Option("--target", help="Column to predict. May be repeated.")]


@app.command()
def check(source: Source, target: Target = None, assignments: SetOption = None, as_json: JsonOption = False) -> None:
    """Say what a task is taken for, and why, without running anything."""
    import tempfile

    from mlmaster.cli.closing import print_json
    from mlmaster.cli.inferences import inference_lines
    from mlmaster.report.scheme import scheme_lines
    from mlmaster.wiring import preview_scheme
    from mlmaster.wiring.known import with_known

    with tempfile.TemporaryDirectory(prefix="mlmaster-check-") as workspace:
        settings = _settings(target, assignments)
        settings, known = with_known(source, settings)
        loaded = _load(source, settings, Path(workspace))
        scheme = preview_scheme(loaded.task, settings)
        if as_json:
            print_json(
                {
                    "task": loaded.task.model_dump(mode="json"),
                    "inferences": [
                        {"name": i.name, "value": i.value, "why": i.why} for i in (*known, *loaded.inferences)
                    ],
                    "notes": list(loaded.notes),
                    "scheme": None if scheme is None else scheme.model_dump(mode="json"),
                }
            )
            return
        for line in inference_lines((*known, *loaded.inferences), loaded.notes):
            typer.echo(line)
        for line in scheme_lines(scheme) if scheme is not None else ():
            typer.echo(line)


@app.command()
def init(source: Source, target: Target = None, assignments: SetOption = None) -> None:
    """Write what is inferred to task.yaml in the folder, to be read and corrected."""
    import tempfile

    from mlmaster.errors import DataError
    from mlmaster.tasks.task_file import init as write_task_file

    folder = Path(source)
    if not folder.is_dir():
        raise DataError(f"{source} is no folder; task.yaml belongs into the folder that holds the data")
    with tempfile.TemporaryDirectory(prefix="mlmaster-init-") as workspace:
        path = write_task_file(folder, _load(source, _settings(target, assignments), Path(workspace)))
    typer.echo(f"{path}: read it, correct what is wrong, then `mlmaster run {source}`")


def _settings(target: list[str] | None, assignments: list[str] | None) -> Settings:
    import os

    from mlmaster.settings import Layered, load_settings

    flags = {"task.target": Layered(target or None, "--target")}
    return load_settings(flags, assignments=assignments or (), environ=os.environ, folder=Path.cwd()).settings


def _load(source: str, settings: Settings, workspace: Path) -> LoadedTask:
    from mlmaster.metrics.registry import Registry
    from mlmaster.tasks.load import load

    return load(source, settings.task, Registry(), workspace)
