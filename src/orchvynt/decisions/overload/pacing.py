"""For how long a connection rests after a refusal: who asks again at once is not read until then, which costs nothing. Pure.

A refusal costs the process a tenth of an answer. At five times what it can do, refusing alone would take nearly half of it; so no more
is read than leaves it one refusal for two that are taken.
"""

from typing import Final

REST_MIN_NS: Final = 50_000_000
REST_MAX_NS: Final = 1_000_000_000
"""No `retry-after` is shorter: who waits as told never meets a connection that rests."""
TAKEN_PER_REFUSAL: Final = 2
FREE_NS: Final = 2_000_000
"""One refusal in so long is none too many, whatever is taken: less than a hundredth of a core."""


class Pacing:
    """`rest_ns` is for how long the connection of who is refused rests."""

    __slots__ = ("_calm_ns", "rest_ns")

    def __init__(self) -> None:
        self.rest_ns = REST_MIN_NS
        self._calm_ns = 0

    def beat(self, elapsed_ns: int, taken: int, refused: int) -> None:
        """So many were taken and refused within `elapsed_ns`."""
        self._calm_ns = 0 if refused else self._calm_ns + elapsed_ns
        if refused * TAKEN_PER_REFUSAL > taken + elapsed_ns // FREE_NS * TAKEN_PER_REFUSAL:
            self.rest_ns = min(REST_MAX_NS, self.rest_ns * 3 // 2)
        elif self._calm_ns >= REST_MAX_NS:
            self.rest_ns = REST_MIN_NS
        elif refused:
            self.rest_ns = max(REST_MIN_NS, self.rest_ns * 15 // 16)
