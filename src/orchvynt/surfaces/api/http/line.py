"""The line to one caller for one request: `ports.caller.CallerLine` over HTTP/1.1. It writes; reading is the connection's."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from orchvynt.ports.caller import SharedHeaders
from orchvynt.surfaces.api.http import answers
from orchvynt.surfaces.api.http.request import Request

# Above this a second write is cheaper than copying the body behind its head.
_JOINED_BYTES_MAX: Final = 65_536


class Manners(Protocol):
    """What all lines of a server say alike."""

    draining: bool
    date: bytes


class Wire(Protocol):
    """What a line needs of its connection."""

    send: Callable[[bytes], None]

    @property
    def house(self) -> Manners: ...

    def finished(self, keep_alive: bool) -> None:
        """The response is whole."""
        ...

    def cut(self, visibly: bool) -> None:
        """The response is not whole. `visibly`: only a reset can tell the caller, as the end of the connection is the end of the body."""
        ...


class Line:
    """See `CallerLine`. `on_full` and `on_drained` may be called from within `write`."""

    __slots__ = ("_gone", "_keep_alive", "_mute", "_old", "_started", "_wire", "on_drained", "on_full", "on_gone")

    def __init__(self, wire: Wire, request: Request) -> None:
        self._wire: Wire | None = wire
        self._gone = False
        self._started = False
        self._keep_alive = request.keep_alive
        self._old = request.http_1_0
        self._mute = request.method == "HEAD"
        self.on_gone: Callable[[], None] | None = None
        self.on_full: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None

    @property
    def gone(self) -> bool:
        return self._gone

    def answer(
        self,
        status: int,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        content_type: str = "application/json",
        shared: SharedHeaders = (),
    ) -> None:
        wire = self._wire
        if wire is None:
            return
        assert not self._started, "a response was started already"
        self._wire = None
        keep_alive = self._keep_alive and not wire.house.draining
        head = answers.head(status, content_type, headers, shared)
        connection = b"" if keep_alive and not self._old else self._connection_field(keep_alive)
        size = len(body)
        if self._mute or size > _JOINED_BYTES_MAX:
            wire.send(b"%b%b%bcontent-length: %d\r\n\r\n" % (head, wire.house.date, connection, size))
            if not self._mute:
                wire.send(body)
        else:
            wire.send(b"%b%b%bcontent-length: %d\r\n\r\n%b" % (head, wire.house.date, connection, size, body))
        wire.finished(keep_alive)

    def start(self, status: int, headers: Sequence[tuple[str, str]], content_type: str) -> None:
        wire = self._wire
        if wire is None:
            return
        assert not self._started, "a response was started already"
        self._started = True
        if self._old:
            # HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
            self._keep_alive = False
        keep_alive = self._keep_alive and not wire.house.draining
        wire.send(
            b"%b%b%b%b\r\n"
            % (
                answers.head(status, content_type, headers),
                wire.house.date,
                self._connection_field(keep_alive),
                b"" if self._old else answers.CHUNKED,
            )
        )

    def write(self, data: bytes) -> None:
        wire = self._wire
        if wire is None or not data or self._mute:
            return
        assert self._started, "a response was not started"
        wire.send(data if self._old else b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        wire = self._wire
        if wire is None:
            return
        assert self._started, "a response was not started"
        self._wire = None
        if not (self._old or self._mute):
            wire.send(answers.LAST_CHUNK)
        wire.finished(self._keep_alive and not wire.house.draining)

    def abort(self) -> None:
        wire = self._wire
        if wire is None:
            return
        self._wire = None
        wire.cut(self._started and self._old)

    def lose(self) -> None:
        """Said by the connection, once: the caller is gone."""
        self._wire = None
        self._gone = True
        if self.on_gone is not None:
            self.on_gone()

    def _connection_field(self, keep_alive: bool) -> bytes:
        if not keep_alive:
            return answers.CLOSE
        return answers.KEEP if self._old else b""
