"""The caller misbehaves: goes away, reads slowly, leaves out what would bind it, or sends bytes that nobody should send."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Serve
from tests.support.outside import books_balance, chat, of_kind, say
from tests.support.policies import three_tiers
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

BUDGET = "budgets: [{name: all, scope: global, limit: {tokens: 1000000}, on_breach: reject}]"
ABORT = struct.pack("ii", 1, 0)


def ask(server: Serving, body: dict[str, Any], buffer: int = 0) -> socket.socket:
    """Sends a request and leaves the answer unread."""
    data = json.dumps({"model": "gpt-4o", **body}).encode()
    caller = socket.socket()
    if buffer:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    caller.connect(("127.0.0.1", server.port))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    caller.sendall(head.encode() + data)
    return caller


def saying(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **more}


@pytest.mark.parametrize("model", ["gpt-4o", "claude", "local"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text", ["late", "long"])
def test_a_caller_that_leaves(serve: Serve, scripted_provider: ScriptedProvider, model: str, stream: bool, text: str) -> None:
    slow = {"text": "word " * 500, "frames": 500, "frame_interval": "20ms"}
    scripted_provider.script({"answers": [{"match": {"last_user": "late"}, "latency": "20s"}, {"match": {"last_user": "long"}, **slow}]})
    server = serve(three_tiers(scripted_provider, BUDGET))
    for abort in (False, True):
        since = scripted_provider.ledger().last
        with ask(server, saying(text, stream=stream, model=model, max_tokens=600)) as caller:
            time.sleep(0.3)
            if abort:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        until = time.monotonic() + 5
        while not scripted_provider.ledger().where(since=since).charges and time.monotonic() < until:
            time.sleep(0.02)
        [charge] = scripted_provider.ledger().where(since=since).charges
        assert charge.how == "gone", "the attempt is closed within a second"
        explained = books_balance(server, scripted_provider, scripted_provider.ledger().arrivals[-1].client_request_id)
        assert explained["outcome"] == "cancelled"
        assert [detail["usage"]["estimated"] for detail in of_kind(explained, "attempt_settled")] == [True]
    line = server.admin("/budgets").json["items"][0]
    assert (line["held_tokens"], line["settled_tokens"] >= scripted_provider.ledger().totals.tokens) == (0, True)


def test_a_caller_that_leaves_between_two_attempts_asks_nobody_else(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.fault("*", {"status": 429, "retry_after": 2})
    server = serve(three_tiers(scripted_provider, BUDGET, tiers="gpt-4o"))
    with ask(server, saying("hello")):
        time.sleep(0.4)
    time.sleep(0.3)
    assert server.explain("last")["outcome"] == "cancelled"
    time.sleep(2)
    assert scripted_provider.ledger().totals.arrivals == 1
    assert server.admin("/budgets").json["items"][0]["held_tokens"] == 0


def test_a_slow_reader_holds_up_nobody_and_fills_no_memory(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    server = serve(three_tiers(scripted_provider, BUDGET))
    assert chat(server, "gpt-4o").status == 200
    before = memory_peak(server)
    scripted_provider.fault("openai", {"giant_body": "32MiB"})
    slow = [ask(server, saying("hello", stream=True), buffer=4096) for _ in range(8)]
    time.sleep(1)
    assert memory_peak(server) - before < 32 << 20
    assert server.ask("/health/ready").status == 200
    assert chat(server, "claude").status == 200
    for caller in slow:
        caller.close()
    until = time.monotonic() + 3
    while server.admin("/budgets").json["items"][0]["held_tokens"] and time.monotonic() < until:
        time.sleep(0.05)
    assert server.admin("/budgets").json["items"][0]["held_tokens"] == 0


def memory_peak(server: Serving) -> int:
    assert server.process is not None
    return int(Path(f"/proc/{server.process.pid}/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024


def test_a_call_that_takes_too_long_is_ended_and_says_what_it_tried(serve: Serve, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"otherwise": {"latency": "20s"}})
    server = serve(three_tiers(scripted_provider, BUDGET, fallback="  timeouts: {invocation: 500ms}"))
    for stream in (False, True):
        heard = chat(server, "gpt-4o", stream=stream)
        assert (heard.status, heard.json["error"]["code"], heard.headers["x-should-retry"]) == (503, "all_providers_failed", "true")
        books_balance(server, scripted_provider, heard.headers["x-orchvynt-invocation"])
        assert [attempt["model"] for attempt in heard.json["error"]["attempts"]] == ["gpt-4o"], "each attempt is listed"


HOSTILE_FIELDS = [
    b"'; DROP TABLE facts; --",
    b"<script>alert(1)</script>",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"a" * 5000,
    b"%00",
    b"{{7*7}}",
    b"\t",
]
NAMES = ["workflow", "agent", "run", "parent", "session", "workload", "user", "flags", "context", "min-quality"]
OTHERS = ["x-request-id", "traceparent", "authorization", "x-api-key", "user-agent", "x-stainless-retry-count", "x-stainless-read-timeout"]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with ScriptedProvider() as provider, Serving(tmp_path_factory.mktemp("hostile"), three_tiers(provider, BUDGET)) as server:
        yield server


@pytest.mark.parametrize("name", [*(f"x-orchvynt-{name}" for name in NAMES), *OTHERS, "content-type", "idempotency-key"])
def test_hostile_bytes_in_a_header(standing: Serving, name: str) -> None:
    data = json.dumps({"model": "gpt-4o", **saying("hello")}).encode()
    for value in HOSTILE_FIELDS:
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n" % len(data)
        heard = say(standing.port, head + name.encode() + b": " + value + b"\r\n\r\n" + data)
        assert heard.status in (200, 400, 415), (value, heard.body)
        assert b"Traceback" not in heard.body
        assert b"\xff" not in json.dumps(heard.headers).encode()
    for path in ("/invocations/last", "/invocations", "/budgets", "/runs/%27%3B%20DROP%20TABLE%20facts%3B%20--"):
        assert standing.admin(path).status in (200, 404)
    assert "Traceback" not in standing.log
    assert chat(standing, "gpt-4o").status == 200
