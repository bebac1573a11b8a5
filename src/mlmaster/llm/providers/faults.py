"""What went wrong with a call, read from what any provider says: status, error body, headers, or a broken connection.

Providers agree on little more than HTTP's status codes, and not always on those: an empty account comes as 402, 429, 403 or
400, an overlong request as 400, 413, 422 or 500. So the words of the body decide first, then the status. The tables below
are those words; a new provider's wording is a new line there and in `tests/llm/test_faults.py`. No SDK is known here.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlmaster.llm.providers.provider import Fault
from mlmaster.llm.providers.waits import retry_after_s

MOST_SHOWN = 400
"""Characters of a provider's own words in a message."""
_MOST_READ = 20_000
"""Characters of an error body that are looked at; a page may be of any size."""

_TOKENS = r"(?P<limit>\d[\d,_]*)"
_OVERFLOWS = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        rf"maximum (?:context|prompt|model|input|sequence) ?length (?:is|of|:)? ?{_TOKENS}",
        rf"longer than the (?:maximum )?(?:model's )?(?:model|context) length (?:of )?\(?{_TOKENS}",
        rf"too large for model with {_TOKENS}",
        rf"exceeds? (?:the )?(?:model's )?maximum context length (?:of )?\(?{_TOKENS}",
        rf"exceeded maximum context length \(?{_TOKENS}",
        rf"maximum context length: {_TOKENS}",
        rf"prompt is too long: \d+ tokens > {_TOKENS}",
        rf"exceed context limit: [\d ,+]+> ?{_TOKENS}",
        rf"maximum number of tokens allowed \(?{_TOKENS}",
        rf"range of input length should be \[\d+, ?{_TOKENS}\]",
        rf"max_new_tokens`? must be <= ?{_TOKENS}",
        rf"exceed context window of {_TOKENS}",
        rf"context length of only {_TOKENS}",
        rf"exceeded model token limit:? ?{_TOKENS}",
        rf"token count of \d+ exceeds the limit of {_TOKENS}",
        rf"number of tokens in the prompt cannot exceed {_TOKENS}",
        rf"too long to fit into the model \(context length {_TOKENS}\)",
        rf"request too large.*tokens per min.*limit:? {_TOKENS}",
        rf'exceed_context_size_error.*"n_ctx": ?{_TOKENS}',
        rf'"n_ctx": ?{_TOKENS}.*exceed_context_size_error',
        r"context[ _]length[ _]exceeded|context_window_exceeded|exceed_context_size|string_above_max_length",
        r"exceeds? (?:the |this |your )?(?:available |model's |model )?(?:maximum )?context",
        r"exceeds? the (?:context|maximum context|max) (?:length|size|window)",
        r"(?:prompt|input|request|messages?) (?:is|are) too (?:long|large)|request_too_large|request too large",
        r"context window exceeds|prompt exceeds max length|exceeded max context length|longer than the context",
        r"greater than the context length|reduce (?:the length of|your) (?:the )?(?:messages|prompt|input|message size)",
    )
]
_QUOTA = re.compile(
    r"insufficient[_ ](?:quota|balance|credits?|funds)|exceeded your current quota|credit balance|billing|payment required"
    r"|requires more credits|out of credits|spend(?:ing)? limit|arrearage|overdue|quota_exceeded|no credits|PerDay"
    r"|free-models-per-day|limit: 0\b|purchase (?:more )?credits|usage limits",
    re.IGNORECASE,
)
_SLOWED = re.compile(r"retryDelay|retry in \d|try again in \d|PerMinute|per[ -]min", re.IGNORECASE)
_BAD_KEY = re.compile(
    r"api[ _]key (?:not valid|is invalid|not found)|api_key_invalid|(?:invalid|incorrect|missing|wrong|no|bad) api[ _-]?key"
    r"|invalid_api_key|authentication_error|authentication fails|unauthori[sz]ed",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model_not_found|model\w*.{0,120}?(?:not? (?:be )?(?:found|exist|available)|does not exist|n't exist|unknown"
    r"|not supported for|deprecated|decommissioned|retired)|(?:invalid|unknown|unsupported|no such|not a valid) model"
    r"|no endpoints found for|not have access to (?:the )?model|^model: \S+$|only supported in v1/|not a chat model"
    r"|no models? (?:is )?loaded",
    re.IGNORECASE | re.DOTALL,
)
_PAGE = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body|center|title)\b", re.I | re.DOTALL
)

