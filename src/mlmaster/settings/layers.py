"""Where settings come from: defaults < `mlmaster.yaml` < environment < flags and `--set`; each value remembers its source.

A pure function of what it is given. Keys are dotted paths into the model; an unknown one is an error that names near keys.
"""

from __future__ import annotations

import difflib
import functools
import math
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from mlmaster.errors import SettingsError
from mlmaster.settings.model import Settings

FILE_NAME = "mlmaster.yaml"
PREFIX = "MLMASTER_"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Layered:
    """A value as given, and where."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings, and the source of each one that is not a default."""

    settings: Settings
    sources: Mapping[str, str]


def load_settings(
    flags: Mapping[str, Layered] | None = None,
    *,
    assignments: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Resolved:
    """Resolve the settings.

    Args:
        flags: Dotted key → the value of its own flag; None values count as not given.
        assignments: `a.b=c`, as given to `--set`.
        environ: Environment; variables `MLMASTER_A__B` are read.
        folder: Folder whose `mlmaster.yaml` is read when there is one.

    Raises:
        SettingsError: An unknown key, a value that does not fit, one given twice by flags, or an unreadable file.
    """
    fields = dict(walk(Settings))
    given: dict[str, Layered] = {}
    for layer in (_from_file(folder), _from_environment(environ or {}), _from_flags(flags or {}, assignments)):
        for key, layered in layer.items():
            if key not in fields:
                raise SettingsError(_unknown(key, layered.source, fields))
            given[key] = Layered(_read(layered.value, fields[key]), layered.source)
    try:
        settings = Settings.model_validate(_nested({key: layered.value for key, layered in given.items()}))
    except ValidationError as error:
        raise SettingsError(_explain(error, given, fields)) from error
    for key, layered in given.items():
        if isinstance(value_of(settings, key), float) and not math.isfinite(value_of(settings, key)):
            raise SettingsError(f"{key} is {layered.value!r} (from {layered.source}): must be a finite number")
    return Resolved(settings, {key: layered.source for key, layered in given.items()})


def value_of(settings: Settings, key: str) -> Any:
    """Return the value of a setting by its dotted key."""
    return functools.reduce(getattr, key.split("."), settings)


def walk(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every leaf setting of a model as (dotted key, field)."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from walk(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def allowed(field: FieldInfo) -> str:
    """Return the range of a setting in words, or ""."""
    bounds = {
        name: getattr(item, name) for item in field.metadata for name in ("ge", "gt", "le", "lt") if hasattr(item, name)
    }
    low = f"at least {bounds['ge']:,}" if "ge" in bounds else f"more than {bounds['gt']:,}" if "gt" in bounds else ""
    high = f"at most {bounds['le']:,}" if "le" in bounds else f"less than {bounds['lt']:,}" if "lt" in bounds else ""
    return " and ".join(part for part in (low, high) if part)


def _from_file(folder: Path | None) -> dict[str, Layered]:
    path = None if folder is None else folder / FILE_NAME
    if path is None or not path.exists():
        return {}
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise SettingsError(f"{path} holds a {type(loaded).__name__}; it must hold settings such as `seed: 1`")
    sections = frozenset(key.rpartition(".")[0] for key, _ in walk(Settings)) - {""}
    return {key: Layered(value, FILE_NAME) for key, value in _flat(loaded, "", sections)}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Layered]:
    names = sorted(name for name in environ if name.startswith(PREFIX))
    return {name.removeprefix(PREFIX).lower().replace("__", "."): Layered(environ[name], name) for name in names}


def _from_flags(flags: Mapping[str, Layered], assignments: Sequence[str]) -> dict[str, Layered]:
    found = {key: layered for key, layered in flags.items() if layered.value is not None}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip()
        if not equals or not key:
            raise SettingsError(f"--set {assignment} has no value; write --set key=value, for example --set seed=1")
        source = f"--set {key}"
        if key in found:
            raise SettingsError(f"{key} is given twice, by {found[key].source} and by {source}; keep one")
        found[key] = Layered(text, source)
    return found


def _read(value: Any, field: FieldInfo) -> Any:
    """Return what a person typed as a value: `none`, a list or mapping in brackets, else the words themselves.

    `none` stays a word where it is one of the words to choose from, and where text is expected and None already means
    something else: to infer it.
    """
    if not isinstance(value, str):
        return value
    plain = value.strip()
    parts = typing.get_args(field.annotation)
    is_word = "none" in parts or (str in parts and field.default is None)
    if plain.lower() == "none" and not is_word:
        return None
    if plain[:1] in ("[", "{"):
        try:
            return yaml.safe_load(plain)
        except yaml.YAMLError:
            return value
    return value


def _flat(data: Mapping[Any, Any], prefix: str, sections: frozenset[str]) -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        key = f"{prefix}{name}"
        if key in sections and isinstance(value, dict):
            yield from _flat(value, f"{key}.", sections)
        elif key not in sections or value is not None:
            yield key, value


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for key, value in flat.items():
        *sections, name = key.split(".")
        inner = root
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[name] = value
    return root


def _unknown(key: str, source: str, fields: Mapping[str, FieldInfo]) -> str:
    short = {name.rpartition(".")[2]: name for name in reversed(list(fields))}
    near = difflib.get_close_matches(key, fields, n=2, cutoff=0.75)
    near += [short[match] for match in difflib.get_close_matches(key.rpartition(".")[2], short, n=2, cutoff=0.75)]
    sections = {name.partition(".")[0] for name in fields if "." in name}
    if not near and (found := difflib.get_close_matches(key.partition(".")[0], sections, n=1)):
        near = [name for name in fields if name.startswith(f"{found[0]}.")][:2]
    hint = f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else "`mlmaster settings` lists them all"
    origin = "" if source.startswith("--set") else f" (from {source})"
    return f"unknown setting {key}{origin}; {hint}"


def _explain(error: ValidationError, given: Mapping[str, Layered], fields: Mapping[str, FieldInfo]) -> str:
    """Return one line for the first thing that does not fit."""
    first = error.errors(include_url=False)[0]
    location = [str(part) for part in first["loc"]]
    key = next(
        (".".join(location[:n]) for n in range(len(location), 0, -1) if ".".join(location[:n]) in fields),
        ".".join(location),
    )
    # a person writes lists; that they are kept as tuples is our affair
    reason = str(first["msg"]).removeprefix("Value error, ").replace("valid tuple", "list, for example [a, b]")
    limits = allowed(fields[key]) if key in fields else ""
    if limits and first["type"] in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        reason = f"must be {limits}"
    else:
        reason = reason[:1].lower() + reason[1:]
    if key not in fields:
        return f"settings of {key} do not fit together: {reason}"
    source = given[key].source if key in given else DEFAULT
    return f"{key} is {first['input']!r} (from {source}): {reason}"


def type_name(field: FieldInfo) -> str:
    """Return the type of a setting as a person would say it."""
    plain = field.annotation
    if typing.get_origin(plain) in (typing.Union, types.UnionType):
        return " or ".join(_simple(part) for part in typing.get_args(plain))
    return _simple(plain)


def _simple(annotation: Any) -> str:
    if annotation is type(None):
        return "none"
    if typing.get_origin(annotation) is typing.Annotated:
        return _simple(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(map(str, typing.get_args(annotation)))
    names = {int: "number", float: "number", str: "text", bool: "true or false", tuple: "list", dict: "mapping"}
    return names.get(typing.get_origin(annotation) or annotation) or str(getattr(annotation, "__name__", annotation))
