"""Where Slack sends what people press: no token lets it in, but the signature over its raw body."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from orchvynt.model.faults import Fault
from orchvynt.runtime.slack_votes import BODY_BYTES_MAX, SlackVotes
from orchvynt.surfaces.admin.refusals import SECURITY_HEADERS, refusal

PATH: Final = "/slack/interactions"
BODY_SECONDS_MAX: Final = 3.0
_FORM: Final = "application/x-www-form-urlencoded"


class SlackDoor:
    """An endpoint: POST, answered with an empty 200 once it is taken."""

    def __init__(self, votes: SlackVotes) -> None:
        self._votes = votes

    async def endpoint(self, request: Request) -> Response:
        body = await _body(request)
        if isinstance(body, Fault):
            return refusal(body)
        timestamp = request.headers.get("x-slack-request-timestamp", "")
        fault = await self._votes.take(timestamp, request.headers.get("x-slack-signature", ""), body)
        return refusal(fault) if fault is not None else Response(b"", 200, SECURITY_HEADERS)


async def _body(request: Request) -> bytes | Fault:
    """The raw bytes, bounded in size and time: they are what is signed."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return Fault("unsupported_media", "Slack sends forms.", f"Send content-type: {_FORM}.", param="content-type")
    read = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.stream():
                read += chunk
                if len(read) > BODY_BYTES_MAX:
                    return Fault("too_large", f"The body is larger than {BODY_BYTES_MAX} bytes.", "Send less.")
    except TimeoutError:
        return Fault("timeout", f"The body did not arrive within {BODY_SECONDS_MAX:g} s.", "Send it again.")
    return bytes(read)
