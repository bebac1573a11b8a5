"""A script's syntax tree with what rules ask of it: its calls, names, constants and what is stored where."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator

LONGEST_TEXT = 2_000
_SPLITS = frozenset(["split", "KFold", "StratifiedKFold", "GroupKFold"])


class Script:
    """Answers questions about one module; names are followed as far as they are bound once.

    Attributes:
        nodes: Every node of the tree.
        calls: Every call.
        modules: Local name to full name, of what is imported.
        bound: Names that are assigned, imported or are arguments.
    """

    def __init__(self, module: ast.Module) -> None:
        self.nodes = list(ast.walk(module))
        self.calls = [node for node in self.nodes if isinstance(node, ast.Call)]
        self.modules: dict[str, str] = {}
        self._values: dict[str, list[ast.expr]] = defaultdict(list)
        self._stored: set[str] = set()
        self._parents = {id(child): node for node in self.nodes for child in ast.iter_child_nodes(node)}
        for node in self.nodes:
            match node:
                case ast.Import(names=names):
                    for alias in names:
                        self.modules[alias.asname or alias.name.partition(".")[0]] = (
                            alias.name if alias.asname else alias.name.partition(".")[0]
                        )
                case ast.ImportFrom(module=str(origin), names=names):
                    self.modules |= {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in names}
                case ast.Assign(targets=targets, value=value):
                    for target in targets:
                        self._bind(target, value)
                case (
                    ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value)
                ):
                    self._bind(target, value)
                case ast.AugAssign(target=target, value=value):
                    self._bind(target, value)
                    self._bind(target, value)  # it is not what it was first: bound more than once
        self.bound = (
            frozenset(self._values)
            | self.modules.keys()
            | {node.name for node in self.nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
            | {node.arg for node in self.nodes if isinstance(node, ast.arg)}
            | {node.id for node in self.nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        )

    def _bind(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self._values[target.id].append(value)
        elif isinstance(target, ast.Subscript | ast.Attribute):
            root: ast.expr = target
            while isinstance(root, ast.Subscript | ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name):
                self._stored.add(root.id)

    def value(self, node: ast.expr) -> ast.expr | None:
        """Return what a name is, where it is bound once; any other expression is itself."""
        if not isinstance(node, ast.Name):
            return node
        values = self._values.get(node.id, [])
        return values[0] if len(values) == 1 else None

    def text(self, node: ast.expr, depth: int = 0) -> str | None:
        """Return the text an expression is or begins with, names and joined paths followed; None when it is none."""
        if depth > 6:
            return None
        match node:
            case ast.Constant(value=str(text)):
                return text[:LONGEST_TEXT]
            case ast.JoinedStr(values=[first, *rest]):
                inner = first.value if isinstance(first, ast.FormattedValue) else first
                start = self.text(inner, depth + 1)
                if start is None or not isinstance(first, ast.FormattedValue) or not rest:
                    return start
                return start + (self.text(rest[0], depth + 1) or "")
            case ast.Name():
                value = self.value(node)
                return self.text(value, depth + 1) if value is not None else None
            case ast.BinOp(left=left, op=ast.Add() | ast.Div() as op, right=right):
                start, end = self.text(left, depth + 1), self.text(right, depth + 1)
                return start if start is None or end is None else start + ("/" if isinstance(op, ast.Div) else "") + end
            case ast.Call(args=[first, *rest]) if self.name(node).rpartition(".")[2] in ("Path", "join", "PurePath"):
                parts = [self.text(each, depth + 1) for each in (first, *rest[:3])]
                if parts[0] is None or not isinstance(node.func, ast.Name | ast.Attribute):
                    return None
                return "/".join(part.rstrip("/") or part for part in parts if part is not None)
        return None

    def texts(self, node: ast.expr) -> list[str]:
        """Return every text within an expression, names followed."""
        found = [
            text for part in ast.walk(node) if isinstance(part, ast.expr) and (text := self.text(part)) is not None
        ]
        return found[:50]

    def paths(self, call: ast.Call) -> list[str]:
        """Return the text a call is given, or is a method of."""
        parts = [*call.args[:1], *([call.func.value] if isinstance(call.func, ast.Attribute) else [])]
        return [text for part in parts if (text := self.text(part)) is not None]

    def name(self, call: ast.Call) -> str:
        """Return the dotted name of what is called; the last part alone where what is before it is no name."""
        parts: list[str] = []
        node: ast.expr = call.func
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            parts.append(node.id)
        return ".".join(reversed(parts))

    def full_name(self, call: ast.Call) -> str:
        """Return the dotted name of what is called, as far as it was imported from somewhere by its full name."""
        name = self.name(call)
        root, dot, rest = name.partition(".")
        origin = self.modules.get(root)
        if isinstance(call.func, ast.Name) and origin is not None:
            return origin
        return f"{origin}{dot}{rest}" if origin is not None else name

    def has_call(self, *names: str) -> bool:
        """Return whether any of some methods is called anywhere."""
        return any(isinstance(call.func, ast.Attribute) and call.func.attr in names for call in self.calls)

    def is_within_folds(self, node: ast.AST) -> bool:
        """Return whether a node stands in a loop over folds, or in a function, whose rows its caller chooses."""
        at = self._parents.get(id(node))
        while at is not None:
            if isinstance(at, ast.For) and any("split" in name or "fold" in name for name in _names(at.iter)):
                return True
            if isinstance(at, ast.FunctionDef | ast.Lambda) and (at.args.args or at.args.kwonlyargs):
                return True
            at = self._parents.get(id(at))
        return False

    def is_guarded(self, node: ast.AST) -> bool:
        """Return whether a node stands in the body of a `try` with handlers that do not raise: its failure is thought of."""
        at: ast.AST | None = node
        while at is not None:
            above = self._parents.get(id(at))
            if isinstance(above, ast.Try) and at in above.body and above.handlers:
                raises = any(isinstance(part, ast.Raise) for handler in above.handlers for part in ast.walk(handler))
                if not raises:
                    return True
            at = above
        return False

    def stores(self, name: str) -> bool:
        """Return whether anything is stored in what a name holds: a column, an attribute, a slice."""
        return name in self._stored

    def is_passed_on(self, name: str) -> bool:
        """Return whether a name is given to a call, or has a method called that may change it."""
        for call in self.calls:
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            if any(isinstance(value, ast.Name) and value.id == name for value in values):
                return True
            is_own = (
                isinstance(call.func, ast.Attribute)
                and isinstance(call.func.value, ast.Name)
                and call.func.value.id == name
            )
            if is_own and call.func.attr in ("insert", "update", "assign", "drop", "pop"):  # type: ignore[attr-defined]
                return True
        return False

    def all_column_stores(self) -> Iterator[tuple[str, str, ast.expr]]:
        """Yield name, column and value of each `name["column"] = value`."""
        for node in self.nodes:
            if not isinstance(node, ast.Assign):
                continue
            for target in node.targets:
                if isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                    for column in self._columns(target.slice):
                        yield target.value.id, column, node.value

    def column_stores(self, name: str) -> dict[str, list[ast.expr]]:
        """Return what is stored in each column of what a name holds."""
        found: dict[str, list[ast.expr]] = defaultdict(list)
        for frame, column, value in self.all_column_stores():
            if frame == name:
                found[column].append(value)
        return found

    def _columns(self, node: ast.expr) -> list[str]:
        if isinstance(node, ast.List | ast.Tuple):
            return [text for each in node.elts if (text := self.text(each)) is not None]
        text = self.text(node)
        return [text] if text is not None else []


def _names(node: ast.expr) -> Iterator[str]:
    """Yield the names and attributes within an expression, in lower case; not by `ast.unparse`, which has a depth."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id.lower()
        elif isinstance(part, ast.Attribute):
            yield part.attr.lower()
