"""`wait_for_review` and `await_review`, against a gateway over real sockets: with ids and with what the official clients raise."""

import asyncio
import socket
import threading
from typing import Any

import anthropic
import ollama
import openai
import pytest
from tests.surfaces.sdk.gateway import CHAT, Gateway, gateway
from tests.surfaces.sdk.test_calls import ANSWER, MESSAGES, PARKED

import orchvynt
from orchvynt import OrchvyntError, PendingReview, ReviewExpired, ReviewRejected, ReviewTimeout

MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip
NAMED = {"x-orchvynt-invocation": "inv_07"}
IN_ANTHROPIC = {"type": "error", "error": {"type": "invalid_request_error", "message": "Waits.", "code": "hitl_pending"}, "request_id": "r"}
IN_OLLAMA = {"error": "Waits. Poll /v1/invocations/inv_07/result?wait=30s.", "code": "hitl_pending", "invocation_id": "inv_07"}


def raised_by_openai(server: Gateway, base: str = "/v1", stream: bool = False) -> openai.APIError:
    def ask() -> None:
        asked: Any = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=stream)
        list(asked)

    with openai.OpenAI(base_url=server.url + base, api_key="agent", max_retries=0) as client, pytest.raises(openai.APIError) as raised:
        ask()
    return raised.value


def raised_by_anthropic(server: Gateway) -> anthropic.APIStatusError:
    with (
        anthropic.Anthropic(base_url=server.url, api_key="agent", max_retries=0) as client,
        pytest.raises(anthropic.APIStatusError) as raised,
    ):
        client.messages.create(model="claude", max_tokens=9, messages=[{"role": "user", "content": "x"}])
    return raised.value


def test_waiting_outlives_a_restart_and_ends_with_the_answer() -> None:
    away = {"error": {"code": "store_unavailable", "message": "Starting."}}
    with gateway((409, {}, PARKED), (503, {}, away), (502, {}, b"<html>"), (200, {}, {"choices": []})) as server:
        assert orchvynt.wait_for_review("inv_01", timeout=20, base_url=server.url) == {"choices": []}
    assert server.arrivals[0].path.startswith("/v1/invocations/inv_01/result?wait=")
    assert len(server.arrivals) == 4


def test_the_answer_of_a_route_is_a_route_answer() -> None:
    with gateway((409, {}, PARKED), (200, {}, ANSWER)) as server:
        with pytest.raises(PendingReview) as raised:
            orchvynt.route(messages=MESSAGES, base_url=server.url)
        assert orchvynt.is_pending(raised.value)
        answer = orchvynt.wait_for_review(raised.value, timeout=5, base_url=server.url)
    assert isinstance(answer, orchvynt.RouteAnswer)
    assert answer.content == "spam"


def test_the_conflict_of_the_openai_client_says_where_and_as_whom_and_gives_its_type() -> None:
    with gateway((409, NAMED, PARKED), (200, {}, CHAT)) as server:
        raised = raised_by_openai(server, "/@wf/agent/v1")
        assert orchvynt.is_pending(raised)
        answer = orchvynt.wait_for_review(raised, timeout=5)
    assert isinstance(answer, openai.types.chat.ChatCompletion)
    assert answer.choices[0].message.content == "hello"
    assert server.arrivals[1].path.startswith("/@wf/agent/v1/invocations/inv_07/result")
    assert server.arrivals[1].headers["authorization"] == "Bearer agent"


def test_an_error_inside_a_stream_is_enough_too() -> None:
    event = b'data: {"error": {"message": "Waits.", "code": "hitl_pending", "invocation_id": "inv_07"}}\n\n'
    with gateway((200, {"content-type": "text/event-stream"}, event), (200, {}, CHAT)) as server:
        raised = raised_by_openai(server, stream=True)
        assert orchvynt.is_pending(raised)
        assert orchvynt.wait_for_review(raised, timeout=5).choices[0].message.content == "hello"
    assert "/inv_07/result" in server.arrivals[1].path


def test_the_conflict_of_the_anthropic_client() -> None:
    with gateway((409, NAMED, IN_ANTHROPIC), (200, {}, MESSAGE)) as server:
        raised = raised_by_anthropic(server)
        assert orchvynt.is_pending(raised)
        answer = orchvynt.wait_for_review(raised, timeout=5)
    assert isinstance(answer, anthropic.types.Message)
    assert answer.content[0].type == "text"
    assert answer.content[0].text == "hello"
    assert server.arrivals[1].path.startswith("/v1/invocations/inv_07/result")
    assert server.arrivals[1].headers["authorization"] == "Bearer agent"


