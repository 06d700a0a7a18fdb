"""Turns what is said, and what goes wrong, into steps: the order of bytes, waits and the bill. Pure, lazy, bounded in memory."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from orchvynt.scripted import garbling, http_bytes
from orchvynt.scripted.faults import Fault
from orchvynt.scripted.script import Answer
from orchvynt.scripted.shapes import Refused, Said, Wire
from orchvynt.scripted.steps import End, Hang, Send, Settle, Step, Wait

JSON_TYPE: Final = "application/json"
PING_INTERVAL_S: Final = 1.0
FLUSH_S: Final = 0.02
"""Given to the kernel to deliver what was written before a reset, so that the caller sees the frames that were counted."""
NON_STREAM_SLICES_MIN: Final = 2
AFTER: Final = ("reset_after", "cut_after", "clean_end_without_terminal", "error_event_after", "stall_after")
REFUSING: Final = ("status", "echo_key", "redirect", "html_200", "error_object_200", "empty_200")
NO_PREFILL: Final = "This model does not support assistant message prefill. The conversation must end with a user message."
"""In the words of Anthropic's API, as its clients report them (https://github.com/smallmain/vscode-unify-chat-provider/issues/249)."""
_WORDS: Final = {
    "reset_after": "reset",
    "cut_after": "cut",
    "clean_end_without_terminal": "ended",
    "error_event_after": "failed",
    "stall_after": "stalled",
}


class Part(msgspec.Struct, frozen=True):
    """One exchange as far as planning needs it. `credential` is only for a fault that echoes it."""

    wire: Wire
    said: Said
    answer: Answer
    request_id: str
    path: str
    credential: str
    fault: Fault | None = None

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        return ((self.wire.request_id_header(), self.request_id), *self.answer.headers.items())


def refuses(said: Said, fault: Fault | None) -> bool:
    """Whether the fault makes this no answer at all: nothing is generated, so nothing is billed."""
    if fault is None:
        return False
    return fault.failure in REFUSING or (fault.failure == "refuses_prefill" and bool(said.ask.prefill))


def plan(part: Part) -> Iterator[Step]:
    """The steps of one exchange, in the manner of its fault."""
    steps = _steps(part)
    fault = part.fault
    if fault is not None and fault.one_write:
        return _in_one_write(steps)
    if fault is not None and fault.one_byte_writes:
        return _byte_by_byte(steps)
    return steps


def _steps(part: Part) -> Iterator[Step]:
    failure = part.fault.failure if part.fault else ""
    if failure == "silent":
        yield Hang("silent")
        return
    if part.answer.latency:
        yield Wait(part.answer.latency)
    if failure in {"close_before_byte", "reset_before_byte"}:
        yield Settle("unseen")
        yield End("close" if failure == "close_before_byte" else "reset")
    elif failure == "pings_only":
        yield from _pings(part)
    elif refuses(part.said, part.fault):
        yield from _refusal(part, failure)
    elif failure in garbling.GARBLED:
        assert part.fault is not None
        yield from garbling.steps(part.wire, part.said, part.fault, part.headers)
    elif part.said.ask.stream:
        yield from _stream(part, failure)
    else:
        yield from _whole(part, failure)


def _pings(part: Part) -> Iterator[Step]:
    """Keeps the connection alive for good and never says anything; a caller that does not stream sees blank lines."""
    stream = part.said.ask.stream
    interval = part.fault.interval if part.fault and part.fault.interval else PING_INTERVAL_S
    yield Send(http_bytes.head(200, (*part.headers, ("content-type", _type(part)), ("transfer-encoding", "chunked"))))
    while True:
        yield Send(http_bytes.chunk(part.wire.ping() if stream else b"\n"))
        yield Wait(max(interval, 0.001))


def _refusal(part: Part, failure: str) -> Iterator[Step]:
    """Answers that are no answer."""
    assert part.fault is not None
    fault = part.fault
    refused = Refused(fault.status or 500, fault.message or f"scripted failure {fault.status}", None, fault.error_type, fault.error_code)
    extra = tuple(fault.headers.items())
    status, kind, body = 200, JSON_TYPE, b""
    if failure == "status":
        status, body = refused.status, part.wire.error(refused, part.request_id)
        if fault.body is not None:
            body = fault.body.encode() if isinstance(fault.body, str) else msgspec.json.encode(fault.body)
        if fault.retry_after is not None:
            extra += (("retry-after", str(fault.retry_after)),)
    elif failure == "echo_key":
        status = 401 if fault.echo_key is True else int(fault.echo_key)
        words = f"{fault.message or 'Incorrect API key provided'}: {part.credential}"
        body = part.wire.error(Refused(status, words, None, fault.error_type, fault.error_code), part.request_id)
        extra += (("x-scripted-echo", part.credential.encode("ascii", "replace").decode()),)
    elif failure == "redirect":
        status = 307
        extra += (("location", fault.redirect if isinstance(fault.redirect, str) else f"/p/redirected{part.path}"),)
    elif failure == "refuses_prefill":
        status, body = 400, part.wire.error(Refused(400, fault.message or NO_PREFILL), part.request_id)
    elif failure == "html_200":
        kind, body = "text/html; charset=utf-8", b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
    elif failure == "error_object_200":
        words = fault.message or "scripted failure with status 200"
        body = part.wire.error(Refused(500, words, None, fault.error_type, fault.error_code), part.request_id)
    yield Send(http_bytes.whole(status, (*part.headers, *extra, ("content-type", kind)), body))
    yield End("keep")


