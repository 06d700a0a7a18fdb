"""What looking through one text may cost, so that no text whatever stops the others."""

from typing import Final

EFFORT_MAX: Final = 300_000
"""For all kinds together in one text, in units of about half a microsecond: a few megabytes of usual text."""


class TooMuchError(Exception):
    """The text is too long, or too full of what looks like something, to be looked through."""


class Effort:
    """What is left for one text."""

    __slots__ = ("left",)

    def __init__(self, units: int = EFFORT_MAX) -> None:
        self.left = units

    def spend(self, units: int) -> None:
        """Raises TooMuchError where that is more than is left."""
        self.left -= units
        if self.left < 0:
            raise TooMuchError("the text takes more work than detectors may have for one text")
