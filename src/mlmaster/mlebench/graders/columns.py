"""Which columns a submission may have, where it is more than having some."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mlmaster.core.cells import listed, shown
from mlmaster.errors import SubmissionError
from mlmaster.mlebench.graders.pairing import require_columns


def require_only(submission: pd.DataFrame, columns: Sequence[str]) -> None:
    """Check that a submission has some columns, in any order, and no others.

    Raises:
        SubmissionError: One is missing, or there is another.
    """
    require_columns(submission, columns)
    others = [shown(str(name)) for name in submission.columns if name not in columns]
    if others:
        raise SubmissionError(f"the submission must have {listed(columns)} only, and has {listed(others, 5)} as well")
