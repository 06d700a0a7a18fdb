"""Plays the script: takes a request, writes its arrival down, finds the answer and the fault, and starts the exchange.

Paths are `/v1/…` and `/api/…`, or the same below `/p/NAME`, which says which of several virtual providers is meant.
"""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from orchvynt.scripted import http_bytes
from orchvynt.scripted.anthropic_wire import AnthropicWire
from orchvynt.scripted.clock import now_ns
from orchvynt.scripted.composing import billed_input, compose
from orchvynt.scripted.connection import Connection, Request
from orchvynt.scripted.faults import Fault
from orchvynt.scripted.ledger import LAST_USER_CHARS_MAX, Arrived, Books
from orchvynt.scripted.live import LiveFaults
from orchvynt.scripted.ollama_wire import OllamaGenerateWire, OllamaWire
from orchvynt.scripted.openai_wire import OpenAiWire
from orchvynt.scripted.performing import Bill, Performance
from orchvynt.scripted.planning import JSON_TYPE, Part, plan, refuses
from orchvynt.scripted.script import Prompter, Script
from orchvynt.scripted.shapes import Ask, Refused, Wire
from orchvynt.scripted.steps import End, Send, Step

NANOS_PER_SECOND: Final = 1_000_000_000
KEPT_ARRIVALS_MAX: Final = 64
KEPT_BODY_BYTES_MAX: Final = 64 << 10
_VIRTUAL: Final = re.compile(r"/p/([A-Za-z0-9._~-]{1,64})(/.*)")
_OPENAI: Final = OpenAiWire()
_ANTHROPIC: Final = AnthropicWire()
_OLLAMA: Final = OllamaWire()
_CHATS: Final[dict[str, Wire]] = {
    "/v1/chat/completions": _OPENAI,
    "/v1/messages": _ANTHROPIC,
    "/api/chat": _OLLAMA,
    "/api/generate": OllamaGenerateWire(),
}
_CREDENTIALS: Final = frozenset({"authorization", "x-api-key", "api-key", "proxy-authorization"})


class Kept(msgspec.Struct, frozen=True):
    """A recent request as it arrived, for tests that look at what was sent. Credentials stand as the start of their SHA-256."""

    n: int
    provider: str
    path: str
    headers: dict[str, str]
    body: str


