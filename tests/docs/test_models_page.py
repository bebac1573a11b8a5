"""What docs/models.md says of providers, settings, tools, messages and figures is what the code and the benchmarks say."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlmaster.cli.app import app
from mlmaster.core.chat import Placement, Role
from mlmaster.engineers.llm.tools import TOOLS
from mlmaster.llm.presets import presets
from mlmaster.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
RESULTS = ROOT / "benchmarks" / "results"


def table(first: str) -> list[list[str]]:
    """Return the rows of the table whose head begins with a cell."""
    lines = PAGE.partition(f"\n| {first} |")[2].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    assert rows, first
    return rows


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def result(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def test_the_providers_are_those_there_are() -> None:
    shown = {code(name)[0]: (title, where, code(key), memory) for name, title, where, key, memory in table("provider")}
    assert list(shown) == list(presets())
    for name, (title, where, keys, memory) in shown.items():
        preset = presets()[name]
        assert title == preset.title
        assert where == (preset.base_url or "`--base-url`")
        assert keys == list(preset.key_envs)
        assert (
            "none needed" in dict(zip(shown, (row[3] for row in table("provider")), strict=True))[name]
        ) != preset.needs_key
        assert memory.split(", ") == [place.value for place in preset.placements] or memory == "prompt"
        assert (memory == "prompt") == (not preset.placements)


def test_the_providers_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    listed = CliRunner().invoke(app, ["models"])
    assert listed.exit_code == 0
    for preset in presets().values():
        assert f"{preset.name} " in listed.output
        assert preset.title in listed.output


def test_the_first_way_to_place_memory_is_taken_by_itself() -> None:
    taken = {code(way)[0]: code(by) for way, _, by in table("`llm.steering`")}
    assert set(taken) == {*(place.value for place in Placement), "auto"}
    for place in (Placement.CONTINUE, Placement.PREFIX, Placement.COMPLETION):
        assert taken[place] == [name for name, preset in presets().items() if preset.placements[:1] == (place,)]


def test_the_roles_are_those_there_are() -> None:
    assert [code(row[0])[0] for row in table("role")] == [role.value for role in Role]


def test_the_tools_are_those_there_are() -> None:
    assert [code(row[0])[0] for row in table("tool")] == [tool.name for tool in TOOLS]


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL), ids=["roles", "prices"])
def test_settings_files_load(block: str, tmp_path: Path) -> None:
    (tmp_path / "mlmaster.yaml").write_text(block, encoding="utf-8")
    settings = load_settings(folder=tmp_path, environ={}).settings
    assert settings != Settings()


def test_settings_named_exist() -> None:
    known = set(_keys(Settings()))
    named = set(re.findall(r"`((?:llm|session|engine|search)\.[a-z_.]+)", PAGE))
    assert len(named) > 20
    assert named <= known


def test_defaults_are_those_of_the_settings() -> None:
    known = dict(_items(Settings().model_dump()))
    for name, default in table("cap"):
        assert float(default) == known[code(name)[0]]
    assert "(30 min)" in PAGE
    assert known["llm.patience"] == 30 * 60
    assert known["engine.attempts"] == 3


def test_what_is_said_is_said_in_the_code() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src" / "mlmaster").rglob("*.py")]
    said = [words for row in table("what is wrong") for words in code(row[1]) if " " in words]
    assert len(said) > 10
    assert [words for words in said if not any(words in source for source in sources)] == []


def test_an_estimate_looks_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    command, shown = re.findall(r"    (mlmaster run [^\n]*--dry-run)\n\n```text\n(.*?)```", PAGE, re.DOTALL)[0]
    found = CliRunner().invoke(app, shlex.split(command)[1:])
    assert found.exit_code == 0, found.output
    assert _shape(found.output) == _shape(shown)


def test_figures_are_the_measured_ones() -> None:
    busy = {name: _percent(case) for name, case in result("pipelining").items() if ";" in name}
    prompts = result("prompt_size")["trees"]["1000"]
    one, five = "1 reply; 1 fold", "1 reply; 5 folds"
    more = "ahead, 16 proposals at a time, 18 branches; 3 replies; 1 fold"
    figures = [
        f"{busy[f'ahead; {one}']} of the time ({busy[f'ahead; {five}']} with five folds)",
        f"both busy {busy[f'coupled, 3 workers; {one}']} of it ({busy[f'coupled, 3 workers; {five}']})",
        f"{busy['ahead; 3 replies; 1 fold']} of the time ({busy['ahead; 3 replies; 5 folds']} with five folds)",
        f"({busy[more]} with 16 and 18)",
        f"{max(prompts['prompt_tokens'].values()):,} tokens at most",
        f"{prompts['history_tokens']['plans']:,}",
    ]
    flowing = " ".join(PAGE.split())
    assert [figure for figure in figures if figure not in flowing] == []


def _percent(case: dict[str, Any]) -> str:
    return f"{case['both_busy']['mean']:.0%}".replace("%", " %")


def _shape(text: str) -> list[str]:
    """Return lines without their figures, which depend on prices, prompts and the machine."""
    return [re.sub(r"[\d.,]+", "#", " ".join(line.split())) for line in text.strip().splitlines()]


def _items(data: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in data.items():
        found.append((f"{before}{name}", value))
        if isinstance(value, dict):
            found += _items(value, f"{before}{name}.")
    return found


def _keys(settings: Settings) -> list[str]:
    return [name for name, _ in _items(settings.model_dump())]
