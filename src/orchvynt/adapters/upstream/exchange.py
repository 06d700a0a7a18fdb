"""One exchange with a provider, from the wait for a connection to the last byte: `ports.upstream.UpstreamCall`."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from orchvynt.adapters.upstream.connection import Connection
from orchvynt.adapters.upstream.decoding import CorruptBodyError, Decoder, ExpandedBodyError
from orchvynt.adapters.upstream.failures import connect_timeout, no_place, place
from orchvynt.adapters.upstream.framing import Fields
from orchvynt.adapters.upstream.limits import UpstreamLimits
from orchvynt.ports.upstream import Address, FailureKind, UpstreamFailure, UpstreamListener

# So many decoded pieces are given on in one turn of the loop, so that one large body does not hold up all others.
_PIECES_PER_TURN: Final = 16


class Source(Protocol):
    """A pool as an exchange sees it."""

    address: Address
    limits: UpstreamLimits
    monotonic: Callable[[], int]

    def request(self, exchange: "Exchange") -> None:
        """Calls `ride` when there is a connection, or `fail`."""
        ...

    def withdraw(self, exchange: "Exchange") -> None: ...


class Exchange:
    """`over` from the end, the failure or the cancellation on. The listener is not told anything after that."""

    __slots__ = (
        "_body_bytes",
        "_complete",
        "_connection",
        "_decoder",
        "_listener",
        "_paused",
        "_request",
        "_seen",
        "_source",
        "_turn",
        "connect_ns",
        "over",
        "task",
        "timer",
    )

    def __init__(self, source: Source, request: bytes, connect_ns: int, listener: UpstreamListener) -> None:
        self._source = source
        self._request = request
        self._listener = listener
        self._connection: Connection | None = None
        self._decoder: Decoder | None = None
        self._body_bytes = 0
        self._complete = False
        self._paused = False
        self._seen = False
        self._turn: asyncio.Handle | None = None
        self.connect_ns = connect_ns
        self.over = False
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    @property
    def sent(self) -> bool:
        """Whether a provider can have read the request."""
        return self._connection is not None

    # What the runtime says.

    def cancel(self) -> None:
        if self.over:
            return
        self._finish()

    def pause(self) -> None:
        self._paused = True
        self._regulate()

    def resume(self) -> None:
        self._paused = False
        if self._decoder is not None and (self._decoder.waiting or self._complete):
            self._take_turn()
        self._regulate()

    # What the pool says.

    def ride(self, connection: Connection) -> None:
        """There is a connection: the request goes out."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self._connection = connection
        connection.carry(self, self._request)
        if self._paused:
            connection.pause()

    def expire(self) -> None:
        """No connection in time."""
        if not self.over:
            address = self._source.address
            waits = self.task is None
            self.fail(no_place(address, self.connect_ns, self.sent) if waits else connect_timeout(address, self.connect_ns, self.sent))

    def fail(self, failure: UpstreamFailure) -> None:
        if self.over:
            return
        self._finish()
        self._listener.on_failure(failure)

    # What the connection says.

    def take_head(self, status: int, headers: Fields, coding: bytes) -> None:
        self._seen = True
        # What is repeated must not be kept for the length of a stream.
        self._request = b""
        if coding not in (b"", b"identity") and status not in (204, 304):
            try:
                self._decoder = Decoder(coding.decode("latin-1"), self._source.limits)
            except CorruptBodyError as error:
                self._break("malformed", str(error))
                return
        self._listener.on_head(status, headers)

    def take_body(self, data: bytes) -> None:
        if self._decoder is not None:
            self._decoder.push(data)
            if self._turn is None:
                self._decode()
            self._regulate()
            return
        self._body_bytes += len(data)
        limit = self._source.limits.body_bytes_max
        if self._body_bytes > limit:
            self._break("too_large", f"the body is larger than {limit} bytes")
        else:
            self._listener.on_data(data)

    def take_end(self) -> None:
        self._connection = None
        if self._decoder is None:
            self.over = True
            self._listener.on_end()
            return
        self._complete = True
        if self._turn is None and not self._paused:
            self._decode()

    def take_whole(self, status: int, headers: Fields, body: bytes) -> None:
        self._request = b""
        listener = self._listener
        listener.on_head(status, headers)
        if not self.over:
            listener.on_data(body)

    def take_violation(self, what: str, too_large: bool) -> None:
        self._seen = True
        self._break("too_large" if too_large else "malformed", what)

    def take_loss(self, bytes_seen: bool, reused: bool, reset: bool) -> None:
        what = "it reset the connection" if reset else "it closed the connection"
        when = "within the answer" if bytes_seen else "before a byte of the answer"
        self._seen = bytes_seen
        self._break("reset" if reset else "closed", f"{what} {when}", stale=reused and not bytes_seen)

    def take_shutdown(self) -> None:
        self._break("closed", "the client was closed within the exchange")

    # Decoding.

    def _take_turn(self) -> None:
        if self._turn is None and not self.over:
            self._turn = asyncio.get_running_loop().call_soon(self._continue)

    def _continue(self) -> None:
        self._turn = None
        self._decode()
        self._regulate()

    def _decode(self) -> None:
        decoder = self._decoder
        assert decoder is not None
        try:
            for _ in range(_PIECES_PER_TURN):
                if self._paused or self.over:
                    return
                piece = decoder.pull()
                if not piece:
                    break
                self._listener.on_data(piece)
            else:
                self._take_turn()
                return
            if self._complete and not self.over and not self._paused:
                decoder.finish()
                self.over = True
                self._listener.on_end()
        except CorruptBodyError as error:
            self._break("malformed", str(error))
        except ExpandedBodyError as expanded:
            self._break("too_large", str(expanded))

    def _regulate(self) -> None:
        """Reads on unless somebody must catch up first: the listener, or the decoder."""
        connection = self._connection
        if connection is None:
            return
        if self._paused or (self._decoder is not None and self._decoder.waiting):
            connection.pause()
        else:
            connection.resume()

    # Ending.

    def _break(self, kind: FailureKind, what: str, stale: bool = False) -> None:
        self.fail(UpstreamFailure(kind, f"{place(self._source.address)}: {what}.", bytes_seen=self._seen, sent=True, stale=stale))

    def _finish(self) -> None:
        self.over = True
        self._request = b""
        if self._turn is not None:
            self._turn.cancel()
        if self.timer is not None:
            self.timer.cancel()
        self._source.withdraw(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()
