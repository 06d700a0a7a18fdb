"""A process that is full, from outside: who is let in, what others hear, what is answered all the same, clients that come back."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import anthropic
import openai
from tests.e2e.conftest import Serve
from tests.e2e.test_metrics import page
from tests.support.outside import chat, hear, post
from tests.support.policies import gate, three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

MESSAGES: Any = [{"role": "user", "content": "hello"}]
KEYS = """
keys:
  - {name: batch, priority: low}
  - {name: agents}
  - {name: people, priority: high}
"""
SLOW = {"match": {"last_user": "slow"}, "text": "at last", "latency": "60s"}


def until(holds: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up, what
        time.sleep(0.05)


def sent(server: Serving, headers: dict[str, str], text: str = "slow", **options: Any) -> socket.socket:
    """A chat that is sent, and whose answer nobody reads yet."""
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **options}).encode()
    fields = {"host": "x", "content-type": "application/json", "content-length": str(len(body)), "connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    caller = socket.create_connection(("127.0.0.1", server.port), 20)
    caller.sendall(f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n".encode() + body)
    return caller


@contextmanager
def full(server: Serving, provider: ScriptedProvider, count: int, headers: dict[str, str] | None = None) -> Iterator[None]:
    """So many more are open, as long as this lasts."""
    with ExitStack() as open_:
        before = len(provider.ledger().arrivals)
        for _ in range(count):
            open_.enter_context(sent(server, headers or {}))
        until(lambda: len(provider.ledger().arrivals) == before + count, "all of them are at the provider")
        yield


@contextmanager
def knocking(server: Serving, headers: dict[str, str]) -> Iterator[None]:
    """Somebody goes on being refused, as long as this lasts: overload is over once nobody was for two seconds."""
    enough = threading.Event()

    def knock() -> None:
        while not enough.wait(0.1):
            chat(server, "gpt-4o", headers=headers)

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def issue(server: Serving, name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {server.admin('/keys', {'name': name}).json['secret']}"}


def test_the_higher_priorities_find_room_longest_and_whoever_operates_it_always(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [SLOW, {"text": "one two three four", "frames": 4, "frame_interval": "1500ms"}]})
    server = serve(three_tiers(scripted_provider, KEYS), arguments=("--invocations-max", "10"))
    batch, agents, people = (issue(server, name) for name in ("batch", "agents", "people"))

    def statuses() -> list[int]:
        return [chat(server, "gpt-4o", headers=who).status for who in (batch, agents, people)]

    assert statuses() == [200, 200, 200]
    assert server.admin("/status").json["shedding_since"] == ""
    with full(server, scripted_provider, 7, batch):
        assert statuses() == [503, 200, 200]
        with full(server, scripted_provider, 2, agents), sent(server, people, "hello", stream=True) as stream:
            until(lambda: chat(server, "gpt-4o", headers=people).status == 503, "the stream is the last that found room")
            assert statuses() == [503, 503, 503]
            refused = chat(server, "gpt-4o", headers=people)
            assert (refused.json["error"]["code"], refused.json["error"]["reason"]) == ("overloaded", "open")
            assert 1 <= int(refused.headers["retry-after"]) <= 10
            assert (refused.headers["x-should-retry"], refused.ended) == ("true", "whole")
            assert [server.ask(f"/health/{what}").status for what in ("live", "ready")] == [200, 200]
            with knocking(server, batch):
                status = server.admin("/status").json
                assert (status["shedding_why"], status["shedding_since"] != "", status["shed"] > 3) == ("open", True, True)
                assert "refused since" in server.command("status").stdout
            heard = hear(stream)
            assert (heard.status, heard.text, heard.ends) == (200, "one two three four", ["marker"]), "what runs is not hurt"
        until(lambda: statuses() == [503, 200, 200], "who leaves makes room")
    until(lambda: statuses() == [200, 200, 200], "who leaves makes room")
    until(lambda: server.admin("/status").json["shedding_since"] == "", "it is over")
    assert "refusing invocations (open)" in server.log
    assert len([one for one in server.admin("/invocations?limit=200").json["items"] if one["outcome"] == "refused"]) == 0
    lines = metrics(server)
    assert lines['orchvynt_shed_total{priority="low",reason="open"}'] >= 3
    assert lines['orchvynt_shed_total{priority="high",reason="queue"}'] == 0
    assert lines["orchvynt_shedding"] == 0


def metrics(server: Serving) -> dict[str, float]:
    lines = page(server).splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def test_official_clients_come_back_as_they_are_told(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{**SLOW, "latency": "1500ms"}, {"text": "hello yourself"}]})
    server = serve(three_tiers(scripted_provider), arguments=("--invocations-max", "1"))
    with sent(server, {}) as first:
        until(lambda: len(scripted_provider.ledger().arrivals) == 1, "it is full")
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="k", max_retries=8) as client:
            assert client.chat.completions.create(model="gpt-4o", messages=MESSAGES).choices[0].message.content == "hello yourself"
        assert hear(first).text == "at last"
    with sent(server, {}) as first:
        until(lambda: len(scripted_provider.ledger().arrivals) == 3, "it is full")
        with anthropic.Anthropic(base_url=server.url, api_key="k", max_retries=8) as other:
            message = other.messages.create(model="claude", max_tokens=20, messages=MESSAGES)
            assert getattr(message.content[0], "text", "") == "hello yourself"
        assert hear(first).text == "at last"
    assert len(scripted_provider.ledger().arrivals) == 4
    assert server.admin("/status").json["invocations_open"] == 0


def test_a_review_is_decided_and_joined_while_nothing_else_is_let_in(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [SLOW, {"text": "wire 5 dollars"}]})
    server = serve(three_tiers(scripted_provider, gate(up_to="1s")), arguments=("--invocations-max", "2"))
    flagged = {"x-orchvynt-flags": "review"}
    pending = chat(server, "gpt-4o", headers=flagged)
    assert pending.status == 409
    with full(server, scripted_provider, 2):
        assert chat(server, "gpt-4o", "something new", headers=flagged).json["error"]["code"] == "overloaded"
        [review] = server.admin("/reviews").json["items"]
        decided = server.admin(f"/reviews/{review['review']}/decisions", {"decision": "approve", "reason": "fine"})
        assert decided.status == 200
        joined = chat(server, "gpt-4o", headers=flagged)
        assert (joined.status, joined.text) == (200, "wire 5 dollars")
        result = server.ask(f"/v1/invocations/{pending.headers['x-orchvynt-invocation']}/result")
        assert result.status == 200
        once = post(server.port, "/v1/chat/completions", {"model": "gpt-4o", "messages": MESSAGES}, {"idempotency-key": "k-1"})
        assert once.status == 503
    again = post(server.port, "/v1/chat/completions", {"model": "gpt-4o", "messages": MESSAGES}, {"idempotency-key": "k-1"})
    assert again.status == 200, "a refusal releases the key"
