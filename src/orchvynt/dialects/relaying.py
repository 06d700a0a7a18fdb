"""Relays one provider's stream to a caller of another dialect: deltas in the middle, both ends their own."""

import msgspec

from orchvynt.dialects.deltas import (
    ArgumentsAdded,
    Began,
    CallBegan,
    Collector,
    Delta,
    DeltaReader,
    Ended,
    Failed,
    Finished,
    OtherAdded,
    RefusalAdded,
    TextAdded,
    ThoughtAdded,
    ThoughtSealed,
    ThoughtSigned,
    UsageReported,
    utf8_bytes,
)
from orchvynt.dialects.opening import cut_by
from orchvynt.dialects.shapes import DeltaWriter, Notes, Seen
from orchvynt.model.chat import Reply
from orchvynt.model.faults import Fault
from orchvynt.model.turns import Digest, Said


class TranslatingRelay:
    """Implements shapes.Relay for any provider's deltas and any caller's stream.

    `created_s` dates the answer of a provider that names no instant. `ids` is whether the caller's client sends the ids of tool calls back.
    `hides`: the caller did not ask for log probabilities, and sees none.
    """

    __slots__ = ("_collector", "_created_s", "_hides", "_ids", "_reader", "_said", "_seen", "_writer")

    def __init__(
        self,
        reader: DeltaReader,
        writer: DeltaWriter,
        collect: bool,
        created_s: int,
        digest: bool = False,
        *,
        ids: bool = True,
        hides: bool = False,
    ) -> None:
        self._hides = hides
        self._reader = reader
        self._ids = ids
        self._created_s = created_s
        self._writer = writer
        self._collector = Collector() if collect else None
        self._said = Said() if digest else None
        self._seen = Seen()

    @property
    def seen(self) -> Seen:
        return self._seen

    def feed(self, data: bytes) -> bytes:
        if self._seen.terminal or self._seen.failure is not None:
            return b""
        return self._carry(self._reader.feed(data))

    def end_of_input(self) -> bytes:
        if self._seen.terminal or self._seen.failure is not None:
            return b""
        return self._carry(self._reader.end_of_input())

    def finish(self, notes: Notes) -> bytes:
        return self._writer.finish(notes)

    def fail(self, fault: Fault, invocation: str) -> bytes:
        return self._writer.fail(fault, invocation)

    def reply(self) -> Reply:
        if self._collector is None:
            raise ValueError("this relay was made without collect")
        return self._collector.reply()

    def forget(self) -> None:
        self._collector = None

    def handover(self) -> DeltaWriter:
        return self._writer

    def said(self) -> Digest:
        if self._said is None:
            raise ValueError("this relay was made without digest")
        return self._said.digest()

    def _carry(self, deltas: list[Delta]) -> bytes:
        out: list[bytes] = []
        for delta in deltas:
            if type(delta) is Began and not delta.created_s:
                delta = msgspec.structs.replace(delta, created_s=self._created_s)
            note(self._seen, delta)
            told = TextAdded(delta.text) if self._hides and type(delta) is TextAdded and delta.logprobs else delta
            out.append(self._writer.write(told))
            if self._collector is not None:
                self._collector.add(delta)
            if self._said is not None:
                add_said(self._said, delta, self._ids)
            if self._seen.terminal or self._seen.failure is not None:
                break
        return b"".join(out)


def note(seen: Seen, delta: Delta) -> None:
    """What one delta says of the answer so far."""
    match delta:
        case TextAdded() | RefusalAdded() | ArgumentsAdded():
            seen.output_bytes += utf8_bytes(delta.text)
            seen.started = True
        case CallBegan():
            seen.output_bytes += utf8_bytes(delta.name)
            seen.started = True
        case ThoughtAdded() | OtherAdded():
            seen.output_bytes += utf8_bytes(delta.text)
            seen.alive = True
        case ThoughtSigned() | ThoughtSealed():
            seen.alive = True
        case Began():
            seen.response_id = delta.id
            seen.response_model = delta.model
        case Finished():
            seen.finish = delta.finish
        case UsageReported():
            seen.usage = delta.usage
        case Ended():
            seen.terminal = True
        case Failed():
            seen.failure = cut_by(delta.failure) if delta.by_event and seen.started else delta.failure


def add_said(said: Said, delta: Delta, ids: bool = True) -> None:
    """What one delta adds to the digest of the answer."""
    match delta:
        case TextAdded() | RefusalAdded():
            said.add(delta.text)
        case CallBegan(id=call_id) if ids and call_id:
            said.call(call_id)
