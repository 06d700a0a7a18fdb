"""An Anthropic caller's request in canonical form and back: to Anthropic nothing is lost, to others what they lack is said or refused."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import dump, json_values, reading

from orchvynt.dialects import registry
from orchvynt.dialects.anthropic_messages.headers import API_VERSION
from orchvynt.dialects.plain import THOUGHTS
from orchvynt.dialects.shapes import UnsupportedError, UpstreamAsk
from orchvynt.language.snapshot import Wire
from orchvynt.model.chat import Chat, Document, Foreign, Image, Text, Thinking, ToolResult
from orchvynt.model.invocation import Ask

CALLER = registry.caller("anthropic_messages")
ANTHROPIC = registry.provider("anthropic_messages")
CACHE = {"type": "ephemeral", "ttl": "1h"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FULL: dict[str, Any] = {
    "model": "claude",
    "max_tokens": 900,
    "system": [{"type": "text", "text": "Be brief.", "cache_control": CACHE}, {"type": "text", "text": "And kind."}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look", "cache_control": CACHE},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}, "cache_control": CACHE},
                {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
                {"type": "image", "source": {"type": "file", "file_id": "f1"}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "T"},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}, "citations": {"enabled": True}},
                {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}, "context": "c"},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "z"}]}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "c2VhbGVk"},
                {"type": "text", "text": "Calling", "citations": [{"type": "char_location", "cited_text": "x"}]},
                {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
                {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "web_search_result", "url": "u"}]},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1, "é"]}, "caller": {"type": "direct"}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [
                        {"type": "text", "text": "one", "cache_control": CACHE},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
                    ],
                    "cache_control": CACHE,
                },
                {"type": "tool_result", "tool_use_id": "t2", "content": "two", "is_error": True},
                {"type": "text", "text": "and?"},
            ],
        },
        {"role": "system", "content": [{"type": "text", "text": "Still brief."}]},
        {"role": "assistant", "content": [{"type": "text", "text": "It is"}]},
    ],
    "tools": [
        {"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True, "cache_control": CACHE, "input_examples": [{"a": "b"}]},
        {"name": "g", "input_schema": {"type": "object"}},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
    ],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}},
    "stop_sequences": ["END"],
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 5,
    "stream": True,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "service_tier": "auto",
    "metadata": {"user_id": "u", "team": "t"},
    "mcp_servers": [{"type": "url", "url": "https://x", "name": "x"}],
    "container": "c1",
    "vendor_field": {"x": [1]},
}


def ask(told: dict[str, Any], **more: Any) -> Ask:
    return msgspec.structs.replace(reading(CALLER.read(dump(told))).ask, **more)


def chat(**fields: Any) -> Chat:
    return CALLER.chat(ask({"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **fields}))


def user(*blocks: Any) -> Chat:
    return chat(messages=[{"role": "user", "content": list(blocks)}])


def body_of(asked: UpstreamAsk) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(asked.body)
    return told


def test_rewritten_for_anthropic_nothing_is_lost() -> None:
    asked = ANTHROPIC.write_request(CALLER.chat(ask(FULL)), "claude-x", None)
    assert body_of(asked) == {**FULL, "model": "claude-x"}
    assert asked.dropped == ()
    assert dict(asked.headers) == {"content-type": "application/json", "accept": "text/event-stream", "anthropic-version": API_VERSION}


def test_metadata_of_ours_goes_nowhere_and_the_limit_is_the_lower_one() -> None:
    told = {**FULL, "metadata": {"orchvynt_run": "r", "user_id": "u"}}
    for asked in (ANTHROPIC.write_request(CALLER.chat(ask(told)), "m", 5), ANTHROPIC.pass_request(ask(told), "m", 5)):
        assert body_of(asked) == {**FULL, "model": "m", "max_tokens": 5, "metadata": {"user_id": "u"}}


def test_a_body_with_nothing_to_change_passes_byte_for_byte() -> None:
    asked = ask(FULL)
    assert ANTHROPIC.pass_request(asked, "claude", None).body is asked.body
    assert ANTHROPIC.pass_request(asked, "claude", 900).body is asked.body
    alone = ask({**FULL, "metadata": {"orchvynt_run": "r"}})
    assert "metadata" not in body_of(ANTHROPIC.pass_request(alone, "claude", None))


@given(st.dictionaries(st.text("abxyz_", min_size=1, max_size=6), json_values, max_size=4))
@settings(max_examples=100)
def test_unknown_fields_pass_and_survive_rewriting(fields: dict[str, Any]) -> None:
    told = {**FULL, **fields}
    assert body_of(ANTHROPIC.pass_request(ask(told), "other", None)) == {**told, "model": "other"}
    kept = {name: value for name, value in told.items() if value is not None}
    assert body_of(ANTHROPIC.write_request(CALLER.chat(ask(told)), "other", None)) == {**kept, "model": "other"}


def test_the_callers_version_and_betas_are_forwarded() -> None:
    forwarded = (("anthropic-version", "2026-10-21"), ("anthropic-beta", "a,b"))
    asked = ask(FULL, forwarded=forwarded)
    for written in (ANTHROPIC.pass_request(asked, "m", None), ANTHROPIC.write_request(CALLER.chat(asked), "m", None)):
        assert written.headers[2:] == forwarded
    only_beta = ask(FULL, forwarded=forwarded[1:])
    assert ANTHROPIC.pass_request(only_beta, "m", None).headers[2:] == (("anthropic-version", API_VERSION), forwarded[1])


def test_thoughts_that_nobody_signed_are_not_given_to_anthropic() -> None:
    unsigned = {"type": "thinking", "thinking": "hm", "signature": ""}
    signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
    text = {"type": "text", "text": 'He said "signature":""'}
    messages: list[Any] = [
        {"role": "user", "content": [text]},
        {"role": "assistant", "content": [unsigned, text]},
        {"role": "assistant", "content": [signed, text]},
        {"role": "assistant", "content": [unsigned]},
        {"role": "assistant", "content": "x"},
    ]
    asked = ask({"model": "claude", "max_tokens": 9, "messages": messages})
    passed = ANTHROPIC.pass_request(asked, "claude", None)
    assert passed.dropped == (THOUGHTS,)
    kept = body_of(passed)["messages"]
    assert kept == [messages[0], {"role": "assistant", "content": [text]}, *messages[2:]]
    assert ANTHROPIC.pass_request(ask({**FULL, "system": '"signature":""'}), "claude", None).body == dump(
        {**FULL, "system": '"signature":""'}
    )


def test_nesting_at_the_edge_of_the_stack_is_refused() -> None:
    deep = Ask("m", b'{"model":"m","metadata":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001)
    with pytest.raises(UnsupportedError):
        CALLER.chat(deep)
    with pytest.raises(UnsupportedError):
        ANTHROPIC.pass_request(Ask("m", b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "x", None)


def test_the_parts_of_the_form() -> None:
    messages = CALLER.chat(ask(FULL)).messages
    assert [message.role for message in messages] == ["system", "user", "assistant", "tool", "tool", "user", "system", "assistant"]
    assert [type(part) for part in messages[1].parts] == [Text, Image, Image, Foreign, Document, Document, Document, Foreign]
    assert messages[2].parts[:2] == (Thinking("hm", "c2ln"), Thinking(redacted="c2VhbGVk"))
    result = messages[3].parts[0]
    assert isinstance(result, ToolResult)
    assert (result.text, len(result.parts), result.extras) == ("one", 2, {"cache_control": CACHE})
    assert CALLER.input_text(ask(FULL)).split("\n") == [
        "Be brief.",
        "And kind.",
        "Look",
        "x",
        "Calling",
        '{"a":[1,"é"]}',
        "{}",
        "one",
        "two",
        "and?",
        "Still brief.",
        "It is",
    ]


OTHERS: list[Wire] = ["openai_chat", "ollama_chat"]


@pytest.mark.parametrize("wire", OTHERS)
def test_others_are_sent_what_they_can_take_and_what_is_lost_is_said(wire: Wire) -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "18", "cache_control": CACHE}]}
    told = chat(
        system=[{"type": "text", "text": "Be brief.", "cache_control": CACHE}],
        messages=[
            {"role": "user", "content": "weather?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": "s"},
                    {"type": "text", "text": "Looking", "citations": [{"cited_text": "x"}]},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                ],
            },
            {"role": "user", "content": [result, {"type": "text", "text": "go on"}]},
            {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]},
            {
                "role": "user",
                "content": [
                    {
                        "type": "document",
                        "title": "T",
                        "context": "C",
                        "source": {"type": "text", "media_type": "text/plain", "data": "body"},
                        "citations": {"enabled": False},
                    }
                ],
            },
        ],
        tools=[{"name": "f", "input_schema": SCHEMA, "cache_control": CACHE, "allowed_callers": ["direct"]}],
        thinking={"type": "adaptive"},
        service_tier="standard_only",
        inference_geo="global",
        mcp_servers=[],
        output_config={"effort": "low"},
    )
    asked = registry.provider(wire).write_request(told, "m", None)
    assert set(asked.dropped) == {
        *("cache_control", "citations", "messages[].content[].thinking", "thinking", "service_tier", "output_config"),
    }
    messages = body_of(asked)["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "tool", "user", "user"]
    assert messages[3]["content"] == "18"
    assert messages[5]["content"] == "T\n\nC\n\nbody"
    assert "cache_control" not in asked.body.decode()


@pytest.mark.parametrize("wire", OTHERS)
@pytest.mark.parametrize(
    ("told", "param"),
    [
        (lambda: user({"type": "document", "source": {"type": "url", "url": "https://x"}}), "messages[].content[].document.source"),
        (
            lambda: user(
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}, "citations": {"enabled": True}}
            ),
            "messages[].content[].document.citations",
        ),
        (lambda: user({"type": "image", "source": {"type": "file", "file_id": "f"}}), "messages[].content[].image"),
        (lambda: user({"type": "search_result", "source": "s", "title": "t", "content": []}), "messages[].content[].search_result"),
        (
            lambda: user(
                {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {"type": "url", "url": "u"}}]}
            ),
            "messages[].content[].tool_result.content",
        ),
        (lambda: user({"type": "text", "text": "x", "vendor": 1}), "messages[].content[].vendor"),
        (lambda: chat(tools=[{"type": "web_search_20250305", "name": "web_search"}]), "tools[].type"),
        (lambda: chat(tools=[{"name": "f", "input_schema": {}, "allowed_callers": ["code"]}]), "tools[].allowed_callers"),
        (lambda: chat(container="c"), "container"),
        (lambda: chat(mcp_servers=[{"url": "u"}]), "mcp_servers"),
        (lambda: chat(inference_geo="us"), "inference_geo"),
        (lambda: chat(vendor=1), "vendor"),
    ],
)
def test_what_would_change_the_answer_is_refused(wire: Wire, told: Any, param: str) -> None:
    with pytest.raises(UnsupportedError) as refused:
        registry.provider(wire).write_request(told(), "m", None)
    assert refused.value.param == param


def test_a_format_without_a_schema_has_no_canonical_form() -> None:
    with pytest.raises(UnsupportedError):
        chat(output_config={"format": {"type": "grammar"}})
    assert chat(output_format={"type": "json_schema", "schema": SCHEMA}).answer_format is not None


@pytest.mark.parametrize(
    ("choice", "mode", "parallel"),
    [
        ({"type": "auto"}, "auto", None),
        ({"type": "any", "disable_parallel_tool_use": False}, "required", True),
        ({"type": "none"}, "none", None),
        ({"type": "tool", "name": "f"}, "tool", None),
    ],
)
def test_tool_choice(choice: dict[str, Any], mode: str, parallel: bool | None) -> None:
    told = chat(tool_choice=choice)
    assert told.tool_choice is not None
    assert (told.tool_choice.mode, told.parallel_tool_calls) == (mode, parallel)


def test_a_number_that_no_float_holds_does_not_stop_the_reading_of_the_text() -> None:
    told = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "told"}]}
    turns = [{"role": "user", "content": [{"type": "text", "text": "hi"}, told]}]
    asked = dump({"model": "claude", "max_tokens": 5, "system": "be", "messages": turns, "x": 9}).replace(b'"x":9', b'"x":1e999')
    assert CALLER.input_text(reading(CALLER.read(asked)).ask) == "be\nhi\ntold"
