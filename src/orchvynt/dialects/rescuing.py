"""Relays the stream of a provider that goes on with an answer which another one began: the same caller's stream, joined at a clean seam."""

from typing import Final

from orchvynt.dialects.deltas import (
    ArgumentsAdded,
    CallBegan,
    Delta,
    DeltaReader,
    Ended,
    Failed,
    Finished,
    RefusalAdded,
    TextAdded,
    ThoughtAdded,
    utf8_bytes,
)
from orchvynt.dialects.opening import STREAM_STATUS
from orchvynt.dialects.outcomes import malformed
from orchvynt.dialects.relaying import TranslatingRelay
from orchvynt.dialects.seams import Prefix, Seam
from orchvynt.dialects.shapes import DeltaWriter, Failure

TORN: Final = malformed(STREAM_STATUS, "the continuation does not join what was delivered, so nothing of it was passed on")
REFUSED: Final = Failure("content_filter", STREAM_STATUS, "the model that was to go on with the answer declined")
# What ends the wait for more text at the seam.
_ENDS_TEXT: Final = (CallBegan, ArgumentsAdded, Finished, Ended)


class RescuingRelay(TranslatingRelay):
    """A TranslatingRelay whose text goes through a seam. `writer` is the broken relay's, as it was handed over."""

    __slots__ = ("seam",)

    def __init__(self, reader: DeltaReader, writer: DeltaWriter, prefix: Prefix, created_s: int, digest: bool, ids: bool) -> None:
        super().__init__(reader, writer, True, created_s, digest, ids=ids)
        self.seam = Seam(prefix)
        if self._said is not None:
            self._said.add(prefix.text)

    def _carry(self, deltas: list[Delta]) -> bytes:
        joined: list[Delta] = []
        for delta in deltas:
            joined += self._join(delta)
        return super()._carry(joined)

    def _join(self, delta: Delta) -> list[Delta]:
        seam = self.seam
        if isinstance(delta, TextAdded):
            given = seam.add(delta.text)
            # What is held or cut away was written by the model all the same, and is billed.
            self._seen.output_bytes += utf8_bytes(delta.text) - utf8_bytes(given)
            self._seen.alive = True
            if seam.torn:
                return [Failed(TORN)]
            if given == delta.text:
                return [delta]
            return [TextAdded(given)] if given else []
        if isinstance(delta, RefusalAdded):
            # A refusal is no continuation: joined to half an answer it would be neither.
            return [Failed(REFUSED)]
        if isinstance(delta, _ENDS_TEXT) and seam.open:
            given = seam.end()
            if seam.torn:
                return [Failed(TORN)]
            self._seen.output_bytes -= utf8_bytes(given)
            return [TextAdded(given), delta] if given else [delta]
        if isinstance(delta, ThoughtAdded):
            # Thoughts stand before an answer, and the answer is half out already.
            self._seen.output_bytes += utf8_bytes(delta.text)
            self._seen.alive = True
            return []
        return [delta]