_REFUSES = re.compile(
    r"not? (?:currently )?(?:be )?(?:support|allow|permit|enabl|available|accept|compatible|implement|recogni)"
    r"|n't (?:support|allow)|unsupported|unrecogni[sz]ed|unknown|unexpected|unavailable|invalid|extra|forbidden"
    r"|not (?:a )?valid|not one of|deprecated|cannot|can not|can only|only (?:the |be |available)|must|should|requires?"
    r"|mandatory|incompatible|no endpoints|too (?:large|high)|is set but|conversion failed|failed to parse|range of|expected"
    r"|could not be verified|greater than|maximum|at most|\d > \d",
    re.IGNORECASE,
)
_NAMES = {
    parameter: re.compile(pattern, re.IGNORECASE)
    for parameter, pattern in {
        "prefill": r"prefill|pre-fill|continue_final_message|add_generation_prompt|\bprefix\b|must end with a user"
        r"|last (?:message|role).{0,30}\b(?:user|assistant)\b|final assistant (?:content|message) cannot",
        "system": r"\bsystem[ _](?:role|message|prompt|instruction)|developer (?:role|message|instruction)|role.{0,40}"
        r"['\"`](?:system|developer)['\"`]|['\"`](?:system|developer)['\"`] (?:role|is not one of)|roles must alternate"
        r"|only user and assistant roles|^(?:system|instructions)(?:$|\W)|messages\[0\]\.role",
        "temperature": r"\btemperature\b",
        "stream_usage": r"stream_options|include_usage",
        "cache": r"cache_control|prompt_cache",
        "max_output_tokens": r"\bmax_(?:completion_|output_|new_)?tokens\b|maxOutputTokens",
        "schema": r"response[_ ]format|response[_ ]mime|json[_ ]schema|structured[_ ]outputs?|text\.format|output_format"
        r"|output_config\.format|guided_json|grammar|responseSchema",
        "tools": r"\btools?\b|tool[_ ](?:choice|use|call)|function[ _]call|\bfunctions?\b",
        "effort": r"\breasoning|\bthink(?:ing)?\b|\beffort\b|budget_tokens|encrypted[_ ]content",
    }.items()
}
"""How error bodies name what was sent, the less ambiguous first: a complaint about a schema may mention tools."""


def fault_of(
    status: int | None,
    body: str,
    headers: Mapping[str, str],
    *,
    model: str,
    address: str,
    key_env: str | None,
    sent: Collection[str],
    secrets: Collection[str] = (),
    now: Callable[[], float] = time.time,
) -> Fault:
    """Return what an error answer means.

    Args:
        status: Of HTTP; None for an error inside a stream.
        body: As it came: JSON of any shape, a page, plain text, or nothing.
        headers: Of the answer.
        model: What was asked.
        address: Where.
        key_env: Environment variable of the key; None where none is used.
        sent: Of `mlmaster.llm.providers.provider.PARAMETERS`, those in the request: only these can be refused.
        secrets: What must not get into the message.
        now: Unix time, for waits given as dates.
    """
    said = _said(body[:_MOST_READ])
    # some servers answer 200 and say in the body what went wrong
    code = status if status not in (None, 200) else said.status or (None if said.is_error else status)
    known = {name.lower(): value for name, value in headers.items()}
    kind, parameter, limit = _kind(code, said, known, frozenset(sent))
    words = "" if said.is_page else scrub(said.message, secrets)
    return Fault(
        kind,
        _message(kind, parameter, model=model, address=scrub(address, secrets), key_env=key_env, code=code, said=words),
        parameter=parameter,
        retry_after_s=retry_after_s(known, said.everything, now()) if kind in ("busy", "away") else None,
        limit_tokens=limit,
    )


def connection_fault(
    error: BaseException, *, model: str, address: str, key_env: str | None = None, secrets: Collection[str] = ()
) -> Fault:
    """Return what a failed connection means: `away`, unless the address, its certificate or the key can never work.

    Args:
        error: Of the SDK, the HTTP client or the system; its causes are looked through.
        model: What was asked.
        address: Where.
        key_env: Environment variable of the key; None where none is used.
        secrets: What must not get into the message.
    """
    chain = list(_causes(error))
    words = scrub(" - ".join(dict.fromkeys(str(each) or type(each).__name__ for each in chain)), secrets)
    kind, what = _broken(chain)
    where = scrub(address, secrets)
    advice = {
        "certificate": "have the authority that signed it trusted (SSL_CERT_FILE), or mend llm.base_url (`--base-url`)",
        "address": "mend llm.base_url (`--base-url`), or the proxy that the environment names",
        "key": f"look for line breaks and quotes in {key_env}" if key_env else "name its variable with llm.key_env",
        "away": "is the server running, and the network up?",
    }[kind]
    # what is said of a key that cannot be sent quotes it, in a spelling in which it is not found again
    said = "" if kind == "key" else f" ({words})"
    return Fault(kind, f"{model} at {where}: {what}{said}; {advice}")


