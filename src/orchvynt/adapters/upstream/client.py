"""The upstream port over HTTP/1.1: one pool per address, one sweep for all of them."""

import asyncio
import ssl
from collections.abc import Sequence

from orchvynt.adapters.upstream.exchange import Exchange
from orchvynt.adapters.upstream.limits import SECOND, UpstreamLimits
from orchvynt.adapters.upstream.pool import Pool
from orchvynt.adapters.upstream.requests import UnsendableError, encode
from orchvynt.ports.clock import Clock
from orchvynt.ports.upstream import Address, UpstreamFailure, UpstreamListener


class HttpUpstream:
    """Implements `ports.upstream.Upstream`. Used from one event loop.

    Certificates are always verified, against the system's authorities and those in `ca_file` (PEM), if one is given. `tls` takes the
    place of all that, for an event loop whose network needs none.
    """

    def __init__(
        self, clock: Clock, limits: UpstreamLimits | None = None, ca_file: str | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._clock = clock
        self._limits = limits if limits is not None else UpstreamLimits()
        self._ca_file = ca_file
        self._tls = tls
        self._pools: dict[Address, Pool] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def connections_open(self) -> int:
        return sum(pool.open for pool in self._pools.values())

    @property
    def connections_idle(self) -> int:
        return sum(pool.idle for pool in self._pools.values())

    @property
    def dials(self) -> int:
        """How many connections were attempted."""
        return sum(pool.dials for pool in self._pools.values())

    def send(
        self,
        address: Address,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        connect_ns: int,
        listener: UpstreamListener,
        shared: tuple[tuple[str, str], ...] = (),
        fresh: bool = False,
    ) -> Exchange:
        """See the port. A request that cannot be written fails as `malformed`, unsent."""
        pool = self._pools.get(address)
        if pool is None:
            pool = self._open(address)
        try:
            request = encode(pool.prefix(path, shared), headers, body)
        except UnsendableError as error:
            return self._fail_soon(pool, connect_ns, listener, f"The request was not sent: {error}.")
        exchange = Exchange(pool, request, connect_ns, listener)
        if fresh:
            pool.distrust()
        connection = pool.take_idle()
        if connection is not None:
            exchange.ride(connection)
        elif self._closed:
            return self._fail_soon(pool, connect_ns, listener, "The request was not sent: the client is closed.")
        else:
            pool.request(exchange)
        return exchange

    async def close(self) -> None:
        """Ends every exchange with a failure and every connection."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for pool in list(self._pools.values()):
            await pool.close()

    def _fail_soon(self, pool: Pool, connect_ns: int, listener: UpstreamListener, what: str) -> Exchange:
        exchange = Exchange(pool, b"", connect_ns, listener)
        asyncio.get_running_loop().call_soon(exchange.fail, UpstreamFailure("malformed", what, bytes_seen=False, sent=False))
        return exchange

    def _open(self, address: Address) -> Pool:
        # Addresses come from the policy only, so their number is bounded by it.
        tls = self._context() if address.tls else None
        pool = self._pools[address] = Pool(address, self._limits, tls, self._clock.monotonic)
        if self._sweeper is None and not self._closed:
            self._sweep(asyncio.get_running_loop())
        return pool

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
            if self._ca_file is not None:
                self._tls.load_verify_locations(self._ca_file)
        return self._tls

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._clock.monotonic()
        for pool in self._pools.values():
            pool.sweep(now)
        self._sweeper = loop.call_later(self._limits.sweep_ns / SECOND, self._sweep, loop)
