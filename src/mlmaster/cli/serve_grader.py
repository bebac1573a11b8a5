"""`mlmaster serve-grader`: MLE-bench's validation server for one competition."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlmaster.cli.options import DataDirOption


def serve_grader(
    competition: Annotated[
        str, typer.Option("--competition", "-c", metavar="ID", help="Competition of MLE-bench.", show_default=False)
    ],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes any that is free.")] = 5000,
    data_dir: DataDirOption = None,
    log: Annotated[
        Path | None, typer.Option("--log", metavar="FILE", help="Where calls are logged; by default stderr.")
    ] = None,
    max_mb: Annotated[int, typer.Option("--max-mb", min=1, help="Largest submission taken, in MB.")] = 2048,
) -> None:
    """Tell others whether their submissions are valid.

    Serves POST /validate and GET /health as MLE-bench's own server does, without a score; every call is logged. Ends on
    Ctrl-C.
    """
    from mlmaster.errors import SettingsError
    from mlmaster.mlebench.call_log import open_log
    from mlmaster.mlebench.limits import Limits, usable_memory
    from mlmaster.mlebench.places import Place, data_dir_or_default
    from mlmaster.mlebench.registry import competition as find

    try:
        from mlmaster.mlebench.server import ValidationServer, is_loopback, listen, obey_signals
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{error.name} is not installed; the server needs: pip install 'ml-master[server]'"
        ) from error

    place = Place(data_dir_or_default(data_dir), find(competition))
    limits = Limits(upload_bytes=max_mb * 2**20, memory_bytes=usable_memory())
    with open_log(log) as calls, listen(host, port) as listener:
        shown = f"[{host}]" if ":" in host else host
        if not is_loopback(host):
            warning = typer.style("warning:", fg="yellow", bold=True)
            typer.echo(
                f"{warning} listening on {shown}, not only on this machine: whoever reaches it can hand in submissions "
                "without a password, as many as they like; bind it to 127.0.0.1, or keep others off by a firewall",
                err=True,
            )
        address = f"http://{shown}:{listener.getsockname()[1]}"

        def announce() -> None:
            obey_signals()
            typer.echo(f"{competition}: validating at {address}/validate; Ctrl-C ends", err=True)

        ValidationServer(place, calls, limits).run(listener, announce)
    typer.echo("stopped", err=True)
