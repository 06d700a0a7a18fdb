"""The word for how an attempt failed, by status, body and Retry-After."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.samples import dump, json_values

from orchvynt.dialects.outcomes import (
    MESSAGE_CHARS_MAX,
    RETRY_AFTER_NS_MAX,
    content_fault,
    failure_from_error,
    failure_from_status,
    retry_after_ns,
    retry_after_of,
    scrub,
)

SECOND = 1_000_000_000
NOW = int(datetime(2025, 1, 15, 12, 0, 0, tzinfo=UTC).timestamp()) * SECOND


def openai_error(message: str = "no", kind: str = "", code: object = None) -> bytes:
    return dump({"error": {"message": message, "type": kind, "param": None, "code": code}})


def anthropic_error(kind: str, message: str = "no", **more: object) -> bytes:
    return dump({"type": "error", "error": {"type": kind, "message": message, **more}, "request_id": "req_1"})


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (429, openai_error(kind="requests", code="rate_limit_exceeded"), "rate_limit"),
        (429, openai_error("You exceeded your current quota", "insufficient_quota", "insufficient_quota"), "quota"),
        (429, anthropic_error("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}), "quota"),
        (429, b"", "rate_limit"),
        (402, anthropic_error("billing_error"), "quota"),
        (402, b"pay", "quota"),
        (529, anthropic_error("overloaded_error", "Overloaded"), "overloaded"),
        (503, openai_error("The engine is currently overloaded, please try again later"), "overloaded"),
        (503, anthropic_error("overloaded_error"), "overloaded"),
        (503, b"<html>Service Unavailable</html>", "server_error"),
        (500, openai_error(kind="server_error"), "server_error"),
        (502, b"", "server_error"),
        (504, anthropic_error("timeout_error"), "server_error"),
        (401, openai_error("Incorrect API key provided: sk-abc123def", code="invalid_api_key"), "auth"),
        (403, anthropic_error("permission_error"), "auth"),
        (400, openai_error(kind="invalid_request_error"), "bad_request"),
        (400, anthropic_error("invalid_request_error", "max_tokens: must be greater than 0"), "bad_request"),
        (
            400,
            openai_error("This model's maximum context length is 8192 tokens.", "invalid_request_error", "context_length_exceeded"),
            "context_length",
        ),
        (400, anthropic_error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), "context_length"),
        (400, anthropic_error("invalid_request_error", "input length and `max_tokens` exceed context limit: 1 + 2 > 2"), "context_length"),
        (
            400,
            dump(
                {"error": {"code": 400, "message": "the request exceeds the available context size", "type": "exceed_context_size_error"}}
            ),
            "context_length",
        ),
        (400, anthropic_error("invalid_request_error", "Your credit balance is too low to access the Anthropic API."), "quota"),
        (400, openai_error("blocked", code="content_filter"), "content_filter"),
        (400, openai_error("blocked", code="content_policy_violation"), "content_filter"),
        (404, dump({"error": "model 'x' not found"}), "bad_request"),
        (404, openai_error(code="model_not_found"), "bad_request"),
        (409, b"{}", "bad_request"),
        (413, anthropic_error("request_too_large"), "bad_request"),
        (422, dump({"detail": [{"loc": ["body"], "msg": "x"}]}), "bad_request"),
        (301, b"", "malformed"),
        (307, b"<html>", "malformed"),
        (100, b"", "malformed"),
    ],
)
def test_the_table(status: int, body: bytes, outcome: str) -> None:
    failure = failure_from_status(status, body, "", NOW)
    assert (failure.outcome, failure.status) == (outcome, status)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (openai_error(code="rate_limit_exceeded"), "rate_limit"),
        (openai_error(kind="server_error"), "server_error"),
        (anthropic_error("overloaded_error"), "overloaded"),
        (anthropic_error("api_error"), "server_error"),
        (anthropic_error("invalid_request_error", "prompt is too long: 3 tokens > 2 maximum"), "context_length"),
        (dump({"error": {"code": 429, "message": "Provider returned error"}}), "rate_limit"),
        (dump({"error": {"code": 502, "message": "bad gateway"}}), "server_error"),
        (dump({"error": "out of memory"}), "malformed"),
        (dump([{"error": {"code": 503, "message": "The model is overloaded."}}]), "overloaded"),
        (b"plain words", "malformed"),
        (b"{", "malformed"),
    ],
)
def test_an_error_object_where_the_status_said_success(error: bytes, outcome: str) -> None:
    assert failure_from_error(error, 200).outcome == outcome


def test_a_failure_keeps_the_providers_words_type_and_code() -> None:
    failure = failure_from_status(429, openai_error("slow down", "tokens", "rate_limit_exceeded"), "20", NOW)
    assert (failure.message, failure.error_type, failure.error_code) == ("slow down", "tokens", "rate_limit_exceeded")
    assert failure.retry_after_ns == 20 * SECOND


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefgh12345678",
        "Bearer eyJhbGciOi.J9",
        "sk-ant-api03-abc_def",
        "gsk_abcdefgh",
        "AKIAIOSFODNN7EXAMPLE",
        "ov-team1-s3cr3ts3cr3t",
        'api_key="hunter2hunter2"',
    ],
)
def test_nothing_that_looks_like_a_key_stays(secret: str) -> None:
    tail = secret[-6:].strip('"')
    failure = failure_from_status(401, openai_error(f"Incorrect key provided: {secret}. See docs."), "", NOW)
    assert tail not in failure.message
    assert "See docs." in failure.message
    assert tail not in failure_from_status(401, secret.encode(), "", NOW).message


def test_messages_are_bounded_and_on_one_line() -> None:
    assert len(scrub("é" * 100_000)) == MESSAGE_CHARS_MAX
    assert scrub("a\r\nb\x00c\u2028d") == "a b c d"


@given(value=json_values)
def test_no_error_body_raises_or_says_too_much(value: object) -> None:
    for failure in (failure_from_status(500, dump(value), "", NOW), failure_from_error(dump({"error": value}), 200)):
        assert len(failure.message) <= MESSAGE_CHARS_MAX
        assert failure.message


def test_hostile_error_bodies_do_not_raise() -> None:
    for body in (b"[" * 100_000, b"\xff\xfe", b'{"error":' * 5000, b"9" * 6000):
        assert failure_from_status(500, body, "", NOW).outcome == "server_error"
        assert failure_from_error(body, 200).outcome == "malformed"


@pytest.mark.parametrize(
    ("value", "nanos"),
    [
        ("20", 20 * SECOND),
        ("1.5", 1_500_000_000),
        ("0", 0),
        (" 7 ", 7 * SECOND),
        ("250ms", 250_000_000),
        ("1.5ms", 1_500_000),
        ("Wed, 15 Jan 2025 12:00:30 GMT", 30 * SECOND),
        ("Wed, 15 Jan 2025 11:00:00 GMT", 0),
        ("999999999", RETRY_AFTER_NS_MAX),
        ("Fri, 15 Jan 2055 12:00:30 GMT", RETRY_AFTER_NS_MAX),
        ("99999999999999999999", RETRY_AFTER_NS_MAX),
        ("9" * 5000, RETRY_AFTER_NS_MAX),
        ("9" * 5000 + "ms", RETRY_AFTER_NS_MAX),
        ("0" * 5000 + "7", 7 * SECOND),
        ("-5", 0),
        ("", 0),
        ("soon", 0),
        ("nan", 0),
        ("inf", 0),
        ("1e9", 0),
        ("Wed, 45 Jan 2025 12:00:30 GMT", 0),
        ("Wed, 15 Foo 2025 12:00:30 GMT", 0),
        ("٣", 0),
    ],
)
def test_retry_after(value: str, nanos: int) -> None:
    assert retry_after_ns(value, NOW) == nanos


@given(st.text(max_size=40))
def test_retry_after_is_bounded_for_any_text(value: str) -> None:
    assert 0 <= retry_after_ns(value, NOW) <= RETRY_AFTER_NS_MAX


def test_milliseconds_are_taken_before_seconds() -> None:
    assert retry_after_of([(b"retry-after", b"2"), (b"retry-after-ms", b"1500")]) == "1500ms"
    assert retry_after_of([(b"retry-after", b" 2 ")]) == "2"
    assert retry_after_of([(b"retry-after-ms", b"x"), (b"retry-after", b"2")]) == "2"
    assert retry_after_of([]) == ""


@pytest.mark.parametrize(
    ("content_type", "is_json"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON", True),
        ("application/problem+json", True),
        ("", True),
        ("text/html", False),
        ("text/html; charset=utf-8", False),
        ("text/plain", False),
        ("text/event-stream", False),
        ("application/jsonp", False),
    ],
)
def test_content_types(content_type: str, is_json: bool) -> None:
    assert (content_fault(content_type, 200) is None) is is_json
