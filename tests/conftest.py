import pytest

SUITES = ("sandbox", "sandbox_limits", "sandbox_likeness", "likeness_ends", "likeness_libraries", "plain_python", "llm")
pytest.register_assert_rewrite(*(f"mlmaster.testing.{name}" for name in SUITES))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, so that none of them is left to one worker while the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
