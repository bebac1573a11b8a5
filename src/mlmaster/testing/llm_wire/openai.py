"""What OpenAI's protocols and those made after them have in common: complaints, and the checks of a request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from mlmaster.core.chat import Tool
from mlmaster.testing.llm_wire.exchange import Complaint, Manner

FAILURES: Mapping[str, tuple[int, str, str, str | None]] = {
    "key": (
        401,
        "Incorrect API key provided: {}. You can find your API key at https://platform.openai.com/account/api-keys.",
        "invalid_request_error",
        "invalid_api_key",
    ),
    "model": (
        404,
        "The model `{}` does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found",
    ),
    "path": (404, "Invalid URL ({})", "invalid_request_error", None),
    "json": (400, "We could not parse the JSON body of your request.", "invalid_request_error", None),
    "busy": (
        429,
        "Rate limit reached for this model on tokens per min (TPM): Limit 30000, Used 29800, Requested 2100. Please try "
        "again in 3.8s.",
        "tokens",
        "rate_limit_exceeded",
    ),
    "error": (
        500,
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        None,
    ),
    "unavailable": (503, "The server is temporarily unable to service your request.", "service_unavailable", None),
    "overloaded": (
        503,
        "The engine is currently overloaded, please try again later.",
        "server_error",
        "overloaded",
    ),
    "quota": (
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "balance": (402, "Insufficient Balance", "unknown_error", "invalid_request_error"),
}
"""Status, message, type and code of each failure."""

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def complaint(
    status: int,
    message: str,
    kind: str = "invalid_request_error",
    *,
    param: str | None = None,
    code: str | None = None,
) -> Complaint:
    """Return a complaint in the form of OpenAI."""
    return Complaint(status, {"error": {"message": message, "type": kind, "param": param, "code": code}})


def failure(kind: str, detail: str = "") -> Complaint:
    """Return the complaint of a failure."""
    status, message, type_, code = FAILURES[kind]
    return complaint(status, message.format(detail), type_, code=code)


def turn_down(message: str, param: str | None = None, code: str | None = None) -> NoReturn:
    """Raise a complaint about the request."""
    raise complaint(400, message, param=param, code=code)


def check_names(body: Mapping[str, Any], known: frozenset[str]) -> None:
    """Turn down parameters that nobody knows."""
    unknown = sorted(set(body) - known)
    if unknown:
        turn_down(f"Unrecognized request argument{'s' * (len(unknown) > 1)} supplied: {', '.join(unknown)}")


def check_numbers(body: Mapping[str, Any], tokens: Sequence[str], smallest: int = 1) -> None:
    """Turn down numbers out of range."""
    temperature = body.get("temperature")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
        turn_down(
            f"Invalid 'temperature': expected a value between 0 and 2, but got {temperature!r} instead.", "temperature"
        )
    for name in tokens:
        value = body.get(name)
        if value is not None and (not isinstance(value, int) or value < smallest):
            turn_down(
                f"Invalid '{name}': integer below minimum value. Expected a value >= {smallest}, but got {value!r} instead.",
                name,
                "integer_below_min_value",
            )


def check_model(body: Mapping[str, Any]) -> str:
    """Return the model that is asked."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        turn_down("you must provide a model parameter")
    return model


def check_refusals(body: Mapping[str, Any], manner: Manner, names: Mapping[str, str]) -> None:
    """Turn down what a model is told not to take; `names` has the parameter of each kind of refusal."""
    for kind in sorted(manner.refuses):
        name = names.get(kind)
        if name is None or body.get(name) is None:
            continue
        if kind == "temperature":
            turn_down(
                f"Unsupported value: 'temperature' does not support {body[name]} with this model. Only the default (1) value "
                "is supported.",
                "temperature",
                "unsupported_value",
            )
        if kind == "max_tokens" and name == "max_tokens":
            turn_down(
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                "max_tokens",
                "unsupported_parameter",
            )
        if kind == "response_format":
            turn_down(
                f"Invalid parameter: '{name}' of type 'json_schema' is not supported with this model. Learn more about "
                "supported models at the Structured Outputs guide.",
                name,
            )
        if kind in ("effort", "stream_options", "max_completion_tokens"):
            turn_down(f"Unrecognized request argument supplied: {name}")
        turn_down(f"Unsupported parameter: '{name}' is not supported with this model.", name, "unsupported_parameter")


def check_schema(schema: Any, where: str, *, is_strict: bool) -> None:
    """Turn down what is no schema of an object, and what is not closed where it is to be enforced."""
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        turn_down(f"Invalid schema for {where}: schema must be a JSON Schema of 'type: \"object\"'.", None)
    if not is_strict:
        return
    for place, part in _objects(schema, ()):
        if part.get("additionalProperties") is not False:
            turn_down(
                f"Invalid schema for {where}: In context={place}, 'additionalProperties' is required to be supplied and "
                "to be false.",
                code="invalid_json_schema",
            )
        missing = [name for name in part.get("properties", {}) if name not in part.get("required", [])]
        if missing:
            turn_down(
                f"Invalid schema for {where}: In context={place}, 'required' is required to be supplied and to be an array "
                f"including every key in properties. Missing '{missing[0]}'.",
                code="invalid_json_schema",
            )


def _objects(schema: Mapping[str, Any], place: tuple[str, ...]) -> list[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Return the schemas of objects within a schema, with their places."""
    found = [(place, schema)] if schema.get("type") == "object" else []
    for name, part in schema.get("properties", {}).items():
        found += _objects(part, (*place, "properties", name))
    if isinstance(schema.get("items"), Mapping):
        found += _objects(schema["items"], (*place, "items"))
    return found


def read_tool(function: Any, where: str) -> Tool:
    """Return a tool that is offered."""
    if not isinstance(function, Mapping) or not TOOL_NAME.fullmatch(str(function.get("name", ""))):
        turn_down(
            f"Invalid '{where}.name': string does not match pattern. Expected a string that matches the pattern "
            "'^[a-zA-Z0-9_-]+$'.",
            f"{where}.name",
            "invalid_value",
        )
    name = function["name"]
    parameters = function.get("parameters", {"type": "object", "properties": {}})
    check_schema(parameters, f"function '{name}'", is_strict=bool(function.get("strict")))
    return Tool(name, str(function.get("description") or ""), parameters)


def read_text(content: Any, place: str, kinds: Sequence[str]) -> str:
    """Return the text of a content that is a string or a list of parts of text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        turn_down(f"Invalid type for '{place}': expected one of a string or array of objects.", place, "invalid_type")
    texts = []
    for i, part in enumerate(content):
        if not isinstance(part, Mapping) or part.get("type") not in kinds or not isinstance(part.get("text"), str):
            supported = " and ".join(f"'{kind}'" for kind in kinds)
            turn_down(
                f"Invalid value: '{part.get('type') if isinstance(part, Mapping) else part}'. Supported values are: "
                f"{supported}.",
                f"{place}[{i}]",
                "invalid_value",
            )
        texts.append(part["text"])
    return "\n".join(texts)
