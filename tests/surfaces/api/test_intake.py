"""From an HTTP request to an invocation: who calls, what it says of itself, how long it waits, and what is refused by name."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Invocation
from orchvynt.surfaces.api.http.request import Request
from orchvynt.surfaces.api.intake import CALLER_TIMEOUT_NS, caller_timeout_ns, invocation, request_id

SECOND = 1_000_000_000
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}


def request(body: object = CHAT, **headers: str) -> Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    made = Request("POST", "/v1/chat/completions", "", fields, "127.0.0.1:9")
    made.body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return made


def read(made: Request, workflow: str = "", agent: str = "") -> Invocation | Fault:
    return invocation(made, "inv_1", 7, "/v1/chat/completions", "openai_chat", workflow, agent)


def taken(made: Request, workflow: str = "", agent: str = "") -> Invocation:
    found = read(made, workflow, agent)
    assert isinstance(found, Invocation), found
    return found


def refused(made: Request) -> Fault:
    found = read(made)
    assert isinstance(found, Fault)
    return found


def test_a_plain_request_claims_nothing() -> None:
    made = taken(request())
    assert (made.id, made.at, made.endpoint, made.dialect, made.key_id) == ("inv_1", 7, "/v1/chat/completions", "openai_chat", "(none)")
    assert (made.claims.workflow, made.claims.run, made.request_id, made.trace_id, made.retry_count) == ("", "", "", "", 0)
    assert made.caller_timeout_ns == CALLER_TIMEOUT_NS
    assert made.ask.requested_model == "gpt-4o"


def test_claims_come_from_headers_before_metadata_before_the_path() -> None:
    body = {**CHAT, "metadata": {"orchvynt_workflow": "of-metadata", "orchvynt_session": "s1", "theirs": "kept"}}
    made = taken(request(body, x_orchvynt_workflow="of-header", x_orchvynt_flags="review, gold"), "of-path", "drafting")
    claims = made.claims
    assert (claims.workflow, claims.agent, claims.session, claims.flags) == ("of-header", "drafting", "s1", ("review", "gold"))
    assert taken(request(), "docs", "drafting").claims.workflow == "docs"


def test_the_credential_is_kept_as_a_digest_only() -> None:
    made = taken(request(authorization="Bearer sk-canary"))
    assert made.key_id == taken(request(x_api_key="sk-canary")).key_id != taken(request(x_api_key="sk-other")).key_id
    assert "canary" not in repr(made)


def test_traces_and_retries_are_noted() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    made = taken(request(traceparent=f"00-{trace}-b7ad6b7169203331-01", x_stainless_retry_count="2", x_request_id="req-7"))
    assert (made.trace_id, made.claims.run, made.claims.run_source) == (trace, trace, "traceparent")
    assert (made.retry_count, made.request_id) == (2, "req-7")


@pytest.mark.parametrize(
    "count",
    ["", "-1", "1.5", "many", "10000", "²"],
)
def test_a_retry_count_that_is_none_counts_as_none(count: str) -> None:
    assert taken(request(x_stainless_retry_count=count)).retry_count == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 600),
        ({"x_stainless_read_timeout": "30"}, 30),
        ({"x_stainless_timeout": "12.5"}, 12.5),
        ({"x_stainless_read_timeout": "30", "x_stainless_timeout": "60"}, 30),
        ({"x_stainless_read_timeout": "NOT_GIVEN", "x_stainless_timeout": "60"}, 60),
        ({"x_stainless_read_timeout": "nan"}, 600),
        ({"x_stainless_read_timeout": "inf"}, 600),
        ({"x_stainless_read_timeout": "-5"}, 600),
        ({"x_stainless_read_timeout": "1e300"}, 600),
    ],
)
def test_how_long_the_caller_itself_waits(headers: dict[str, str], seconds: float) -> None:
    assert caller_timeout_ns(request(**headers).header) == int(seconds * SECOND)


@pytest.mark.parametrize("media", ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_what_is_no_json_by_its_own_word_is_refused(media: str) -> None:
    fault = refused(request(content_type=media))
    assert (fault.code, fault.status, fault.param) == ("unsupported_media", 415, "content-type")


@pytest.mark.parametrize("media", ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/vnd.x+json"])
def test_what_is_json_is_taken(media: str) -> None:
    taken(request(content_type=media))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"", None),
        (b"[]", None),
        (b"\xff", None),
        ({"messages": []}, "model"),
        ({**CHAT, "messages": "hello"}, "messages"),
        ({**CHAT, "metadata": {"orchvynt_flags": 3}}, "metadata.orchvynt_flags"),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_with_its_place(body: object, param: str | None) -> None:
    fault = refused(request(body))
    assert (fault.code, fault.status) == ("invalid_request", 400)
    assert param is None or fault.param == param


def test_a_claim_that_cannot_be_used_is_refused_by_its_name() -> None:
    assert refused(request(x_orchvynt_context="{")).param == "x-orchvynt-context"
    found = read(request(), "w" * 300, "")
    assert isinstance(found, Fault)
    assert found.param == "path"


@given(st.text(max_size=300))
def test_a_request_id_is_echoed_only_where_it_is_safe_in_a_header(text: str) -> None:
    echoed = request_id(request(x_request_id=text).header)
    assert echoed in ("", text.strip(" \t"))
    assert echoed.isascii()
    assert len(echoed) <= 200
    assert not set(echoed) & set("\r\n\x00")


@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["x_stainless_retry_count", "x_stainless_timeout", "traceparent", "authorization", "x_orchvynt_run", "content_type"]
        ),
        st.text(max_size=30),
        max_size=4,
    ),
    body=st.one_of(st.binary(max_size=40), st.just(json.dumps(CHAT).encode())),
)
@example(headers={"x_stainless_retry_count": "²"}, body=json.dumps(CHAT).encode())
def test_nothing_a_caller_sends_raises(headers: dict[str, str], body: bytes) -> None:
    assert isinstance(read(request(body, **headers)), Invocation | Fault)
