"""For how long the connection of who was refused rests: who asks again at once is not read until then, which costs nothing. Pure.

A refusal costs the process a quarter of an answer. At five times what it can do, refusing alone would take nearly all of it; so the rest
is as long as leaves it one refusal for sixteen that are taken.
"""

from typing import Final

REST_MIN_NS: Final = 50_000_000
REST_MAX_NS: Final = 8_000_000_000
TAKEN_PER_REFUSAL: Final = 16
FREE_NS: Final = 5_000_000
"""One refusal in so long is none too many, whatever is taken: a hundredth of a core."""


class Pacing:
    __slots__ = ("_resting", "_spacing_ns")

    def __init__(self) -> None:
        self._resting = 0
        self._spacing_ns = 0

    @property
    def rest_ns(self) -> int:
        """For how long who is refused now rests at most: until all before it were refused once more, had they asked again at once."""
        return max(REST_MIN_NS, min(REST_MAX_NS, self._resting * self._spacing_ns))

    def refused(self) -> None:
        """One more rests."""
        self._resting += 1

    def beat(self, elapsed_ns: int, taken: int, resting: int) -> None:
        """So many were taken within `elapsed_ns`, and so many rest now."""
        self._resting = resting
        spacing = elapsed_ns // (1 + taken // TAKEN_PER_REFUSAL + elapsed_ns // FREE_NS)
        # What goes by is not what it will be like in seconds: an eighth of it counts.
        self._spacing_ns += (spacing - self._spacing_ns) // 8
