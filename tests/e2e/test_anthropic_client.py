"""The official Anthropic client, unchanged, against each of the three provider dialects."""

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from anthropic import Anthropic, APIStatusError, AsyncAnthropic, BadRequestError, ConflictError, NotFoundError
from tests.e2e.conftest import Serve
from tests.e2e.test_review import decide, open_review
from tests.support.outside import of_kind
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

ANSWER = "The bridge — 橋 — was built in 1883. 🌉"
SCRIPT = {
    "answers": [
        {"match": {"tool_result": {"contains": "18 degrees"}}, "text": "It is 18 degrees in Lisbon."},
        {
            "match": {"last_user": {"contains": "weather"}},
            "text": "Let me look.",
            "tool_calls": [{"name": "weather", "arguments": {"city": "Lisbon"}}, {"name": "weather", "arguments": {"city": "Porto"}}],
        },
        {"match": {"last_user": {"contains": "why"}}, "thinking": "Hmm, 1883? ü", "text": ANSWER},
        {"match": {"last_user": {"contains": "bridge"}}, "text": ANSWER},
    ]
}
TOOLS: Any = [
    {
        "name": "weather",
        "description": "The weather of a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "cache_control": {"type": "ephemeral"},
    }
]
MODELS = ["gpt-4o", "claude", "local"]
QUESTION: Any = [{"role": "user", "content": "When was the bridge built?"}]
SYSTEM: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\x00" * 64).decode()
SCHEMA = {"type": "object", "properties": {"year": {"type": "integer"}}, "required": ["year"], "additionalProperties": False}


@pytest.fixture
def server(serve: Serve, scripted_provider: ScriptedProvider) -> Serving:
    scripted_provider.script(SCRIPT)
    return serve(three_tiers(scripted_provider))


def client(server: Serving) -> Anthropic:
    return Anthropic(base_url=server.url, api_key="agent", max_retries=0)


@pytest.mark.parametrize("model", MODELS)
def test_plain(server: Serving, model: str) -> None:
    with client(server) as agent:
        raw = agent.messages.with_raw_response.create(model=model, system=SYSTEM, messages=QUESTION, max_tokens=100)
    answer = raw.parse()
    assert [(block.type, getattr(block, "text", "")) for block in answer.content] == [("text", ANSWER)]
    assert (answer.role, answer.stop_reason) == ("assistant", "end_turn")
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert raw.headers["x-orchvynt-model"] == model
    assert raw.headers.get("x-orchvynt-dropped", "") == ("" if model == "claude" else "cache_control")


@pytest.mark.parametrize("model", MODELS)
def test_streaming(server: Serving, model: str) -> None:
    with client(server) as agent:
        events = list(agent.messages.create(model=model, system=SYSTEM, messages=QUESTION, max_tokens=100, stream=True))
        with agent.messages.stream(model=model, messages=QUESTION, max_tokens=100) as stream:
            assert "".join(stream.text_stream) == ANSWER
            final = stream.get_final_message()
    kinds = list(dict.fromkeys(event.type for event in events))
    assert kinds == [
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"),
    ]
    assert (final.stop_reason, [block.type for block in final.content]) == ("end_turn", ["text"])
    assert final.usage.input_tokens > 0
    assert final.usage.output_tokens > 0
    assert server.explain("last")["totals"]["estimated"] is False


@pytest.mark.parametrize("model", MODELS)
def test_asynchronous(server: Serving, model: str) -> None:
    async def ask() -> tuple[str, str]:
        async with AsyncAnthropic(base_url=server.url, api_key="agent", max_retries=0) as agent:
            whole: Any = await agent.messages.create(model=model, messages=QUESTION, max_tokens=100)
            async with agent.messages.stream(model=model, messages=QUESTION, max_tokens=100) as stream:
                return whole.content[0].text, await stream.get_final_text()

    assert asyncio.run(ask()) == (ANSWER, ANSWER)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_tools_there_and_back(server: Serving, model: str, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon and Porto?"}]
    with client(server) as agent:
        answer = _told(agent, stream, model=model, messages=messages, tools=TOOLS, max_tokens=100)
        assert answer.stop_reason == "tool_use"
        text, *calls = answer.content
        assert text.text == "Let me look."
        assert [(call.name, call.input) for call in calls] == [("weather", {"city": "Lisbon"}), ("weather", {"city": "Porto"})]
        assert len({call.id for call in calls}) == 2
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "18 degrees"}], "is_error": False}
            for call in calls
        ]
        messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
        answer = _told(agent, stream, model=model, messages=messages, tools=TOOLS, max_tokens=100)
    assert answer.content[0].text == "It is 18 degrees in Lisbon."


