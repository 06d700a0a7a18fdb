"""The official `anthropic` client, unchanged, against each kind of provider: the table, and what is special to it."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from anthropic import Anthropic, BadRequestError, ConflictError, NotFoundError
from tests.clients.anthropic_agent import TOOLS, AnthropicAgent
from tests.clients.judging import judge
from tests.clients.rows import cells
from tests.clients.table import ANSWER, APIS, Cell
from tests.clients.world import World, opened
from tests.e2e.test_review import decide
from tests.support.outside import of_kind

QUESTION: Any = [{"role": "user", "content": "When was the bridge built?"}]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with opened(tmp_path_factory.mktemp("anthropic")) as world:
        yield world


@pytest.fixture(scope="module")
def agent(world: World) -> Iterator[AnthropicAgent]:
    with AnthropicAgent(world.server.url) as agent:
        yield agent


@pytest.mark.parametrize("cell", cells("anthropic"), ids=lambda cell: cell.name)
def test_the_table(world: World, agent: AnthropicAgent, cell: Cell) -> None:
    judge(world, agent, cell)


@pytest.fixture
def client(world: World, agent: AnthropicAgent) -> Anthropic:
    return agent.client.with_options(api_key=world.secrets["free"])


def told(client: Anthropic, stream: bool, **asked: Any) -> Any:
    if not stream:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as events:
        return events.get_final_message()


@pytest.mark.parametrize("provider", APIS)
def test_marks_for_its_caches_stay_with_anthropic(client: Anthropic, provider: str) -> None:
    system: Any = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    raw = client.messages.with_raw_response.create(model=f"sound-{provider}", system=system, messages=QUESTION, max_tokens=100)
    assert raw.headers["x-orchvynt-model"] == f"sound-{provider}"
    assert raw.headers.get("x-orchvynt-dropped", "") == ("" if provider == "anthropic" else "cache_control")


@pytest.mark.parametrize("provider", APIS)
def test_the_events_of_a_stream_come_in_order(world: World, client: Anthropic, provider: str) -> None:
    events = list(client.messages.create(model=f"sound-{provider}", messages=QUESTION, max_tokens=100, stream=True))
    assert list(dict.fromkeys(event.type for event in events)) == [
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"),
    ]
    assert world.server.explain("last")["totals"]["estimated"] is False


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_there_and_back(client: Anthropic, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "Think: why 1883?"}]
    asked: dict[str, Any] = {"max_tokens": 2_000, "thinking": {"type": "enabled", "budget_tokens": 1_024}}
    answer = told(client, stream, model="sound-anthropic", messages=messages, **asked)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": "Was it the bridge?"}]
    again = told(client, stream, model="sound-anthropic", messages=messages, **asked)
    assert again.content[-1].text == ANSWER
    # Another provider takes no thoughts back: they are left out, and said to be.
    raw = client.messages.with_raw_response.create(model="sound-openai", messages=messages, **asked)
    assert set(raw.headers["x-orchvynt-dropped"].split(", ")) == {"thinking", "messages[].content[].thinking"}


def test_the_beta_client(client: Anthropic) -> None:
    asked: Any = {"model": "sound-anthropic", "messages": QUESTION}
    answer: Any = client.beta.messages.create(max_tokens=100, betas=["context-1m-2025-08-07"], **asked)
    assert answer.content[0].text == ANSWER
    assert client.beta.messages.count_tokens(**asked).input_tokens > 0


def test_models_are_those_of_the_policy(client: Anthropic) -> None:
    listed = list(client.models.list())
    assert listed[0].id == "auto"
    assert {"sound-openai", "sound-anthropic", "sound-ollama"} < {model.id for model in listed}
    assert {model.lifecycle for model in listed} == {"active"}


def test_counting_is_an_estimate_and_says_so(world: World, client: Anthropic) -> None:
    world.arrivals()
    asked: Any = {"messages": QUESTION, "system": "Be brief.", "tools": TOOLS}
    raw = client.messages.with_raw_response.count_tokens(model="sound-anthropic", **asked)
    with pytest.raises(NotFoundError, match="no model 'sounds-anthropic'"):
        client.messages.count_tokens(model="sounds-anthropic", **asked)
    assert raw.headers["x-orchvynt-estimated"] == "true"
    assert 50 < raw.parse().input_tokens < 300
    assert world.arrivals() == []


def test_an_error_has_the_shape_of_the_api(client: Anthropic) -> None:
    with pytest.raises(NotFoundError) as refused:
        client.messages.create(model="sounds-anthropic", messages=QUESTION, max_tokens=10)
    body: Any = refused.value.body
    assert body["error"]["type"] == "not_found_error"
    assert body["request_id"] == body["error"]["invocation_id"]
    assert (body["error"]["code"], body["error"]["nearest"][0]) == ("model_not_found", "sound-anthropic")


def test_a_malformed_request_says_where(client: Anthropic) -> None:
    textless: Any = [{"role": "user", "content": [{"type": "text"}]}]
    with pytest.raises(BadRequestError) as refused:
        client.messages.create(model="sound-anthropic", messages=textless, max_tokens=10)
    body: Any = refused.value.body
    assert body["error"]["param"] == "messages[0].content[0].text"


def test_a_client_of_claude_code_has_its_session_as_run(world: World, client: Anthropic) -> None:
    session = {"x-claude-code-session-id": "s-1"}
    client.messages.create(model="sound-anthropic", messages=QUESTION, max_tokens=10, extra_headers=session)
    said = of_kind(world.server.explain("last"), "invocation_received")[0]["claims"]
    assert (said["run"], said["run_source"]) == ("s-1", "session-id")


def test_a_conversation_is_a_run_by_itself(world: World, client: Anthropic) -> None:
    asked: Any = {"system": "Speak of runs.", "max_tokens": 100}
    answer = told(client, True, model="sound-anthropic", messages=QUESTION, **asked)
    first = world.server.explain("last")["invocation"]
    more = [*QUESTION, {"role": "assistant", "content": answer.content}, {"role": "user", "content": "Which bridge?"}]
    client.messages.create(model="sound-openai", messages=more, **asked)
    said = of_kind(world.server.explain("last"), "invocation_received")[0]["claims"]
    assert (said["run"], said["run_source"]) == (first, "inferred")


@pytest.mark.parametrize("provider", ["anthropic", "ollama"])
def test_a_stream_that_waited_for_a_person_is_whole(world: World, client: Anthropic, provider: str) -> None:
    asked: Any = {"model": f"sound-{provider}", "messages": QUESTION, "max_tokens": 100, "extra_headers": {"x-orchvynt-flags": "look"}}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(told, client, True, **asked)
        decide(world.server, parked(world, "soon"))
        answer = waiting.result(timeout=30)
    assert (answer.content[0].text, answer.stop_reason) == (ANSWER, "end_turn")


def parked(world: World, gate: str) -> str:
    """The review of an answer that this gate holds, as soon as there is one."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if found := [review["review"] for review in world.server.admin("/reviews").json["items"] if review["gate"] == gate]:
            return str(found[0])
        time.sleep(0.02)
    raise AssertionError("nothing was parked")


def test_a_pending_answer_is_a_conflict_that_says_where_it_will_be(world: World, agent: AnthropicAgent) -> None:
    secret = world.secrets["watched"]
    client = agent.client.with_options(api_key=secret)
    asked: Any = {"model": "sound-anthropic", "messages": QUESTION, "max_tokens": 100}
    with pytest.raises(ConflictError) as pending:
        client.messages.create(**asked)
    body: Any = pending.value.body
    decide(world.server, body["error"]["review_id"])
    answer: Any = client.messages.create(**asked)
    assert answer.content[0].text == ANSWER
    polled = world.server.ask(body["error"]["poll"], headers={"x-api-key": secret})
    assert polled.json["content"][0]["text"] == ANSWER
