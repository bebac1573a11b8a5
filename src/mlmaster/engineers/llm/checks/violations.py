"""What of a script can never work where it runs: it is answered at once.

Network, installing packages, files outside of `./input/` and `./working/`, persons and screens. Every rule reads the syntax
tree, and keeps silent when in doubt: a false alarm costs a good script.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mlmaster.engineers.llm.checks.scripts import Script
from mlmaster.engineers.llm.replies.programs import read_module

_MAGIC = re.compile(r"^[ \t]{0,40}(?:%{1,2}[a-z]\w{0,30}|![a-z][\w.-]{0,40})\b[^=\n]*$", re.MULTILINE)
_INSTALL = re.compile(r"\b(?:pip3?|conda|mamba|apt|apt-get|uv)\b.{0,60}\b(?:install|add)\b")
_NETWORK = frozenset(
    [
        "requests",
        "httpx",
        "aiohttp",
        "urllib3",
        "wget",
        "gdown",
        "kaggle",
        "kagglehub",
        "boto3",
        "huggingface_hub",
        "opendatasets",
        "ftplib",
        "smtplib",
    ]
)
_NETWORK_CALLS = frozenset(
    [
        "urllib.request.urlopen",
        "urllib.request.urlretrieve",
        "urlopen",
        "urlretrieve",
        "torch.hub.load",
        "torch.hub.download_url_to_file",
        "nltk.download",
        "spacy.cli.download",
        "snapshot_download",
        "hf_hub_download",
        "fetch_openml",
        "openml.datasets.get_dataset",
        "load_state_dict_from_url",
    ]
)
_SHELL = frozenset(
    [
        "os.system",
        "os.popen",
        "subprocess.run",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.Popen",
        "subprocess.getoutput",
        "pip.main",
        "pipmain",
    ]
)
_FETCHES = re.compile(r"(?:^|[;&|]\s{0,4})(?:wget|curl|git clone|kaggle|gsutil|aws s3)\b")
_ADDRESS = re.compile(r"(?:https?|ftp|s3|gs)://")
_OPENS = frozenset(
    [
        "open",
        "Path",
        "listdir",
        "walk",
        "scandir",
        "glob",
        "iglob",
        "rglob",
        "imread",
        "load",
        "loadtxt",
        "genfromtxt",
        "copy",
        "copyfile",
        "copytree",
        "move",
        "makedirs",
        "mkdir",
        "join",
        "remove",
        "unlink",
        "rmtree",
        "ZipFile",
        "ImageFolder",
        "exec_module",
    ]
)
_WRITES = frozenset(["savetxt", "save", "makedirs", "mkdir", "dump", "imwrite", "savefig", "copytree"])
_WRITES_TO_SECOND = frozenset(["copy", "copyfile", "copy2", "move", "copytree", "rename"])
_EXISTS = frozenset(["exists", "isdir", "isfile", "is_dir", "is_file"])
_ELSEWHERE = re.compile(
    r"/(?:kaggle|home|root|mnt|data|content|workspace|input|datasets?|storage|Users|media|srv|opt|app|gdrive)(?:/|$)"
)
_INPUT = re.compile(r"(?:\./)?input(?:/|$)")


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What was found: the rule in one word, the line, and what to say of it to whoever wrote the script."""

    rule: str
    line: int
    words: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.words}"


Rule = Callable[[Script], Iterator[Suspicion]]
"""Yields what one rule finds."""


def find_violations(code: str, *, has_network: bool = False, has_weights: bool = False) -> tuple[Suspicion, ...]:
    """Return what of a script can never work in the sandbox, in the order of its lines.

    Args:
        code: The script. Of one that does not parse, only the commands of a notebook are told.
        has_network: Whether scripts reach a network.
        has_weights: Whether scripts are shown a cache of models, so that loading one by name may work.
    """
    module = read_module(code)
    if module is None:
        magic = _MAGIC.search(code)
        if magic is None:
            return ()
        line = code.count("\n", 0, magic.start()) + 1
        return (
            Suspicion(
                "notebook", line, f"`{magic[0].strip()[:80]}` is a command of a notebook; a solution is a plain script"
            ),
        )
    script = Script(module)
    rules: list[Rule] = [_installs, _leaves_folder, _writes_input, _asks, _shows]
    if not has_network:
        rules.append(_fetches)
        if not has_weights:
            rules.append(_downloads_models)
    return in_order(found for rule in rules for found in rule(script))


