"""Settings: precedence of their sources, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlmaster.errors import SettingsError
from mlmaster.settings import Settings, load_settings
from mlmaster.settings.durations import parse_duration
from mlmaster.settings.layers import Layered, walk


def write(folder: Path, text: str) -> Path:
    (folder / "mlmaster.yaml").write_text(text, encoding="utf-8")
    return folder


def test_each_source_overrides_the_one_before_and_is_remembered(tmp_path: Path) -> None:
    write(tmp_path, "seed: 1\nengine: {slots: 1, folds: 2}\nbudget:\n  nodes: 7\n")
    resolved = load_settings(
        {"budget.nodes": Layered(9, "--nodes")},
        assignments=["task.metric=rmse"],
        environ={"MLMASTER_ENGINE__SLOTS": "3", "MLMASTER_BUDGET__NODES": "8", "HOME": "/nowhere"},
        folder=tmp_path,
    )
    settings = resolved.settings
    assert (settings.seed, settings.engine.folds, settings.engine.slots) == (1, 2, 3)
    assert (settings.budget.nodes, settings.task.metric, settings.budget.time) == (9, "rmse", "30m")
    assert resolved.sources == {
        "seed": "mlmaster.yaml",
        "engine.folds": "mlmaster.yaml",
        "engine.slots": "MLMASTER_ENGINE__SLOTS",
        "budget.nodes": "--nodes",
        "task.metric": "--set task.metric",
    }


def test_without_sources_all_is_default() -> None:
    resolved = load_settings()
    assert resolved.settings == Settings()
    assert resolved.sources == {}


def test_flags_that_were_not_given_change_nothing() -> None:
    assert load_settings({"seed": Layered(None, "--seed")}).sources == {}


@pytest.mark.parametrize(
    ("text", "expected"), [("none", None), ("None", None), ("90s", "90s"), ("1h30m", "1h30m"), ("2d", "2d")]
)
def test_time_budget_as_written(text: str, expected: str | None) -> None:
    assert load_settings(assignments=[f"budget.time={text}"]).settings.budget.time == expected


def test_text_settings_keep_what_looks_like_yaml() -> None:
    settings = load_settings(assignments=["task.goal=predict: the price, yes", "task.target=2020-01-01"]).settings
    assert settings.task.goal == "predict: the price, yes"
    assert settings.task.target == ("2020-01-01",)


def test_a_list_or_mapping_stands_in_brackets() -> None:
    settings = load_settings(assignments=["task.target=[a, b]", "task.metric_params={k: 3}"]).settings
    assert settings.task.target == ("a", "b")
    assert settings.task.metric_params == {"k": 3.0}


def test_one_package_needs_no_brackets() -> None:
    assert load_settings(assignments=["sandbox.packages=tabpfn>=2"]).settings.sandbox.packages == ("tabpfn>=2",)


def test_gpus_may_be_given_as_numbers() -> None:
    for text, gpus in (("[0, 1]", ("0", "1")), ("0, 1", ("0", "1")), ("[]", ()), ("none", ()), ("all", ("all",))):
        assert load_settings(assignments=[f"sandbox.gpus={text}"]).settings.sandbox.gpus == gpus


def test_a_mapping_in_the_file_is_one_value(tmp_path: Path) -> None:
    write(tmp_path, "task:\n  metric_params: {k: 3}\n")
    assert load_settings(folder=tmp_path).settings.task.metric_params == {"k": 3.0}


def test_none_is_a_word_where_it_is_one_to_choose_from(tmp_path: Path) -> None:
    assert load_settings(assignments=["sandbox.isolation=none"]).settings.sandbox.isolation == "none"
    folder = write(tmp_path, "sandbox: {isolation: none}\n")
    assert load_settings(folder=folder).settings.sandbox.isolation == "none"


def test_none_says_that_a_task_has_no_such_column() -> None:
    assert load_settings(assignments=["task.id=none"]).settings.task.id == "none"
    assert load_settings(assignments=["budget.nodes=none"]).settings.budget.nodes is None


def test_an_equals_sign_may_stand_in_a_value() -> None:
    assert load_settings(assignments=["task.goal=a=b"]).settings.task.goal == "a=b"


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("engine.slot=3", ["unknown setting engine.slot", "engine.slots"]),
        ("folds=1", ["unknown setting folds", "engine.folds"]),
        ("zzz=1", ["unknown setting zzz", "mlmaster settings"]),
        ("seed", ["--set seed has no value", "key=value"]),
        ("=3", ["has no value"]),
        ("budget.nodes=-3", ["budget.nodes", "-3", "at least 1", "1,000,000"]),
        ("budget.nodes=0", ["budget.nodes", "at least 1"]),
        ("budget.cost=-1", ["budget.cost", "more than 0"]),
        ("budget.cost=inf", ["budget.cost", "at most"]),
        ("budget.cost=nan", ["budget.cost", "more than 0"]),
        ("budget.tokens=1.5", ["budget.tokens", "1.5", "integer"]),
        ("budget.time=-5m", ["budget.time", "-5m", "10s to 30d"]),
        ("budget.time=5", ["budget.time", "no unit", "5m"]),
        ("budget.time=1s", ["budget.time", "1s", "10s to 30d"]),
        ("budget.time=900d", ["budget.time", "900d", "10s to 30d"]),
        ("budget.time=soon", ["budget.time", "soon", "90s, 5m or 1h30m"]),
        ("engine.memory_gb=inf", ["engine.memory_gb", "inf", "finite"]),
        ("search.elite_until=0.1", ["settings of search", "elite_until (0.1)", "elite_from"]),
        ("engine.folds=abc", ["engine.folds", "abc"]),
        ("sandbox=namespaces", ["unknown setting sandbox", "sandbox.isolation"]),
        ("sandbox.isolation=bag", ["sandbox.isolation", "bag", "namespaces"]),
        ("sandbox.processes=0", ["sandbox.processes", "at least 8"]),
    ],
)
def test_refused_with_the_value_and_what_is_allowed(assignment: str, words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(assignments=[assignment])
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message


def test_a_setting_given_by_flag_and_by_set_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"seed is given twice, by --seed and by --set seed"):
        load_settings({"seed": Layered(1, "--seed")}, assignments=["seed=2"])


def test_unknown_environment_variable_names_itself() -> None:
    with pytest.raises(SettingsError, match=r"engine\.slotz \(from MLMASTER_ENGINE__SLOTZ\).*engine\.slots"):
        load_settings(environ={"MLMASTER_ENGINE__SLOTZ": "1"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("engine:\n  slotz: 1\n", "unknown setting engine.slotz"),
        ("- 1\n- 2\n", "holds a list"),
        ("a: [1\n", "cannot be read"),
        ("engine: 3\n", "engine"),
        ("seed: -1\n", "seed is -1 (from mlmaster.yaml): must be at least 0"),
    ],
)
def test_bad_file_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(folder=write(tmp_path, text))
    assert words in str(caught.value)


def test_empty_file_and_empty_section_are_fine(tmp_path: Path) -> None:
    assert load_settings(folder=write(tmp_path, "")).settings == Settings()
    assert load_settings(folder=write(tmp_path, "engine:\nbudget: {}\n")).settings == Settings()


def test_every_setting_is_documented() -> None:
    undocumented = [key for key, field in walk(Settings) if not field.description]
    assert undocumented == []


def test_settings_of_earlier_runs_are_still_read() -> None:
    assert Settings.model_validate({**Settings().dump(), "sandbox": "process"}) == Settings()


def test_dump_round_trips() -> None:
    settings = load_settings(assignments=["budget.nodes=5", "engine.folds=2", "task.target=y"]).settings
    assert Settings.model_validate(settings.dump()) == settings


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1h 30m", 5400), ("0.5h", 1800), ("1d2h3m4s", 93784)])
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "5", "-5m", "5 minutes", "5m-", "1h,30m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="write for example"):
        parse_duration(text)
