"""The official OpenAI client, unchanged, against the scripted provider: sync and async, whole and streamed, tools and errors."""

import asyncio
import hashlib
import json
import math
from typing import Any

import openai
import pytest

from orchvynt.testing.scripted import ScriptedProvider

TOOLS: Any = [
    {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}
]
HELLO: Any = [{"role": "user", "content": "hello world"}]


def client(provider: ScriptedProvider, *, retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=provider.base_url("openai"), api_key="sk-test-1", max_retries=retries)


def test_a_whole_answer_with_usage_that_is_billed(provider: ScriptedProvider) -> None:
    since = provider.ledger().last
    with client(provider) as api:
        answer = api.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert answer.choices[0].message.content == "You said: hello world"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    ledger = provider.ledger().where(since=since)
    assert (ledger.totals.input_tokens, ledger.totals.output_tokens) == (answer.usage.prompt_tokens, answer.usage.completion_tokens)
    assert (ledger.arrivals[0].provider, ledger.arrivals[0].model, ledger.arrivals[0].last_user) == ("openai", "gpt-4o", "hello world")
    assert ledger.arrivals[0].key_sha256_8 == hashlib.sha256(b"sk-test-1").hexdigest()[:8]


def test_a_limit_ends_the_answer(provider: ScriptedProvider) -> None:
    with client(provider) as api:
        answer = api.chat.completions.create(model="gpt-4o", messages=HELLO, max_completion_tokens=2)
    assert answer.usage is not None
    assert (answer.choices[0].finish_reason, answer.usage.completion_tokens) == ("length", 2)


def test_a_stream_with_usage_at_its_end(provider: ScriptedProvider) -> None:
    with client(provider) as api:
        stream = api.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, stream_options={"include_usage": True})
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "You said: hello world"
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]][-1] == "stop"


