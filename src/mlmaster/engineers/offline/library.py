"""Which building blocks a script needs: the functions it names, what those name in turn, and their imports.

The blocks are ordinary functions in `blocks/`, read as text; nothing here runs them. What goes into the script around
them is `script`'s business.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from mlmaster.core.syntax import parse

_PACKAGE = "mlmaster.engineers.offline.blocks"
_MODULES = (
    "reading",
    "columns",
    "side_files",
    "encoding",
    "words",
    "pictures",
    "matrices",
    "boosting",
    "heads",
    "deciding",
    "writing",
)
"""In the order in which their functions stand in a script."""

_IMPORTS_OF_PREDICTORS = {"partial": ("functools", "partial")}
"""What the lines written around the blocks use and no block imports."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or constant of the library: its source, the names it uses, its place in a script."""

    name: str
    source: str
    uses: frozenset[str]
    place: tuple[int, int]
    is_function: bool


@dataclass(frozen=True, slots=True)
class Library:
    """Everything scripts are built from: definitions and import statements, by name."""

    definitions: Mapping[str, Definition]
    imports: Mapping[str, tuple[str, str]]
    """Name as used in code to (module, imported as): `("numpy", "import numpy as np")`."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a piece of code needs from the library, each in script order."""

    imports: str
    constants: tuple[str, ...]
    functions: tuple[str, ...]


def names_in(node: ast.AST) -> frozenset[str]:
    """Return every plain name the code reads or writes."""
    return frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))


@cache
def load() -> Library:
    """Return the library, read once from the package's own files."""
    definitions: dict[str, Definition] = {}
    imports: dict[str, tuple[str, str]] = dict(_IMPORTS_OF_PREDICTORS)
    for number, module in enumerate(_MODULES):
        text = (files(_PACKAGE) / f"{module}.py").read_text("utf-8")
        lines = text.splitlines()
        for part in parse(text).body:
            match part:
                case ast.Import(names=aliases):
                    for alias in aliases:
                        as_name = f" as {alias.asname}" if alias.asname else ""
                        imports[alias.asname or alias.name] = (alias.name, f"import {alias.name}{as_name}")
                case ast.ImportFrom(module=str(source), names=aliases):
                    for alias in aliases:
                        imports.setdefault(alias.asname or alias.name, (source, alias.name))
                case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                    first = min([part.lineno, *(d.lineno for d in getattr(part, "decorator_list", []))])
                    source = "\n".join(lines[first - 1 : part.end_lineno])
                    uses = names_in(part) - {name}
                    place = (number, part.lineno)
                    definitions[name] = Definition(name, source, uses, place, isinstance(part, ast.FunctionDef))
                case _:
                    pass
    return Library(definitions, imports)


def gather(code: str) -> Needs:
    """Return what the code needs, directly and through the functions it uses."""
    library = load()
    open_names = set(names_in(parse(code)))
    used: set[str] = set()
    taken: dict[str, Definition] = {}
    while open_names:
        name = open_names.pop()
        used.add(name)
        definition = library.definitions.get(name)
        if definition is not None and name not in taken:
            taken[name] = definition
            open_names |= definition.uses - used
    inside = sorted(taken.values(), key=lambda each: each.place)
    return Needs(
        imports=_import_lines(library, used - set(taken)),
        constants=tuple(each.source for each in inside if not each.is_function),
        functions=tuple(each.source for each in inside if each.is_function),
    )


def _import_lines(library: Library, names: Iterable[str]) -> str:
    """Return the import statements for the names, grouped and sorted as isort does."""
    plain: dict[bool, set[str]] = {True: set(), False: set()}
    parts: dict[bool, dict[str, set[str]]] = {True: {}, False: {}}
    for name in sorted(library.imports.keys() & set(names)):
        module, what = library.imports[name]
        is_standard = module.split(".")[0] in sys.stdlib_module_names
        if what.startswith("import "):
            plain[is_standard].add(what)
        else:
            parts[is_standard].setdefault(module, set()).add(what)
    groups = []
    for is_standard in (True, False):
        lines = sorted(plain[is_standard])
        for module, members in sorted(parts[is_standard].items()):
            lines.append(f"from {module} import {', '.join(sorted(members, key=_isort_key))}")
        if lines:
            groups.append("\n".join(lines))
    return "\n\n".join(groups)


def _isort_key(name: str) -> tuple[int, str]:
    """Order constants first, then classes, then functions, as isort does."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
