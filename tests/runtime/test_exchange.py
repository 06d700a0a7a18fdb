"""One attempt's bytes: what they amount to, under any cut, and that exactly one ending is told."""

import itertools
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.answers import DONE, STREAM, USAGE, WHOLE, chunk, refused
from tests.support.carrying import FakeCall
from tests.support.clock import FakeClock
from tests.support.snapshots import invocation, snapshot

from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Answer, Failure
from orchvynt.lifecycle.state import State
from orchvynt.model.invocation import Ask
from orchvynt.model.usage import Usage
from orchvynt.ports.upstream import FailureKind, UpstreamFailure
from orchvynt.runtime.exchange import ERROR_BODY_BYTES_MAX, Exchange
from orchvynt.runtime.life import Life

EVENTS: Final = [(b"content-type", b"text/event-stream")]
JSON: Final = [(b"content-type", b"application/json"), (b"x-request-id", b"req-9")]


class Watcher:
    """Implements runtime.exchange.Watcher. `flowing` lets what comes after the first content go at once, as the machine may."""

    def __init__(self, flowing: bool = False) -> None:
        self.flowing = flowing
        self.heard: list[str] = []
        self.written = b""
        self.answer: Answer | None = None
        self.failure: Failure | None = None
        self.may_have_run = self.connected = False

    def spent(self, exchange: Exchange) -> None:
        self.heard.append(f"spent {exchange.quota_ns}")

    def started(self, exchange: Exchange) -> None:
        self.heard.append("started")
        if self.flowing:
            exchange.flows = True
            self.written += exchange.take_held()

    def alive(self, exchange: Exchange) -> None:
        self.heard.append("alive")

    def wrote(self, exchange: Exchange, data: bytes) -> None:
        self.written += data

    def answered(self, exchange: Exchange, answer: Answer) -> None:
        self.heard.append("answered")
        self.answer = answer

    def stream_ended(self, exchange: Exchange) -> None:
        self.heard.append("stream ended")

    def failed(self, exchange: Exchange, failure: Failure, may_have_run: bool, connected: bool) -> None:
        self.heard.append("failed")
        self.failure, self.may_have_run, self.connected = failure, may_have_run, connected

    def broken(self, exchange: Exchange, error: Exception) -> None:
        raise error

    @property
    def endings(self) -> list[str]:
        return [word for word in self.heard if word not in ("started", "alive")]


def exchange(stream: bool = False, flowing: bool = False) -> tuple[Exchange, Watcher]:
    watcher = Watcher(flowing)
    provider, caller = registry.provider("openai_chat"), registry.caller("openai_chat")
    relay = registry.relay(provider, caller, Ask("", b"", wants_usage=True), collect=not flowing, created_s=1) if stream else None
    made = Exchange(Life(snapshot(), State(invocation(stream=stream)), 0), provider, relay, watcher, FakeClock())
    made.call = FakeCall(made)
    return made, watcher


def test_a_whole_answer_is_read_and_its_request_id_kept() -> None:
    one, watcher = exchange()
    one.on_head(200, JSON)
    one.on_data(WHOLE[:40])
    one.on_data(WHOLE[40:])
    one.on_end()
    assert watcher.answer is not None
    assert (watcher.answer.body, watcher.answer.usage, one.provider_request_id) == (WHOLE, Usage(9, 1), "req-9")
    assert watcher.endings == ["answered"]


def test_an_error_status_was_never_billed_and_its_words_are_bounded() -> None:
    one, watcher = exchange()
    one.on_head(429, [*JSON, (b"retry-after", b"3")])
    one.on_data(refused("slow down " * 200))
    one.on_end()
    assert watcher.failure is not None
    assert (watcher.failure.outcome, watcher.failure.status, watcher.failure.retry_after_ns) == ("rate_limit", 429, 3_000_000_000)
    assert len(watcher.failure.message) <= 500
    assert not watcher.may_have_run
    assert watcher.connected


