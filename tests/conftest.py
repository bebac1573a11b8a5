import pytest

pytest.register_assert_rewrite("mlmaster.testing.sandbox", "mlmaster.testing.sandbox_limits")
