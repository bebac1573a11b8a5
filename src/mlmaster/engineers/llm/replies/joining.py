"""Ways in which a reply that was cut may go on with what continues it; `parsing` takes the one that reads best."""

from __future__ import annotations

import re

from mlmaster.engineers.llm.replies.blocks import find_blocks

WINDOW = 4_000
"""Characters at the end of the first reply in which what the second repeats is looked for."""
LEAST = 12
"""Characters that count as repeated where they do not begin a line."""
_FENCE_LINE = re.compile(r"[ \t]{0,20}(?:`{3,}|~{3,})[ \t]{0,8}\w{0,12}[ \t]{0,8}\n")
_LEAD = re.compile(r"(?:[^\n]{0,300}\n){0,3}?[ \t]{0,20}(?:`{3,}|~{3,})[ \t]{0,8}\w{1,12}[ \t]{0,8}\n")
_SAYS_SO = re.compile(
    r"[^\n]{0,80}\b(?:continu|pick(?:ing)? up|resum|here is the rest|left off)[^\n]{0,200}\n+", re.IGNORECASE
)


def ways_to_join(first: str, second: str) -> list[str]:
    """Return the ways to join two texts, the most plausible first."""
    found: list[str] = []
    if begins_anew(first, second):
        found.append(second)
    bodies = [second]
    is_open = _is_open(first)
    if is_open:
        fence = _FENCE_LINE.match(second) or _LEAD.match(second)
        if fence:
            bodies.insert(0, second[fence.end() :])
        said = _SAYS_SO.match(second)
        if said:
            bodies.insert(1, second[said.end() :])
    for body in bodies:
        found += _glued(first, body)
    return found


def _is_open(text: str) -> bool:
    blocks = find_blocks(text)
    return bool(blocks) and blocks[-1].is_open


def begins_anew(first: str, second: str) -> bool:
    """Return whether the second reply is the first one again: its script begins with the same lines."""
    old, new = (next((block.text for block in find_blocks(text)[-1:]), text) for text in (first, second))
    heads = [[line for line in text[:2_000].split("\n") if line.strip()][:3] for text in (old, new)]
    return len(heads[0]) > 1 and heads[0] == heads[1]


def _glued(first: str, second: str) -> list[str]:
    found = []
    overlap = _overlap(first, second)
    if overlap:
        found.append(first + second[overlap:])
    start = first.rfind("\n") + 1
    last = first[start:]
    line = second.lstrip("\n").partition("\n")[0]
    if last.strip() and line.strip().startswith(last.strip()) and (len(last.strip()) > 3 or line == last):
        indent = last[: len(last) - len(last.lstrip())]
        found.append(first[:start] + indent + second.lstrip())
    found.append(first + second)
    backed = _backed_up(first, second)
    if backed:
        found.append(backed)
    if last and not last.strip() and second[:1] in (" ", "\t"):
        found.append(first[:start] + second)  # the second has the indentation whole
    if last.strip() and not second.startswith("\n"):
        found.append(f"{first}\n{second}")
    return found


def _overlap(first: str, second: str) -> int:
    """Return how many characters the second text begins with that the first one ends with."""
    tail = first[-WINDOW:]
    head = second[:LEAST]
    at = tail.find(head) if len(head) == LEAST else -1
    for _ in range(WINDOW):
        if at < 0:
            break
        if second.startswith(tail[at:]):
            return len(tail) - at
        at = tail.find(head, at + 1)
    start = first.rfind("\n", 0, max(0, len(first) - 1)) + 1
    lines = first[start:]
    return len(lines) if lines.strip() and second.startswith(lines) else 0


def _backed_up(first: str, second: str) -> str:
    """Return the texts joined where the second takes up again some lines before the end of the first."""
    head = second.lstrip("\n").split("\n", 2)[:2]
    if len(head) < 2 or not all(line.strip() for line in head):
        return ""
    start = max(0, len(first) - WINDOW)
    at = first.rfind("\n" + "\n".join(head) + "\n", start)
    return first[: at + 1] + second.lstrip("\n") if at >= 0 else ""