def test_the_error_of_the_ollama_client_names_the_invocation_in_its_sentence() -> None:
    said = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": "hello"}, "done": True}
    with gateway((409, {}, IN_OLLAMA), (200, {}, said)) as server:
        with ollama.Client(host=server.url) as client, pytest.raises(ollama.ResponseError) as raised:
            client.chat(model="m", messages=MESSAGES)
        assert orchvynt.is_pending(raised.value)
        answer = orchvynt.wait_for_review(raised.value, timeout=5, base_url=server.url, api_key="agent")
    assert isinstance(answer, ollama.ChatResponse)
    assert answer.message.content == "hello"


def test_a_credential_goes_to_no_other_server() -> None:
    with gateway((409, NAMED, PARKED)) as asked, gateway((200, {}, CHAT)) as other:
        orchvynt.wait_for_review(raised_by_openai(asked), timeout=5, base_url=other.url)
    assert "authorization" not in other.arrivals[0].headers


@pytest.mark.parametrize(("code", "kind"), [("review_rejected", ReviewRejected), ("review_expired", ReviewExpired)])
def test_what_was_decided_against_it_is_an_error_of_its_own(code: str, kind: type[OrchvyntError]) -> None:
    refused = {"error": {"code": code, "message": "ana: no.", "invocation_id": "inv_01", "review": "rev_1"}}
    with gateway((403, {}, refused)) as server, pytest.raises(kind, match="ana: no") as raised:
        orchvynt.wait_for_review("inv_01", timeout=5, base_url=server.url)
    assert (raised.value.status, raised.value.code, raised.value.invocation_id) == (403, code, "inv_01")
    assert raised.value.detail["review"] == "rev_1"


def test_nobody_decides_in_time() -> None:
    with gateway((409, {}, PARKED)) as server, pytest.raises(ReviewTimeout, match="rev_1") as raised:
        orchvynt.wait_for_review("inv_01", timeout=0, base_url=server.url)
    assert len(server.arrivals) == 1
    assert isinstance(raised.value, PendingReview)
    assert (raised.value.invocation_id, raised.value.poll) == ("inv_01", "/p")


def test_nobody_is_there_for_as_long_as_it_may_wait() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(OrchvyntError) as raised:
            orchvynt.wait_for_review("inv_01", timeout=0.01, base_url=f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert raised.value.code == "connection"


def test_what_will_not_change_ends_it_at_once() -> None:
    with gateway((404, {}, {"error": {"code": "not_found", "message": "None."}})) as server:
        with pytest.raises(OrchvyntError, match="not_found"):
            orchvynt.wait_for_review("inv_01", timeout=50, base_url=server.url)
        assert len(server.arrivals) == 1


@pytest.mark.parametrize("nothing", ["", RuntimeError("x"), ollama.ResponseError("no such model", 404)])
def test_waiting_needs_an_invocation(nothing: BaseException | str) -> None:
    assert isinstance(nothing, str) or not orchvynt.is_pending(nothing)
    with pytest.raises(ValueError, match="no invocation"):
        orchvynt.wait_for_review(nothing)


def test_many_wait_at_once_under_asyncio() -> None:
    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(orchvynt.await_review(f"inv_{number}", 20, server.url) for number in range(40)))

    with gateway((200, {}, CHAT)) as server:
        assert asyncio.run(all_of_them()) == [CHAT] * 40


def test_a_cancelled_wait_hangs_up() -> None:
    async def cancelled() -> None:
        task = asyncio.ensure_future(orchvynt.await_review("inv_1", 30, server.url))
        assert await asyncio.to_thread(server.arrived.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with gateway((200, {}, CHAT)) as server:
        server.hold = threading.Event()
        asyncio.run(cancelled())
        assert server.hung_up.wait(10)


def test_an_error_of_the_wait_reaches_whoever_awaits() -> None:
    refused = {"error": {"code": "review_rejected", "message": "no"}}

    async def waits() -> None:
        with pytest.raises(ReviewRejected):
            await orchvynt.await_review("inv_1", 5, server.url)

    with gateway((403, {}, refused)) as server:
        asyncio.run(waits())
