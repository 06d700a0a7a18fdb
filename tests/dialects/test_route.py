"""The dialect of `/v1/route`: read, answered, and refused where a misspelt field would slip past a gate."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.samples import dump, fault, json_values, reading
from tests.dialects.test_openai_writing import replies

from orchvynt.dialects import registry
from orchvynt.dialects.route import RouteFacts, write_route
from orchvynt.dialects.shapes import Reading
from orchvynt.model.chat import Reply
from orchvynt.model.faults import Fault
from orchvynt.model.usage import Usage

CALLER = registry.caller("route")
HELLO = [{"role": "user", "content": "hello"}]


def body(**fields: Any) -> bytes:
    return dump({"workload": "synthesis", "messages": HELLO, **fields})


def test_what_the_caller_says_becomes_metadata() -> None:
    told = reading(
        CALLER.read(
            body(context={"user_tier": "premium", "n": 1}, flags=["financial-action"], options={"temperature": 0.2, "max_tokens": 30})
        )
    )
    assert told.metadata == {"workload": "synthesis", "context": {"user_tier": "premium", "n": 1}, "flags": ["financial-action"]}
    ask = told.ask
    assert (ask.requested_model, ask.max_output_tokens, ask.stream, ask.wants_usage, ask.message_count) == ("auto", 30, False, True, 1)
    chat = CALLER.chat(ask)
    assert (chat.model, chat.temperature, chat.max_output_tokens, chat.extras) == ("auto", 0.2, 30, {})
    assert CALLER.input_text(ask) == "hello"


def test_the_callers_own_body_is_kept() -> None:
    data = body(model="claude")
    ask = reading(CALLER.read(data)).ask
    assert ask.body is data
    assert ask.requested_model == "claude"


def test_only_messages_are_needed() -> None:
    assert reading(CALLER.read(dump({"messages": HELLO}))).metadata == {}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"flag": ["x"]}, "flag"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "x", "content": ""}]}, "messages[0].role"),
        ({"workload": 5}, "workload"),
        ({"flags": "a"}, "flags"),
        ({"flags": [1]}, "flags[0]"),
        ({"context": []}, "context"),
        ({"options": {"max_tokens": 0}}, "options.max_tokens"),
        ({"options": {"stream": True}}, "options.stream"),
        ({"options": {"model": "x"}}, "options.model"),
        ({"options": 1}, "options"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ],
)
def test_faults_name_the_place_in_this_body(fields: dict[str, Any], param: str) -> None:
    told = fault(CALLER.read(body(**fields)))
    assert (told.code, told.param) == ("invalid_request", param)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"{}", b'{"messages":' + b"[" * 100_000, b'{"messages":[],"x":"\xff"}', b'{"workload":NaN}']
)
def test_bodies_that_are_no_request(data: bytes) -> None:
    assert fault(CALLER.read(data)).code == "invalid_request"


@given(st.binary(max_size=120), json_values, st.sampled_from(["messages", "options", "context", "tools", "model"]))
def test_nothing_raises(data: bytes, value: object, field: str) -> None:
    assert isinstance(CALLER.read(data), Fault)
    assert isinstance(CALLER.read(body(**{field: value})), Reading | Fault)


@given(replies)
def test_a_written_reply_reads_back(reply: Reply) -> None:
    assert CALLER.read_reply(CALLER.write(reply)) == reply


@given(replies)
def test_the_whole_answer_reads_back_too(reply: Reply) -> None:
    facts = RouteFacts(invocation="inv_1", model="claude", provider="anthropic", rule="r", tier=2, attempts=3, cost_nanos=1)
    if reply.usage is not None:
        assert CALLER.read_reply(write_route(reply, facts)) == reply


def test_the_shape_of_the_answer() -> None:
    reply = Reply(
        id="msg_1", model="claude-x", created_s=0, text="hi", tool_calls=(), finish="stop", usage=Usage(input_tokens=3, output_tokens=4)
    )
    facts = RouteFacts(
        invocation="inv_1", model="claude", provider="anthropic", rule="quality-floor", tier=2, attempts=3, cost_nanos=3_100_000
    )
    data = write_route(reply, facts)
    assert json.loads(data) == {
        "content": "hi",
        "finish_reason": "stop",
        "response_id": "msg_1",
        "response_model": "claude-x",
        "model_used": "claude",
        "provider_used": "anthropic",
        "routing_decision": {"policy_matched": "quality-floor", "fallback_tier_used": 2, "attempts": 3},
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_cost_usd": 0.0031},
        "invocation_id": "inv_1",
    }
    assert b'"total_cost_usd":0.0031' in data


def test_an_unknown_price_is_null() -> None:
    reply = Reply(id="", model="", created_s=0, text="hi", tool_calls=(), finish="stop")
    facts = RouteFacts(invocation="i", model="m", provider="p", rule="", tier=1, attempts=1)
    assert json.loads(write_route(reply, facts))["usage"] == {"prompt_tokens": None, "completion_tokens": None, "total_cost_usd": None}


def test_errors_have_the_same_shape() -> None:
    told = Fault(code="budget_exceeded", message="no")
    assert CALLER.error(told, "inv") == registry.caller("openai_chat").error(told, "inv") == CALLER.error_event(told, "inv")
