import csv
from io import StringIO

from tests.bench.agents import agent

from mlmaster.bench.tables import row_of, to_csv, to_markdown


def test_a_leaderboard_row() -> None:
    row = row_of("ML-Master | 2.0", agent(low=(16, 17, 17), medium=(18, 18, 22), high=(6, 6, 7)))
    text = to_markdown([row])
    assert "| Agent | Low (%) | Medium (%) | High (%) | All (%) | Seeds |" in text
    assert "| ML-Master \\| 2.0 | 75.76 ± 1.52 | 50.88 ± 3.51 | 42.22 ± 2.22 | 56.44 ± 2.47 | 3 |" in text
    assert "| All (%) | Valid | Above median | Gold | Silver | Bronze |" in text
    assert "padded" not in text
    assert "fewer" not in text


def test_a_split_without_reports_is_a_dash_and_padding_is_said() -> None:
    few = {name: outcomes[:2] for name, outcomes in agent(low=(16, 17, 17)).items()}
    assert "| some | 75.00 ± 2.27 | — | — | — | 2 |" in to_markdown([row_of("some", few)])
    padded = to_markdown([row_of("some", few, pad=True)])
    assert "22.00 ± 0.67\\*" in padded
    assert "count as no submission" in padded
    assert "fewer than 3 seeds" in padded


def test_csv_holds_every_measure_to_the_last_digit() -> None:
    rows = list(csv.DictReader(StringIO(to_csv([row_of("a,b", agent(high=(6, 6, 7)))]))))
    medal = next(each for each in rows if each["measure"] == "any_medal_percentage")
    assert medal["agent"] == "a,b"
    assert medal["split"] == "high"
    assert float(medal["mean"]) == (40 + 40 + 100 * 7 / 15) / 3
    assert len(rows) == 7
