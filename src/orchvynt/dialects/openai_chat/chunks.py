"""Reads the chunks of an OpenAI stream, for the relay that passes frames and for the reader that translates them.

Decides what one frame's data is, and which canonical parts a choice's delta is. Knows nothing of what goes to the caller.
"""

from typing import Final

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.deltas import ArgumentsAdded, CallBegan, Delta, RefusalAdded, TextAdded, ThoughtAdded
from orchvynt.dialects.openai_chat.wire import ChunkBody, FirstChunkBody, Told, ToldFunction, UnmeteredChunkBody, text_of
from orchvynt.dialects.opening import STREAM_STATUS
from orchvynt.dialects.outcomes import failure_from_error, malformed
from orchvynt.dialects.shapes import Failure

DONE: Final = b"[DONE]"

_decode_first = msgspec.json.Decoder(FirstChunkBody).decode
_decode = msgspec.json.Decoder(ChunkBody).decode
_decode_unmetered = msgspec.json.Decoder(UnmeteredChunkBody).decode


class ChunkError(Exception):
    """A frame that is no chunk: an error of the provider (`by_event`), or bytes that cannot be read."""

    def __init__(self, failure: Failure, by_event: bool) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.by_event = by_event


def read_chunk(name: bytes, data: bytes, is_named: bool) -> ChunkBody | UnmeteredChunkBody:
    """The chunk that an event's data is; with id, model and date where the answer is not `is_named` yet. Raises ChunkError."""
    chunk: ChunkBody | UnmeteredChunkBody
    try:
        if not data.isascii():
            data.decode()
        chunk = _decode(data) if is_named else _decode_first(data)
    except msgspec.ValidationError:
        try:
            chunk = _decode_unmetered(data)
        except BODY_ERRORS as error:
            raise _refused(data, name, error) from error
    except BODY_ERRORS as error:
        raise _refused(data, name, error) from error
    if name == b"error" or (chunk.error and bytes(chunk.error) != b"null"):
        raise _refused(data, b"error", None)
    return chunk


def _refused(data: bytes, name: bytes, error: Exception | None) -> ChunkError:
    if name == b"error":
        return ChunkError(failure_from_error(data, STREAM_STATUS), by_event=True)
    return ChunkError(malformed(STREAM_STATUS, f"a frame of the stream cannot be read: {error}"), by_event=False)


class ToldParts:
    """The canonical parts of one choice's deltas. Tool calls are numbered from 0 here, whatever the provider makes of their index.

    Compatible providers leave the index out, begin at 1, give every call of an answer the index 0, repeat the id in each part, or
    invent a new id for each part. So a part begins a call where its place is new, or where it brings a name under another id; and
    without an index where it brings an id or a name that the last call does not have.
    """

    __slots__ = ("_ids", "_places")

    def __init__(self) -> None:
        # The ids of the calls, by their number; and which number the call at a provider's index is (None: the old function_call).
        self._ids: list[str] = []
        self._places: dict[int | None, int] = {}

    @property
    def has_calls(self) -> bool:
        return bool(self._ids)

    def deltas(self, told: Told) -> list[Delta]:
        """What one delta adds, thoughts first, as the model wrote them."""
        deltas: list[Delta] = []
        # The same reasoning stands under both names where a provider sends both.
        thought = told.reasoning_content or told.reasoning
        if thought:
            deltas.append(ThoughtAdded(thought))
        if told.content:
            text = told.content if isinstance(told.content, str) else text_of(told.content)
            if text:
                deltas.append(TextAdded(text))
        if told.refusal:
            deltas.append(RefusalAdded(told.refusal))
        for call in told.tool_calls or ():
            function = call.called()
            if function is None:
                continue
            if call.index is None:
                begins = not self._ids or (call.id != self._ids[-1] if call.id else bool(function.name))
                number = len(self._ids) - (not begins)
            else:
                number = self._places.get(call.index, len(self._ids))
                begins = number == len(self._ids) or bool(call.id and function.name and call.id != self._ids[number])
                if begins:
                    number = self._places[call.index] = len(self._ids)
            self._add(deltas, number, call.id or "", function, call.custom is not None)
        if told.function_call:
            number = self._places.setdefault(None, len(self._ids))
            self._add(deltas, number, "", told.function_call)
        return deltas

    def _add(self, deltas: list[Delta], number: int, call_id: str, function: ToldFunction, custom: bool = False) -> None:
        if number == len(self._ids):
            self._ids.append(call_id)
            deltas.append(CallBegan(index=number, id=call_id, name=function.name or "", custom=custom))
        if function.arguments:
            deltas.append(ArgumentsAdded(index=number, text=function.arguments))
