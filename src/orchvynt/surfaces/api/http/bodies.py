"""What the bodies of all requests together take up, from their first byte until their answer; those that came in one piece are not
counted: the number of connections bounds them."""

from typing import Final

from orchvynt.surfaces.api.http.refusals import bodies_too_large


class Bodies:
    """Of one server, in bytes."""

    __slots__ = ("_bytes_max", "bytes")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max: Final = bytes_max
        self.bytes = 0

    def grown(self, before: int, now: int) -> int:
        """A body has so many bytes now; gives that. Raises RefusedError where there is no room for more."""
        if self.bytes + now - before > self._bytes_max:
            raise bodies_too_large(self._bytes_max)
        self.bytes += now - before
        return now

    def gone(self, was: int) -> int:
        """A body of so many bytes is held no longer; gives 0."""
        self.bytes -= was
        return 0