@pytest.mark.parametrize("status", [200, 429])
def test_a_head_says_that_nothing_is_left(status: int) -> None:
    one, watcher = exchange()
    one.on_head(status, [*JSON, (b"x-ratelimit-remaining-requests", b"0"), (b"x-ratelimit-reset-requests", b"20ms")])
    assert watcher.heard == ["spent 20000000"]
    two, watcher = exchange()
    two.on_head(status, [*JSON, (b"x-ratelimit-remaining-requests", b"0"), (b"x-ratelimit-reset-requests", b"soon")])
    two.on_head(status, [*JSON, (b"x-ratelimit-remaining-requests", b"9"), (b"x-ratelimit-reset-requests", b"20ms")])
    assert watcher.heard == []


def test_a_gateway_that_gave_up_waiting_proves_nothing() -> None:
    one, watcher = exchange()
    one.on_head(504, JSON)
    one.on_end()
    assert watcher.may_have_run


def test_an_endless_error_body_is_not_kept() -> None:
    one, watcher = exchange()
    one.on_head(500, JSON)
    for _ in range(10):
        one.on_data(b"x" * ERROR_BODY_BYTES_MAX)
    assert sum(map(len, one.parts)) <= ERROR_BODY_BYTES_MAX
    one.on_end()
    assert watcher.failure is not None
    assert watcher.failure.outcome == "server_error"


def test_an_answer_that_cannot_be_read_may_have_been_billed() -> None:
    one, watcher = exchange()
    one.on_head(200, JSON)
    one.on_data(b"{")
    one.on_end()
    assert watcher.failure is not None
    assert (watcher.failure.outcome, watcher.may_have_run) == ("malformed", True)


def test_a_whole_answer_where_a_stream_was_asked_for_is_no_stream() -> None:
    one, watcher = exchange(stream=True)
    one.on_head(200, JSON)
    one.on_data(WHOLE)
    one.on_end()
    assert watcher.failure is not None
    assert (watcher.failure.outcome, watcher.may_have_run) == ("malformed", True)
    assert "application/json" in watcher.failure.message


@pytest.mark.parametrize(
    ("kind", "seen", "outcome", "connected"),
    [
        ("connect", False, "connection", False),
        ("dns", False, "connection", False),
        ("tls", False, "connection", False),
        ("connect_timeout", False, "timeout", False),
        ("reset", False, "connection", True),
        ("closed", False, "connection", True),
        ("malformed", True, "malformed", True),
        ("too_large", True, "malformed", True),
    ],
)
def test_how_an_exchange_without_an_answer_is_called(kind: FailureKind, seen: bool, outcome: str, connected: bool) -> None:
    one, watcher = exchange()
    one.on_failure(UpstreamFailure(kind, "words", seen, sent=connected))
    assert watcher.failure is not None
    assert (watcher.failure.outcome, watcher.connected, watcher.may_have_run) == (outcome, connected, connected)


def test_a_connection_that_breaks_within_a_stream_is_a_cut() -> None:
    one, watcher = exchange(stream=True, flowing=True)
    one.on_head(200, EVENTS)
    one.on_data(chunk("he"))
    one.on_failure(UpstreamFailure("reset", "words", True, True))
    assert watcher.failure is not None
    assert (watcher.failure.outcome, watcher.heard[-1]) == ("cut", "failed")


@settings(max_examples=100, deadline=None)
@given(cuts=st.lists(st.integers(0, 700), max_size=12), flowing=st.booleans())
def test_a_stream_is_the_same_under_any_cut(cuts: list[int], flowing: bool) -> None:
    one, watcher = exchange(stream=True, flowing=flowing)
    one.on_head(200, EVENTS)
    data = b"".join(STREAM)
    points = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for begin, end in itertools.pairwise(points):
        if begin < end:
            one.on_data(data[begin:end])
    one.on_end()
    assert watcher.endings == ["stream ended"]
    assert watcher.heard.count("started") == 1
    assert one.seen is not None
    assert (one.seen.usage, one.seen.finish, one.seen.output_bytes) == (Usage(9, 2), "stop", 3)
    passed = b"".join(STREAM[:-1])
    if flowing:
        assert watcher.written == passed
        assert one.whole() == (None, b"")
    else:
        assert watcher.written == b""
        reply, body = one.whole()
        assert reply is not None
        assert reply.text == "hey"
        assert body == passed + DONE


