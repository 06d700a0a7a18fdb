"""`POST /v1/invocations/{id}/feedback`: reads the body, and says what was taken."""

from typing import Final

import msgspec

from orchvynt.model.faults import Fault
from orchvynt.ports.store import StoreUnavailableError
from orchvynt.runtime.feedback import Feedback, Said
from orchvynt.surfaces.api.http.request import Request

SUFFIX: Final = "/feedback"
BODY_BYTES_MAX: Final = 16 * 1024

_decode: Final = msgspec.json.Decoder(Said).decode


def scored(path: str) -> str:
    """The invocation that a path scores; empty where it is another path."""
    prefix = "/v1/invocations/"
    inv = path[len(prefix) : -len(SUFFIX)] if path.startswith(prefix) and path.endswith(SUFFIX) else ""
    return "" if "/" in inv else inv


async def score(feedback: Feedback, inv: str, caller: str, request: Request) -> bytes | Fault:
    """The body of the answer."""
    media = request.header("content-type")
    if media and "json" not in media.lower():
        return Fault("unsupported_media", f"The body is {media[:100]}, not JSON.", "Send content-type: application/json.", "content-type")
    if len(request.body) > BODY_BYTES_MAX:
        return Fault("too_large", f"A feedback has at most {BODY_BYTES_MAX} bytes.", "Shorten the comment.")
    try:
        said = _decode(request.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        help_text = 'Send {"score": 0.0 to 1.0}, and as you like a label and a comment.'
        return Fault("invalid_request", f"The feedback cannot be used: {error}.", help_text, param="score")
    try:
        given = await feedback.give(inv, caller, said)
    except StoreUnavailableError as error:
        return Fault("store_unavailable", f"The store cannot be read: {error}.", retry_after_seconds=5)
    if isinstance(given, Fault):
        return given
    return msgspec.json.encode({"invocation_id": inv, "score": given.score, "label": given.label, "model": given.model})
