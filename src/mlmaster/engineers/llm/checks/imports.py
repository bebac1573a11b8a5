"""Packages a script imports that are not there, and what is there instead."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from mlmaster.engineers.llm.replies.programs import read_module

INSTEAD: tuple[tuple[str, ...], ...] = (
    ("lightgbm", "xgboost", "catboost", "sklearn"),
    ("torch", "tensorflow", "keras", "jax", "sklearn"),
    ("PIL", "cv2", "imageio", "skimage"),
    ("torchvision", "timm", "keras"),
    ("transformers", "sentence_transformers", "gensim", "fasttext", "sklearn"),
    ("spacy", "nltk", "textblob"),
    ("librosa", "torchaudio", "soundfile", "audioread", "scipy"),
    ("optuna", "hyperopt", "skopt", "bayes_opt", "sklearn"),
    ("pandas", "polars", "dask", "modin", "vaex", "cudf", "datatable"),
    ("category_encoders", "sklearn"),
    ("imblearn", "sklearn"),
    ("statsmodels", "prophet", "pmdarima", "sktime", "scipy"),
    ("pytorch_tabnet", "torch", "sklearn"),
    ("cuml", "sklearn"),
    ("sklearnex", "sklearn"),
    ("seaborn", "matplotlib", "plotly"),
    ("rdkit", "openbabel"),
    ("pyarrow", "fastparquet"),
    ("umap", "sklearn"),
    ("hdbscan", "sklearn"),
    ("autogluon", "flaml", "h2o", "pycaret", "tpot", "autosklearn", "lightgbm", "sklearn"),
    ("simplejson", "orjson", "ujson", "json"),
)
"""Top-level names of packages that can stand in for each other, the likeliest first."""
_CATCHES = frozenset(["ImportError", "ModuleNotFoundError", "Exception", "BaseException"])


def missing_imports(code: str, modules: Collection[str], is_known: bool) -> tuple[str, ...]:
    """Return a sentence for each package that a script needs and that is not there, in the order of its imports.

    An import that the script itself expects to fail, within `try` with an `except ImportError`, is not needed.

    Args:
        code: The script; one that does not parse needs nothing.
        modules: Top-level names that can be imported, beside the standard library.
        is_known: Whether `modules` is known at all.
    """
    module = read_module(code)
    if not is_known or module is None:
        return ()
    found: dict[str, str] = {}
    for line, name in _needed(module):
        if not name:
            found.setdefault(
                "", f"line {line}: a relative import, and a solution is a single file: write everything into it"
            )
        elif name not in modules and name not in sys.stdlib_module_names:
            found.setdefault(name, f"line {line}: {name} is not installed{_instead(name, modules)}")
    return tuple(found.values())


def _instead(name: str, modules: Collection[str]) -> str:
    """Return the rest of the sentence: what is there instead."""
    known = frozenset(modules)
    groups = [group for group in INSTEAD if name in group]
    there = list(
        dict.fromkeys(each for group in groups for each in group if each in known or each in sys.stdlib_module_names)
    )
    near = [] if there else get_close_matches(name, sorted(known | sys.stdlib_module_names), n=2, cutoff=0.75)
    if there:
        return f" and cannot be installed; there is {' and '.join(there[:3])}"
    if near:
        return f"; is {' or '.join(near)} meant?"
    return " and cannot be installed; do without it"


def _needed(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the top-level name of each import that must work; "" for a relative one."""
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "" if node.level else (node.module or "").partition(".")[0]
        else:
            waiting += reversed(list(_children(node)))


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a node that must work: not what a handler stands ready for, nor what only a type checker reads."""
    if isinstance(node, ast.Try) and any(map(_catches_imports, node.handlers)):
        # the handler imports what is there instead, or nothing: either way the script has thought of it
        yield from (*node.orelse, *node.finalbody)
    elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        yield from node.orelse
    else:
        yield from ast.iter_child_nodes(node)


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in _CATCHES for kind in kinds)
