"""What providers really say when something goes wrong, and what each of it comes to."""

from __future__ import annotations

import itertools
import json
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlmaster.llm.providers.faults import connection_fault, fault_of, scrub
from mlmaster.llm.providers.provider import PARAMETERS, Fault

NOW = 1_700_000_000.0


def openai_error(
    message: str, kind: str = "invalid_request_error", code: str | None = None, param: str | None = None
) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})


def vllm_error(message: str, code: int = 400) -> str:
    return json.dumps({"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": code})


def anthropic_error(kind: str, message: str) -> str:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"})


def gemini_error(code: int, status: str, message: str, *details: object) -> str:
    return json.dumps([{"error": {"code": code, "message": message, "status": status, "details": list(details)}}])


def read(
    status: int | None, body: str, headers: dict[str, str] | None = None, sent: tuple[str, ...] = PARAMETERS
) -> Fault:
    return fault_of(
        status,
        body,
        headers or {},
        model="openai:gpt-5",
        address="https://api.example.com/v1",
        key_env="EXAMPLE_API_KEY",
        sent=sent,
        now=lambda: NOW,
    )


OVERFLOWS = {
    "openai": (
        400,
        openai_error(
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 150000 tokens.",
            code="context_length_exceeded",
            param="messages",
        ),
        128_000,
    ),
    "openai responses": (
        400,
        openai_error(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
            code="context_length_exceeded",
            param="input",
        ),
        None,
    ),
    "openai in a stream": (None, openai_error("Your input exceeds the context window of this model."), None),
    "openai string": (
        400,
        openai_error(
            "Invalid 'messages[0].content': string too long. Expected a string with maximum length 10485760.",
            code="string_above_max_length",
        ),
        None,
    ),
    "openai tokens a minute": (
        429,
        openai_error(
            "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Requested 45000. "
            "The input or output tokens must be reduced in order to run successfully.",
            "tokens",
            "rate_limit_exceeded",
        ),
        30_000,
    ),
    "groq": (
        413,
        openai_error(
            "Request too large for model `llama-3.3-70b` on tokens per minute (TPM): Limit 6000, Requested 7000, please "
            "reduce your message size and try again.",
            "tokens",
            "rate_limit_exceeded",
        ),
        6_000,
    ),
    "groq context": (
        400,
        openai_error("Please reduce the length of the messages or completion.", code="context_length_exceeded"),
        None,
    ),
    "vllm": (
        400,
        vllm_error(
            "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens (112946 in the "
            "messages, 10000 in the completion). Please reduce the length of the messages or completion."
        ),
        16_384,
    ),
    "vllm max_tokens": (
        400,
        vllm_error(
            "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is 8192 tokens "
            "and your request has 500 input tokens (8000 > 8192 - 500)."
        ),
        8_192,
    ),
    "vllm decoder": (
        400,
        vllm_error("The decoder prompt (length 40000) is longer than the maximum model length of 32768."),
        32_768,
    ),
    "vllm whole": (
        400,
        vllm_error("The prompt (total length 40000) is too long to fit into the model (context length 32768)."),
        32_768,
    ),
    "sglang": (
        400,
        vllm_error("The input (40000 tokens) is longer than the model's context length (32768 tokens)."),
        32_768,
    ),
    "sglang total": (
        400,
        vllm_error("Requested token count exceeds the model's maximum context length of 32768 tokens."),
        32_768,
    ),
    "llama.cpp": (
        400,
        '{"error":{"code":400,"message":"the request exceeds the available context size. try increasing the context size or'
        ' enable context shift","type":"exceed_context_size_error","n_prompt_tokens":14429,"n_ctx":8192}}',
        8_192,
    ),
    "llama.cpp with 200": (
        200,
        '{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error",'
        '"n_prompt_tokens":14429,"n_ctx":8192}}',
        8_192,
    ),
    "llama.cpp older": (
        500,
        '{"error":{"code":500,"message":"the request exceeds the available context size","type":"server_error"}}',
        None,
    ),
    "llama-cpp-python": (
        500,
        openai_error("Requested tokens (2285) exceed context window of 2048", "internal_server_error"),
        2_048,
    ),
    "deepseek": (
        400,
        openai_error(
            "This model's maximum context length is 65536 tokens. However, you requested 80000 tokens (64000 in the "
            "messages, 16000 in the completion)."
        ),
        65_536,
    ),
    "anthropic": (
        400,
        anthropic_error("invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum"),
        200_000,
    ),
    "anthropic with output": (
        400,
        anthropic_error(
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length or "
            "`max_tokens` and try again",
        ),
        200_000,
    ),
    "anthropic bytes": (413, anthropic_error("request_too_large", "Request exceeds the maximum size"), None),
    "gemini": (
        400,
        gemini_error(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        1_048_576,
    ),
    "ollama": (400, '{"error":"the input length exceeds the context length"}', None),
    "ollama prompt": (400, '{"error":"prompt too long; exceeded max context length by 4 tokens"}', None),
    "openrouter": (
        400,
        json.dumps(
            {
                "error": {
                    "message": "This endpoint's maximum context length is 163840 tokens. However, you requested about 200000 "
                    "tokens (184000 of text input, 16000 in the output). Please reduce the length of either one.",
                    "code": 400,
                }
            }
        ),
        163_840,
    ),
    "openrouter passing on": (
        400,
        json.dumps(
            {
                "error": {
                    "message": "Provider returned error",
                    "code": 400,
                    "metadata": {
                        "raw": vllm_error("This model's maximum context length is 32768 tokens."),
                        "provider_name": "X",
                    },
                }
            }
        ),
        32_768,
    ),
    "mistral": (
        400,
        '{"object":"error","message":"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum'
        ' context length","type":"invalid_request_error","code":"3051"}',
        32_768,
    ),
    "dashscope": (
        400,
        openai_error("<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]"),
        129_024,
    ),
    "tgi": (
        422,
        '{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens'
        ' and 1000 `max_new_tokens`","error_type":"validation"}',
        4_096,
    ),
    "xai": (
        400,
        '{"code":"Client specified an invalid argument","error":"This model\'s maximum prompt length is 131072 but the'
        ' request contains 537812 tokens."}',
        131_072,
    ),
    "fireworks": (
        400,
        openai_error("The prompt is too long: 150000, model maximum context length: 131071"),
        131_071,
    ),
    "moonshot": (
        400,
        openai_error("Invalid request: Your request exceeded model token limit: 131072 (requested: 140000)"),
        131_072,
    ),
    "bedrock": (400, '{"message":"Input is too long for requested model."}', None),
    "lm studio": (
        400,
        '{"error":"Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context'
        ' length of only 4096 tokens, which is not enough."}',
        4_096,
    ),
    "zhipu": (400, '{"error":{"code":"1261","message":"Prompt exceeds max length"}}', None),
    "minimax": (400, openai_error("invalid params, context window exceeds limit (2013)"), None),
    "copilot": (
        400,
        openai_error(
            "prompt token count of 135000 exceeds the limit of 128000", code="model_max_prompt_tokens_exceeded"
        ),
        128_000,
    ),
    "nothing but the status": (413, "", None),
    "a page of a proxy": (413, "<html><head><title>413 Request Entity Too Large</title></head></html>", None),
}


@pytest.mark.parametrize("case", OVERFLOWS)
def test_an_overlong_request_is_known_by_every_wording_and_its_limit_read(case: str) -> None:
    status, body, limit = OVERFLOWS[case]
    fault = read(status, body)
    assert (fault.kind, fault.limit_tokens) == ("overflow", limit)
    assert "session.context_tokens" in fault.message


REFUSALS = {
    "openai temperature": (
        400,
        openai_error(
            "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.",
            code="unsupported_value",
            param="temperature",
        ),
        "temperature",
    ),
    "anthropic temperature": (
        400,
        anthropic_error("invalid_request_error", "`temperature` may only be set to 1 when thinking is enabled."),
        "temperature",
    ),
    "anthropic deprecated": (
        400,
        anthropic_error("invalid_request_error", "`temperature` is deprecated for this model."),
        "temperature",
    ),
    "openai system": (
        400,
        openai_error(
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
            code="unsupported_value",
            param="messages[0].role",
        ),
        "system",
    ),
    "gemma system": (
        400,
        gemini_error(400, "INVALID_ARGUMENT", "Developer instruction is not enabled for models/gemma-3-27b-it"),
        "system",
    ),
    "template without system": (400, vllm_error("System role not supported"), "system"),
    "template of two roles": (
        400,
        vllm_error("Conversation roles must alternate user/assistant/user/assistant/..."),
        "system",
    ),
    "roles listed": (400, openai_error("'system' is not one of ['user', 'assistant', 'tool']"), "system"),
    "ollama tools": (
        400,
        openai_error("registry.ollama.ai/library/gemma:2b does not support tools", "api_error"),
        "tools",
    ),
    "vllm tools": (
        400,
        vllm_error('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        "tools",
    ),
    "llama.cpp tools": (
        500,
        '{"error":{"code":500,"message":"tools param requires --jinja flag","type":"server_error"}}',
        "tools",
    ),
    "openrouter tools": (
        404,
        '{"error":{"message":"No endpoints found that support tool use. Try disabling \\"edit\\".","code":404}}',
        "tools",
    ),
    "gemma tools": (
        400,
        gemini_error(400, "INVALID_ARGUMENT", "Function calling is not enabled for models/gemma-3-27b-it"),
        "tools",
    ),
    "openai tools schema": (
        400,
        openai_error(
            "Invalid schema for function 'edit': schema must be a JSON Schema of 'type: \"object\"'.",
            param="tools[0].function.parameters",
        ),
        "tools",
    ),
    "gemini tools and schema": (
        400,
        gemini_error(
            400, "INVALID_ARGUMENT", "Function calling with a response mime type: 'application/json' is unsupported"
        ),
        "schema",
    ),
    "deepseek schema": (400, openai_error("This response_format type is unavailable now"), "schema"),
    "openai schema": (
        400,
        openai_error(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
            param=None,
        ),
        "schema",
    ),
    "responses schema": (
        400,
        openai_error(
            "Invalid schema for response_format 'answer'", code="invalid_json_schema", param="text.format.schema"
        ),
        "schema",
    ),
    "llama.cpp grammar": (
        400,
        '{"error":{"code":400,"message":"JSON schema conversion failed: Unrecognized schema","type":"invalid"}}',
        "schema",
    ),
    "openai max_tokens": (
        400,
        openai_error(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            code="unsupported_parameter",
            param="max_tokens",
        ),
        "max_output_tokens",
    ),
    "fastapi max_completion_tokens": (
        422,
        '{"detail":[{"type":"extra_forbidden","loc":["body","max_completion_tokens"],"msg":"Extra inputs are not permitted",'
        '"input":100}]}',
        "max_output_tokens",
    ),
    "max_tokens too large": (
        400,
        openai_error(
            "max_tokens is too large: 32000. This model supports at most 16384 completion tokens.", param="max_tokens"
        ),
        "max_output_tokens",
    ),
    "anthropic max_tokens": (
        400,
        anthropic_error(
            "invalid_request_error",
            "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens for claude-sonnet-4-5",
        ),
        "max_output_tokens",
    ),
    "dashscope max_tokens": (
        400,
        openai_error("<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]"),
        "max_output_tokens",
    ),
    "deepseek max_tokens": (
        400,
        openai_error("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"),
        "max_output_tokens",
    ),
    "stream_options": (
        422,
        '{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}',
        "stream_usage",
    ),
    "azure stream_options": (
        400,
        openai_error("Unrecognized request argument supplied: stream_options"),
        "stream_usage",
    ),
    "prompt_cache_key": (
        400,
        '{"error":{"message":"property \'prompt_cache_key\' is unsupported","type":"invalid_request_error"}}',
        "cache",
    ),
    "cache_control": (
        400,
        anthropic_error("invalid_request_error", "messages.0.content.0.cache_control: Extra inputs are not permitted"),
        "cache",
    ),
    "openai effort": (
        400,
        openai_error("Unrecognized request argument supplied: reasoning_effort"),
        "effort",
    ),
    "openai effort value": (
        400,
        openai_error(
            "Unsupported value: 'reasoning_effort' does not support 'minimal' with this model. Supported values are: 'low'.",
            code="unsupported_value",
            param="reasoning_effort",
        ),
        "effort",
    ),
    "responses effort": (
        400,
        openai_error(
            "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
            code="unsupported_parameter",
            param="reasoning.effort",
        ),
        "effort",
    ),
    "responses reasoning items": (
        400,
        openai_error("Encrypted content is not supported with this model.", param="include"),
        "effort",
    ),
    "responses reasoning of another key": (
        400,
        openai_error("The encrypted content for item rs_1 could not be verified.", code="invalid_encrypted_content"),
        "effort",
    ),
    "ollama thinking": (400, '{"error":"\\"gemma3:4b\\" does not support thinking"}', "effort"),
    "anthropic thinking": (
        400,
        anthropic_error("invalid_request_error", "adaptive thinking is not supported on this model"),
        "effort",
    ),
    "openrouter reasoning": (
        400,
        '{"error":{"message":"Reasoning is mandatory for this endpoint and cannot be disabled.","code":400}}',
        "effort",
    ),
    "anthropic prefill": (
        400,
        anthropic_error(
            "invalid_request_error",
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ),
        "prefill",
    ),
    "mistral prefill": (
        400,
        '{"object":"error","message":"Expected last role User or Tool (or Assistant with prefix True) for serving but got'
        ' assistant","type":"invalid_request_error"}',
        "prefill",
    ),
    "deepseek prefill": (
        400,
        openai_error('prefix is only available when using beta api (set base_url="https://api.deepseek.com/beta")'),
        "prefill",
    ),
    "llama.cpp prefill": (
        400,
        '{"error":{"code":400,"message":"Assistant response prefill is incompatible with enable_thinking."}}',
        "prefill",
    ),
    "vllm prefill": (
        400,
        vllm_error(
            "continue_final_message is set but the final message does not appear in the chat after applying the chat "
            "template! This can happen if the chat template deletes portions of the final message."
        ),
        "prefill",
    ),
    "strict prefill": (
        422,
        '{"detail":[{"type":"extra_forbidden","loc":["body","continue_final_message"],"msg":"Extra inputs not permitted"}]}',
        "prefill",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refused_parameter_is_named(case: str) -> None:
    status, body, parameter = REFUSALS[case]
    fault = read(status, body)
    assert (fault.kind, fault.parameter) == ("refused", parameter)
    assert not fault.is_passing


@pytest.mark.parametrize("case", REFUSALS)
def test_what_was_not_sent_cannot_be_refused(case: str) -> None:
    status, body, parameter = REFUSALS[case]
    fault = read(status, body, sent=tuple(each for each in PARAMETERS if each != parameter))
    assert fault.parameter != parameter
    assert read(status, body, sent=()).kind != "refused"


KINDS = {
    "openai key": (
        401,
        openai_error("Incorrect API key provided: sk-abcd**********wxyz.", code="invalid_api_key"),
        "key",
    ),
    "anthropic key": (401, anthropic_error("authentication_error", "invalid x-api-key"), "key"),
    "anthropic permission": (403, anthropic_error("permission_error", "Your API key lacks permission"), "key"),
    "deepseek key": (401, openai_error("Authentication Fails (no such user)", "authentication_error"), "key"),
    "gemini key": (
        400,
        gemini_error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        "key",
    ),
    "openrouter key": (401, '{"error":{"message":"No auth credentials found","code":401}}', "key"),
    "vllm key": (401, '{"error":"Unauthorized"}', "key"),
    "empty 401": (401, "", "key"),
    "a proxy's 401": (401, "<html><head><title>401 Authorization Required</title></head></html>", "key"),
    "openai model": (
        404,
        openai_error("The model `gpt-9` does not exist or you do not have access to it.", code="model_not_found"),
        "model",
    ),
    "openai forbidden model": (
        403,
        openai_error("Project `p` does not have access to model `gpt-5`", code="model_not_found"),
        "model",
    ),
    "openai other protocol": (
        404,
        openai_error("This model is only supported in v1/responses and not in v1/chat/completions."),
        "model",
    ),
    "anthropic model": (404, anthropic_error("not_found_error", "model: claude-foo"), "model"),
    "ollama model": (404, '{"error":{"message":"model \\"foo\\" not found, try pulling it first"}}', "model"),
    "vllm model": (404, vllm_error("The model `foo` does not exist.", 404), "model"),
    "gemini model": (
        404,
        gemini_error(
            404, "NOT_FOUND", "models/foo is not found for API version v1main, or is not supported for generateContent."
        ),
        "model",
    ),
    "openrouter model": (400, '{"error":{"message":"foo/bar is not a valid model ID","code":400}}', "model"),
    "openrouter endpoints": (404, '{"error":{"message":"No endpoints found for foo/bar.","code":404}}', "model"),
    "deepseek model": (400, openai_error("Model Not Exist"), "model"),
    "mistral model": (
        400,
        '{"object":"error","message":"Invalid model: foo","type":"invalid_model","code":"1500"}',
        "model",
    ),
    "groq retired": (
        400,
        openai_error(
            "The model `foo` has been decommissioned and is no longer supported.", code="model_decommissioned"
        ),
        "model",
    ),
    "fastapi path": (404, '{"detail":"Not Found"}', "address"),
    "go path": (404, "404 page not found", "address"),
    "openai path": (404, openai_error("Invalid URL (POST /v1/v1/chat/completions)"), "address"),
    "llama.cpp path": (404, '{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}', "address"),
    "wrong method": (405, '{"detail":"Method Not Allowed"}', "address"),
    "a page": (200, "<!DOCTYPE html><html><head><title>Welcome</title></head></html>", "address"),
    "a login page": (403, "\n<html><body>Sign in to the proxy</body></html>", "address"),
    "a commented page": (200, "<!-- build 7 -->\n<!doctype html><html></html>", "address"),
    "moved": (301, "", "address"),
    "proxy": (407, "", "address"),
    "openai quota": (
        429,
        openai_error(
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota",
        ),
        "quota",
    ),
    "deepseek quota": (402, openai_error("Insufficient Balance", "unknown_error"), "quota"),
    "anthropic quota": (
        400,
        anthropic_error("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
        "quota",
    ),
    "openrouter quota": (
        402,
        '{"error":{"message":"This request requires more credits, or fewer max_tokens. You requested up to 16000 tokens, but'
        ' can only afford 4021.","code":402}}',
        "quota",
    ),
    "openrouter day": (429, '{"error":{"message":"Rate limit exceeded: free-models-per-day. ","code":429}}', "quota"),
    "dashscope quota": (
        400,
        openai_error("Access denied, account is not in good standing.", code="Arrearage"),
        "quota",
    ),
    "openai rate": (429, openai_error("Rate limit reached for gpt-5", "tokens", "rate_limit_exceeded"), "busy"),
    "gemini minute": (
        429,
        gemini_error(
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details.",
            {
                "@type": "QuotaFailure",
                "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}],
            },
            {"@type": "RetryInfo", "retryDelay": "37s"},
        ),
        "busy",
    ),
    "gemini day": (
        429,
        gemini_error(
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details.",
            {"@type": "QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]},
            {"@type": "RetryInfo", "retryDelay": "37s"},
        ),
        "quota",
    ),
    "a page of 429": (429, "<html><title>Too many requests</title></html>", "busy"),
    "empty 429": (429, "", "busy"),
    "openai 500": (500, openai_error("The server had an error while processing your request.", "server_error"), "away"),
    "anthropic overloaded": (529, anthropic_error("overloaded_error", "Overloaded"), "away"),
    "anthropic overloaded in a stream": (None, anthropic_error("overloaded_error", "Overloaded"), "away"),
    "openrouter in a stream": (None, '{"error":{"code":502,"message":"Provider disconnected"}}', "away"),
    "rate in a stream": (None, openai_error("Rate limit reached", "tokens", "rate_limit_exceeded"), "busy"),
    "nginx": (502, "<html><head><title>502 Bad Gateway</title></head></html>", "away"),
    "cloudflare": (522, "<!DOCTYPE html><title>Connection timed out</title>", "away"),
    "empty 503": (503, "", "away"),
    "request timeout": (408, "", "away"),
    "conflict": (409, "", "away"),
    "too early": (425, "", "away"),
    "deepseek 400": (400, openai_error("Failed to deserialize the JSON body: missing field `role`"), "request"),
    "moderation": (
        400,
        openai_error("Your request was rejected by the safety system.", code="content_policy"),
        "request",
    ),
    "empty 400": (400, "", "request"),
    "teapot": (418, "I'm a teapot", "request"),
    "not JSON": (200, "Internal Server Error", "garbled"),
    "half of JSON": (200, '{"choices": [{"mess', "garbled"),
}


@pytest.mark.parametrize("case", KINDS)
def test_whose_fault_it_is_is_read_from_status_and_words(case: str) -> None:
    status, body, kind = KINDS[case]
    assert read(status, body).kind == kind


@pytest.mark.parametrize(
    ("case", "step"),
    [
        ("openai key", "set EXAMPLE_API_KEY to a valid key"),
        ("openai model", "--model"),
        ("fastapi path", "--base-url"),
        ("a page", "answered with a page; is it a proxy or a wrong llm.base_url?"),
        ("openai quota", "EXAMPLE_API_KEY"),
    ],
)
def test_a_message_names_model_and_address_and_says_what_to_do(case: str, step: str) -> None:
    status, body, _ = KINDS[case]
    message = read(status, body).message
    assert "openai:gpt-5" in message
    assert "https://api.example.com/v1" in message
    assert step in message
    assert "<" not in message


def test_without_a_variable_of_a_key_the_setting_is_named() -> None:
    fault = fault_of(401, "", {}, model="m", address="http://localhost", key_env=None, sent=())
    assert "llm.key_env" in fault.message


WAITS = {
    "seconds": ({"Retry-After": "17"}, "", 17.0),
    "half seconds": ({"retry-after": "1.5"}, "", 1.5),
    "milliseconds first": ({"retry-after-ms": "1200", "retry-after": "2"}, "", 1.2),
    "a date": ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, "", 30.0),
    "a date gone by": ({"retry-after": "Tue, 14 Nov 2023 22:00:00 GMT"}, "", 0.0),
    "no date": ({"retry-after": "soon"}, "", None),
    "used up": (
        {
            "x-ratelimit-remaining-requests": "12",
            "x-ratelimit-reset-requests": "8m",
            "x-ratelimit-remaining-tokens": "0",
            "x-ratelimit-reset-tokens": "1m6.5s",
        },
        "",
        66.5,
    ),
    "epoch": ({"x-ratelimit-reset": "1700000009"}, "", 9.0),
    "epoch in milliseconds": ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000004500"}, "", 4.5),
    "anthropic": (
        {
            "anthropic-ratelimit-input-tokens-remaining": "0",
            "anthropic-ratelimit-input-tokens-reset": "2023-11-14T22:13:40Z",
        },
        "",
        20.0,
    ),
    "in words": ({}, openai_error("Rate limit reached. Please try again in 7m12s. Visit the page."), 432.0),
    "in short words": ({}, openai_error("Rate limit reached. Please try again in 20ms."), 0.02),
    "in long words": ({}, openai_error("Rate limited; please retry after 30 seconds."), 30.0),
    "as data": ({}, '{"error":{"code":429,"details":[{"retryDelay":"37.5s"}]}}', 37.5),
    "nowhere": ({}, openai_error("Rate limit reached."), None),
}


@pytest.mark.parametrize("case", WAITS)
def test_how_long_to_wait_is_read_wherever_it_is_said(case: str) -> None:
    headers, body, seconds = WAITS[case]
    found = read(429, body, headers).retry_after_s
    assert found == (seconds if seconds is None else pytest.approx(seconds))


def test_a_provider_that_is_away_may_say_for_how_long() -> None:
    assert read(503, "", {"retry-after": "5"}).retry_after_s == 5.0
    assert read(400, "", {"retry-after": "5"}).retry_after_s is None


@given(st.one_of(st.none(), st.integers(100, 599)), st.text(), st.text("0123456789smh. :,-", max_size=200))
def test_any_answer_at_all_comes_to_a_fault(status: int | None, body: str, wait: str) -> None:
    fault = read(status, body, {"retry-after": wait, "x-ratelimit-reset": wait})
    assert fault.kind
    assert "\n" not in fault.message
    assert fault.retry_after_s is None or fault.retry_after_s >= 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["error", "message", "code", "param", "loc", "x"]), inner)
    ),
)


@given(st.sampled_from([None, 200, 400, 401, 404, 429, 500]), JSON)
def test_any_json_at_all_comes_to_a_fault(status: int | None, data: object) -> None:
    assert read(status, json.dumps(data)).kind


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-abcdefgh12345678",
        "Authorization: Bearer abcdef.ghijkl_mnop",
        "x-api-key: 0123456789abcdef",
        "GET https://user:0123456789abcdef@example.com/v1",
        "https://generativelanguage.googleapis.com/v1?key=AIzaSyA0123456789abcdef&alt=sse",
        "gsk_0123456789abcdef is wrong",
        "Illegal header value b'Bearer sk-0123456789abcdef'",
    ],
)
def test_what_looks_like_a_key_is_never_shown(text: str) -> None:
    found = scrub(text)
    assert "[key]" in found
    assert not any(part in found for part in ("abcdef", "12345678", "0123456789"))