def in_order(found: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    """Return one finding for each rule and line, in order."""
    return tuple(
        sorted({(each.line, each.rule): each for each in found}.values(), key=lambda each: (each.line, each.rule))
    )


def _installs(script: Script) -> Iterator[Suspicion]:
    for call in script.calls:
        if script.name(call) in _SHELL:
            words = " ".join(text for argument in call.args[:1] for text in script.texts(argument))
            if _INSTALL.search(words) or script.name(call).startswith("pip"):
                yield Suspicion("install", call.lineno, "packages cannot be installed; use those that are there")


def _fetches(script: Script) -> Iterator[Suspicion]:
    imported = {origin.partition(".")[0] for origin in script.modules.values()}
    for call in script.calls:
        if script.is_guarded(call):
            continue
        name = script.full_name(call)
        root, _, rest = name.partition(".")
        words = f"`{name}` needs a network, and there is none; everything is in ./input/"
        if (root in imported & _NETWORK and rest) or {name, name.rpartition(".")[2]} & _NETWORK_CALLS:
            yield Suspicion("network", call.lineno, words)
        elif call.args and (text := script.text(call.args[0])) is not None:
            reads = name.rpartition(".")[2].startswith(("read_", "open", "load"))
            if (script.name(call) in _SHELL and _FETCHES.search(text)) or (reads and _ADDRESS.match(text)):
                yield Suspicion("network", call.lineno, words)


def _downloads_models(script: Script) -> Iterator[Suspicion]:
    for call in script.calls:
        if script.is_guarded(call):
            continue
        last = script.name(call).rpartition(".")[2]
        first = script.text(call.args[0]) if call.args else None
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if last == "from_pretrained" and first is not None:
            is_here = first.startswith((".", "/", "~", "input", "working")) or "local_files_only" in given
            if not is_here:
                words = f"`{first}` would be downloaded, and there is no network; use files in ./input/, or no weights"
                yield Suspicion("network", call.lineno, words)
        elif (
            "pretrained" in given
            and isinstance(given["pretrained"], ast.Constant)
            and given["pretrained"].value is True
        ):
            words = "pretrained weights would be downloaded, and there is no network; pass pretrained=False"
            yield Suspicion("network", call.lineno, words)
        elif last == "SentenceTransformer" and first is not None and not first.startswith((".", "/")):
            yield Suspicion("network", call.lineno, f"`{first}` would be downloaded, and there is no network")


def _leaves_folder(script: Script) -> Iterator[Suspicion]:
    tested = {
        text for call in script.calls if script.name(call).rpartition(".")[2] in _EXISTS for text in script.paths(call)
    }
    told: list[str] = []
    for call in sorted(script.calls, key=lambda call: call.lineno):
        last = script.name(call).rpartition(".")[2]
        if last not in _OPENS and not last.startswith(("read_", "to_")):
            continue
        for text in (text for argument in call.args[:2] if (text := script.text(argument)) is not None):
            if len(text) > 300 or "\n" in text or any(map(text.startswith, (*tested, *told))):
                continue
            is_above = text.startswith("../") or text == ".." or "/../" in text
            if is_above or (_ELSEWHERE.match(text) and not _ADDRESS.match(text)):
                told.append(text)
                words = f"`{text[:80]}` lies outside: data are in ./input/, scratch space is ./working/"
                yield Suspicion("path", call.lineno, words)


def _writes_input(script: Script) -> Iterator[Suspicion]:
    for call in script.calls:
        last = script.name(call).rpartition(".")[2]
        places = [script.text(argument) for argument in call.args[:2]]
        first, second = ([*places, None, None])[:2]
        target = None
        if last == "open":
            mode = (
                second or next((script.text(each.value) for each in call.keywords if each.arg == "mode"), None) or "r"
            )
            target = first if set(mode) & set("wax+") and len(mode) <= 3 else None
        elif last in _WRITES_TO_SECOND:
            target = second
        elif last in _WRITES or last.startswith("to_"):
            target = first if last != "dump" else second
        elif last in ("write_text", "write_bytes") and isinstance(call.func, ast.Attribute):
            target = script.text(call.func.value)
        if target is not None and _INPUT.match(target):
            yield Suspicion(
                "input", call.lineno, f"`{target[:80]}` is written, and ./input/ is read-only; use ./working/"
            )


def _asks(script: Script) -> Iterator[Suspicion]:
    for call in script.calls:
        if isinstance(call.func, ast.Name) and call.func.id == "input" and "input" not in script.bound:
            yield Suspicion("asks", call.lineno, "`input()` waits for a person, and nobody is there")


def _shows(script: Script) -> Iterator[Suspicion]:
    for call in script.calls:
        name = script.full_name(call)
        if name in ("cv2.imshow", "cv2.waitKey") or (isinstance(call.func, ast.Name) and call.func.id == "get_ipython"):
            yield Suspicion(
                "notebook", call.lineno, f"`{name}` needs a screen or a notebook; a solution is a plain script"
            )
