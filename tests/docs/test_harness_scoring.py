from tests.docs.harness_scoring import PAGE, render


def test_the_page_is_what_the_code_knows() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "write it anew: python -m tests.docs.harness_scoring"
