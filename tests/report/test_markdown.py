"""The report as a whole: compared with a file that a person has read (`golden.md`)."""

from __future__ import annotations

from pathlib import Path

from mlmaster.core.events import Decided
from mlmaster.report.markdown import render
from mlmaster.testing.recorded import TASK, recorded_run, unfinished_run

GOLDEN = Path(__file__).with_name("golden.md")


def test_report_of_an_ended_run() -> None:
    assert render(recorded_run(), TASK, {"seed": 7, "budget": {"time": "2m"}}) == GOLDEN.read_text(encoding="utf-8")


def test_report_of_an_unfinished_run_says_so_and_shows_guide_only() -> None:
    report = render(unfinished_run(), TASK)
    assert "It has not ended" in report
    assert "| best so far | #3 target_encoding |" in report
    assert "judge" not in report
    assert "#7 merge stack  running" in report


def test_report_without_records() -> None:
    assert render([]) == "# A run without records\n\nNothing has been recorded yet.\n\n## Limits\n\n" + "\n".join(
        [
            "- Scores are of rows hidden by the harness from the given train data; if the future differs, so will the score.",
            "- Changes within one standard error are noise, whatever their sign.",
            "",
        ]
    )


def test_every_prefix_of_a_run_can_be_reported() -> None:
    records = recorded_run()
    for length in range(1, len(records) + 1):
        report = render(records[:length], TASK)
        assert report.startswith("# tumours")
        decided = sum(isinstance(record.event, Decided) for record in records[:length])
        rows = [line for line in report.splitlines() if line.startswith("| #")]
        assert len(rows) >= decided


def test_text_of_scripts_cannot_break_a_table() -> None:
    report = render(recorded_run(), TASK)
    line = next(line for line in report.splitlines() if line.startswith("| timeout |"))
    assert line == r"| timeout | 1 | #2 | 30 s of wall time were spent \| stopped |"
