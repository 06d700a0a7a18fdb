"""How a connection of the admin plane is bounded: its header in size and time, its answers in how long nobody reads them, all in number.

uvicorn bounds none of these, and this process has one table of open files and one memory for both planes.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orchvynt.model.faults import Fault
from orchvynt.surfaces.admin.refusals import refusal

HEADER_BYTES_MAX: Final = 64 << 10
HEADER_FIELDS_MAX: Final = 128
HEADER_S_MAX: Final = 10.0
UNREAD_S_MAX: Final = 30.0
CONNECTIONS_MAX: Final = 1_000
FRAMING: Final = Fault(
    "bad_framing",
    "This HTTP message is ambiguous or malformed.",
    "Send HTTP/1.1 with one Host, and either one Content-Length or `Transfer-Encoding: chunked`.",
)
TOO_LARGE: Final = Fault(
    "headers_too_large",
    f"The header is larger than {HEADER_BYTES_MAX} bytes or {HEADER_FIELDS_MAX} fields.",
    "Send fewer or shorter header fields.",
)
TOO_SLOW: Final = Fault("timeout", f"The header was not complete after {HEADER_S_MAX:g} s.", "Send the request again in one piece.")


class _TooLargeError(Exception):
    """Raised to the parser, which ends the connection then."""


class AdminConnection(HttpToolsProtocol):
    """One connection, as `uvicorn.Config(http=…)` takes its class."""

    header_s_max = HEADER_S_MAX
    unread_s_max = UNREAD_S_MAX
    connections_max = CONNECTIONS_MAX

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.since = 0.0
        self._in_header = False
        self._header_bytes = 0
        self._fields_bytes = 0
        self._refusing = FRAMING
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # narrower than asyncio says, as uvicorn declares it
        super().connection_made(transport)
        self._expect_header()
        if len(self.connections) > self.connections_max:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._deadline, self._unread):
            if timer is not None:
                timer.cancel()
        self._deadline = self._unread = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Only here is seen what the parser keeps of a field that has not ended.
        if self._in_header and not self.transport.is_closing():
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES_MAX:
                self._refuse(TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header, self._header_bytes, self._fields_bytes = True, 0, 0
        if not self._busy:
            self._expect_header()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_header = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_header()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the words are uvicorn's own
        self._refuse(self._refusing)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.unread_s_max, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    @property
    def idle(self) -> bool:
        """Nothing is being answered: it waits for a header, or for its client to take the last of an answer."""
        return not self._busy

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_header(self) -> None:
        """From now on a whole header must come in time, whatever else comes."""
        self.since = self.loop.time()
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(self.header_s_max, self._late)

    def _late(self) -> None:
        if self._busy:
            self._expect_header()
        elif self.transport.is_closing():
            # Its last bytes are not taken.
            self.transport.abort()
        elif self._in_header:
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()
            self._expect_header()

    def _make_room(self) -> None:
        """Ends the one that has said nothing for longest. Strangers who only hold connections then keep nobody out."""
        idle = [one for one in self.connections if isinstance(one, AdminConnection) and one is not self and one.idle]
        silent = min(idle, key=lambda one: one.since, default=self)
        silent.transport.abort()

    def _count(self, size: int) -> None:
        self._fields_bytes += size
        if self._fields_bytes > HEADER_BYTES_MAX or len(self.headers) >= HEADER_FIELDS_MAX:
            self._refusing = TOO_LARGE
            raise _TooLargeError

    def _refuse(self, fault: Fault) -> None:
        """As every other refusal of this port reads, and the end of the connection."""
        if self.transport.is_closing():
            return
        answer = refusal(fault)
        lines = [
            f"HTTP/1.1 {fault.status} {HTTPStatus(fault.status).phrase}".encode(),
            *(b": ".join(pair) for pair in answer.raw_headers),
            b"connection: close",
        ]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(answer.body)]))
        self.transport.close()
        self._expect_header()


def serving(app: ASGIApp, connection: type[AdminConnection] = AdminConnection) -> Config:
    """How uvicorn serves the admin plane. It is not to believe what a request says of where it comes from (`x-forwarded-for`): whoever is
    on this machine could write it, tries to log in are counted by it, and it stands in the audit. What uvicorn warns of is what strangers
    send; its errors are ours."""
    return Config(
        app, http=connection, ws="none", lifespan="off", log_config=None, log_level="error", access_log=False, server_header=False,
        proxy_headers=False,
    )  # fmt: skip