class Player:
    """The provider itself: one script in force, one set of live faults, one set of books. `now` gives nanoseconds UTC."""

    def __init__(self, script: Script, books: Books, now: Callable[[], int] = now_ns) -> None:
        self._first_script = script
        self._books = books
        self._now = now
        self.faults = LiveFaults(script.faults)
        self.kept: deque[Kept] = deque(maxlen=KEPT_ARRIVALS_MAX)
        self._script = script
        self._prompter = Prompter(script)

    def play(self, script: Script) -> None:
        """Puts another script in force: its answers, its faults, all counts from the start."""
        self._script = script
        self._prompter = Prompter(script)
        self.faults.replace(script.faults)

    def reset(self) -> None:
        """Back to the script of the start. The ledger is evidence and stays."""
        self.play(self._first_script)

    def begin(self, request: Request, line: Connection, own_name: str) -> Performance:
        """Starts to answer. `own_name` is the provider that the listener belongs to, `""` for the shared one."""
        path, _, _ = request.target.partition("?")
        virtual = _VIRTUAL.fullmatch(path)
        name, rest = (virtual[1], virtual[2]) if virtual else (own_name, path)
        listing = self._listing_wire(request, rest)
        wire = _CHATS.get(rest) or listing
        provider = name or (wire.api if wire else "unknown")
        live = self.faults.peek(provider)
        barred = self._barred(live, request)
        if barred is not None:
            self.faults.count(provider)
            return Performance(iter((barred,)), line, None)
        if listing is not None:
            return Performance(self._listing(listing, live), line, None)
        if wire is None or request.method != "POST":
            return self._stray(request, line, provider, path, known=wire is not None)
        return self._chat(request, line, wire, provider, path, live)

    @staticmethod
    def _barred(fault: Fault | None, request: Request) -> Step | None:
        """Faults that end a connection before the request counts as arrived."""
        if fault is None:
            return None
        if fault.refuse_connections:
            return End("reset")
        return End("close") if fault.close_on_reuse and request.reused else None

    @staticmethod
    def _listing_wire(request: Request, rest: str) -> Wire | None:
        if request.method != "GET" or rest not in {"/v1/models", "/api/tags"}:
            return None
        if rest == "/api/tags":
            return _OLLAMA
        return _ANTHROPIC if "anthropic-version" in request.headers else _OPENAI

    def _listing(self, wire: Wire, live: Fault | None) -> Iterator[Step]:
        """The list of models; only an error status among the faults applies to it, and is not counted."""
        status, body = 200, wire.models(self._script.models, self._now() // NANOS_PER_SECOND)
        if live is not None and live.status is not None:
            status, body = live.status, wire.error(Refused(live.status, live.message or "scripted failure"), "req_scripted_list")
        return iter((Send(http_bytes.whole(status, (("content-type", JSON_TYPE),), body)), End("keep")))

    def _stray(self, request: Request, line: Connection, provider: str, path: str, *, known: bool) -> Performance:
        """A request that no API has. It arrived all the same, so it is written down."""
        n = self._arrived(request, provider, path, "", None, "")
        status, message = (
            (405, f"{request.method} is not allowed here") if known else (404, f"Unknown request URL: {request.method} {path}.")
        )
        body = _OPENAI.error(Refused(status, message, error_code="unknown_url"), "")
        steps = (Send(http_bytes.whole(status, (("content-type", JSON_TYPE), ("x-request-id", f"req_{provider}_{n}")), body)), End("keep"))
        return Performance(iter(steps), line, None)

    def _chat(self, request: Request, line: Connection, wire: Wire, provider: str, path: str, live: Fault | None) -> Performance:
        ask = _read(wire, request)
        n = self._arrived(request, provider, path, wire.api, ask, _credential(request.headers))
        request_id = f"req_{provider}_{n}"
        if isinstance(ask, Refused):
            headers = ((wire.request_id_header(), request_id), ("content-type", JSON_TYPE))
            return Performance(iter((Send(http_bytes.whole(ask.status, headers, wire.error(ask, request_id))), End("keep"))), line, None)
        answer = self._prompter.answer(provider, ask)
        fault = live if live is not None and not live.close_on_reuse else answer.fault
        if live is not None and fault is live:
            self.faults.count(provider)
        barred = self._barred(fault, request)
        if barred is not None:
            return Performance(iter((barred,)), line, None)
        said = compose(ask, answer, f"{provider}_{n}", self._now() // NANOS_PER_SECOND)
        bill = Bill(self._books, self._now, n, billed_input(ask, answer), said.output_tokens, by_frame=ask.stream)
        part = Part(wire, said, answer, request_id, path, _credential(request.headers), fault)
        return Performance(plan(part), line, None if refuses(said, fault) else bill)

    def _arrived(self, request: Request, provider: str, path: str, api: str, ask: Ask | Refused | None, credential: str) -> int:
        """INVARIANT: the arrival is on disk before anything is answered."""
        n = self._books.next_number()
        known = ask if isinstance(ask, Ask) else None
        self._books.append(
            Arrived(
                n=n,
                at=self._now(),
                provider=provider,
                api=api,
                model=known.model if known else "",
                path=path,
                stream=bool(known and known.stream),
                client_request_id=request.headers.get("x-client-request-id", ""),
                key_sha256_8=_digest8(credential),
                body_sha256=hashlib.sha256(request.body).hexdigest(),
                max_tokens=known.max_tokens if known else None,
                last_user=known.last_user[:LAST_USER_CHARS_MAX] if known else "",
            )
        )
        self.kept.append(Kept(n, provider, path, _masked(request.headers), _readable(request.body)))
        return n


def _read(wire: Wire, request: Request) -> Ask | Refused:
    try:
        body = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refused(400, "We could not parse the JSON body of your request. The API expects a JSON payload.")
    if not isinstance(body, dict):
        return Refused(400, "The JSON body of your request has to be an object.")
    return wire.read(body, request.headers)


def _credential(headers: dict[str, str]) -> str:
    bearer = headers.get("authorization", "")
    return headers.get("x-api-key") or (bearer[7:] if bearer[:7].lower() == "bearer " else bearer)


def _digest8(credential: str) -> str:
    return hashlib.sha256(credential.encode()).hexdigest()[:8] if credential else ""


def _masked(headers: dict[str, str]) -> dict[str, str]:
    return {name: f"sha256:{_digest8(value)}" if name in _CREDENTIALS else value for name, value in headers.items()}


def _readable(body: bytes) -> str:
    return body[:KEPT_BODY_BYTES_MAX].decode("utf-8", "replace")
