"""`grade -c`, a list of submissions, and `bench`: what a researcher types."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.folders import Invoke

SHIP = "spaceship-titanic"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A prepared competition of ten rows."""
    prepared = tmp_path / "data" / SHIP / "prepared"
    rows = [(f"{i:04}_01", i % 2 == 0) for i in range(10)]
    for name in ("private/test.csv", "public/sample_submission.csv"):
        (prepared / name).parent.mkdir(parents=True)
        value = (lambda answer: answer) if "private" in name else (lambda answer: False)
        lines = "".join(f"{key},{value(answer)}\n" for key, answer in rows)
        (prepared / name).write_text(f"PassengerId,Transported\n{lines}", encoding="utf-8")
    return tmp_path / "data"


@pytest.fixture
def sample(data_dir: Path) -> Path:
    return data_dir / SHIP / "prepared" / "public" / "sample_submission.csv"


def test_a_submission_as_a_person_reads_it(invoke: Invoke, data_dir: Path, sample: Path) -> None:
    result = invoke("grade", sample, "-c", SHIP, "--data-dir", data_dir)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "spaceship-titanic: 0.5 (accuracy; higher is better)",
        "no medal, not above the median (gold 0.82066, silver 0.81388, bronze 0.80967, median 0.79565)",
    ]


def test_json_is_the_official_report(invoke: Invoke, data_dir: Path) -> None:
    best = data_dir / SHIP / "prepared" / "private" / "test.csv"
    found = json.loads(invoke("grade", best, "-c", SHIP, "--data-dir", data_dir, "--json").stdout)
    assert (found["score"], found["gold_medal"], found["any_medal"], found["above_median"]) == (1.0, True, True, True)
    assert next(iter(found)) == "competition_id"
    assert list(found)[-1] == "submission_path"
    assert len(found) == 16


def test_an_invalid_submission_has_a_report_and_a_reason(invoke: Invoke, data_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    path.write_text("PassengerId,Survived\n0000_01,True\n", encoding="utf-8")
    result = invoke("grade", path, "-c", SHIP, "--data-dir", data_dir, "--json")
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert (found["score"], found["valid_submission"], found["submission_exists"]) == (None, False, True)
    assert "no column 'Transported'" in result.stderr


def test_medals_of_a_leaderboard(invoke: Invoke, data_dir: Path, sample: Path, tmp_path: Path) -> None:
    board = tmp_path / "leaderboard.csv"
    board.write_text("score\n0.5\n0.4\n0.3\n", encoding="utf-8")
    result = invoke("grade", sample, "-c", SHIP, "--data-dir", data_dir, "--leaderboard", board)
    assert "gold medal, above the median (gold 0.5, silver 0.5, bronze 0.5, median 0.4)" in result.output
    assert "note:" not in result.stderr
    board.write_text("score\n0.5\n0.3\n0.4\n", encoding="utf-8")
    unsorted = invoke("grade", sample, "-c", SHIP, "--data-dir", data_dir, "--leaderboard", board)
    assert unsorted.exit_code == 0
    assert unsorted.stdout == result.stdout
    assert "note: the leaderboard is out of order: row 3 has 0.4 after 0.3" in unsorted.stderr


def test_a_list_of_submissions_becomes_a_group_report(
    invoke: Invoke, data_dir: Path, sample: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "submissions.jsonl"
    lines = [
        "# two runs",
        "",
        json.dumps({"competition_id": SHIP, "submission_path": str(sample), "logs_path": "x"}),
        "// and one without a submission",
        json.dumps({"competition_id": SHIP, "submission_path": None}),
    ]
    listed.write_text("\n".join(lines), encoding="utf-8")
    result = invoke("grade", listed, "--data-dir", data_dir, "--output-dir", tmp_path / "grades")
    assert result.exit_code == 0
    (path,) = (tmp_path / "grades").glob("*_grading_report.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    assert (found["total_runs"], found["total_runs_with_submissions"], found["total_valid_submissions"]) == (2, 1, 1)
    assert [each["submission_path"] for each in found["competition_reports"]] == [str(sample), "None"]

    table = invoke("bench", "report", path, "--split", "dev", "--pad-missing")
    assert table.exit_code == 0
    assert "0.00 ± 0.00\\*" in table.output
    assert "pass@k on dev, unbiased (first k seeds), %: k=1 0.00 (0.00), k=2 0.00 (0.00)" in table.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-c", "spaceship"], "did you mean spaceship-titanic"),
        (["-c", SHIP, "--task", "."], "give one of the two"),
        (["-c", "leaf-classification"], "is not prepared in"),
        (["--leaderboard", "x.csv"], "goes with -c ID"),
        ([], "say what it answers"),
        (["-c", SHIP, "--output-dir", "x"], "leave it out for a single one"),
        (["--task", "."], "--data-dir holds the competitions"),
    ],
)
def test_mistakes(invoke: Invoke, data_dir: Path, sample: Path, words: list[str], message: str) -> None:
    result = invoke("grade", sample, "--data-dir", data_dir, *words)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("command", ["grade", "validate", "serve-grader", "prepare"])
def test_a_data_folder_that_is_none(invoke: Invoke, data_dir: Path, sample: Path, command: str) -> None:
    words = [command, *([sample] if command in ("grade", "validate") else []), "-c", SHIP, "--data-dir"]
    result = invoke(*words, sample)
    assert result.exit_code == 2
    assert f"--data-dir {sample} is a file; name the folder" in " ".join(result.stderr.split())
    if command != "prepare":
        result = invoke(*words, data_dir / SHIP)
        assert result.exit_code == 2
        assert f"name the folder above: --data-dir {data_dir}" in " ".join(result.stderr.split())


def test_a_report_that_could_not_be_written_is_told_before_grading(
    invoke: Invoke, data_dir: Path, sample: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "submissions.jsonl"
    listed.write_text(json.dumps({"competition_id": SHIP, "submission_path": str(sample)}), encoding="utf-8")
    result = invoke("grade", listed, "--data-dir", data_dir, "--output-dir", sample)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "cannot hold a report" in result.stderr
    assert "leave out -c" in invoke("grade", listed, "--data-dir", data_dir, "-c", SHIP).stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 1"),
        ("[1]", "line 1"),
        ('{"competition_id": "spaceship-titanic"}', "submission_path"),
        ('{"competition_id": "x", "submission_path": "y"}', "'x' is no competition"),
    ],
)
def test_mistakes_in_a_list(invoke: Invoke, data_dir: Path, tmp_path: Path, line: str, message: str) -> None:
    listed = tmp_path / "submissions.jsonl"
    listed.write_text(line, encoding="utf-8")
    result = invoke("grade", listed, "--data-dir", data_dir)
    assert result.exit_code == 2
    assert message in result.stderr


