"""Fuzz targets: whole answers and streams of every provider dialect, on their way to every caller dialect."""

from typing import Any, Final, NamedTuple

from tests.fuzz import events_reference, json_reference
from tests.fuzz.cutting import ways
from tests.fuzz.dialects import callers, providers, relay
from tests.fuzz.json_reference import whole

from orchvynt.dialects.shapes import Answer, CallerDialect, Failure, ProviderDialect, Relay
from orchvynt.model.chat import Reply
from orchvynt.model.faults import Fault
from orchvynt.model.turns import Digest

_NOW: Final = 1_700_000_000_000_000_000
_INVOCATION: Final = "inv_0"
_FAULT: Final = Fault("all_providers_failed", "No provider answered.", "Ask again.")
_STATUSES: Final = ((200, "application/json"), (200, "text/html"), (429, "application/json"), (500, ""))
_DONE: Final = b"[DONE]"


def provider_answers(data: bytes) -> None:
    told = json_reference.read(data)
    for provider in providers():
        for status, content_type in _STATUSES:
            answer = provider.read_answer(status, content_type, "3", data, _NOW)
            if isinstance(answer, Failure):
                assert answer.outcome
                assert len(answer.message) <= 500
                continue
            assert status == 200, f"{provider.name} takes {status} for an answer"
            if told.known:
                assert told.accepted, f"{provider.name} reads what is no JSON"
                _agrees(answer, told.value)
            _write(provider.to_reply(answer))


def _agrees(answer: Answer, told: Any) -> None:
    if isinstance(told.get("model"), str):
        assert answer.response_model == told["model"]
    if answer.usage is not None:
        said = _numbers(told)
        assert {answer.usage.output_tokens, answer.usage.reasoning_tokens} - {0} <= said, "a usage that nobody reported"


def _numbers(value: object) -> set[int]:
    if isinstance(value, dict):
        return set().union(*(_numbers(each) for each in value.values()))
    if isinstance(value, list):
        return set().union(*(_numbers(each) for each in value))
    number = whole(value)
    return set() if number is None else {number}


def _write(reply: Reply) -> None:
    """For every caller: JSON, and a stream that ends."""
    for caller in callers():
        body = caller.write(reply)
        assert json_reference.read(body).accepted, f"{caller.name} would get what is no JSON"
        caller.read_reply(body)
        _check_stream(caller, caller.write_stream(reply, True, [("tier", "1")]), ends=True)


class Carried(NamedTuple):
    """What went to the caller before the end, and what is known then. `message` is left out: it may quote the frame it failed at."""

    out: bytes
    started: bool
    output_bytes: int
    finish: str
    usage: object
    terminal: bool
    failure: str
    reply: Reply
    said: Digest


def provider_streams(data: bytes) -> None:
    for provider in providers():
        for caller in callers():
            for wants_usage in (True, False):
                if relay(provider, caller, wants_usage) is not None:
                    _carry(provider, caller, wants_usage, data)


def _carry(provider: ProviderDialect, caller: CallerDialect, wants_usage: bool, data: bytes) -> None:
    first: Carried | None = None
    for way in ways(data):
        carrying = relay(provider, caller, wants_usage)
        assert carrying is not None
        carried = _feed(carrying, way)
        assert carried.terminal != bool(carried.failure), "a stream ends once: whole, or with a failure"
        if first is None:
            first = carried
            ending = carrying.finish([("tier", "1")]) if carried.terminal else carrying.fail(_FAULT, _INVOCATION)
            _check_stream(caller, carried.out + ending, ends=carried.terminal)
        assert carried == first, f"{provider.name} to {caller.name}: another stream when it comes as {way}"
    if provider.name == caller.name == "openai_chat" and first is not None and first.terminal:
        assert any(event.data.startswith(_DONE) for event in events_reference.events(data + b"\n\n")), "whole, and no marker came"


def _feed(carrying: Relay, way: list[bytes]) -> Carried:
    out = b"".join([carrying.feed(part) for part in way])
    out += carrying.end_of_input()
    seen = carrying.seen
    failure = seen.failure.outcome if seen.failure is not None else ""
    return Carried(out, seen.started, seen.output_bytes, seen.finish, seen.usage, seen.terminal, failure, carrying.reply(), carrying.said())


def _check_stream(caller: CallerDialect, stream: bytes, ends: bool) -> None:
    """What a caller gets as a stream: events or lines of JSON, and the terminal marker once, at the end of a whole one only."""
    if "event-stream" in caller.stream_type:
        told = [event.data for event in events_reference.events(stream)]
        if _DONE in told or caller.name == "openai_chat":
            assert (told[-1:] == [_DONE]) == ends
            assert told.count(_DONE) == ends
    else:
        told = [line for line in stream.split(b"\n") if line.strip()]
    for each in told:
        assert each == _DONE or json_reference.read(each).accepted, "a part of the stream is no JSON"
