"""What a connection needs of its server, and the server of its connections."""

from collections.abc import Callable
from typing import Literal, Protocol

from orchvynt.model.faults import Fault
from orchvynt.surfaces.api.http.limits import Limits
from orchvynt.surfaces.api.http.line import Line
from orchvynt.surfaces.api.http.request import Request

Crowd = Literal["welcome", "full", "overrun"]


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

    def drop_if_gone(self) -> None:
        """While reading is paused, the loop does not see the caller going away; this asks the kernel."""
        ...


class House(Protocol):
    """A server as its connections see it."""

    limits: Limits
    handle: Callable[[Request, Line], None]
    refuse: Callable[[Fault], bytes]
    monotonic: Callable[[], int]
    draining: bool
    date: bytes
    requests_open: int
    requests_total: int

    def opened(self, guest: Guest) -> Crowd:
        """`full`: refuse it with words. `overrun`: there are too many even of those that are being refused."""
        ...

    def closed(self, guest: Guest) -> None: ...

    def refused(self, fault: Fault) -> None: ...