def test_every_competition_is_listed(invoke: Invoke) -> None:
    result = invoke("bench", "list")
    assert result.exit_code == 0
    assert "spaceship-titanic (dev" in result.output
    assert "known issue: giver_username_if_known leaks the outcome (#108)" in result.output
    low = json.loads(invoke("bench", "list", "--split", "lite", "--json").stdout)
    assert len(low) == 22
    assert invoke("bench", "list", "--split", "easy").exit_code == 2


def write_group(path: Path, medals: int) -> None:
    from mlmaster.mlebench.registry import of_split

    path.parent.mkdir(parents=True)
    entries = [
        {
            "competition_id": each.id,
            "submission_exists": True,
            "valid_submission": True,
            "above_median": index < medals,
            "gold_medal": index < medals,
            "silver_medal": False,
            "bronze_medal": False,
        }
        for index, each in enumerate(of_split("all"))
    ]
    path.write_text(json.dumps({"competition_reports": entries}), encoding="utf-8")


def test_two_agents_side_by_side(invoke: Invoke, tmp_path: Path) -> None:
    for seed in range(3):
        write_group(tmp_path / "a" / f"seed-{seed}" / "x_grading_report.json", 40 + seed)
        write_group(tmp_path / "b" / f"seed-{seed}" / "x_grading_report.json", 20 + seed)
    table = invoke("bench", "report", tmp_path / "a", "--agent", "A")
    assert "54.67 ± 0.77 | 3 |" in table.output
    official = json.loads(invoke("bench", "report", tmp_path / "a", "--format", "json").stdout)
    assert official["metrics"]["any_medal_percentage"]["mean"] == pytest.approx(100 * 41 / 75)
    assert (
        "A,all,3,75,0,any_medal_percentage"
        in invoke("bench", "report", tmp_path / "a", "--agent", "A", "--format", "csv").output
    )
    compared = invoke("bench", "compare", tmp_path / "a", tmp_path / "b")
    assert "difference +26.67 points" in compared.output
    assert "lost 0" in compared.output
    found = json.loads(invoke("bench", "compare", tmp_path / "a", tmp_path / "b", "--json").stdout)
    assert found["low"] > 0
    assert invoke("bench", "report", tmp_path / "a", "--format", "xml").exit_code == 2
    assert "no such file" in invoke("bench", "report", tmp_path / "c").stderr
    for words in ([], ["--format", "csv"], ["--pad-missing"]):
        nothing = invoke("bench", "report", tmp_path / "a", "--split", "dev", *words)
        assert (nothing.exit_code, nothing.stdout) == (2, "")
        assert "the reports hold 75 competitions (3d-object" in nothing.stderr
        assert (
            "dev: none of the 7 competitions has a report; name reports of them, or another --split" in nothing.stderr
        )
    assert "none in common" in invoke("bench", "compare", tmp_path / "a", tmp_path / "b", "--split", "dev").stderr


def test_what_a_solution_does_and_whom_it_resembles(invoke: Invoke, tmp_path: Path) -> None:
    code = "import openai\nmodel.fit(x, y)\n" + "".join(
        f"a{i} = f(b{i}, [c, {i} * d]) + e.g(h, i)\n" for i in range(20)
    )
    (tmp_path / "solution.py").write_text(code, encoding="utf-8")
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "top.py").write_text(code.replace("openai", "torch"), encoding="utf-8")
    result = invoke("bench", "integrity", tmp_path / "solution.py", "--kernels", tmp_path / "kernels")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "solution.py:1: language_model: imports openai, which asks a model elsewhere",
        "1 script, 1 finding",
        "solution.py ~ top.py: 100 % alike, 100 % of the solution stands there",
    ]
    found = json.loads(invoke("bench", "integrity", tmp_path / "solution.py", "--json").stdout)
    assert found["violations"][0]["rule"] == "language_model"
    assert found["likeness"] == []
    (tmp_path / "empty").mkdir()
    nothing = invoke("bench", "integrity", tmp_path / "solution.py", "--kernels", tmp_path / "empty")
    assert (nothing.exit_code, nothing.stdout) == (2, "")
    assert "holds no kernel" in nothing.stderr