@settings(max_examples=60, deadline=None)
@given(keep=st.integers(0, len(b"".join(STREAM[:-1]))), flowing=st.booleans(), breaks=st.booleans())
def test_a_stream_without_its_marker_never_looks_whole(keep: int, flowing: bool, breaks: bool) -> None:
    one, watcher = exchange(stream=True, flowing=flowing)
    one.on_head(200, EVENTS)
    if data := b"".join(STREAM)[:keep]:
        one.on_data(data)
    if breaks:
        one.on_failure(UpstreamFailure("closed", "words", keep > 0, True))
    else:
        one.on_end()
    assert watcher.endings == ["failed"]
    assert DONE not in watcher.written
    assert watcher.may_have_run


def test_nothing_is_heard_after_the_end_or_a_cancel() -> None:
    ended, watcher = exchange(stream=True)
    ended.on_head(200, EVENTS)
    for frame in (*STREAM, chunk("late"), USAGE):
        ended.on_data(frame)
    ended.on_end()
    ended.on_failure(UpstreamFailure("reset", "words", True, True))
    ended.time_out("stall", "late")
    assert watcher.endings == ["stream ended"]
    cancelled, silent = exchange()
    call = cancelled.call
    cancelled.cancel()
    cancelled.on_data(b"x")
    cancelled.on_end()
    cancelled.time_out("timeout", "late")
    assert silent.heard == []
    assert isinstance(call, FakeCall)
    assert call.cancelled


def test_a_time_out_closes_the_call_and_may_have_run() -> None:
    one, watcher = exchange()
    call = one.call
    one.time_out("timeout", "no answer within 60000 ms")
    assert isinstance(call, FakeCall)
    assert call.cancelled
    assert (watcher.endings, watcher.may_have_run, watcher.connected) == (["failed"], True, True)


def test_progress_is_content_and_no_ping() -> None:
    one, _ = exchange(stream=True, flowing=True)
    one.on_head(200, EVENTS)
    one.on_data(chunk("he"))
    assert one.made_progress()
    assert not one.made_progress()
    one.on_data(b": ping\n\n")
    assert not one.made_progress()
    one.on_data(chunk("y"))
    assert one.made_progress()


def test_a_key_that_a_provider_repeats_is_not_kept() -> None:
    one, watcher = exchange()
    one.secret = "sk-canary-1234"
    one.on_head(401, [*JSON, (b"x-request-id", b"for sk-canary-1234")])
    one.on_data(refused("Incorrect API key provided: sk-canary-1234", "authentication_error"))
    one.on_end()
    assert watcher.failure is not None
    assert watcher.failure.outcome == "auth"
    assert "canary" not in watcher.failure.message
    assert "canary" not in one.provider_request_id


@given(st.integers(0, 200))
@settings(max_examples=40)
def test_an_error_event_after_content_is_a_cut_however_both_came(at: int) -> None:
    """What was good before it is delivered, so that `mid_stream` decides, and not how the network cut the stream."""
    data = chunk("Hel") + b'data: {"error": {"message": "boom", "type": "server_error"}}\n\n'
    one, watcher = exchange(stream=True, flowing=True)
    one.on_head(200, EVENTS)
    for part in filter(None, (data[:at], data[at:])):
        one.on_data(part)
    assert watcher.failure is not None
    assert (watcher.heard, watcher.failure.outcome) == (["alive", "started", "failed"], "cut")
    assert watcher.written == chunk("Hel")


def test_content_beside_what_cannot_be_read_is_in_doubt_too() -> None:
    one, watcher = exchange(stream=True, flowing=True)
    one.on_head(200, EVENTS)
    one.on_data(chunk("Hel") + b'data: {"cho\n\n')
    assert watcher.failure is not None
    assert (watcher.heard, watcher.failure.outcome, watcher.written) == (["alive", "failed"], "malformed", b"")
