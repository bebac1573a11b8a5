import ast

import pytest

from mlmaster.core.syntax import parse


def test_odd_escapes_are_no_error_where_warnings_are() -> None:
    module = parse('pattern = "\\d+"\n')
    assert isinstance(module.body[0], ast.Assign)


def test_what_does_not_parse_is_an_error() -> None:
    with pytest.raises(SyntaxError):
        parse("x = (")
