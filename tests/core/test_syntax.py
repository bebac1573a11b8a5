"""Sources are parsed from several threads at once in a run: by engineers, and by the checks of what they propose."""

import ast
import gc
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mlmaster.core.syntax import parse

CODE = "def f(x):\n" + "".join(f"    y{i} = [x + {i} for x in range({i}) if (x * {i}) % 3]\n" for i in range(200))


def let_others_in(phase: str, info: dict[str, int]) -> None:
    """Give the interpreter up in the middle of a parse, as a collection that runs a finaliser does."""
    time.sleep(0)


def test_parsing_in_many_threads_gives_the_same_tree() -> None:
    expected = ast.dump(parse(CODE))
    before = gc.get_threshold()
    gc.set_threshold(20, 5, 5)
    gc.callbacks.append(let_others_in)
    try:
        with ThreadPoolExecutor(8) as threads:
            trees = list(threads.map(parse, [CODE] * 80))
    finally:
        gc.callbacks.remove(let_others_in)
        gc.set_threshold(*before)
    assert all(ast.dump(tree) == expected for tree in trees)


def test_what_is_no_python_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError):
        parse("def (")


def test_odd_escapes_are_no_error_where_warnings_are() -> None:
    assert isinstance(parse('pattern = "\\d+"\n').body[0], ast.Assign)