def _told(agent: Anthropic, stream: bool, **asked: Any) -> Any:
    if not stream:
        return agent.messages.create(**asked)
    with agent.messages.stream(**asked) as events:
        return events.get_final_message()


@pytest.mark.parametrize("model", MODELS)
def test_a_schema_binds_the_answer(server: Serving, model: str) -> None:
    asked: Any = {"format": {"type": "json_schema", "schema": SCHEMA}}
    with client(server) as agent:
        answer: Any = agent.messages.create(
            model=model, messages=[{"role": "user", "content": "Which year?"}], max_tokens=100, output_config=asked
        )
    assert answer.content[0].text.startswith('{"year":')


@pytest.mark.parametrize("model", MODELS)
def test_images(server: Serving, model: str) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content: Any = [{"type": "image", "source": source}, {"type": "text", "text": "Is this the bridge?"}]
    with client(server) as agent:
        answer: Any = agent.messages.create(model=model, messages=[{"role": "user", "content": content}], max_tokens=100)
    assert answer.content[0].text == ANSWER


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_there_and_back(server: Serving, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "why 1883?"}]
    asked: dict[str, Any] = {"max_tokens": 2_000, "thinking": {"type": "enabled", "budget_tokens": 1_024}}
    with client(server) as agent:
        answer = _told(agent, stream, model="claude", messages=messages, **asked)
        thought, text = answer.content
        assert (thought.type, thought.thinking, text.text) == ("thinking", "Hmm, 1883? ü", ANSWER)
        assert thought.signature
        messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": "Was it the bridge?"}]
        again = _told(agent, stream, model="claude", messages=messages, **asked)
        assert again.content[-1].text == ANSWER
        # Another provider takes no thoughts back: they are left out, and said to be.
        raw = agent.messages.with_raw_response.create(model="gpt-4o", messages=messages, **asked)
    assert set(raw.headers["x-orchvynt-dropped"].split(", ")) == {"thinking", "messages[].content[].thinking"}


def test_the_beta_client(server: Serving) -> None:
    with client(server) as agent:
        answer: Any = agent.beta.messages.create(model="claude", messages=QUESTION, max_tokens=100, betas=["context-1m-2025-08-07"])
        assert agent.beta.messages.count_tokens(model="claude", messages=QUESTION).input_tokens > 0
    assert answer.content[0].text == ANSWER


def test_models_are_those_of_the_policy(server: Serving) -> None:
    with client(server) as agent:
        listed = list(agent.models.list())
    assert [model.id for model in listed] == ["auto", "gpt-4o", "claude", "local", "big"]
    assert {model.lifecycle for model in listed} == {"active"}


def test_counting_is_an_estimate_and_says_so(server: Serving, scripted_provider: ScriptedProvider) -> None:
    with client(server) as agent:
        raw = agent.messages.with_raw_response.count_tokens(model="claude", messages=QUESTION, system="Be brief.", tools=TOOLS)
        with pytest.raises(NotFoundError, match="no model 'claud'"):
            agent.messages.count_tokens(model="claud", messages=QUESTION)
    assert raw.headers["x-orchvynt-estimated"] == "true"
    assert 50 < raw.parse().input_tokens < 300
    assert scripted_provider.ledger().arrivals == ()


def test_an_unknown_model_is_refused_with_the_nearest_names(server: Serving) -> None:
    with client(server) as agent, pytest.raises(NotFoundError) as refused:
        agent.messages.create(model="claud", messages=QUESTION, max_tokens=10)
    assert refused.value.type == "not_found_error"
    body: Any = refused.value.body
    assert body["request_id"] == body["error"]["invocation_id"]
    assert (body["error"]["code"], body["error"]["nearest"][0]) == ("model_not_found", "claude")


def test_a_malformed_request_says_where(server: Serving) -> None:
    textless: Any = [{"role": "user", "content": [{"type": "text"}]}]
    with client(server) as agent, pytest.raises(BadRequestError) as refused:
        agent.messages.create(model="claude", messages=textless, max_tokens=10)
    body: Any = refused.value.body
    assert body["error"]["param"] == "messages[0].content[0].text"