def _stream(part: Part, failure: str) -> Iterator[Step]:
    """A stream, up to its end or to the frame where it breaks."""
    stream = part.wire.stream(part.said)
    limit = getattr(part.fault, failure) if failure in AFTER else None
    encode = _encoder(part)
    headers = [*part.headers, ("content-type", part.wire.stream_type), ("cache-control", "no-cache"), ("transfer-encoding", "chunked")]
    if part.fault and part.fault.gzip:
        headers.append(("content-encoding", "gzip"))
    yield Send(http_bytes.head(200, headers) + b"".join(http_bytes.chunk(encode(data)) for data in stream.opening))
    if pause := _first_token(part):
        yield Wait(pause)
    for at, piece in enumerate(stream.content):
        if limit == at:
            yield from _break(part, failure, encode(piece.data))
            return
        if at and part.answer.frame_interval:
            yield Wait(part.answer.frame_interval)
        yield Send(http_bytes.chunk(encode(piece.data)), piece.tokens)
    closing = b"".join(http_bytes.chunk(encode(data)) for data in stream.closing)
    if limit is not None:
        yield Send(closing)
        yield from _break(part, failure, encode(stream.terminal))
        return
    yield Settle("whole")
    yield Send(closing + http_bytes.chunk(encode(stream.terminal) + encode.finish()) + http_bytes.LAST_CHUNK)
    yield End("keep")


def _break(part: Part, failure: str, following: bytes) -> Iterator[Step]:
    """How a stream breaks off; `following` would have come next."""
    if failure == "stall_after":
        yield Hang("stalled")
        return
    yield Settle(_WORDS[failure], everything=False)
    if failure == "reset_after":
        yield Wait(FLUSH_S)
        yield End("reset")
    elif failure == "cut_after":
        yield Send(http_bytes.chunk(following)[: -max(3, len(following) // 2)])
        yield End("close")
    elif failure == "clean_end_without_terminal":
        yield Send(http_bytes.LAST_CHUNK)
        yield End("keep")
    else:
        assert part.fault is not None
        fault = part.fault
        refused = Refused(500, fault.message or "scripted failure in the stream", None, fault.error_type, fault.error_code)
        yield Send(http_bytes.chunk(_lines(part, part.wire.error_event(refused, part.request_id))) + http_bytes.LAST_CHUNK)
        yield End("close")


def _whole(part: Part, failure: str) -> Iterator[Step]:
    """An answer in one body. The time that a stream would take passes before it."""
    answer = part.answer
    pause = _first_token(part) + answer.frame_interval * max(0, len(part.said.frames) - 1)
    if pause:
        yield Wait(pause)
    body = part.wire.whole(part.said)
    headers = (*part.headers, ("content-type", JSON_TYPE))
    if failure in AFTER:
        yield from _broken_whole(part, failure, headers, body)
        return
    if part.fault and part.fault.gzip:
        encode = _encoder(part)
        body = encode(body) + encode.finish()
        headers = (*headers, ("content-encoding", "gzip"))
    yield Settle("whole")
    yield Send(http_bytes.whole(200, headers, body))
    yield End("keep")


def _broken_whole(part: Part, failure: str, headers: http_bytes.Headers, body: bytes) -> Iterator[Step]:
    """The same breaks where there are no frames: the body counts as cut in as many slices as a stream would have frames."""
    slices = max(NON_STREAM_SLICES_MIN, len(part.said.frames))
    count = min(getattr(part.fault, failure), slices - 1)
    start = body[: len(body) * count // slices]
    if failure == "error_event_after":
        yield from _refusal(msgspec.structs.replace(part, fault=Fault(status=500, message="scripted failure in the answer")), "status")
        return
    if failure == "clean_end_without_terminal":
        yield Settle("ended")
        yield Send(http_bytes.head(200, (*headers, ("transfer-encoding", "chunked"))) + http_bytes.chunk(start) + http_bytes.LAST_CHUNK)
        yield End("keep")
        return
    yield Send(http_bytes.head(200, (*headers, ("content-length", str(len(body))))) + start)
    if failure == "stall_after":
        yield Hang("stalled")
        return
    yield Settle(_WORDS[failure])
    yield Wait(FLUSH_S)
    yield End("reset" if failure == "reset_after" else "close")


def _first_token(part: Part) -> float:
    slow = part.fault.slow_first_token if part.fault else None
    return part.answer.first_token_latency + (slow or 0.0)


def _type(part: Part) -> str:
    return part.wire.stream_type if part.said.ask.stream else JSON_TYPE


def _lines(part: Part, data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n") if part.fault and part.fault.crlf else data


def _encoder(part: Part) -> garbling.Encoder:
    fault = part.fault
    return garbling.Encoder(crlf=bool(fault and fault.crlf and part.said.ask.stream), gzip=bool(fault and fault.gzip))


def _in_one_write(steps: Iterable[Step]) -> Iterator[Step]:
    """Holds every byte back until the end of the exchange, or until it would hang."""
    held: list[bytes] = []
    tokens = 0
    for step in steps:
        if isinstance(step, Send):
            held.append(step.data)
            tokens += step.tokens
            continue
        if isinstance(step, Hang | End):
            yield Send(b"".join(held), tokens)
        yield step


def _byte_by_byte(steps: Iterable[Step]) -> Iterator[Step]:
    """Every byte in a write of its own; the tokens count with the last byte of their frame."""
    for step in steps:
        if not isinstance(step, Send):
            yield step
            continue
        last = len(step.data) - 1
        for at in range(len(step.data)):
            yield Send(step.data[at : at + 1], step.tokens if at == last else 0)
            yield Wait(0)
