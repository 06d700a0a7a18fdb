"""What a connection needs of its server, and the server of its connections."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, Protocol

from orchvynt.model.faults import Fault
from orchvynt.surfaces.api.http.bodies import Bodies
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.line import Line
from orchvynt.surfaces.api.http.request import Request

Crowd = Literal["welcome", "full", "overrun"]


class Turned(NamedTuple):
    """What a request is told that is not let in: the head of the response without its last fields, and its body."""

    head: bytes
    body: bytes


class Guard(Protocol):
    """When to ask who may come in. `guarded_from`: so many requests may be open before; `rest_ns`: for so long at most the
    connection of a request that was turned away is not read, unless the server is told earlier to wake it."""

    @property
    def guarded_from(self) -> int: ...

    @property
    def rest_ns(self) -> int: ...


class Unguarded:
    """Implements `Guard` where everybody may come in."""

    guarded_from: Final = 1 << 62
    rest_ns: Final = 0


TurnAway = Callable[[Request, bool], Turned | None]
"""Asked of a whole request, before anything is done with it; whether it came while its connection rested."""


def nobody(_request: Request, _late: bool) -> None:
    """Turns nobody away."""


class Guest(Protocol):
    """A connection as its server sees it. `deadline` is the instant (monotonic) from which `expire` must be called."""

    deadline: int

    @property
    def paused(self) -> bool:
        """Its socket is not read now."""
        ...

    def expire(self, now: int) -> None: ...

    def drain(self) -> None:
        """Nothing new is wanted: an idle connection closes now, any other with its answer."""
        ...

    def drop(self) -> None:
        """Closes at once, whatever is unsent."""
        ...

    def wake(self) -> None:
        """It has rested long enough."""
        ...

    def drop_if_gone(self) -> None:
        """While reading is paused, the loop does not see the caller going away; this asks the kernel."""
        ...


class House(Protocol):
    """A server as its connections see it. `late` are those that were woken in this turn of the loop: what they read in it came while they
    rested."""

    limits: Limits
    handle: Callable[[Request, Line], None]
    refuse: Callable[[Fault], bytes]
    monotonic: Callable[[], int]
    draining: bool
    date: bytes
    requests_open: int
    requests_total: int
    bodies: Bodies
    guard: Guard
    turn_away: TurnAway
    late: set[Guest]

    def opened(self, guest: Guest) -> Crowd:
        """`full`: refuse it with words. `overrun`: there are too many even of those that are being refused."""
        ...

    def closed(self, guest: Guest) -> None: ...

    def refused(self, fault: Fault) -> None: ...

    def rests(self, guest: Guest) -> None:
        """From now on its socket is not read, until it is woken."""
        ...
