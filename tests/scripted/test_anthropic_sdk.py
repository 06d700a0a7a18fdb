"""The official Anthropic client, unchanged, against the scripted provider: sync and async, whole and streamed, tools and errors."""

import asyncio
from typing import Any

import anthropic
import pytest

from orchvynt.testing.scripted import ScriptedProvider

TOOLS: Any = [{"name": "get_weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]
HELLO: Any = [{"role": "user", "content": "hello world"}]


def client(provider: ScriptedProvider) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=provider.base_url("anthropic", "anthropic"), api_key="sk-ant-1", max_retries=0)


def test_a_whole_answer_with_usage_that_is_billed(provider: ScriptedProvider) -> None:
    since = provider.ledger().last
    with client(provider) as api:
        answer = api.messages.create(model="claude-scripted", max_tokens=100, system="Be brief.", messages=HELLO)
    assert answer.content[0].type == "text"
    assert answer.content[0].text == "You said: hello world"
    assert answer.stop_reason == "end_turn"
    ledger = provider.ledger().where(since=since)
    assert (ledger.totals.input_tokens, ledger.totals.output_tokens) == (answer.usage.input_tokens, answer.usage.output_tokens)
    assert (ledger.arrivals[0].provider, ledger.arrivals[0].api, ledger.arrivals[0].max_tokens) == ("anthropic", "anthropic", 100)


def test_a_stream_adds_up(provider: ScriptedProvider) -> None:
    with client(provider) as api, api.messages.stream(model="claude-scripted", max_tokens=100, messages=HELLO) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    with client(provider) as api:
        whole_usage = api.messages.create(model="claude-scripted", max_tokens=100, messages=HELLO).usage
    assert text == "You said: hello world"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (whole_usage.input_tokens, whole_usage.output_tokens)
    assert final.stop_reason == "end_turn"


def test_tools_in_a_round_trip_streamed(provider: ScriptedProvider) -> None:
    provider.script(
        {
            "answers": [
                {"match": {"tool_result": "sunny"}, "text": "No umbrella."},
                {"text": "Let me look.", "tool_calls": [{"name": "get_weather", "arguments": {"city": "Zürich"}}]},
            ]
        }
    )
    messages: Any = [{"role": "user", "content": "weather?"}]
    with client(provider) as api:
        with api.messages.stream(model="m", max_tokens=100, messages=messages, tools=TOOLS) as stream:
            first = stream.get_final_message()
        assert [block.type for block in first.content] == ["text", "tool_use"]
        call = first.content[1]
        assert call.type == "tool_use"
        assert (call.name, call.input, first.stop_reason) == ("get_weather", {"city": "Zürich"}, "tool_use")
        result: Any = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny, 24 degrees"}
        messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
        second = api.messages.create(model="m", max_tokens=100, messages=messages, tools=TOOLS)
    assert second.content[0].type == "text"
    assert second.content[0].text == "No umbrella."


def test_a_demanded_tool_is_called(provider: ScriptedProvider) -> None:
    with client(provider) as api:
        answer = api.messages.create(model="m", max_tokens=99, messages=HELLO, tools=TOOLS, tool_choice={"type": "any"})
    assert answer.content[0].type == "tool_use"
    assert answer.content[0].input == {"city": "text"}


def test_limits_stops_and_prefills(provider: ScriptedProvider) -> None:
    provider.script({"answers": [{"text": "one two, three"}]})
    prefilled: Any = [*HELLO, {"role": "assistant", "content": "one"}]
    with client(provider) as api:
        cut = api.messages.create(model="m", max_tokens=1, messages=HELLO)
        stopped = api.messages.create(model="m", max_tokens=99, messages=HELLO, stop_sequences=[","])
        continued = api.messages.create(model="m", max_tokens=99, messages=prefilled)
    assert cut.stop_reason == "max_tokens"
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", ",")
    assert continued.content[0].type == "text"
    assert continued.content[0].text == " two, three"


def test_errors_are_the_clients_own_kinds(provider: ScriptedProvider) -> None:
    with client(provider) as api:
        provider.fault("anthropic", {"status": 529})
        with pytest.raises(anthropic.APIStatusError) as overloaded:
            api.messages.create(model="m", max_tokens=9, messages=HELLO)
        assert overloaded.value.status_code == 529
        assert overloaded.value.body["error"]["type"] == "overloaded_error"  # type: ignore[index]  # the client types it as object
        provider.fault("anthropic", {"error_event_after": 1, "error_type": "overloaded_error"})
        with (
            pytest.raises(anthropic.APIStatusError, match="overloaded_error"),
            api.messages.stream(model="m", max_tokens=99, messages=HELLO) as stream,
        ):
            stream.until_done()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"messages": [{"role": "system", "content": "x"}]}, "top-level `system`"),
        ({"messages": [{"role": "user", "content": []}]}, "non-empty content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}, "must be non-empty"),
        ({"messages": [*HELLO, {"role": "assistant", "content": "ends in a blank "}]}, "trailing whitespace"),
        (
            {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]}]},
            "unexpected `tool_use_id`",
        ),
        (
            {"messages": [*HELLO, {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]}]},
            "ids were found",
        ),
        ({"tools": [{"name": "f"}]}, "input_schema"),
        ({"tool_choice": {"type": "auto"}}, "while providing tools"),
    ],
)
def test_what_the_provider_would_refuse_is_refused(provider: ScriptedProvider, body: dict[str, Any], words: str) -> None:
    given = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": HELLO} | body
    with client(provider) as api, pytest.raises(anthropic.BadRequestError, match=words):
        api.post("/v1/messages", body=given, cast_to=object)


def test_the_list_of_models(provider: ScriptedProvider) -> None:
    provider.script({"models": ["a", "b"]})
    with client(provider) as api:
        assert [model.id for model in api.models.list()] == ["a", "b"]


def test_the_async_client(provider: ScriptedProvider) -> None:
    async def talk() -> tuple[str, str]:
        async with anthropic.AsyncAnthropic(base_url=provider.base_url("anthropic", "anthropic"), api_key="k") as api:
            whole = await api.messages.create(model="m", max_tokens=99, messages=HELLO)
            async with api.messages.stream(model="m", max_tokens=99, messages=HELLO) as stream:
                streamed = "".join([text async for text in stream.text_stream])
            assert whole.content[0].type == "text"
            return whole.content[0].text, streamed

    assert asyncio.run(talk()) == ("You said: hello world", "You said: hello world")
