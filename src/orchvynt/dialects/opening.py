"""Decides whether an answer to a streaming request is an event stream at all, and what failure it is if not.

Providers and proxies answer 200 with an error object, a page or nothing; none of that may reach a caller as a stream.
"""

from typing import Final

import msgspec

from orchvynt.dialects.checks import BODY_ERRORS
from orchvynt.dialects.frames import is_event_stream
from orchvynt.dialects.outcomes import failure_from_error, malformed
from orchvynt.dialects.shapes import Failure

PREFACE_BYTES_MAX: Final = 64 * 1024
STREAM_STATUS: Final = 200

CUT: Final = Failure(outcome="cut", status=STREAM_STATUS, message="the stream ended without its terminal marker")

_PAGE: Final = malformed(STREAM_STATUS, "the provider answered a streaming request with something that is no event stream")


class Opening:
    """Holds the first bytes back until it is clear what they are. `failure` is set when they are no stream."""

    __slots__ = ("_held", "failure", "is_open")

    def __init__(self) -> None:
        self.is_open = False
        self.failure: Failure | None = None
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What is to be read as a stream: nothing before `is_open`, then all that was held."""
        held = self._held = self._held + data
        verdict = is_event_stream(held)
        if verdict:
            self.is_open = True
            self._held = b""
            return held
        if verdict is False and (held.lstrip()[:1] != b"{" or len(held) > PREFACE_BYTES_MAX):
            self.failure = _PAGE
        return b""

    def end_of_input(self) -> Failure:
        """The failure of a body that ended before it was clear that it is a stream."""
        if not self._held.strip():
            return malformed(STREAM_STATUS, "the provider answered with an empty body")
        try:
            value = msgspec.json.decode(self._held)
        except BODY_ERRORS:
            return _PAGE
        return failure_from_error(self._held, STREAM_STATUS) if isinstance(value, dict) and value.get("error") else _PAGE


def cut_by(failure: Failure) -> Failure:
    """The same failure where content was delivered before it: for the caller the answer is cut, whatever the reason."""
    return msgspec.structs.replace(failure, outcome="cut")
