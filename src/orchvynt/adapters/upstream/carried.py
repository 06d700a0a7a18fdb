"""What a connection tells the exchange that it carries."""

from typing import Protocol

from orchvynt.adapters.upstream.framing import Fields


class Carried(Protocol):
    """An exchange as its connection sees it. Any of these calls may abandon the connection."""

    def take_head(self, status: int, headers: Fields, coding: bytes) -> None: ...

    def take_body(self, data: bytes) -> None: ...

    def take_end(self) -> None: ...

    def take_whole(self, status: int, headers: Fields, body: bytes) -> None:
        """Head and body at once, of a response that came in one read, whose body is within the limit and has no coding; its end follows."""
        ...

    def take_violation(self, what: str, too_large: bool) -> None:
        """The response is not HTTP as it should be; the connection is closed already."""
        ...

    def take_loss(self, bytes_seen: bool, reused: bool, reset: bool) -> None:
        """The connection is gone before the response was whole."""
        ...

    def take_shutdown(self) -> None:
        """We closed it."""
        ...
