"""The caller sends bytes that nobody should send: taken as they are or refused, never a 5xx, and nobody else is hurt."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from tests.faults.caller_rows import HOSTILE
from tests.faults.cells import meets, of_chapters, runnable
from tests.faults.judging import KEY, judge
from tests.faults.table import Cell
from tests.faults.world import World, bounded, opened, policy
from tests.support.outside import Heard, chat, say
from tests.support.serving import TOKEN

from orchvynt.testing.scripted import ScriptedProvider

FIELDS: Final = [
    b"'; DROP TABLE facts; --",
    b"<script>alert(1)</script>",
    b"\xff\xfe",
    b"\xe2\x80\xae",
    b"a" * 5000,
    b"%00",
    b"{{7*7}}",
    b"\t",
]
CLAIMS: Final = ["workflow", "agent", "run", "parent", "session", "workload", "user", "flags", "context", "min-quality"]
OTHERS: Final = ["x-request-id", "traceparent", "authorization", "x-api-key", "user-agent", "x-stainless-retry-count"]
MORE: Final = ["x-stainless-read-timeout", "content-type", "idempotency-key"]
HEADERS: Final = [*(f"x-orchvynt-{name}" for name in CLAIMS), *OTHERS, *MORE]
TEXTS: Final = [
    "'; DROP TABLE invocations; --",
    "<script>alert(1)</script>",
    "a\u202eb",
    "%0d%0aset-cookie: x",
    "\\x00",
    "${env:TEST_API_KEY}",
]
NAMES: Final = ["workflow", "agent", "run", "session", "flags", "user"]
BODIES: Final[list[tuple[bytes, str | None]]] = [
    (b"", None),
    (b"{", None),
    (b"[]", None),
    (b"null", None),
    (b'{"model": "gpt-4o"}', "messages"),
    (b'{"messages": [{"role": "user", "content": "x"}]}', "model"),
    (b'{"model": 4, "messages": []}', "model"),
    (b'{"model": "rescue", "messages": []}', "messages"),
    (b'{"model": "rescue", "messages": "hello"}', "messages"),
    (b'{"model": "rescue", "messages": [{"role": "wizard", "content": "x"}]}', "messages[0].role"),
    (b'{"model": "rescue", "messages": [{"role": "user", "content": 5}]}', "messages[0].content"),
    (b'{"model": "rescue", "max_tokens": 0, "messages": [{"role": "user", "content": "x"}]}', "max_tokens"),
    (b'{"model": "rescue", "max_tokens": "9", "messages": [{"role": "user", "content": "x"}]}', "max_tokens"),
    (b'{"model": "rescue", "stream": "yes", "messages": [{"role": "user", "content": "x"}]}', "stream"),
    (b'{"model": "rescue", "messages": [{"role": "user", "content": "\xff"}]}', None),
    (b'{"model": "rescue", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
]
PATHS: Final = [
    ("GET", "/", 404, "not_found"),
    ("POST", "/v1/completions", 404, "not_found"),
    ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
    ("POST", "/v1/models", 405, "method_not_allowed"),
    ("GET", "/v1/invocations/inv_unknown", 404, "not_found"),
    ("GET", "/v1/invocations/inv_unknown/result", 404, "not_found"),
    ("GET", "/v1/invocations/%27%3B%20DROP%20TABLE%20frames", 404, "not_found"),
    ("GET", "/metrics", 404, "not_found"),
    ("GET", "/api/v1/status", 404, "not_found"),
]
POST: Final = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
CALL: Final = b'{"model": "rescue", "messages": [{"role": "user", "content": "x"}]}'
CHUNKS: Final = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CALL), CALL)
# Each of these can be read as one request or as two; the whole list is in tests/surfaces/http/test_hostile_requests.py.
FRAMINGS: Final = [
    POST + b"content-length: %d\r\ntransfer-encoding: chunked\r\n\r\n" % len(CALL) + CHUNKS,
    POST + b"content-length: %d\r\ncontent-length: 4\r\n\r\n" % len(CALL) + CALL,
    POST + b"transfer-encoding: xchunked\r\n\r\n" + CHUNKS,
    POST + b"transfer-encoding : chunked\r\n\r\n" + CHUNKS,
    POST.replace(b"\r\n", b"\n") + b"content-length: %d\n\n" % len(CALL) + CALL,
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    def write(provider: ScriptedProvider) -> dict[str, Any]:
        cells = [cell for cell in runnable(*of_chapters(HOSTILE)) if cell.row.asks]
        return policy(provider, cells)

    with opened(tmp_path_factory.mktemp("hostile"), None, write) as world:
        yield world


def call(world: World, cell: Cell, fields: list[tuple[str, bytes]]) -> Heard:
    """One call with these header fields, as bytes."""
    body: dict[str, Any] = {"model": cell.name, "messages": [{"role": "user", "content": "hello"}], "stream": cell.streams}
    data = json.dumps(body).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n" % len(data)
    head += b"".join(name.encode() + b": " + value + b"\r\n" for name, value in fields)
    heard = say(world.server.port, head + b"\r\n" + data)
    assert heard.status in (200, 400, 415), (fields, heard.body)
    assert b"Traceback" not in heard.body
    assert b"\xff" not in json.dumps(heard.headers).encode()
    return heard


def nobody_is_hurt(world: World) -> None:
    for path in ("/invocations/last", "/invocations", "/budgets", "/runs/%27%3B%20DROP%20TABLE%20facts%3B%20--"):
        assert world.server.admin(path).status in (200, 404)
    assert "Traceback" not in world.server.log
    assert chat(world.server, "rescue").status == 200
    assert world.held == 0


@meets("hostile-header")
def test_hostile_bytes_in_a_header(world: World, cell: Cell) -> None:
    # One by one where all dialects are read; with another provider all that are no claim at once, to see what is passed on.
    alone = (
        [[name] for name in HEADERS] if (cell.kind, cell.how) == ("openai", "whole") else [["user-agent", "x-request-id", "traceparent"]]
    )
    for names in alone:
        for value in FIELDS:
            call(world, cell, [(name, value) for name in names])
    nobody_is_hurt(world)


@meets("hostile-name")
def test_hostile_claims_are_refused_or_kept_as_they_are(world: World, cell: Cell) -> None:
    for text in TEXTS:
        for name in NAMES:
            heard = call(world, cell, [(f"x-orchvynt-{name}", text.encode())])
            if heard.status == 200 and name == "run":
                assert world.server.explain(heard.headers["x-orchvynt-invocation"])["run"] == text
            assert b"canary" not in heard.body
    nobody_is_hurt(world)


@meets("hostile-prompt")
@pytest.mark.parametrize("text", [*TEXTS, "\x00\x1b[31m", "a\r\nb", "\ufffe\U0001f600"], ids=repr)
def test_hostile_prompts_go_through_untouched(world: World, cell: Cell, text: str) -> None:
    since = world.provider.ledger().last
    judge(world, cell, world.ask(cell, text), since, said=f"You said: {text}")
    content = json.loads(world.provider.arrivals(since)[-1]["body"])["messages"][-1]["content"]
    assert (content if isinstance(content, str) else "".join(part["text"] for part in content)) == text


@meets("body")
def test_bad_bodies(world: World, cell: Cell) -> None:
    since = world.provider.ledger().last
    for body, param in BODIES:
        reply = world.server.ask("/v1/chat/completions", body, {"content-type": "application/json"})
        error = reply.json["error"]
        assert (reply.status, error["code"]) == (400, "invalid_request"), body[:80]
        assert param is None or error["param"] == param
        assert error["message"]
        assert b"Traceback" not in reply.body
    assert world.arrivals(since) == []
    nobody_is_hurt(world)


@meets("path")
def test_paths(world: World, cell: Cell) -> None:
    since = world.provider.ledger().last
    for method, path, status, code in PATHS:
        reply = world.server.ask(path, b"{}" if method == "POST" else None, method=method)
        # Below /api/ errors are Ollama's: the text, and the code beside it.
        said = reply.json if path.startswith("/api/") else reply.json["error"]
        assert (reply.status, said["code"]) == (status, code), path
    assert world.arrivals(since) == []


@meets("form")
def test_a_body_that_is_not_json_is_415(world: World, cell: Cell) -> None:
    reply = world.server.ask("/v1/chat/completions", b"model=gpt-4o", {"content-type": "application/x-www-form-urlencoded"})
    assert (reply.status, reply.json["error"]["code"]) == (415, "unsupported_media")


@meets("too-large")
def test_a_body_that_is_too_large_is_413(world: World, cell: Cell) -> None:
    since = world.provider.ledger().last
    with bounded(world.server):
        with socket.create_connection(("127.0.0.1", world.server.port), 5) as caller:
            caller.sendall(POST + b"content-length: 99999999\r\n\r\n")
            assert b" 413 " in caller.recv(4096)
        with socket.create_connection(("127.0.0.1", world.server.port), 5) as caller, suppress(ConnectionError):
            caller.sendall(POST + b"transfer-encoding: chunked\r\n\r\n")
            for _ in range(40):
                caller.sendall(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
            assert b" 413 " in caller.recv(4096)
    assert world.arrivals(since) == []


@meets("framing")
def test_ambiguous_framing_is_one_refusal(world: World, cell: Cell) -> None:
    since = world.provider.ledger().last
    for request in FRAMINGS:
        heard = say(world.server.port, request + request)
        assert (heard.status, heard.json["error"]["code"], heard.headers["connection"]) == (400, "bad_framing", "close")
        assert heard.ended == "whole", "nothing follows: what comes after is not read as a request"
    assert world.arrivals(since) == []


def test_the_providers_key_never_comes_out(tmp_path: Path) -> None:
    """Nor the admin token: in the answer, the record, the log, what the command line prints, or any file that is left."""
    [cell, *_] = runnable("401")
    with opened(tmp_path, None, lambda provider: policy(provider, [cell], alone=True)) as (server, provider):
        provider.fault("*", {"echo_key": True})
        heard = chat(server, cell.name)
        assert (heard.status, heard.json["error"]["code"]) == (503, "all_providers_failed")
        told = heard.body + json.dumps(server.explain("last")).encode() + server.log.encode()
        told += server.command("explain", "last").stdout.encode()
        for file in tmp_path.rglob("*"):
            told += file.read_bytes() if file.is_file() else b""
    assert KEY not in told
    assert TOKEN.encode() not in told
