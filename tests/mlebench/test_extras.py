import pytest

from mlmaster.errors import DataError
from mlmaster.mlebench.extras import require


def test_a_module_is_returned() -> None:
    assert require("json.decoder").JSONDecoder


def test_a_missing_package_says_what_to_install() -> None:
    with pytest.raises(DataError, match=r"no_such_package is not installed.*pip install 'ml-master\[mlebench\]'"):
        require("no_such_package.part")
