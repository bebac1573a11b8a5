"""Which of several pieces of code is the whole program, and the small mends after which a piece is one."""

from __future__ import annotations

import ast
import builtins
import html
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mlmaster.core.syntax import parse

SUBMISSION = "submission.csv"
LONGEST_PROGRAM = 300_000
"""Characters; more is not read as a program."""
LATER_IS_MEANT = 0.8
"""A later whole program this share as long as the longest is the mended one."""
_WRITES = frozenset(
    ["to_csv", "write_csv", "writerow", "writerows", "savetxt", "write", "write_text", "writelines", "copy", "copyfile"]
)
_KNOWN_NAMES = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__", "__builtins__", "__spec__"}
_NUMBERED = re.compile(r"[ \t]{0,8}(\d{1,5})[ \t]{0,4}(?:[|│:→](?: |$)|\t)")
_PROMPT = re.compile(r"(?:>>>|\.\.\.)(?: |$)")
_MAGIC = re.compile(r"[ \t]{0,40}[%!][%!\w]")
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,6}|#x[0-9a-fA-F]{1,5});")
_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("“”„‟″＂", '"'),
        **dict.fromkeys("‘’‚‛′＇", "'"),
        **dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\u3000", " "),
        **dict.fromkeys("–—−", "-"),
        "\u200c": None,
        "\u200d": None,
        "（": "(",
        "）": ")",
        "，": ",",
        "：": ":",
    }
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of code that may be a program.

    Attributes:
        code: Its text, mended where that makes it parse.
        parses: Whether it is Python.
        answers: Whether it names the submission and calls something that writes.
        is_complete: Whether every name it reads is bound in it, and it does more than define functions.
        is_python: Whether its fence says so.
    """

    code: str
    parses: bool
    answers: bool
    is_complete: bool
    is_python: bool = False

    @property
    def is_whole(self) -> bool:
        """Return whether this is a program that can be run as it stands."""
        return self.parses and self.answers and self.is_complete


def read_module(code: str) -> ast.Module | None:
    """Return the syntax tree, or None for what is no Python."""
    if len(code) > LONGEST_PROGRAM:
        return None
    try:
        return parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def inspect(code: str, is_python: bool = False) -> Piece:
    """Return what is known of a piece of code, mended first where it needs it."""
    code, module = mend(code)
    if module is None:
        return Piece(code, parses=False, answers=SUBMISSION in code, is_complete=False, is_python=is_python)
    return Piece(code, True, SUBMISSION in code and _writes(module), _is_complete(module), is_python)


def mend(code: str) -> tuple[str, ast.Module | None]:
    """Return code without what models put around it (line numbers, prompts, entities, …), and its tree if it parses then.

    Nothing is changed in code that parses, nor where no mend helps.
    """
    code = code.strip("\n") + "\n" if code.strip() else ""
    module = read_module(code)
    if module is not None or not code:
        return code, module
    current = code
    for change in _MENDS:
        mended = change(current).strip("\n") + "\n"
        if mended == current:
            continue
        module = read_module(mended)
        if module is not None:
            return mended, module
        current = mended  # several may be needed: numbered lines with entities
    return code, None


def _dedented(code: str) -> str:
    return textwrap.dedent(code)


def _unnumbered(code: str) -> str:
    """Take line numbers away where every line has one, rising."""
    lines = [line for line in code.split("\n") if line.strip()]
    marks = [_NUMBERED.match(line) for line in lines]
    numbers = [int(mark[1]) for mark in marks if mark]
    if len(numbers) < max(2, 0.9 * len(lines)) or any(b <= a for a, b in pairwise(numbers)):
        return code
    return "\n".join(_NUMBERED.sub("", line, count=1) for line in code.split("\n"))


def _unprompted(code: str) -> str:
    """Take the prompts of an interpreter away, and what it printed."""
    lines = code.split("\n")
    if not any(line.startswith(">>>") for line in lines):
        return code
    return "\n".join(line[4:] for line in lines if _PROMPT.match(line)) + "\n"


def _undiffed(code: str) -> str:
    """Take the plus signs of an added file away."""
    lines = [
        line for line in code.split("\n") if not line.startswith(("+++ ", "--- ", "@@", "diff ", "index ", "new file"))
    ]
    if not any(line.startswith("+") for line in lines) or any(line and line[0] not in "+\\" for line in lines):
        return code
    return "\n".join(line[1:] for line in lines if not line.startswith("\\")) + "\n"


def _unescaped(code: str) -> str:
    """Turn escaped line ends into real ones in code that came as one line."""
    if code.strip().count("\n") > 1 or code.count("\\n") < 2:
        return code
    return re.sub(r"\\([nt\"'\\])", lambda mark: {"n": "\n", "t": "\t"}.get(mark[1], mark[1]), code)


def _unmarked(code: str) -> str:
    """Take tags, markers and stray fences away that stand alone on a line at either end."""
    lines = code.strip("\n").split("\n")
    kept = [place for place, line in enumerate(lines) if not _is_mark(line)]
    return "\n".join(lines[kept[0] : kept[-1] + 1]) + "\n" if kept else code


_MARK = re.compile(r"</?[\w:-]{1,30}(?: [^<>\n]{0,80})?>|<!\[CDATA\[|\]\]>|EOF|`{3,}\w*|[Pp]ython3?|\[/?PYTHON\]")


def _is_mark(line: str) -> bool:
    return not line.strip() or _MARK.fullmatch(line.strip()) is not None


def _unmagicked(code: str) -> str:
    """Take the commands of a notebook away: a script has no shell, and packages are what is there."""
    return "\n".join(line for line in code.split("\n") if not _MAGIC.match(line))


_MENDS: tuple[Callable[[str], str], ...] = (
    _dedented,
    _unmarked,
    _unnumbered,
    _unprompted,
    _undiffed,
    _unescaped,
    lambda code: html.unescape(code) if _ENTITY.search(code) else code,
    _unmagicked,
    lambda code: code.translate(_TYPOGRAPHY),
)


def _writes(module: ast.Module) -> bool:
    return any(
        (isinstance(node.func, ast.Attribute) and (node.func.attr in _WRITES or "submission" in node.func.attr))
        or (isinstance(node.func, ast.Name) and ("submission" in node.func.id or node.func.id in _WRITES))
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
    )


def _is_complete(module: ast.Module) -> bool:
    does = any(
        not isinstance(part, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom) for part in module.body
    )
    return does and not isinstance(module.body[-1], ast.FunctionDef | ast.ClassDef) and not unbound(module)


def unbound(module: ast.Module) -> frozenset[str]:
    """Return names that are read but bound nowhere in the module; none where it imports everything of another."""
    read: set[str] = set()
    bound: set[str] = set(_KNOWN_NAMES)
    for node in ast.walk(module):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.alias(name="*"):
                return frozenset()
            case ast.alias(name=name, asname=other):
                bound.add(other or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                bound.add(name)
            case ast.MatchMapping(rest=str(name)):
                bound.add(name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                bound.update(names)
    return frozenset(read - bound)


def choose(codes: Sequence[tuple[str, bool]]) -> Piece | None:
    """Return the piece that is meant as the program, or None when none looks like one.

    A whole program wins (parses, writes the submission, binds its names), the longest; a later one that is nearly as long
    mends an earlier one. Without any, pieces that make one together are joined.

    Args:
        codes: Pieces in the order of the reply, each with whether its fence calls it Python.
    """
    pieces = [inspect(code, is_python) for code, is_python in codes if code.strip()]
    whole = [piece for piece in pieces if piece.is_whole]
    if whole:
        longest = max(len(piece.code) for piece in whole)
        return next(piece for piece in reversed(whole) if len(piece.code) >= LATER_IS_MEANT * longest)
    joined = next((piece for piece in _joined([code for code, _ in codes]) if piece.is_whole), None)
    if joined is not None:
        return joined
    likely = [piece for piece in pieces if piece.is_python or (piece.parses and _looks_like_code(piece.code))]
    return max(likely, key=lambda piece: (piece.answers, piece.parses, len(piece.code)), default=None)


def _joined(codes: Sequence[str]) -> Iterator[Piece]:
    """Yield what pieces make together: all of them, then without those that a longer one repeats."""
    if len(codes) < 2:
        return
    yield inspect("\n".join(code.strip("\n") for code in codes))
    bare = [code.strip() for code in codes]
    once = [code for place, code in enumerate(bare) if not any(code in other for other in bare[place + 1 : place + 51])]
    if 1 < len(once) < len(codes):
        yield inspect("\n\n".join(once))


def _looks_like_code(code: str) -> bool:
    """Return whether what parses was meant as code: a lone word or a sentence of names is none."""
    module = read_module(code)
    return module is not None and any(
        isinstance(
            part, ast.Import | ast.ImportFrom | ast.Assign | ast.AugAssign | ast.FunctionDef | ast.For | ast.With
        )
        or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Call))
        for part in module.body
    )