def test_a_stream_without_usage_has_none(provider: ScriptedProvider) -> None:
    with client(provider) as api:
        chunks = list(api.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_tools_in_a_round_trip(provider: ScriptedProvider) -> None:
    provider.script(
        {
            "answers": [
                {"match": {"tool_result": "sunny"}, "text": "No umbrella."},
                {"match": {"last_user": "weather?"}, "tool_calls": [{"name": "get_weather", "arguments": {"city": "Zürich"}}]},
            ]
        }
    )
    messages: Any = [{"role": "user", "content": "weather?"}]
    with client(provider) as api:
        first = api.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
        calls = first.choices[0].message.tool_calls
        assert calls is not None
        assert calls[0].type == "function"
        assert (calls[0].function.name, json.loads(calls[0].function.arguments)) == ("get_weather", {"city": "Zürich"})
        assert first.choices[0].finish_reason == "tool_calls"
        messages += [first.choices[0].message, {"role": "tool", "tool_call_id": calls[0].id, "content": "sunny, 24 degrees"}]
        second = api.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
    assert second.choices[0].message.content == "No umbrella."


def test_tools_in_a_stream(provider: ScriptedProvider) -> None:
    calls = [{"name": "get_weather", "arguments": {"city": "Rome"}}, {"name": "get_weather", "arguments": {"city": "Oslo"}}]
    provider.script({"answers": [{"tool_calls": calls}]})
    with client(provider) as api, api.chat.completions.stream(model="gpt-4o", messages=HELLO, tools=TOOLS) as stream:
        final = stream.get_final_completion()
    found = final.choices[0].message.tool_calls
    assert found is not None
    assert [json.loads(call.function.arguments)["city"] for call in found] == ["Rome", "Oslo"]


def test_logprobs_carry_the_confidence(provider: ScriptedProvider) -> None:
    provider.script({"answers": [{"text": "approved at once", "logprobs": 0.6}]})
    with client(provider) as api:
        answer = api.chat.completions.create(model="gpt-4o", messages=HELLO, logprobs=True, top_logprobs=2)
        stream = list(api.chat.completions.create(model="gpt-4o", messages=HELLO, logprobs=True, stream=True))
        silent = api.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert answer.choices[0].logprobs is not None
    content = answer.choices[0].logprobs.content or []
    assert "".join(token.token for token in content) == "approved at once"
    assert {round(math.exp(token.logprob), 6) for token in content} == {0.6}
    assert {len(token.top_logprobs) for token in content} == {2}
    streamed = [chunk.choices[0].logprobs for chunk in stream if chunk.choices[0].logprobs]
    assert "".join(token.token for part in streamed for token in part.content or []) == "approved at once"
    assert silent.choices[0].logprobs is None


def test_json_where_a_schema_asks_for_it(provider: ScriptedProvider) -> None:
    schema = {"type": "object", "properties": {"verdict": {"enum": ["yes", "no"]}}, "required": ["verdict"], "additionalProperties": False}
    form: Any = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": schema, "strict": True}}
    with client(provider) as api:
        answer = api.chat.completions.create(model="gpt-4o", messages=HELLO, response_format=form)
        loose = api.chat.completions.create(model="gpt-4o", messages=HELLO, response_format={"type": "json_object"})
    assert json.loads(answer.choices[0].message.content or "") == {"verdict": "yes"}
    assert json.loads(loose.choices[0].message.content or "") == {"said": "hello world"}


def test_a_refusal(provider: ScriptedProvider) -> None:
    provider.script({"answers": [{"refusal": "I will not."}]})
    with client(provider) as api:
        answer = api.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert (answer.choices[0].message.refusal, answer.choices[0].message.content) == ("I will not.", None)


def test_the_list_of_models(provider: ScriptedProvider) -> None:
    provider.script({"models": ["a", "b"]})
    with client(provider) as api:
        assert [model.id for model in api.models.list()] == ["a", "b"]


def test_the_clients_own_retry_meets_the_next_answer(provider: ScriptedProvider) -> None:
    since = provider.ledger().last
    provider.fault("openai", {"status": 429, "retry_after": 0, "message": "slow down"}, times=1)
    with client(provider, retries=1) as api:
        answer = api.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert answer.choices[0].message.content == "You said: hello world"
    totals = provider.ledger().where(since=since).totals
    assert (totals.arrivals, totals.charged) == (2, 1)


def test_errors_are_the_clients_own_kinds(provider: ScriptedProvider) -> None:
    with client(provider) as api:
        provider.fault("openai", {"status": 429, "error_code": "insufficient_quota"})
        with pytest.raises(openai.RateLimitError) as limited:
            api.chat.completions.create(model="gpt-4o", messages=HELLO)
        assert limited.value.code == "insufficient_quota"
        provider.fault("openai", {"error_event_after": 2, "message": "went wrong"})
        with pytest.raises(openai.APIError, match="went wrong"):
            list(api.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "boss", "content": "x"}]}, "role"),
        ({"messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]}, "must be a response to a preceeding message"),
        ({"messages": [{"role": "user", "content": None}]}, "content"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
                ]
            },
            "did not have response messages: c",
        ),
    ],
)
def test_what_the_provider_would_refuse_is_refused(provider: ScriptedProvider, body: dict[str, Any], words: str) -> None:
    since = provider.ledger().last
    with client(provider) as api, pytest.raises(openai.BadRequestError, match=words):
        api.post("/chat/completions", body={"model": "gpt-4o", "messages": HELLO} | body, cast_to=object)
    totals = provider.ledger().where(since=since).totals
    assert (totals.arrivals, totals.charged) == (1, 0)


def test_the_async_client(provider: ScriptedProvider) -> None:
    async def talk() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=provider.base_url("openai"), api_key="k") as api:
            whole = await api.chat.completions.create(model="gpt-4o", messages=HELLO)
            stream = await api.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
            return whole.choices[0].message.content, "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(talk()) == ("You said: hello world", "You said: hello world")
