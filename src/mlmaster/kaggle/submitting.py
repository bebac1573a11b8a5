"""Sending a submission to a competition. Nothing here is ever called but by the user's own command."""

from __future__ import annotations

from pathlib import Path

from mlmaster.errors import DataError
from mlmaster.kaggle.client import Load, connect, explain, import_client, silence


def submit(name: str, submission: Path, message: str, load: Load = import_client) -> str:
    """Send a submission, once: one that may have arrived is not sent again. Return what Kaggle says to it.

    Args:
        name: The competition's slug.
        submission: The file.
        message: What the submission is called at Kaggle.
        load: Gives Kaggle's client.

    Raises:
        DataError: There is no such file, no token, or Kaggle does not take it.
    """
    otherwise = f"send {submission} by hand at https://www.kaggle.com/c/{name}/submit"
    if not submission.is_file():
        raise DataError(f"{submission}: no such file; a run writes it once a solution has been scored")
    with silence():
        client = connect(name, load, otherwise)
        try:
            answer = client.competition_submit(str(submission), message, name, quiet=True)
        except Exception as error:  # noqa: BLE001 - the client is a stranger's and raises whatever its libraries raise
            raise DataError(explain(name, error, otherwise).text) from None
    return " ".join(str(getattr(answer, "message", "") or "sent").split())
