from __future__ import annotations

import ast
import builtins

from mlmaster.engineers.offline import library


def test_functions_come_with_what_they_use_and_no_more() -> None:
    needs = library.gather("x = lightgbm_folds(1)")
    names = [part.name for source in needs.functions for part in ast.parse(source).body if hasattr(part, "name")]
    assert names == ["fold_numbers", "balanced_weights", "lightgbm_folds"]
    assert needs.imports == "import os\n\nimport lightgbm as lgb\nimport numpy as np\nimport pandas as pd"
    assert [line.split(" = ")[0] for line in needs.constants] == ["SEED", "THREADS"]


def test_nothing_is_needed_by_plain_code() -> None:
    assert library.gather("print(1 + 1)") == library.Needs("", (), ())


def test_imports_are_sorted_as_a_formatter_would() -> None:
    needs = library.gather("partial, Ridge, LogisticRegression, np")
    assert needs.imports == (
        "from functools import partial\n\nimport numpy as np\nfrom sklearn.linear_model import LogisticRegression, Ridge"
    )


def test_every_block_is_documented_and_closed() -> None:
    known = library.load()
    builtin = set(dir(builtins))
    for definition in known.definitions.values():
        if not definition.is_function:
            continue
        function = ast.parse(definition.source).body[0]
        assert isinstance(function, ast.FunctionDef)
        assert ast.get_docstring(function), definition.name
        local = {part.arg for part in ast.walk(function) if isinstance(part, ast.arg)}
        local |= {
            part.id for part in ast.walk(function) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        }
        local |= {part.name for part in ast.walk(function) if isinstance(part, ast.FunctionDef)}
        free = definition.uses - local - builtin
        assert free <= known.definitions.keys() | known.imports.keys(), definition.name


def test_no_variable_bears_the_name_of_a_function() -> None:
    """Else the function, and what it imports, would come along into scripts that have no use for it."""
    definitions = library.load().definitions
    for definition in definitions.values():
        if definition.is_function:
            parts = [part for part in ast.walk(ast.parse(definition.source)) if isinstance(part, ast.Name | ast.arg)]
            own = {part.arg if isinstance(part, ast.arg) else part.id for part in parts if not _is_read(part)}
            assert not own & definitions.keys(), definition.name


def _is_read(part: ast.AST) -> bool:
    return isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
