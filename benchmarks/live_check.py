"""How well a language model gets on: three small runs with a real model, and what was recorded of them as rates.

    make live-check MODEL=openai:gpt-5 [BASE_URL=http://localhost:8000/v1] [ARGS="--nodes 4 --set session.turns=1"]

For whoever has a model: it is asked, and what it charges is charged, within a budget of dollars and tokens for each task. The
tasks are built in; where `ML_MASTER_TASKS` names a folder that has `spooky-author-identification`, that is one of the three.
Everything is read from the run directories (`live_rates.py`), which are kept. Tests and CI ask a pretended model alone.

- parse: replies from which a script, edits or a tool could be read
- scripts parse: whole scripts that are Python
- edits apply: edits that fitted the script as it stood
- smoke pass: solutions whose first script ran through where it was first tried
- scored: decisions that came to a score
- cache hit: tokens read that the provider's cache had
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from live_rates import Run, read_run, summarise
from measure import RESULTS, describe_machine

BUILT_IN = ("breast-cancer", "diabetes", "wine")
LARGER = "spooky-author-identification"
MLMASTER = str(Path(sys.executable).with_name("mlmaster"))
INTERRUPTED = 130
FEW_DRAFTS = ("search.drafts=2", "search.widest=2")
"""So that few solutions hold improvements and repairs, which a usual run begins after five drafts."""
RATES = ("parse", "scripts_parse", "edits_apply", "smoke_pass", "scored", "cache_hit", "declined", "cut")


def choose_tasks(environ: Mapping[str, str]) -> list[str]:
    """Return three sources: the built-in tasks, one of them exchanged for a larger one where that is there."""
    folder = environ.get("ML_MASTER_TASKS")
    larger = Path(folder, LARGER) if folder else None
    if larger is None or not larger.is_dir():
        return list(BUILT_IN)
    return [*BUILT_IN[:2], str(larger)]


def check_model(model: str, more: Sequence[str]) -> None:
    """Ask one short question, so that a wrong key or address ends this before anything is run.

    Raises:
        SystemExit: It was not answered; `mlmaster` has said why.
    """
    if _call("models", model, *more):
        raise SystemExit(2)


def run_task(source: str, out: Path, options: Sequence[str]) -> Run | None:
    """Run a task and return what was recorded; None when nothing was.

    Raises:
        SystemExit: It was interrupted.
    """
    alone = ("--engineer", "llm", "--no-baseline")
    if _call("run", source, "--out", str(out), "--yes", "--plain", *alone, *options) == INTERRUPTED:
        raise SystemExit(INTERRUPTED)
    return read_run(out) if (out / "journal.db").exists() else None


def _call(*words: str) -> int:
    """Run `mlmaster` to its end and return its exit code; what Ctrl-C means is left to it."""
    with subprocess.Popen([MLMASTER, *words]) as process:
        while True:
            with suppress(KeyboardInterrupt):
                return process.wait()


def table(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the figures as lines for a person."""
    width = max(map(len, found))
    yield "  ".join([" " * width, *(f"{name.replace('_', ' '):>13}" for name in (*RATES, "cost", "s a reply"))])
    for name, figures in found.items():
        rates = (_share(figures[rate]) for rate in RATES)
        seconds = figures["seconds_per_reply"]
        cells = [*rates, _cost(figures), "-" if seconds is None else f"{seconds['median']:.1f}"]
        yield "  ".join([f"{name:<{width}}", *(f"{cell:>13}" for cell in cells)])


def _share(rate: Mapping[str, float] | None) -> str:
    return "-" if rate is None else f"{rate['rate']:.0%} of {rate['of']:,.0f}"


def _cost(figures: Mapping[str, Any]) -> str:
    return "not known" if figures["tokens"]["unpriced"] else f"${figures['cost_usd']:.3f}"


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="provider:model, as in openai:gpt-5; `mlmaster models` lists the providers")
    parser.add_argument("--base-url", help="address of the provider, where it is not the usual one")
    parser.add_argument("--task", action="append", help="a task in place of the three; may be repeated")
    parser.add_argument("--nodes", type=int, default=8, help="solutions of each task")
    parser.add_argument("--cost", type=float, default=1.0, help="dollars for each task")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="tokens for each task")
    parser.add_argument("--time", default="30m", help="of each task")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the runs")
    parser.add_argument("--out", type=Path, help="folder for the runs; by default runs/live-check-TIME")
    parser.add_argument("--result", type=Path, help="file of the figures; by default results/live/MODEL.json")
    arguments = parser.parse_args(words)
    if not arguments.model:
        parser.exit(2, "error: no model is named; name one: make live-check MODEL=openai:gpt-5\n")
    reached = [] if arguments.base_url is None else ["--base-url", arguments.base_url]
    given = {each.partition("=")[0]: each for each in (*FEW_DRAFTS, *arguments.set)}
    settings = [word for each in given.values() for word in ("--set", each)]
    check_model(arguments.model, [*reached, *settings])
    budget = ["--nodes", str(arguments.nodes), "--cost", str(arguments.cost), "--tokens", str(arguments.tokens)]
    options = ["--model", arguments.model, *reached, *settings, *budget, "--time", arguments.time]
    folder = arguments.out or Path("runs", f"live-check-{time.strftime('%Y%m%d-%H%M%S')}")
    runs: dict[str, Run] = {}
    for source in arguments.task or choose_tasks(os.environ):
        name = Path(source).name
        print(f"\n== {name}", flush=True)
        found = run_task(source, folder / name, options)
        if found is None:
            raise SystemExit(2)  # refused before it began; `mlmaster` has said why
        runs[name] = found
    figures = {name: summarise([run]) for name, run in runs.items()} | {"all": summarise(runs.values())}
    result = arguments.result or RESULTS / "live" / f"{re.sub(r'[^a-zA-Z0-9.]+', '-', arguments.model)}.json"
    result.parent.mkdir(parents=True, exist_ok=True)
    about = {"model": arguments.model, "budget": " ".join(budget), "settings": arguments.set}
    result.write_text(json.dumps({**describe_machine(), **about, **figures}, indent=2) + "\n", encoding="utf-8")
    print("", *table(figures), "", f"figures      {result}", f"runs         {folder}", sep="\n")
    if figures["all"]["solutions"] == 0:
        raise SystemExit("error: the model was asked for nothing; the lines above say why")


if __name__ == "__main__":
    main()
