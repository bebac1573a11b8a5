import json

import pytest

from mlmaster.llm.providers.counts import usage_of


@pytest.mark.parametrize(
    ("counts", "read", "written"),
    [
        ('{"prompt_tokens": 10, "completion_tokens": 5}', 10, 5),
        ('{"prompt_tokens": 10.0, "completion_tokens": true}', 10, 0),
        ('{"prompt_tokens": Infinity, "completion_tokens": 5}', 0, 5),
        ('{"prompt_tokens": 1e999, "completion_tokens": NaN, "output_tokens": 7}', 0, 7),
        ('{"prompt_tokens": -10, "completion_tokens": 5}', 0, 5),
    ],
)
def test_what_is_no_count_is_none(counts: str, read: int, written: int) -> None:
    usage = usage_of(json.loads(counts))
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (read, written)
