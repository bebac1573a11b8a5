"""Refuses scripts that carry rows of the train table instead of learning from it.

A script is run on views that hide some train rows; one that brings their labels along in its text would be scored on what
it was told. It is refused as `policy` when its constants and comments name several train keys, quote a long train text,
repeat several numbers of many digits or labels beside their row's number, or are far larger than any program needs.
A label disguised by arithmetic is not found: the size of what is carried is what bounds that.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from contextlib import suppress

from mlmaster.engine.telling import TellingValues
from mlmaster.errors import ProposalRefused

MOST_KEYS, MOST_NUMBERS, MOST_LABELS = 4, 7, 4
"""So many train keys, numbers of many digits and labelled rows a script may name by chance."""
MOST_CHARACTERS = 20_000
"""Of all constants and comments together; column names and classes do not count."""
LONGEST_RUN = 400
"""Characters without white space in one constant: encoded data is longer, a pattern or an address is not."""
_SEPARATORS = re.compile(r"[\s,;|:'\"\[\](){}=]+")
_LEARN = "a solution learns from ./input/ and carries no rows"


def refuse_memorised(module: ast.Module, code: str, values: TellingValues) -> None:
    """Refuse a script that carries rows. The message names the rule and the count, never what was found.

    Args:
        module: The parsed script.
        code: Its text, for the comments.
        values: What tells train rows apart.

    Raises:
        ProposalRefused: `policy`.
    """
    texts, numbers = _texts(module, values), _numbers(module)
    texts += _comments(code)
    size = sum(map(len, texts)) + sum(len(number) + 1 for number in numbers)
    if size > MOST_CHARACTERS:
        _refuse(f"its constants and comments have {size} characters, of which {MOST_CHARACTERS} are allowed")
    longest = max((len(run) for text in [*texts, *numbers] for run in text.split()), default=0)
    if longest > LONGEST_RUN:
        _refuse(f"a constant has {longest} characters without a space, as encoded data has; {LONGEST_RUN} are allowed")
    if quoted := len({start for text in texts for start in values.texts(text)}):
        _refuse(f"it quotes {quoted} text(s) of the train table")
    keys = len({key for text in [*texts, *numbers] for key in values.keys(text)})
    if keys > MOST_KEYS:
        _refuse(f"it names {keys} keys of train rows")
    sequences = [*_sequences(module), *(_SEPARATORS.split(text) for text in texts)]
    found = len(values.numbers([*numbers, *(cell for cells in sequences for cell in cells)]))
    if found > MOST_NUMBERS:
        _refuse(f"{found} of its numbers are cells of the train table")
    labels = len({pair for cells in sequences for pair in values.labelled(cells)})
    if labels > MOST_LABELS:
        _refuse(f"it holds the labels of {labels} train rows")


def _refuse(what: str) -> None:
    raise ProposalRefused("policy", f"{what}; {_LEARN}")


def _texts(module: ast.Module, values: TellingValues) -> list[str]:
    """Return every text constant, joined where the source joins constants; known words are left out."""
    parts: set[int] = set()
    found = []
    for node in ast.walk(module):
        if id(node) in parts:
            continue
        joined = _joined(node)
        if joined is not None:
            parts |= {id(part) for part in ast.walk(node)}
            if joined not in values.known:
                found.append(joined)
    return found


def _joined(node: ast.AST) -> str | None:
    """Return the text of a constant, a sum of constants or the constant parts of an f-string, else None."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Constant(value=bytes(data)):
            return data.decode("utf-8", "replace")
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            first, second = _joined(left), _joined(right)
            return None if first is None or second is None else first + second
        case ast.JoinedStr(values=values):
            return "".join(_joined(value) or " " for value in values)
    return None


def _numbers(module: ast.Module) -> list[str]:
    return [written for node in ast.walk(module) if (written := _number(node))]


def _number(node: ast.AST | None) -> str:
    """Return a number as Python writes it; an integer of hundreds of digits, which it may refuse to write, in hexadecimal."""
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or not isinstance(node.value, int | float):
        return ""
    is_huge = isinstance(node.value, int) and node.value.bit_length() > 1000
    return f"{node.value:x}" if is_huge else repr(node.value)


def _sequences(module: ast.Module) -> Iterator[list[str]]:
    """Yield the cells of displays, and of each entry of a mapping, as far as they are constants."""
    for node in ast.walk(module):
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            yield [_cell(each) for each in node.elts]
        elif isinstance(node, ast.Dict):
            yield from ([_cell(key), _cell(value)] for key, value in zip(node.keys, node.values, strict=True))


def _cell(node: ast.AST | None) -> str:
    text = _joined(node) if node is not None else None
    return _number(node) if text is None else text


def _comments(code: str) -> list[str]:
    found = []
    with suppress(tokenize.TokenError, SyntaxError):  # the parser accepted it; what follows an odd end holds no comment
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.COMMENT:
                found.append(token.string)
    return found
