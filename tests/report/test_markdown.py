"""The report as a whole: compared with a file that a person has read (`golden.md`)."""

from __future__ import annotations

from pathlib import Path

from mlmaster.core.blend import BlendKind
from mlmaster.core.events import Decided, Selected
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


def test_report_of_a_choice_without_a_judge_says_what_the_intervals_rest_on() -> None:
    records = recorded_run()
    place = next(i for i, record in enumerate(records) if isinstance(record.event, Selected))
    chosen = records[place].event.model_copy(
        update={"basis": "repeats", "judge": None, "blend": BlendKind.GEOMETRIC, "note": "too few rows"}
    )
    records[place] = records[place].model_copy(update={"event": chosen})
    del records[place - 1]
    report = render(records, TASK)
    assert "| averaged by | geometric mean |" in report
    assert "the intervals are corrected for that" in report
    assert "The finalist was not run again under a fresh key" in report
    assert "too few rows" in report


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
