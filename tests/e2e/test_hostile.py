"""Bad input: refused with what, where and what to do; nothing reaches a provider; nobody else is hurt."""

import json
import resource
import socket
from typing import Any

import pytest
from tests.e2e.conftest import Serve
from tests.support.policies import three_tiers
from tests.support.serving import TOKEN, Serving

from orchvynt.testing.scripted import ScriptedProvider

HEADERS = {"content-type": "application/json"}


@pytest.fixture
def server(serve: Serve, scripted_provider: ScriptedProvider) -> Serving:
    return serve(three_tiers(scripted_provider))


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "invalid_request", None),
        (b"{", "invalid_request", None),
        (b"[]", "invalid_request", None),
        (b"null", "invalid_request", None),
        (b'{"model": "gpt-4o"}', "invalid_request", "messages"),
        (b'{"messages": [{"role": "user", "content": "x"}]}', "invalid_request", "model"),
        (b'{"model": 4, "messages": []}', "invalid_request", "model"),
        (b'{"model": "gpt-4o", "messages": []}', "invalid_request", "messages"),
        (b'{"model": "gpt-4o", "messages": "hello"}', "invalid_request", "messages"),
        (b'{"model": "gpt-4o", "messages": [{"role": "wizard", "content": "x"}]}', "invalid_request", "messages[0].role"),
        (b'{"model": "gpt-4o", "messages": [{"role": "user", "content": 5}]}', "invalid_request", "messages[0].content"),
        (b'{"model": "gpt-4o", "max_tokens": 0, "messages": [{"role": "user", "content": "x"}]}', "invalid_request", "max_tokens"),
        (b'{"model": "gpt-4o", "max_tokens": "9", "messages": [{"role": "user", "content": "x"}]}', "invalid_request", "max_tokens"),
        (b'{"model": "gpt-4o", "stream": "yes", "messages": [{"role": "user", "content": "x"}]}', "invalid_request", "stream"),
        (b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "\xff"}]}', "invalid_request", None),
        (b'{"model": "gpt-4o", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid_request", None),
    ],
)
def test_bad_bodies(server: Serving, scripted_provider: ScriptedProvider, body: bytes, code: str, param: str | None) -> None:
    reply = server.ask("/v1/chat/completions", body, HEADERS)
    assert reply.status == 400
    error = reply.json["error"]
    assert error["code"] == code
    assert param is None or error["param"] == param
    assert error["message"]
    assert b"Traceback" not in reply.body
    assert scripted_provider.ledger().arrivals == ()
    assert server.ask("/health/live").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("POST", "/v1/completions", 404, "not_found"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v1/invocations/inv_unknown", 404, "not_found"),
        ("GET", "/v1/invocations/inv_unknown/result", 404, "not_found"),
        ("GET", "/v1/invocations/%27%3B%20DROP%20TABLE%20frames", 404, "not_found"),
        ("GET", "/metrics", 404, "not_found"),
        ("GET", "/api/v1/status", 404, "not_found"),
    ],
)
def test_paths(server: Serving, method: str, path: str, status: int, code: str) -> None:
    reply = server.ask(path, b"{}" if method == "POST" else None, method=method)
    assert (reply.status, reply.json["error"]["code"]) == (status, code)


def test_a_body_that_is_not_json_is_415(server: Serving) -> None:
    reply = server.ask("/v1/chat/completions", b"model=gpt-4o", {"content-type": "application/x-www-form-urlencoded"})
    assert (reply.status, reply.json["error"]["code"]) == (415, "unsupported_media")


def test_a_body_that_is_too_large_is_413(server: Serving) -> None:
    with socket.create_connection(("127.0.0.1", server.port), 5) as caller:
        caller.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n"
        )
        assert b" 413 " in caller.recv(4096)


HOSTILE = ["'; DROP TABLE invocations; --", "<script>alert(1)</script>", "a\u202eb", "%0d%0aset-cookie: x", "\\x00", "${env:TEST_API_KEY}"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", ["workflow", "agent", "run", "session", "flags", "user"])
def test_hostile_claims_are_refused_or_kept_as_they_are(server: Serving, name: str, text: str) -> None:
    reply = server.chat("hello", {f"x-orchvynt-{name}": text.encode().decode("latin-1")})
    assert reply.status in (200, 400)
    if reply.status == 200 and name == "run":
        assert server.explain("last")["run"] == text
    assert b"canary" not in reply.body


@pytest.mark.parametrize("text", [*HOSTILE, "\x00\x1b[31m", "a\r\nb"])
def test_hostile_prompts_go_through_untouched(server: Serving, scripted_provider: ScriptedProvider, text: str) -> None:
    assert server.chat(text).status == 200
    assert json.loads(scripted_provider.arrivals()[-1]["body"])["messages"][0]["content"] == text


def test_a_request_cannot_name_an_address_or_a_key(server: Serving, scripted_provider: ScriptedProvider) -> None:
    reply = server.chat(
        "hello", {"x-orchvynt-base-url": "http://127.0.0.1:1", "cookie": "session=1"}, base_url="http://127.0.0.1:1", api_key="mine"
    )
    assert reply.status == 200
    headers = {name.lower() for name in scripted_provider.arrivals()[-1]["headers"]}
    assert not {name for name in headers if name.startswith("x-orchvynt") or name == "cookie"}


def test_the_providers_key_never_comes_out(server: Serving, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.fault("openai", {"echo_key": True})
    scripted_provider.fault("anthropic", {"echo_key": True})
    scripted_provider.fault("local", {"status": 500})
    reply = server.chat()
    assert (reply.status, reply.json["error"]["code"]) == (503, "all_providers_failed")
    told = (
        reply.body + json.dumps(server.explain("last")).encode() + server.log.encode() + server.command("explain", "last").stdout.encode()
    )
    for file in server.folder.rglob("*"):
        if file.is_file() and not file.name.startswith("ledger"):
            told += file.read_bytes()
    assert b"sk-canary-upstream-key" not in told
    assert TOKEN.encode() not in told


def test_five_thousand_idle_connections_hurt_nobody(server: Serving) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    idle: list[socket.socket] = []
    try:
        for _ in range(5_000):
            idle.append(socket.create_connection(("127.0.0.1", server.port), 5))
        for caller in idle[::2]:
            caller.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow: ")
        assert [server.chat(timeout=10).status for _ in range(20)] == [200] * 20
        assert server.ask("/health/ready").status == 200
        assert server.admin("/status").status == 200
    finally:
        for caller in idle:
            caller.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_caller_that_leaves_is_settled_and_its_upstream_closed(server: Serving, scripted_provider: ScriptedProvider) -> None:
    scripted_provider.script({"answers": [{"text": "word " * 200, "frames": 200, "frame_interval": "50ms"}]})
    said: Any = json.dumps(
        {"model": "gpt-4o", "stream": True, "max_tokens": 400, "messages": [{"role": "user", "content": "go on"}]}
    ).encode()
    with socket.create_connection(("127.0.0.1", server.port), 5) as caller:
        caller.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(said)
            + said
        )
        caller.recv(200)
    explained: Any = {}
    for _ in range(100):
        explained = server.explain("last") if server.admin("/invocations/last").status == 200 else {}
        if explained:
            break
    assert explained["outcome"] == "cancelled"
    assert explained["totals"]["estimated"] is True
    billed = scripted_provider.ledger().totals
    assert explained["totals"]["output_tokens"] >= billed.output_tokens
