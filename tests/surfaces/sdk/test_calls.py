"""`route` and `aroute` against a gateway over real sockets."""

import asyncio
import gc
import socket
import struct
import threading
import warnings
from typing import Any

import pytest
from tests.surfaces.sdk.gateway import gateway

import orchvynt
from orchvynt import OrchvyntError, PendingReview

MESSAGES = [{"role": "user", "content": "spam or not?"}]
ANSWER: dict[str, Any] = {
    "content": "spam",
    "model_used": "gpt-4o-mini",
    "provider_used": "openai",
    "routing_decision": {"policy_matched": "cheap", "fallback_tier_used": 1},
    "usage": {"prompt_tokens": 12, "completion_tokens": 1, "total_cost_usd": 0.0001},
    "invocation_id": "inv_01",
}
PARKED = {"error": {"code": "hitl_pending", "message": "Waits for finance.", "invocation_id": "inv_01", "review_id": "rev_1", "poll": "/p"}}


def test_route_sends_what_is_given_and_reads_the_answer() -> None:
    with gateway((200, {}, ANSWER)) as server:
        answer = orchvynt.route(
            workload="classification",
            messages=MESSAGES,
            context={"user_tier": "free"},
            options={"temperature": 0},
            flags=["financial-action"],
            agent="sorter",
            base_url=f"{server.url}/v1",
            api_key="k",
            timeout=5,
        )
    assert (answer.content, answer.model_used, answer.invocation_id) == ("spam", "gpt-4o-mini", "inv_01")
    assert answer.usage.prompt_tokens == 12
    assert answer.routing_decision["policy_matched"] == "cheap"
    (arrival,) = server.arrivals
    assert (arrival.method, arrival.path) == ("POST", "/v1/route")
    assert arrival.body == {
        "workload": "classification",
        "messages": MESSAGES,
        "context": {"user_tier": "free"},
        "options": {"temperature": 0},
        "flags": ["financial-action"],
    }
    assert arrival.headers["authorization"] == "Bearer k"
    assert arrival.headers["x-orchvynt-agent"] == "sorter"
    assert arrival.headers["x-stainless-read-timeout"] == "5"


def test_aroute_is_the_same_call_and_sees_the_run() -> None:
    async def both() -> list[orchvynt.RouteAnswer]:
        async def one(name: str) -> orchvynt.RouteAnswer:
            with orchvynt.run("wf", id=name):
                return await orchvynt.aroute(messages=MESSAGES, base_url=server.url, api_key="")

        return await asyncio.gather(*(one(f"r{number}") for number in range(5)))

    with gateway((200, {}, ANSWER)) as server:
        answers = asyncio.run(both())
    assert {answer.content for answer in answers} == {"spam"}
    assert {arrival.headers["x-orchvynt-run"] for arrival in server.arrivals} == {f"r{number}" for number in range(5)}
    assert all("authorization" not in arrival.headers for arrival in server.arrivals)


def test_a_cancelled_aroute_hangs_up() -> None:
    async def cancelled() -> None:
        task = asyncio.ensure_future(orchvynt.aroute(messages=MESSAGES, base_url=server.url, timeout=30))
        assert await asyncio.to_thread(server.arrived.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with gateway((200, {}, ANSWER)) as server:
        server.hold = threading.Event()
        asyncio.run(cancelled())
        assert server.hung_up.wait(5)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (402, {"error": {"code": "budget_exceeded", "message": "No room.", "invocation_id": "inv_9", "limit": "2.5"}}, "budget_exceeded"),
        (401, {"error": {"code": "unauthorized", "message": "No key."}}, "unauthorized"),
        (503, {"error": {"code": "all_providers_failed", "message": "All failed."}}, "all_providers_failed"),
        (500, {"nothing": 1}, "unknown"),
        (200, {"nothing": 1}, "malformed"),
        (200, [], "malformed"),
        (200, b"<html>", "malformed"),
        (302, b"", "malformed"),
    ],
)
def test_refusals_have_their_status_code_and_detail(status: int, body: Any, code: str) -> None:
    with gateway((status, {"x-orchvynt-invocation": "inv_h", "location": "http://127.0.0.1:1/"}, body)) as server:
        with pytest.raises(OrchvyntError) as raised:
            orchvynt.route(messages=MESSAGES, base_url=server.url)
        assert len(server.arrivals) == 1
    assert (raised.value.status, raised.value.code) == (status, code)
    if code == "budget_exceeded":
        assert raised.value.invocation_id == "inv_9"
        assert raised.value.detail["limit"] == "2.5"
        assert str(raised.value) == "budget_exceeded (402): No room. [inv_9]"
    if code == "unknown":
        assert raised.value.invocation_id == "inv_h"


def test_nobody_there_is_one_clear_sentence() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(OrchvyntError, match=r"cannot be reached.*orchvynt serve") as raised:
            orchvynt.route(messages=MESSAGES, base_url=f"http://127.0.0.1:{port}")
    assert (raised.value.status, raised.value.code) == (0, "connection")


def test_a_silent_server_is_a_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(OrchvyntError) as raised:
            orchvynt.route(messages=MESSAGES, base_url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.1)
    assert raised.value.code == "timeout"


def test_an_answer_that_breaks_off_leaves_nothing_open() -> None:
    """A response that says `connection: close` holds the socket by itself, and its error holds the response."""

    def break_off(listening: socket.socket) -> None:
        caller, _ = listening.accept()
        with caller:
            caller.recv(65536)
            caller.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{")
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as listening, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        thread = threading.Thread(target=break_off, args=(listening,))
        thread.start()
        circle: list[object] = []
        try:
            orchvynt.route(messages=MESSAGES, base_url=f"http://127.0.0.1:{listening.getsockname()[1]}")
        except OrchvyntError as error:
            circle += [error, circle]
        thread.join()
        assert circle
        del circle
        gc.collect()
    assert not [warning for warning in warned if warning.category is ResourceWarning]


@pytest.mark.parametrize("address", ["127.0.0.1:4821", "ftp://x", "http://", "file:///etc/passwd"])
def test_a_base_url_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        orchvynt.route(messages=MESSAGES, base_url=address)


def test_the_environment_gives_what_arguments_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with gateway((200, {}, ANSWER)) as server:
        monkeypatch.setenv("ORCHVYNT_BASE_URL", f"{server.url}/@wf/agent/v1")
        monkeypatch.setenv("ORCHVYNT_API_KEY", "from-the-environment")
        orchvynt.route(messages=MESSAGES)
    assert server.arrivals[0].path == "/@wf/agent/v1/route"
    assert server.arrivals[0].headers["authorization"] == "Bearer from-the-environment"


@pytest.mark.parametrize(("status", "body"), [(202, {"invocation_id": "inv_01", "review_id": "rev_1", "poll": "/p"}), (409, PARKED)])
def test_a_parked_answer_is_pending(status: int, body: Any) -> None:
    with gateway((status, {}, body)) as server, pytest.raises(PendingReview) as raised:
        orchvynt.route(messages=MESSAGES, base_url=server.url)
    assert (raised.value.status, raised.value.invocation_id, raised.value.review_id, raised.value.poll) == (status, "inv_01", "rev_1", "/p")
    assert raised.value.code == "hitl_pending"
