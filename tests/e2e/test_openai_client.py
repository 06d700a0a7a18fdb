"""The official OpenAI client, unchanged, against each of the three provider dialects."""

import asyncio
import json
from typing import Any

import pytest
from openai import APIStatusError, AsyncOpenAI, NotFoundError, OpenAI
from tests.e2e.conftest import Serve
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

SCRIPT = {
    "answers": [
        {"match": {"tool_result": {"contains": "18 degrees"}}, "text": "It is 18 degrees in Lisbon."},
        {
            "match": {"last_user": {"contains": "weather"}},
            "tool_calls": [{"name": "weather", "arguments": {"city": "Lisbon"}}, {"name": "weather", "arguments": {"city": "Porto"}}],
        },
        {"match": {"last_user": {"contains": "bridge"}}, "text": "The bridge — 橋 — was built in 1883. 🌉"},
    ]
}
TOOLS: Any = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]
MODELS = ["gpt-4o", "claude", "local"]
QUESTION: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "When was the bridge built?"}]
ANSWER = "The bridge — 橋 — was built in 1883. 🌉"


@pytest.fixture
def server(serve: Serve, scripted_provider: ScriptedProvider) -> Serving:
    scripted_provider.script(SCRIPT)
    return serve(three_tiers(scripted_provider))


def client(server: Serving) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key="agent", max_retries=0)


@pytest.mark.parametrize("model", MODELS)
def test_plain(server: Serving, model: str) -> None:
    with client(server) as agent:
        raw = agent.chat.completions.with_raw_response.create(model=model, messages=QUESTION, max_tokens=100)
        answer = raw.parse()
        assert answer.choices[0].message.content == ANSWER
        assert answer.choices[0].finish_reason == "stop"
        assert answer.usage is not None
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
        assert raw.headers["x-orchvynt-model"] == model
        assert raw.headers["x-orchvynt-tier"] == "1"
        assert float(raw.headers["x-orchvynt-cost-usd"]) >= 0


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_streaming(server: Serving, model: str, usage: bool) -> None:
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
    with client(server) as agent:
        chunks = list(agent.chat.completions.create(model=model, messages=QUESTION, max_tokens=100, stream=True, **more))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    told = [chunk.usage for chunk in chunks if chunk.usage is not None]
    assert len(told) == (1 if usage else 0)
    assert server.explain("last")["totals"]["estimated"] is False


@pytest.mark.parametrize("model", MODELS)
def test_asynchronous(server: Serving, model: str) -> None:
    async def ask() -> tuple[str, str]:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="agent", max_retries=0) as agent:
            whole = await agent.chat.completions.create(model=model, messages=QUESTION, max_tokens=100)
            stream = await agent.chat.completions.create(model=model, messages=QUESTION, max_tokens=100, stream=True)
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            return whole.choices[0].message.content or "", "".join(parts)

    assert asyncio.run(ask()) == (ANSWER, ANSWER)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_tools_there_and_back(server: Serving, model: str, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon and Porto?"}]
    with client(server) as agent:
        calls = _stream_calls(agent, model, messages) if stream else _calls(agent, model, messages)
        assert [(name, json.loads(arguments)) for _, name, arguments in calls] == [
            ("weather", {"city": "Lisbon"}),
            ("weather", {"city": "Porto"}),
        ]
        told = [{"id": call, "type": "function", "function": {"name": name, "arguments": arguments}} for call, name, arguments in calls]
        messages.append({"role": "assistant", "content": None, "tool_calls": told})
        messages += [{"role": "tool", "tool_call_id": call, "content": f"{arguments}: 18 degrees"} for call, _, arguments in calls]
        answer = agent.chat.completions.create(model=model, messages=messages, tools=TOOLS, max_tokens=100)
    assert answer.choices[0].message.content == "It is 18 degrees in Lisbon."


def _calls(agent: OpenAI, model: str, messages: list[Any]) -> list[tuple[str, str, str]]:
    answer = agent.chat.completions.create(model=model, messages=messages, tools=TOOLS, max_tokens=100)
    assert answer.choices[0].finish_reason == "tool_calls"
    calls: Any = answer.choices[0].message.tool_calls or []
    return [(call.id, call.function.name, call.function.arguments) for call in calls]


def _stream_calls(agent: OpenAI, model: str, messages: list[Any]) -> list[tuple[str, str, str]]:
    found: dict[int, list[str]] = {}
    for chunk in agent.chat.completions.create(model=model, messages=messages, tools=TOOLS, max_tokens=100, stream=True):
        for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            parts = found.setdefault(call.index, ["", "", ""])
            parts[0] += call.id or ""
            if call.function is not None:
                parts[1] += call.function.name or ""
                parts[2] += call.function.arguments or ""
    return [(parts[0], parts[1], parts[2]) for _, parts in sorted(found.items())]


def test_models_are_those_of_the_policy(server: Serving) -> None:
    with client(server) as agent:
        assert [model.id for model in agent.models.list()] == ["auto", "gpt-4o", "claude", "local", "big"]


def test_an_unknown_model_is_refused_with_the_nearest_names(server: Serving, scripted_provider: ScriptedProvider) -> None:
    with client(server) as agent, pytest.raises(NotFoundError) as refused:
        agent.chat.completions.create(model="gpt-40", messages=QUESTION)
    assert refused.value.code == "model_not_found"
    assert "gpt-4o" in str(refused.value)
    assert scripted_provider.ledger().arrivals == ()


def test_a_providers_own_refusal_reaches_the_caller(server: Serving, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.fault("openai", {"status": 400, "message": "temperature is too high"})
    with client(server) as agent, pytest.raises(APIStatusError) as refused:
        agent.chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert refused.value.status_code == 400
    assert "temperature is too high" in str(refused.value)
    assert scripted_provider.ledger().totals.arrivals == 1


@pytest.mark.parametrize("stream", [False, True])
def test_the_next_tier_answers_in_the_same_call(server: Serving, scripted_provider: ScriptedProvider, stream: bool) -> None:
    scripted_provider.fault("openai", {"status": 429, "retry_after": 60})
    scripted_provider.fault("anthropic", {"status": 529})
    with client(server) as agent:
        answer = agent.chat.completions.with_raw_response.create(model="gpt-4o", messages=QUESTION, stream=stream, max_tokens=100)
        assert answer.headers["x-orchvynt-model"] == "local"
        assert answer.headers["x-orchvynt-tier"] == "3"
        assert answer.headers["x-orchvynt-requested-model"] == "gpt-4o"
        parsed: Any = answer.parse()
        text = (
            "".join(chunk.choices[0].delta.content or "" for chunk in parsed if chunk.choices)
            if stream
            else parsed.choices[0].message.content
        )
    assert text == ANSWER
    explained = server.explain("last")
    assert explained["verdict"].startswith("Asked gpt-4o; got local, because openai answered 429")


def test_a_broken_stream_never_looks_whole(server: Serving, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.fault("openai", {"cut_after": 2})
    with client(server) as agent, pytest.raises(Exception, match="broke off"):
        list(agent.chat.completions.create(model="gpt-4o", messages=QUESTION, stream=True, max_tokens=100))
    explained = server.explain("last")
    assert explained["outcome"] == "failed"
    assert explained["totals"]["estimated"] is True
