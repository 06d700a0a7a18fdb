"""An outside caller: sees bytes, tells how an answer ended, and holds the record against the provider's own books."""

import json
import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
from tests.support import canaries
from tests.support.serving import Serving

from orchvynt.testing.scripted import ScriptedProvider

# `: x-orchvynt-cost-usd=0.1 x-orchvynt-budget-remaining=all;usd=3 …`: no value holds a blank.
_TRAILER = re.compile(r"(x-orchvynt-[a-z-]+)=(\S*)")


class Heard(msgspec.Struct, frozen=True):
    """One answer as bytes. `ended`: by its own framing, by FIN or RST before that, or not at all in time."""

    status: int
    headers: dict[str, str]
    body: bytes
    ended: Literal["whole", "closed", "reset", "waiting"]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON events of a stream, its terminal marker left out."""
        lines = [line for line in self.body.split(b"\n") if line.startswith(b"data: ") and line != b"data: [DONE]"]
        return [json.loads(line[6:]) for line in lines]

    @property
    def streamed(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    @property
    def text(self) -> str:
        """What the model said, of a stream or of a whole answer."""
        if not self.streamed:
            return str(self.json["choices"][0]["message"]["content"])
        return "".join(c["delta"].get("content") or "" for event in self.events for c in event.get("choices", ()))

    @property
    def ends(self) -> list[str]:
        """The ways in which a stream says that it is over: there must be exactly one."""
        found = ["marker"] * self.body.count(b"data: [DONE]")
        found += ["error" for event in self.events if "error" in event]
        return found or [self.ended]

    @property
    def trailers(self) -> dict[str, str]:
        """`x-orchvynt-*` of the comments within a stream."""
        return {name: value.strip() for name, value in _TRAILER.findall(self.body.decode())}


def post(port: int, path: str, body: Any, headers: dict[str, str] | None = None, wait: float = 20.0) -> Heard:
    """One request on a connection of its own."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(data)), "connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in (fields | (headers or {})).items())
    return say(port, f"POST {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + data, wait)


def say(port: int, data: bytes, wait: float = 20.0) -> Heard:
    """Any bytes to the data plane, and what comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), wait) as caller:
        caller.sendall(data)
        return hear(caller, wait)


def hear(caller: socket.socket, wait: float = 20.0) -> Heard:
    """What comes on a connection until it ends, or until there was nothing for `wait` seconds."""
    raw, ended = bytearray(), "closed"
    caller.settimeout(wait)
    try:
        while data := caller.recv(1 << 20):
            raw += data
    except (TimeoutError, ConnectionResetError) as error:
        ended = "reset" if isinstance(error, ConnectionResetError) else "waiting"
    return _read(bytes(raw), ended)


def _read(raw: bytes, ended: Any) -> Heard:
    canaries.search(raw, "an answer of the data plane")
    head, _, rest = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    status = int(lines[0].split(" ")[1]) if raw else 0
    if headers.get("transfer-encoding") != "chunked":
        whole = len(rest) == int(headers.get("content-length", -1))
        return Heard(status, headers, rest, "whole" if whole else ended)
    parts: list[bytes] = []
    at = 0
    while (end := rest.find(b"\r\n", at)) >= 0:
        size = int(rest[at:end], 16)
        if not size:
            return Heard(status, headers, b"".join(parts), "whole" if rest[at:] == b"0\r\n\r\n" else ended)
        parts.append(rest[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return Heard(status, headers, b"".join(parts), ended)


def chat(server: Serving, model: str, text: str = "hello", headers: dict[str, str] | None = None, **options: Any) -> Heard:
    body = {"model": model, "messages": [{"role": "user", "content": text}], **options}
    return post(server.port, "/v1/chat/completions", body, headers)


def of_kind(explained: Any, kind: str) -> list[Any]:
    """The details of one kind of fact."""
    return [entry["detail"] for entry in explained["timeline"] if entry["kind"] == kind]


def outcomes(explained: Any) -> list[str]:
    return [detail["outcome"] for detail in of_kind(explained, "attempt_ended")]


def books_balance(server: Serving, provider: ScriptedProvider, invocation: str) -> Any:
    """Each attempt is settled or voided once; what the provider billed for it is never more than what was settled."""
    explained = server.explain(invocation)
    sent = [detail["attempt"] for detail in of_kind(explained, "attempt_sent")]
    receipts = {detail["attempt"]: detail["usage"] for detail in of_kind(explained, "attempt_settled")}
    voided = [detail["attempt"] for detail in of_kind(explained, "hold_voided")]
    assert sorted([*receipts, *voided]) == sorted(sent)
    until = time.monotonic() + 0.25
    ledger = provider.ledger()
    while any(ledger.charge(a.n) is None for a in ledger.arrivals if a.client_request_id in receipts) and time.monotonic() < until:
        time.sleep(0.01)
        ledger = provider.ledger()
    billed: dict[str, tuple[int, int]] = {}
    for arrival in ledger.arrivals:
        charge, attempt = ledger.charge(arrival.n), arrival.client_request_id
        if charge is not None and attempt in sent:
            before = billed.get(attempt, (0, 0))
            billed[attempt] = before[0] + charge.billed.input, before[1] + charge.billed.output
    for attempt, (input_tokens, output_tokens) in billed.items():
        assert attempt not in voided, f"{attempt} was billed and its hold given back"
        usage = receipts[attempt]
        assert usage.get("input_tokens", 0) >= input_tokens, f"input of {attempt}: billed {input_tokens}, settled {usage}"
        assert usage.get("output_tokens", 0) >= output_tokens, f"output of {attempt}: billed {output_tokens}, settled {usage}"
    return explained


@contextmanager
def locked(server: Serving) -> Iterator[None]:
    """Another program holds the write lock of the SQLite store."""
    held = sqlite3.connect(server.folder / "orchvynt.db", isolation_level=None)
    try:
        held.execute("BEGIN IMMEDIATE")
        yield
        held.execute("ROLLBACK")
    finally:
        held.close()
