"""Time that passes when nothing else is left to do: a clock, and an event loop that never waits and opens no connection but in memory.

Nothing here reads the machine's clock, so that hours take as long as what happens in them.
"""

import asyncio
import math
import selectors
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from orchvynt.rehearsal.network import connect

NANOS: Final = 1_000_000_000


class StandstillError(Exception):
    """Everybody waits for somebody else, and no timer is left that could end it."""


class VirtualClock:
    """Implements ports.clock.Clock. Both clocks move together, and only forward."""

    def __init__(self, at: int) -> None:
        self._started = at
        self._passed = 0

    def now(self) -> int:
        return self._started + self._passed

    def monotonic(self) -> int:
        return self._passed

    def forward_to(self, monotonic: int) -> None:
        """Never back."""
        self._passed = max(self._passed, monotonic)


class Network(Protocol):
    """Who listens where."""

    def accept(self, host: str, port: int) -> asyncio.Protocol:
        """The other side of a new connection. Raises OSError."""
        ...


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time. `network` is who is called; `watch` sets who looks at the time by itself."""

    def __init__(self, clock: VirtualClock, network: Network) -> None:
        super().__init__(_Passing(self._pass))
        self._clock = clock
        self._network = network
        self._next_look: Callable[[], int] | None = None
        self._look: Callable[[], None] | None = None

    def time(self) -> float:
        return self._clock.monotonic() / NANOS

    def watch(self, next_look: Callable[[], int], look: Callable[[], None]) -> None:
        """Whenever all else waits, `next_look` says at which monotonic instant `look` is called, unless a timer comes before it."""
        self._next_look = next_look
        self._look = look

    async def create_connection(
        self, protocol_factory: Callable[[], Any], host: str | None = None, port: int | None = None, **_: Any
    ) -> tuple[Any, Any]:
        """A connection in memory. TLS is left out: there is no wire that could be tapped."""
        assert host is not None
        assert port is not None
        await asyncio.sleep(0)
        return connect(self, protocol_factory(), self._network.accept(host, port))

    def _pass(self, timeout: float | None) -> None:
        """What a loop would wait for, passes at once."""
        if timeout is not None and timeout <= 0:
            return
        until = self._clock.monotonic() + math.ceil(timeout * NANOS) if timeout is not None else None
        if self._next_look is not None and self._look is not None:
            look = self._next_look()
            if until is None or look <= until:
                self._clock.forward_to(look)
                self.call_soon(self._look)
                return
        if until is None:
            raise StandstillError("nothing is left that could happen")
        self._clock.forward_to(until)


class _Passing(selectors.BaseSelector):
    """Stands where a loop waits for files. None of them is ever ready, because none belongs to this world."""

    def __init__(self, passing: Callable[[float | None], None]) -> None:
        self._passing = passing
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, fileobj, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._passing(timeout)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys
