"""What scripts do that MLE-bench forbids, found in their text: hand-written answers, outside input, language models.

After the three questions of MLE-bench's own check (openai/mle-bench, `extras/rule_violation_detector`), which asks a
model; here the syntax tree is read, so the same script always gets the same findings. What is disguised (names put
together at run time, code that is decoded and run) is found only as far as the disguise itself is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from mlmaster.core.syntax import parse
from mlmaster.mlebench.integrity.sources import Source


class Rule(StrEnum):
    """What is forbidden."""

    HAND_WRITTEN = "hand_written"
    OUTSIDE_INPUT = "outside_input"
    LANGUAGE_MODEL = "language_model"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One place where a rule is broken, or may be.

    Attributes:
        rule: Which.
        script: Name of the script.
        line: From 1.
        what: What was found, in words.
    """

    rule: Rule
    script: str
    line: int
    what: str


LANGUAGE_MODELS = frozenset(
    [
        "openai",
        "anthropic",
        "cohere",
        "mistralai",
        "groq",
        "together",
        "replicate",
        "litellm",
        "langchain",
        "langchain_openai",
        "langchain_anthropic",
        "langchain_community",
        "llama_index",
        "ollama",
        "dashscope",
        "zhipuai",
        "vertexai",
        "google.generativeai",
        "google.genai",
        "huggingface_hub.inference",
        "boto3",
    ]
)
"""Packages that ask a language model somewhere else."""
MODEL_HOSTS = re.compile(
    r"api\.(openai|anthropic|cohere|mistral|deepseek|together|groq|x)\.(com|ai|xyz)|generativelanguage\.googleapis|openrouter\.ai"
    r"|dashscope\.aliyuncs|api-inference\.huggingface|bedrock-runtime|/v1/(chat/)?completions|:11434\b"
)
NETWORK = frozenset(
    [
        "requests",
        "httpx",
        "urllib.request",
        "urllib3",
        "aiohttp",
        "socket",
        "http.client",
        "ftplib",
        "paramiko",
        "kaggle",
        "kagglehub",
        "wget",
        "gdown",
        "boto3",
        "selenium",
        "datasets.load_dataset",
    ]
)
"""Packages whose use reaches beyond the machine."""
FETCHERS = re.compile(
    r"\b(curl|wget|kaggle|git\s+clone|gsutil|aws\s+s3|pip3?\s+install|apt(-get)?\s+install|ssh|scp|nc)\b"
)
OUTSIDE = re.compile(r"^(?:/(?!(?:tmp|dev/(?:null|shm))(?:/|$))|~|[A-Za-z]:[\\/]|(?:\.\./)|\.\.$)")
"""Absolute paths and those that climb: a solution reads ./input and writes beside itself."""
URL = re.compile(r"^(https?|ftp|s3|gs|hf)://")
READERS = frozenset(
    [
        "open",
        "read_csv",
        "read_parquet",
        "read_json",
        "read_excel",
        "read_pickle",
        "read_table",
        "read_feather",
        "read_hdf",
        "load",
        "loadtxt",
        "genfromtxt",
        "imread",
        "Path",
        "glob",
        "iglob",
        "listdir",
        "walk",
        "scandir",
        "rglob",
        "ZipFile",
        "from_pretrained",
    ]
)
LEARNERS = re.compile(
    r"^(fit|fit_transform|partial_fit|train|cv|train_on_batch|backward|finetune|fit_predict|fit_resample|lstsq|minimize|curve_fit|solve"
    r"|polyfit|groupby|mean|median|mode|value_counts)$"
)
"""Calls that learn something from data, a mean by group included."""
MOST_LITERALS = 200
"""Constants one collection may hold before it looks like answers; names of 200 columns or species are common."""
MOST_ANSWERS = 20
"""Pairs of key and value one dictionary may hold before it looks like answers."""
_SHOWN = 80


def find_violations(sources: Iterable[Source]) -> list[Finding]:
    """Return every place where a script breaks a rule, in the order of the scripts and their lines."""
    return [finding for source in sources for finding in sorted(_find(source), key=lambda each: each.line)]


