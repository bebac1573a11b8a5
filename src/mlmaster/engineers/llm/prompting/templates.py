"""The templates of the prompts: Jinja files beside this module, rendered strictly, each with a version of its own.

Text from a task or a script is only ever a value of a template, never a template.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import jinja2
import jinja2.meta

from mlmaster.engineers.llm.prompting.figures import gigabytes, seconds
from mlmaster.engineers.llm.prompting.quotes import code, fenced, inline

SUFFIX = ".md.j2"


@cache
def _sources() -> Mapping[str, str]:
    found: dict[str, str] = {}

    def gather(folder: Traversable, prefix: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                gather(entry, f"{prefix}{entry.name}/")
            elif entry.name.endswith(SUFFIX):
                found[prefix + entry.name] = entry.read_text(encoding="utf-8")

    gather(files("mlmaster.engineers.llm.prompting") / "words", "")
    return found


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(_sources()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        fenced=fenced, inline=inline, code=code, seconds=seconds, gigabytes=gigabytes, shortened=_shortened
    )
    return environment


def _shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]} …"


def names() -> tuple[str, ...]:
    """Return the names of all templates, without their suffix."""
    return tuple(sorted(name.removesuffix(SUFFIX) for name in _sources()))


def render(name: str, **values: object) -> str:
    """Return a template filled in, without blank lines at its ends.

    Raises:
        jinja2.UndefinedError: A value it needs is not given.
    """
    return _environment().get_template(name + SUFFIX).render(values).strip("\n")


@cache
def version(*parts: str) -> str:
    """Return a short hash of templates and of everything they include or extend."""
    needed, waiting = dict[str, str](), [part + SUFFIX for part in parts]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = _sources()[name]
            parsed = _environment().parse(needed[name])
            waiting += [each for each in jinja2.meta.find_referenced_templates(parsed) if each]
    text = "\0".join(f"{name}\0{needed[name]}" for name in sorted(needed))
    return hashlib.sha256(text.encode()).hexdigest()[:6]
