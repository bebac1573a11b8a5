"""`mlmaster bench list|report|compare|integrity`: the competitions of MLE-bench, and what agents reach on them, and how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlmaster.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Collection

    from mlmaster.bench.outcomes import Outcomes

MOST_PAIRS = 20
"""So many pairs of alike scripts are shown; --json has them all."""

app = typer.Typer(no_args_is_help=True, help="MLE-bench: its competitions, and agents over seeds and splits.")

SplitOption = Annotated[str, typer.Option("--split", help="low (lite), medium, high, all or dev.")]
PadOption = Annotated[
    bool, typer.Option("--pad-missing", help="Count missing attempts as no submission, rather than leave seeds out.")
]


@app.command("list")
def list_competitions(split: SplitOption = "", as_json: JsonOption = False) -> None:
    """List the competitions, with their metric and what a medal takes."""
    from mlmaster.cli.closing import print_json
    from mlmaster.mlebench.registry import competitions, of_split

    chosen = of_split(split) if split else tuple(competitions().values())
    if as_json:
        print_json([each.model_dump(mode="json") for each in chosen])
        return
    for each in chosen:
        sign = "<=" if each.is_lower_better else ">="
        medals = f"{sign} {each.thresholds.bronze:g} bronze, {each.thresholds.silver:g} silver, {each.thresholds.gold:g} gold"
        size = "" if each.size_gb is None else f", {each.size_gb:g} GB"
        typer.echo(f"{each.id} ({each.split}{size}): {each.metric}; {medals}")
        if each.known_issue:
            typer.echo(f"    known issue: {each.known_issue}")


@app.command()
def report(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="REPORT...",
            help="Group reports of `mlmaster grade` or MLE-bench, or folders of them.",
            show_default=False,
        ),
    ],
    split: SplitOption = "",
    agent: Annotated[str, typer.Option("--agent", metavar="NAME", help="What to call it in the table.")] = "agent",
    pad: PadOption = False,
    form: Annotated[str, typer.Option("--format", help="markdown, csv, or json as MLE-bench prints it.")] = "markdown",
) -> None:
    """Average an agent's reports over seeds.

    A group report is one seed of the competitions it holds. Shares of medals by split, mean ± standard error as MLE-bench's
    leaderboard has them, then pass@k.
    """
    import json

    from mlmaster.bench import tables
    from mlmaster.bench.aggregate import aggregate
    from mlmaster.bench.outcomes import find_reports, read_outcomes
    from mlmaster.errors import DataError, SettingsError
    from mlmaster.mlebench.registry import of_split

    if form not in ("markdown", "csv", "json"):
        raise SettingsError(f"--format is {form!r}; it is markdown, csv or json")
    outcomes = read_outcomes(find_reports(paths))
    if form == "json":
        names = [each.id for each in of_split(split or "all")]
        print(json.dumps(aggregate(outcomes, names, pad=pad).to_dict(), indent=2))
        return
    if split:
        of_split(split)
    splits = (split,) if split else tables.COLUMNS
    row = tables.row_of(agent, outcomes, splits, pad=pad)
    if all(isinstance(numbers, str) for numbers in row.splits.values()):
        held = ", ".join([*sorted(outcomes)[:5], *(["…"] if len(outcomes) > 5 else [])]) or "none"
        raise DataError(
            f"the reports hold {_number(outcomes, 'competition')} ({held}); {splits[-1]}: {row.splits[splits[-1]]}"
        )
    if form == "csv":
        typer.echo(tables.to_csv([row]), nl=False)
    else:
        typer.echo(tables.to_markdown([row], splits), nl=False)
        for name, numbers in row.splits.items():
            for line in [] if isinstance(numbers, str) else _pass_at_lines(name, outcomes, pad=pad):
                typer.echo(line)
    for name, numbers in row.splits.items():
        if isinstance(numbers, str):
            typer.echo(f"{name}: {numbers}", err=True)


@app.command()
def compare(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="Reports of one agent: a file or a folder.", show_default=False)
    ],
    second: Annotated[Path, typer.Argument(metavar="B", help="Reports of the other.", show_default=False)],
    split: SplitOption = "all",
    as_json: JsonOption = False,
) -> None:
    """Compare two agents on the competitions both tried.

    The difference in any-medal share with its 95 % interval, by a bootstrap over competitions (the same for both) and seeds.
    """
    from dataclasses import asdict

    from mlmaster.bench.comparison import compare as compute
    from mlmaster.bench.outcomes import find_reports, read_outcomes
    from mlmaster.cli.closing import print_json
    from mlmaster.mlebench.registry import of_split

    sides = [read_outcomes(find_reports([path])) for path in (first, second)]
    found = compute(sides[0], sides[1], [each.id for each in of_split(split)])
    if as_json:
        print_json(asdict(found))
        return
    number = _number(found.competitions, "competition")
    typer.echo(f"any medal, {number}: {found.first:.2f} % against {found.second:.2f} %")
    typer.echo(
        f"difference {found.difference:+.2f} points [{found.low:+.2f}, {found.high:+.2f}] (95 %, paired bootstrap)"
    )
    typer.echo(
        f"the first is ahead in {100 * found.chance:.1f} % of resamples; won {found.won}, tied {found.tied}, "
        f"lost {found.lost}"
    )
    if found.left_out:
        typer.echo(f"left out, tried by one of them only: {', '.join(found.left_out)}", err=True)


def _pass_at_lines(split: str, outcomes: Outcomes, *, pad: bool) -> list[str]:
    """Return pass@k of a split, by both estimators; nothing with one seed, where it is the share itself."""
    from mlmaster.bench.pass_at_k import pass_at
    from mlmaster.mlebench.registry import of_split

    found = pass_at(outcomes, [each.id for each in of_split(split)], pad=pad)
    if len(found) < 2:
        return []
    shares = ", ".join(f"k={each.k} {each.unbiased:.2f} ({each.plain:.2f})" for each in found)
    return [f"pass@k on {split}, unbiased (first k seeds), %: {shares}"]


@app.command()
def integrity(
    path: Annotated[
        Path, typer.Argument(metavar="RUN", help="Run, folder of scripts, or one script.", show_default=False)
    ],
    kernels: Annotated[
        Path | None,
        typer.Option("--kernels", metavar="DIR", help="Folder of published kernels to compare with (.py, .ipynb)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look for broken rules in winning scripts.

    Hand-written answers, input from outside, language models asked inside a solution; with --kernels also what is shared with
    published code. What is found is for a person to judge.
    """
    from dataclasses import asdict

    from mlmaster.cli.closing import print_json
    from mlmaster.mlebench.integrity.sources import read_kernels, read_solutions
    from mlmaster.mlebench.integrity.violations import find_violations
    from mlmaster.mlebench.integrity.winnowing import compare as compare_scripts

    solutions = read_solutions(path)
    findings = find_violations(solutions)
    alike = [] if kernels is None else compare_scripts(solutions, read_kernels(kernels))
    if as_json:
        print_json({"violations": [asdict(each) for each in findings], "likeness": [asdict(each) for each in alike]})
        return
    for finding in findings:
        typer.echo(f"{finding.script}:{finding.line}: {finding.rule}: {finding.what}")
    typer.echo(f"{_number(solutions, 'script')}, {_number(findings, 'finding')}")
    for pair in alike[:MOST_PAIRS]:
        shares = f"{100 * pair.similarity:.0f} % alike, {100 * pair.contained:.0f} % of the solution stands there"
        typer.echo(f"{pair.solution} ~ {pair.kernel}: {shares}")
    if kernels is not None and not alike:
        typer.echo("nothing is shared with the kernels")


def _number(things: Collection[object], name: str) -> str:
    return f"{len(things)} {name}" + "s" * (len(things) != 1)
