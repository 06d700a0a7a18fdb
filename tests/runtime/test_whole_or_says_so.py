"""For any split, delay, cut and sequence of faults: what was delivered is never altered or repeated, exactly one end comes, and every
attempt that was sent is settled once. Real dialects and the whole runtime; only sockets and time are the test's."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dialects.samples import MESSAGE_START, chunk, cut_up, events, message_delta, ollama_line, sse
from tests.support.carrying import Arrival, FakeLine, Runtime
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.dialects import registry
from orchvynt.dialects.shapes import Reading
from orchvynt.language.snapshot import Chain, Model, Provider, Snapshot
from orchvynt.model import facts as f
from orchvynt.model.invocation import Invocation
from orchvynt.model.money import FREE
from orchvynt.ports.upstream import UpstreamFailure

ANSWER = "".join(f"word{number} " for number in range(40)) + "and wörd 🌍 is the last."
OTHER = "Sorry, here is something else entirely: " + "".join(f"thing{number} " for number in range(20)) + "end."
TIERS = ("a", "b", "c", "d")


class Fault(NamedTuple):
    """What becomes of one attempt: `how`, after this share of its bytes. `other`: the model does not go on but begins anew."""

    how: str
    share: float
    cuts: list[int]
    other: bool
    repeats: int


FAULTS = st.builds(
    Fault,
    st.sampled_from(["whole", "whole", "end", "reset", "garbage", "error", "stall", "leave", "status", "refused"]),
    st.floats(0, 1),
    st.lists(st.integers(0, 20_000), max_size=6),
    st.integers(0, 9).map(lambda one: one == 0),
    st.integers(0, 3),
)


def openai(text: str, size: int) -> bytes:
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    return sse([chunk({"role": "assistant", "content": ""}), *(chunk({"content": part}) for part in parts), chunk({}, "stop")])


def anthropic(text: str, size: int) -> bytes:
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text[at : at + size]}}
        for at in range(0, len(text), size)
    ]
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    stop = {"type": "content_block_stop", "index": 0}
    return events(MESSAGE_START, {"type": "ping"}, start, *deltas, stop, message_delta("end_turn"), {"type": "message_stop"})


def ollama(text: str, size: int) -> bytes:
    lines = [ollama_line(text[at : at + size]) for at in range(0, len(text), size)]
    return b"".join(lines) + ollama_line("", done=True, done_reason="stop", prompt_eval_count=26, eval_count=9)


STREAMS: dict[str, Callable[[str, int], bytes]] = {"openai": openai, "anthropic": anthropic, "ollama": ollama}
ERRORS = {
    "openai": b'data: {"error": {"message": "boom", "type": "server_error"}}\n\n',
    "anthropic": b'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n',
    "ollama": b'{"error": "boom"}\n',
}
TYPES = {"openai": b"text/event-stream", "anthropic": b"text/event-stream", "ollama": b"application/x-ndjson"}
WIRES: dict[str, Any] = {"openai": "openai_chat", "anthropic": "anthropic_messages", "ollama": "ollama_chat"}


def policy(kinds: list[str], methods: list[str], mid_stream: str) -> Snapshot:
    made = snapshot(max_retries=0)
    models, providers = {}, {}
    for name, kind, method in zip(TIERS, kinds, methods, strict=True):
        provider = Provider(name, kind, WIRES[kind], "127.0.0.1", 1, False, "", None)  # type: ignore[arg-type]  # drawn
        providers[name] = provider
        models[name] = Model(name, provider, f"{kind}-model", FREE, continues=method)  # type: ignore[arg-type]  # drawn
    chain = Chain("default", TIERS, made.chains["default"].triggers, mid_stream=mid_stream)  # type: ignore[arg-type]  # drawn
    return msgspec.structs.replace(made, models=models, providers=providers, aliases={}, default="a", chains={"default": chain})


def goes_on(arrival: Arrival, fault: Fault) -> str:
    """What a model says to this request: the answer, or the rest of it where it was asked to go on."""
    messages = arrival.body["messages"]
    if messages[-1]["role"] == "assistant":
        delivered = _text(messages[-1])
        return begun_with(delivered)[len(delivered) :]
    if fault.other:
        return OTHER
    if len(messages) > 1:
        delivered = _text(messages[-2])
        # It repeats some of the last words, as it was asked to, or everything.
        return begun_with(delivered)[max(0, len(delivered) - 25 * fault.repeats) if fault.repeats else 0 :]
    return ANSWER


def begun_with(delivered: str) -> str:
    return ANSWER if ANSWER.startswith(delivered) else OTHER


def _text(message: dict[str, Any]) -> str:
    content = message["content"]
    return str(content) if isinstance(content, str) else "".join(part["text"] for part in content)


def play(runtime: Runtime, line: FakeLine, arrival: Arrival, kind: str, fault: Fault, size: int) -> None:
    """One attempt of one provider."""
    if fault.how == "status":
        arrival.answers(b'{"error": {"message": "no", "type": "invalid_request_error"}}', 503)
        return
    if fault.how == "refused":
        arrival.listener.on_failure(UpstreamFailure("connect", "refused", False, False))
        return
    arrival.begins(200, (), TYPES[kind])
    stream = STREAMS[kind](goes_on(arrival, fault), size)
    sent = stream if fault.how == "whole" else stream[: int(len(stream) * fault.share)]
    for part in cut_up(sent, fault.cuts):
        if not arrival.call.cancelled:
            arrival.listener.on_data(part)
    if arrival.call.cancelled:
        return
    match fault.how:
        case "whole" | "end":
            arrival.listener.on_end()
        case "reset":
            arrival.listener.on_failure(UpstreamFailure("reset", "reset by peer", True, True))
        case "garbage":
            arrival.listener.on_data(b"\n\ndata: {]\n\n" if kind != "ollama" else b"\n{]\n")
        case "error":
            arrival.listener.on_data(b"\n\n" + ERRORS[kind])
        case "leave" if not line.ended:
            line.leave()
    if not arrival.call.cancelled and fault.how in ("garbage", "error", "stall"):
        # Whatever was half said before it, nothing more comes.
        for _ in range(4):
            runtime.later(25 * SECOND)


class Hearing(NamedTuple):
    """How callers of one dialect ask, and what an outside look at their bytes says. `told` are the JSON values of a stream."""

    body: dict[str, Any]
    told: Callable[[bytes], list[Any]]
    text: Callable[[Any], str]
    is_marker: Callable[[Any], bool]


def events_of(body: bytes) -> list[Any]:
    lines = [one[6:] for one in body.split(b"\n") if one.startswith(b"data: ")]
    return [{"done": True} if one == b"[DONE]" else json.loads(one) for one in lines]


def chunk_text(told: Any) -> str:
    return "".join(choice["delta"].get("content") or "" for choice in told.get("choices", ()))


ASKED = {"model": "a", "messages": [{"role": "user", "content": "hello"}], "stream": True}
HEARING: dict[Any, Hearing] = {
    "openai_chat": Hearing(ASKED, events_of, chunk_text, lambda told: told == {"done": True}),
    "anthropic_messages": Hearing(
        {**ASKED, "max_tokens": 4_000},
        events_of,
        lambda told: str(told["delta"]["text"]) if told["type"] == "content_block_delta" else "",
        lambda told: bool(told["type"] == "message_stop"),
    ),
    "ollama_chat": Hearing(
        ASKED,
        lambda body: [json.loads(line) for line in body.splitlines()],
        lambda told: str(told.get("message", {}).get("content", "")),
        lambda told: bool(told.get("done")),
    ),
}


def asked_by(dialect: Any) -> Invocation:
    read = registry.caller(dialect).read(json.dumps(HEARING[dialect].body).encode())
    assert isinstance(read, Reading), read
    return msgspec.structs.replace(invocation("a", stream=True), dialect=dialect, ask=read.ask)


DIALECTS = sorted(HEARING)


@pytest.mark.parametrize(
    ("dialect", "mid_stream"),
    [*((dialect, "continue") for dialect in DIALECTS), ("openai_chat", "restart"), ("anthropic_messages", "fail")],
)
@settings(max_examples=100, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(sorted(STREAMS)), min_size=4, max_size=4),
    methods=st.lists(st.sampled_from(["prefill", "instruct", "never"]), min_size=4, max_size=4),
    faults=st.lists(FAULTS, min_size=4, max_size=4),
    size=st.integers(1, 60),
)
def test_an_answer_is_whole_or_says_that_it_is_not(
    dialect: str, mid_stream: str, kinds: list[str], methods: list[str], faults: list[Fault], size: int
) -> None:
    hearing = HEARING[dialect]
    runtime = Runtime(policy(kinds, methods, mid_stream))
    _, line = runtime.ask(asked_by(dialect))
    played = 0
    while played < len(runtime.upstream.arrivals) and not line.ended:
        at = TIERS.index(asked_at(runtime, played + 1))
        play(runtime, line, runtime.upstream.arrivals[played], kinds[at], faults[at], size)
        played += 1
    told = [json.loads(line.body)] if line.ended == "answered" else hearing.told(line.body)
    good = [one for one in told if "error" not in one]
    heard = "".join(hearing.text(one) for one in good if not hearing.is_marker(one))
    ends = ["marker"] * len([one for one in good if hearing.is_marker(one)]) + ["error"] * (len(told) - len(good))
    ends += ["gone"] if line.ended == "gone" else []
    assert len(ends) == 1, (ends, line.body)
    assert ANSWER.startswith(heard) or OTHER.startswith(heard), heard
    if ends == ["marker"]:
        assert heard in (ANSWER, OTHER)
    assert runtime.carrier.lives == {}
    settled_once(runtime)


def asked_at(runtime: Runtime, number: int) -> str:
    """The model of the attempt with this number."""
    noted = (fact for frame in runtime.journal.frames for fact in frame)
    return next(fact.model for fact in noted if isinstance(fact, f.AttemptSent) and fact.number == number)


def settled_once(runtime: Runtime) -> None:
    noted = [fact for frame in runtime.journal.frames for fact in frame]
    sent = [fact.attempt for fact in noted if isinstance(fact, f.AttemptSent)]
    ended = [fact.attempt for fact in noted if isinstance(fact, f.AttemptSettled | f.HoldVoided)]
    assert sorted(ended) == sorted(sent)
    assert len([fact for fact in noted if isinstance(fact, f.InvocationFinished)]) == 1
    assert runtime.held_tokens == 0