def test_a_providers_own_refusal_reaches_the_caller(server: Serving, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.fault("anthropic", {"status": 400, "message": "temperature is too high"})
    with client(server) as agent, pytest.raises(APIStatusError, match="temperature is too high") as refused:
        agent.messages.create(model="claude", messages=QUESTION, max_tokens=10)
    assert refused.value.status_code == 400


@pytest.mark.parametrize("stream", [False, True])
def test_the_next_tier_answers_in_the_same_call(server: Serving, scripted_provider: ScriptedProvider, stream: bool) -> None:
    scripted_provider.fault("openai", {"status": 429, "retry_after": 60})
    scripted_provider.fault("anthropic", {"status": 529})
    with client(server) as agent:
        answer = _told(agent, stream, model="gpt-4o", messages=QUESTION, max_tokens=100)
    assert answer.content[0].text == ANSWER
    assert server.explain("last")["verdict"].startswith("Asked gpt-4o; got local, because openai answered 429")


@pytest.mark.parametrize("model", MODELS)
def test_a_broken_stream_never_looks_whole(server: Serving, scripted_provider: ScriptedProvider, model: str) -> None:
    for provider in ("openai", "anthropic", "local"):
        scripted_provider.fault(provider, {"cut_after": 2})
    seen: list[str] = []

    def hear(agent: Anthropic) -> None:
        for event in agent.messages.create(model=model, messages=QUESTION, stream=True, max_tokens=100):
            seen.append(event.type)  # what came before the end is looked at

    with client(server) as agent, pytest.raises(APIStatusError, match="broke off"):
        hear(agent)
    assert "message_start" in seen
    assert not {"message_delta", "message_stop"} & set(seen)
    assert server.explain("last")["outcome"] == "failed"


def test_a_client_of_claude_code_has_its_session_as_run(server: Serving) -> None:
    with client(server) as agent:
        agent.messages.create(model="claude", messages=QUESTION, max_tokens=10, extra_headers={"x-claude-code-session-id": "s-1"})
    said = of_kind(server.explain("last"), "invocation_received")[0]["claims"]
    said = of_kind(server.explain("last"), "invocation_received")[0]["claims"]
    assert (said["run"], said["run_source"]) == ("s-1", "session-id")


def test_a_conversation_is_a_run_by_itself(server: Serving) -> None:
    with client(server) as agent:
        answer = _told(agent, True, model="claude", messages=QUESTION, system="Be brief.", max_tokens=100)
        first = server.explain("last")["invocation"]
        more = [*QUESTION, {"role": "assistant", "content": answer.content}, {"role": "user", "content": "Which bridge?"}]
        agent.messages.create(model="gpt-4o", messages=more, system="Be brief.", max_tokens=100)
    said = of_kind(server.explain("last"), "invocation_received")[0]["claims"]
    said = of_kind(server.explain("last"), "invocation_received")[0]["claims"]
    assert (said["run"], said["run_source"]) == (first, "inferred")


@pytest.mark.parametrize("model", ["claude", "local"])
def test_a_stream_that_waited_for_a_person_is_whole(serve: Serve, scripted_provider: ScriptedProvider, model: str) -> None:
    scripted_provider.script(SCRIPT)
    server = serve(three_tiers(scripted_provider, gate()))
    with client(server) as agent, ThreadPoolExecutor(1) as pool:
        flagged: Any = {"extra_headers": {"x-orchvynt-flags": "review"}}
        waiting = pool.submit(_told, agent, True, model=model, messages=QUESTION, max_tokens=100, **flagged)
        decide(server, open_review(server)["review"])
        answer = waiting.result(timeout=30)
    assert (answer.content[0].text, answer.stop_reason) == (ANSWER, "end_turn")


def test_a_pending_answer_is_a_conflict_that_says_where_it_will_be(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script(SCRIPT)
    server = serve(three_tiers(scripted_provider, gate("0s")))
    with client(server) as agent:
        asked: Any = {"model": "claude", "messages": QUESTION, "max_tokens": 100, "extra_headers": {"x-orchvynt-flags": "review"}}
        with pytest.raises(ConflictError) as pending:
            agent.messages.create(**asked)
        body: Any = pending.value.body
        decide(server, body["error"]["review_id"])
        assert agent.messages.create(**asked).content[0].text == ANSWER
        polled = server.ask(body["error"]["poll"], headers={"x-api-key": "agent"})
    assert polled.json["content"][0]["text"] == ANSWER