def scrub(text: str, secrets: Iterable[str] = (), most: int = MOST_SHOWN) -> str:
    """Return a text fit for messages and records: on one line, no longer than `most`, without secrets.

    Args:
        text: Anything that came from outside.
        secrets: Replaced by `[key]`, as is what looks like a key.
        most: Bound of the result in characters.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "[key]")
    text = text[:_MOST_READ]
    for pattern, replacement in _KEYS:
        text = pattern.sub(replacement, text)
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


_KEYS = [
    (re.compile(r"\b(Bearer|Basic)\s+(?!\[key\])[\w.~+/*-]{6,}=*", re.IGNORECASE), r"\1 [key]"),
    (re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|or|key|fw|nvapi|ghp|r8)[-_][\w*.-]{8,}"), "[key]"),
    (re.compile(r"\bAIza[\w*-]{10,}"), "[key]"),
    (
        re.compile(
            r"(api[-_ ]?key|authorization|secret|password)(['\"]?\s*[:=]\s*['\"]?)(?!\[key\])[\w.*+/~-]{6,}", re.I
        ),
        r"\1\2[key]",
    ),
    (re.compile(r"([?&](?:key|api_key|token|access_token)=)[^&\s]+", re.IGNORECASE), r"\1[key]"),
    (re.compile(r"(\b[a-z]{2,10}://)[^/\s@]+@", re.IGNORECASE), r"\1[key]@"),
]


@dataclass(frozen=True, slots=True)
class _Said:
    """An error body: its message, the parameter it names, everything in it, and the status it gives itself."""

    message: str
    named: str
    everything: str
    status: int | None = None
    is_error: bool = False
    is_page: bool = False


def _said(body: str) -> _Said:
    if _PAGE.match(body):
        title = re.search(r"<(?:title|h1)[^>]*>(.*?)</", body, re.IGNORECASE | re.DOTALL)
        return _Said("", "", title[1] if title else "", is_page=True)
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return _Said(body, "", body)
    leaves = list(_leaves(data))
    # OpenRouter and others carry the error of whom they asked as text
    told = [value for key, value in leaves if key in ("message", "msg", "error", "detail", "raw", "reason")]
    codes = [value for key, value in leaves if key in ("code", "status") and re.fullmatch(r"[45]\d\d", value)]
    return _Said(
        message=" - ".join(dict.fromkeys(told)) or body,
        named=" ".join(value for key, value in leaves if key in ("param", "loc")),
        everything=f"{body}\n" + "\n".join(value for _, value in leaves),
        status=int(codes[0]) if codes else None,
        is_error=any(key == "error" for key, _ in leaves) or (isinstance(data, dict) and bool(data.get("error"))),
    )


def _leaves(data: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield texts and numbers of JSON data with the key they stand under."""
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from _leaves(value, name)
    elif isinstance(data, list):
        if key == "loc":
            yield key, ".".join(str(each) for each in data)
            return
        for value in data:
            yield from _leaves(value, key)
    elif isinstance(data, str | int | float) and not isinstance(data, bool):
        yield key, str(data)


def _kind(
    code: int | None, said: _Said, headers: Mapping[str, str], sent: frozenset[str]
) -> tuple[str, str, int | None]:
    """Return kind, refused parameter and limit of tokens; the order is the point: what is said surely goes first."""
    text = said.everything
    if said.is_page or ("text/html" in headers.get("content-type", "") and code in (None, 404)):
        return _kind_of_page(code), "", None
    overflow = _overflow(text) if code in (None, 400, 413, 422, 500) or "too large" in text.lower() else None
    if overflow is not None:
        return "overflow", "", overflow or None
    if code == 402 or (code in (None, 400, 401, 403, 429) and _QUOTA.search(text) and not _is_slowed(text)):
        return "quota", "", None
    if code == 429:
        return "busy", "", None
    if code in (None, 400, 404, 422, 500, 501) and (parameter := _refused(said, sent)):
        return "refused", parameter, None
    if code in (None, 400, 403, 404, 422) and _NO_MODEL.search(said.message):
        return "model", "", None
    if code in (401, 403) or (code in (None, 400) and _BAD_KEY.search(text)):
        return "key", "", None
    return _kind_of_status(code, text), "", None


