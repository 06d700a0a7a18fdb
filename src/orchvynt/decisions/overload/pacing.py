"""For how long a connection rests after a refusal: who asks again at once is not read until then, which costs nothing. Pure.

A refusal costs the process a tenth of an answer. At five times what it can do, refusing alone would take nearly half of it; so no more
is read than leaves it one refusal for two that are taken.
"""

from typing import Final

REST_MIN_NS: Final = 50_000_000
REST_MAX_NS: Final = 4_000_000_000
LONGER_MAX: Final = 4
TAKEN_PER_REFUSAL: Final = 2
FREE_NS: Final = 2_000_000
"""One refusal in so long is none too many, whatever is taken: less than a hundredth of a core."""


class Pacing:
    """`rest_ns` is for how long the connection of who is refused rests."""

    __slots__ = ("rest_ns",)

    def __init__(self) -> None:
        self.rest_ns = REST_MIN_NS

    def beat(self, elapsed_ns: int, taken: int, refused: int, in_time: bool) -> None:
        """So many were taken and refused within `elapsed_ns`. `in_time`: the loop had nothing to do meanwhile, for a while at least; then
        those who rest are soon read again."""
        bearable = taken // TAKEN_PER_REFUSAL + elapsed_ns // FREE_NS
        if refused > bearable:
            longer = self.rest_ns * refused // max(1, bearable)
            self.rest_ns = min(REST_MAX_NS, self.rest_ns * LONGER_MAX, longer)
        elif in_time:
            self.rest_ns = max(REST_MIN_NS, self.rest_ns // 2)
        elif refused:
            self.rest_ns = max(REST_MIN_NS, self.rest_ns * 15 // 16)
