"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; progress goes to stderr.")]
PlainOption = Annotated[bool, typer.Option("--plain", help="Print one line an event even on a terminal.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting; `mlmaster settings` lists them. May be repeated."),
]
TimeOption = Annotated[str | None, typer.Option("--time", help="Time for the whole run: 90s, 5m, 1h30m.")]
NodesOption = Annotated[int | None, typer.Option("--nodes", help="Solutions to make at most.")]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="Language model to ask: openai:gpt-5, ollama:qwen3:8b, …"),
]
BaseUrlOption = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="Address of the model's provider, for one of your own.")
]
CostOption = Annotated[float | None, typer.Option("--cost", help="US dollars for language models at most.")]
TokensOption = Annotated[int | None, typer.Option("--tokens", help="Tokens for language models at most.")]
CompetitionOption = Annotated[
    str | None,
    typer.Option("-c", "--competition", metavar="ID", help="Competition of MLE-bench; `mlmaster bench list`."),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Folder of prepared competitions; by default MLE-bench's own, below your cache.",
    ),
]