def _find(source: Source) -> Iterator[Finding]:
    try:
        module = parse(source.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        yield Finding(Rule.UNREADABLE, source.name, getattr(error, "lineno", None) or 1, f"no Python: {error}")
        return
    for node in ast.walk(module):
        for rule, what in _judge(node):
            yield Finding(rule, source.name, getattr(node, "lineno", 1), what)
    yield from _without_learning(source, module)


def _judge(node: ast.AST) -> Iterator[tuple[Rule, str]]:
    match node:
        case ast.Import(names=names):
            for each in names:
                yield from _judge_module(each.name)
        case ast.ImportFrom(module=str(module), names=names):
            yield from _judge_module(module)
            for each in names:
                if not _is_of(module, LANGUAGE_MODELS | NETWORK):
                    yield from _judge_module(f"{module}.{each.name}")
        case ast.Constant(value=str(text)) if MODEL_HOSTS.search(text):
            yield Rule.LANGUAGE_MODEL, f"address of a language model: {_cut(text)}"
        case ast.Call(func=function, args=args, keywords=keywords):
            values = [*args, *(keyword.value for keyword in keywords)]
            yield from _judge_call(_name(function), values)
        case ast.Dict(keys=keys, values=values) if len(keys) > MOST_ANSWERS:
            constant = sum(isinstance(k, ast.Constant) and _is_constant(v) for k, v in zip(keys, values, strict=True))
            if constant > MOST_ANSWERS and _looks_like_ids([k.value for k in keys if isinstance(k, ast.Constant)]):
                yield Rule.HAND_WRITTEN, f"a dictionary from {constant} ids to written values"
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items) if len(items) > MOST_LITERALS:
            if all(map(_is_constant, items)):
                yield Rule.HAND_WRITTEN, f"a collection of {len(items)} written values"


def _judge_module(name: str) -> Iterator[tuple[Rule, str]]:
    if _is_of(name, LANGUAGE_MODELS):
        yield Rule.LANGUAGE_MODEL, f"imports {name}, which asks a model elsewhere"
    elif _is_of(name, NETWORK):
        yield Rule.OUTSIDE_INPUT, f"imports {name}, which reaches beyond the machine"


def _judge_call(name: str, values: list[ast.expr]) -> Iterator[tuple[Rule, str]]:
    last = name.rpartition(".")[2]
    texts = [each.value for each in values if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if name in ("os.system", "os.popen") or name.startswith("subprocess."):
        words = " ".join(
            each.value
            for value in values
            for each in ast.walk(value)
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        )
        if FETCHERS.search(words):
            yield Rule.OUTSIDE_INPUT, f"runs a command that fetches: {_cut(words)}"
    elif name in ("exec", "eval") and values and not isinstance(values[0], ast.Constant):
        yield Rule.UNREADABLE, f"{name} of text made at run time"
    elif last in READERS:
        for text in texts:
            if URL.match(text):
                yield Rule.OUTSIDE_INPUT, f"reads an address: {_cut(text)}"
            elif OUTSIDE.match(text):
                yield Rule.OUTSIDE_INPUT, f"reads outside of its own folder: {_cut(text)}"


def _without_learning(source: Source, module: ast.Module) -> Iterator[Finding]:
    """A script that writes a submission and learns from nothing has its answers from somewhere else."""
    calls = {_name(node.func).rpartition(".")[2] for node in ast.walk(module) if isinstance(node, ast.Call)}
    writes = any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith("submission.csv")
        for node in ast.walk(module)
    )
    if writes and not any(map(LEARNERS.match, calls)):
        yield Finding(
            Rule.HAND_WRITTEN, source.name, 1, "writes submission.csv and calls nothing that learns from data"
        )


def _is_of(name: str, packages: frozenset[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[: i + 1]) in packages for i in range(len(parts)))


def _name(function: ast.expr) -> str:
    match function:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            before = _name(value)
            return f"{before}.{name}" if before else name
    return ""


def _is_constant(node: ast.AST) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_constant(node.operand)
    if isinstance(node, ast.Tuple | ast.List):
        return bool(node.elts) and all(map(_is_constant, node.elts))
    return isinstance(node, ast.Constant)


def _looks_like_ids(keys: list[object]) -> bool:
    """Ids are numbers, or texts with digits; names of columns and spellings of words are neither."""
    return sum(isinstance(key, int | float) or any(c.isdigit() for c in str(key)) for key in keys) > len(keys) / 2


def _cut(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
