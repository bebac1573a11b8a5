"""A run that goes on with another model: whose address and key go with it."""

from pathlib import Path

import pytest

from mlmaster.errors import SettingsError
from mlmaster.llm.settings import LLMSettings
from mlmaster.wiring import change_model

LOCAL, OTHER = "http://localhost:8000/v1", "http://localhost:9000/v1"
AT_HOME = LLMSettings(model="qwen3:8b", base_url=LOCAL, key_env="HOME_KEY", temperature=0.5)


@pytest.mark.parametrize(
    ("before", "model", "base_url", "expected"),
    [
        pytest.param(AT_HOME, None, None, AT_HOME, id="nothing is given"),
        pytest.param(
            AT_HOME, "openai:gpt-5", None, LLMSettings(model="openai:gpt-5", temperature=0.5), id="another provider"
        ),
        pytest.param(
            AT_HOME,
            "openai:gpt-5",
            OTHER,
            LLMSettings(model="openai:gpt-5", base_url=OTHER, temperature=0.5),
            id="another provider at an address",
        ),
        pytest.param(
            AT_HOME,
            "qwen3:32b",
            None,
            LLMSettings(model="qwen3:32b", base_url=LOCAL, key_env="HOME_KEY", temperature=0.5),
            id="another model of the same server",
        ),
        pytest.param(
            AT_HOME,
            None,
            OTHER,
            LLMSettings(model="qwen3:8b", base_url=OTHER, key_env="HOME_KEY", temperature=0.5),
            id="the server has moved",
        ),
        pytest.param(
            LLMSettings(model="openai:gpt-5"),
            "gpt-5-mini",
            None,
            LLMSettings(model="gpt-5-mini"),
            id="named in two ways",
        ),
        pytest.param(
            LLMSettings(replay=Path("run")),
            "openai:gpt-5",
            None,
            LLMSettings(model="openai:gpt-5"),
            id="after a replay",
        ),
        pytest.param(LLMSettings(), "openai:gpt-5", None, LLMSettings(model="openai:gpt-5"), id="no model before"),
    ],
)
def test_a_key_never_goes_to_the_address_of_the_provider_before(
    before: LLMSettings, model: str | None, base_url: str | None, expected: LLMSettings
) -> None:
    assert change_model(before, model, base_url) == expected


def test_a_model_that_leads_nowhere_is_told() -> None:
    with pytest.raises(SettingsError, match="nobody"):
        change_model(LLMSettings(model="openai:gpt-5"), "nobody:x", None)