def _kind_of_page(code: int | None) -> str:
    if code in (401, 408, 413, 429) or (code or 0) >= 500:
        return _kind_of_status(code, "")
    return "address"


def _kind_of_status(code: int | None, text: str) -> str:
    if code is None:
        if re.search(r"rate[_ ]limit|too many requests", text, re.IGNORECASE):
            return "busy"
        return "request" if "invalid_request" in text else "away"
    if code < 300:
        return "garbled"
    if code in (408, 409, 424, 425, 498, 499) or code >= 500:
        return "away" if code not in (501, 505) else "address"
    if code < 400 or code in (404, 405, 407, 410):
        return "address"
    return {401: "key", 402: "quota", 413: "overflow", 429: "busy"}.get(code, "request")


def _is_slowed(text: str) -> bool:
    """Return True for an allowance that comes back by itself soon, whatever else the text says of plans and billing."""
    return bool(_SLOWED.search(text)) and not re.search(r"insufficient_quota|PerDay|limit: 0\b|credit", text)


def _overflow(text: str) -> int | None:
    """Return the limit of an overflow, 0 where it is not said, None where the text is of something else."""
    for pattern in _OVERFLOWS:
        if found := pattern.search(text):
            limit = found.groupdict().get("limit")
            return int(re.sub(r"\D", "", limit)) if limit else 0
    return None


def _refused(said: _Said, sent: frozenset[str]) -> str:
    """Return which of what was sent is refused, "" for none: by the parameter that is named, else by the words."""
    for text in (said.named, said.message):
        for parameter, name in _NAMES.items():
            if parameter in sent and name.search(text) and (text is said.named or _REFUSES.search(text)):
                return parameter
    return ""


def _message(
    kind: str, parameter: str, *, model: str, address: str, key_env: str | None, code: int | None, said: str
) -> str:
    told = f" ({code})" if code else ""
    words = f": {said}" if said else ""
    key = f"set {key_env} to a valid key" if key_env else "name the variable that holds the key with llm.key_env"
    what, advice = {
        "key": ("the key was refused", key if key_env else f"a key is wanted; {key}"),
        "model": ("there is no such model", "choose another with `--model`; `mlmaster models` lists the providers"),
        "quota": (
            "the account has nothing left",
            f"pay in there, or take another key (now {key_env or 'none'}) or `--model`",
        ),
        "busy": ("too many requests", "waiting is all there is to do"),
        "overflow": (
            "the request is larger than the model takes",
            "a smaller session.context_tokens makes smaller requests",
        ),
        "refused": (f"the model does not take `{parameter}`", "it is left out from now on"),
        "request": ("the request was called wrong", "is it a model for conversations? Choose with `--model`"),
        "away": ("the provider stumbled", "it may work again a little later"),
        "garbled": (
            "the answer makes no sense",
            "does the address speak this protocol? See llm.base_url and llm.protocol",
        ),
        "address": (
            "no such address" if said else "answered with a page; is it a proxy or a wrong llm.base_url?",
            "mend llm.base_url (`--base-url`) or llm.protocol",
        ),
    }[kind]
    return f"{model} at {address}: {what}{told}{words}; {advice}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def _broken(chain: Collection[BaseException]) -> tuple[str, str]:
    text = " ".join(str(each) for each in chain)
    names = {base.__name__ for each in chain for base in type(each).__mro__}
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain) or "CERTIFICATE_VERIFY_FAILED" in text:
        return "certificate", "its certificate cannot be verified"
    if any(isinstance(each, UnicodeEncodeError) for each in chain) or "Illegal header value" in text:
        return "key", "the key holds characters that no key has"
    lookups = [each for each in chain if isinstance(each, socket.gaierror)]
    if lookups:
        if lookups[0].errno == socket.EAI_AGAIN:
            return "away", "its name cannot be looked up now"
        return "address", "there is no such host"
    if "Name or service not known" in text or "nodename nor servname" in text or "getaddrinfo failed" in text:
        return "address", "there is no such host"
    if names & {"UnsupportedProtocol", "InvalidURL", "ProxyError", "TooManyRedirects"}:
        return "address", "the address cannot be used"
    if any(isinstance(each, ssl.SSLError) for each in chain) and "EOF" not in text:
        return "address", "it does not speak TLS there (http:// instead of https://?)"
    if any(isinstance(each, ConnectionRefusedError) for each in chain) or "Connection refused" in text:
        return "away", "nothing answers there"
    if any(isinstance(each, TimeoutError) for each in chain) or any("Timeout" in name for name in names):
        return "away", "no answer in time"
    return "away", "the connection broke off"
