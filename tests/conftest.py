import pytest

SUITES = ("sandbox", "sandbox_limits", "sandbox_likeness", "likeness_ends", "likeness_libraries", "plain_python", "llm")
pytest.register_assert_rewrite(*(f"mlmaster.testing.{name}" for name in SUITES))
