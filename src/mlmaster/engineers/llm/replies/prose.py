"""What a reply says in words: its plan, and the name it gives its change."""

from __future__ import annotations

import re

LONGEST_PLAN = 2_000
LONGEST_NAME = 40
MOST_WORDS = 6
_NAME = re.compile(
    r"^[^\w\n]{0,12}(?:(?:edit|change|short)[ _]?name|name(?: of the change)?|名称|名字|nombre|nom)"
    r"[*_`\"]{0,4}[ ]?[:：=][ ]?(.{1,200})$",
    re.IGNORECASE | re.MULTILINE,
)
_NAME_TAG = re.compile(r"<name>[ \n]{0,9}([^<\n]{1,200})[ \n]{0,9}</name>", re.IGNORECASE)
_LABEL = re.compile(
    r"^[^\w\n]{0,12}(?:the )?(?:plan|approach|idea|solution|code|script|explanation|analysis|implementation|python(?: code)?|"
    r"full (?:code|script)|complete (?:code|script))[*_`]{0,4}[ ]?[:：]?[*_`]{0,4}[ ]{0,4}$\n?",
    re.IGNORECASE | re.MULTILINE,
)
_LEAD = re.compile(r"^[^\w\n]{0,6}plan[*_`]{0,4}[ ]?[:：][*_`]{0,4}[ ]{0,4}(?=\S)", re.IGNORECASE | re.MULTILINE)
_HANDING_OVER = re.compile(
    r"^[^\n]{0,60}\b(?:here(?:'s| is| are|’s)|below is|the following is|following is)\b[^\n.]{0,160}:[ ]{0,4}$\n?",
    re.IGNORECASE | re.MULTILINE,
)
_PLAN, _PLAN_END = re.compile("<plan>", re.IGNORECASE), re.compile("</plan>", re.IGNORECASE)
_TAGS = re.compile(r"</?[A-Za-z][\w:-]{0,30}(?: [^<>\n]{0,200})?/?>|<[|｜][\w▁-]{1,40}[|｜]>")
_GAPS = re.compile(r"\n[ \t]*(?:\n[ \t]*)++\n?")


def name_of(text: str) -> str:
    """Return the name a reply gives its change, in snake case; "" when it gives none."""
    for mark in (_NAME_TAG.search(text), _NAME.search(text)):
        if mark and (name := as_name(mark[1])):
            return name
    return ""


def as_name(text: str) -> str:
    """Return words as a name in snake case; "" when they are too many, or none of plain letters."""
    text = (
        re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text[:200].strip(" \t*_`\"'“”."))
        if " " not in text.strip()
        else text[:200]
    )
    words = re.findall(r"[a-z0-9]+", text.lower())
    name = "_".join(words)
    return name if 0 < len(words) <= MOST_WORDS and len(name) <= LONGEST_NAME else ""


def plan_of(text: str) -> str:
    """Return what is left as the plan: without labels, tags and words that only hand code over."""
    begin = _PLAN.search(text)
    if begin:
        text = _PLAN_END.split(text[begin.end() :], maxsplit=1)[0].strip() or text
    text = text[: 20 * LONGEST_PLAN]
    for pattern in (_NAME_TAG, _TAGS, _NAME, _LABEL, _HANDING_OVER, _LEAD):
        text = pattern.sub("", text)
    lines = [line.strip() for line in text.split("\n")]
    kept = "\n".join(
        line for line in lines if not line or (line.strip("-=*_#~<> \t") and line[:3] not in ("```", "~~~"))
    )
    return shorten(_GAPS.sub("\n\n", kept).strip())


def shorten(text: str) -> str:
    """Return a plan within its bound, cut between words."""
    if len(text) <= LONGEST_PLAN:
        return text
    head = text[: LONGEST_PLAN - 2]
    return head[: max(head.rfind(" "), head.rfind("\n"), LONGEST_PLAN // 2)].rstrip() + " …"