@given(st.text(min_size=4), st.text(), st.text())
def test_a_secret_is_never_shown(secret: str, before: str, after: str) -> None:
    found = scrub(f"{before}{secret}{after}", [secret])
    assert secret not in found.replace("[key]", "") or not secret.strip()


def test_a_text_for_a_message_is_one_short_line() -> None:
    found = scrub("a page\n" * 50_000)
    assert "\n" not in found
    assert len(found) <= 400
    assert scrub("max_tokens: 5, prompt_tokens=100") == "max_tokens: 5, prompt_tokens=100"


def test_a_secret_in_an_answer_gets_into_no_message() -> None:
    fault = fault_of(
        400,
        openai_error("bad: hunter2hunter2"),
        {},
        model="m",
        address="https://me:hunter2hunter2@host/v1",
        key_env="K",
        sent=(),
        secrets=["hunter2hunter2"],
    )
    assert "hunter2" not in fault.message


def caused(outer: Exception, *inner: Exception) -> Exception:
    chain = [outer, *inner]
    for error, cause in itertools.pairwise(chain):
        error.__cause__ = cause
    return outer


CONNECTIONS = {
    "refused": (caused(RuntimeError("Connection error."), ConnectionRefusedError(111, "Connection refused")), "away"),
    "reset": (caused(RuntimeError("Connection error."), ConnectionResetError(104, "Connection reset by peer")), "away"),
    "timeout": (caused(RuntimeError("Request timed out."), TimeoutError("timed out")), "away"),
    "no such host": (
        caused(RuntimeError("Connection error."), socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
        "address",
    ),
    "no lookup now": (
        caused(RuntimeError("x"), socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")),
        "away",
    ),
    "certificate": (
        caused(RuntimeError("Connection error."), ssl.SSLCertVerificationError(1, "certificate verify failed")),
        "certificate",
    ),
    "plain instead of TLS": (caused(RuntimeError("x"), ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER]")), "address"),
    "TLS broken off": (caused(RuntimeError("x"), ssl.SSLError(8, "EOF occurred in violation of protocol")), "away"),
    "key of another tongue": (UnicodeEncodeError("ascii", "ключ", 0, 1, "ordinal not in range"), "key"),
    "anything else": (RuntimeError("peer closed connection without sending complete message body"), "away"),
}


@pytest.mark.parametrize("case", CONNECTIONS)
def test_a_broken_connection_is_waited_out_unless_it_can_never_work(case: str) -> None:
    error, kind = CONNECTIONS[case]
    fault = connection_fault(
        error, model="openai:gpt-5", address="https://api.example.com/v1", key_env="EXAMPLE_API_KEY"
    )
    assert fault.kind == kind
    assert "https://api.example.com/v1" in fault.message


def test_causes_that_go_round_in_a_circle_end() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert connection_fault(first, model="m", address="a").kind == "away"


@pytest.mark.parametrize(
    "error",
    [
        OSError("Illegal header value b'Bearer first-half-of-it\\nsecond-half-of-it'"),
        UnicodeEncodeError("ascii", "Bearer second-half-of-it\u00e9", 24, 25, "ordinal not in range(128)"),
    ],
    ids=["a line break", "an accent"],
)
def test_a_key_that_cannot_be_sent_is_not_quoted(error: Exception) -> None:
    secret = "first-half-of-it\nsecond-half-of-it"
    fault = connection_fault(error, model="m", address="http://h/v1", key_env="A_KEY", secrets=(secret,))
    assert fault.kind == "key"
    assert "A_KEY" in fault.message
    assert "half-of-it" not in fault.message
    assert "xe9" not in fault.message
