"""Ids that sort by time within a process and are unique over processes and restarts. It knows no meaning of a prefix."""

import os
import random
from collections.abc import Callable
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32: no I, L, O, U (https://www.crockford.com/base32.html)
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)  # ten bits → two characters
_NANOS_PER_MS: Final = 1_000_000
_LOW_BITS: Final = 20
_LOW_MASK: Final = (1 << _LOW_BITS) - 1


def _base32(value: int, characters: int) -> str:
    """`characters` is even."""
    return "".join([_PAIRS[(value >> bits) & 1023] for bits in range(5 * characters - 10, -1, -10)])


class SystemIds:
    """26 characters: 10 of milliseconds since 1970 (48 bits), 8 random per process (40 bits), 8 of a counter (40 bits).

    Made once per process, after any fork: two processes that shared one would share its random part.
    The millisecond never goes back, so that ids keep increasing while the clock is set back.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._process = _base32(int.from_bytes(os.urandom(5), "big"), 8)
        self._milli = -1
        self._count = 0
        # What stands for a quarter of an hour, for a million ids, and for a millisecond: each is put together once.
        self._slow, self._slow_head = -1, ""
        self._many, self._tail = -1, ""
        self._head = ""
        # The chance is jitter for retries, not a secret.
        self._random = random.Random()  # noqa: S311

    def new(self, prefix: str) -> str:
        milli = self._now() // _NANOS_PER_MS
        count = self._count = self._count + 1
        if milli > self._milli or not count & _LOW_MASK:
            self._turn(milli, count)
        return prefix + self._head + _PAIRS[count >> 10 & 1023] + _PAIRS[count & 1023]

    def _turn(self, milli: int, count: int) -> None:
        """Everything but the counter's low 20 bits, which is the same for a millisecond."""
        if milli < self._milli:
            milli = self._milli
        self._milli = milli
        if milli >> _LOW_BITS != self._slow:
            self._slow = milli >> _LOW_BITS
            self._slow_head = f"_{_base32(self._slow, 6)}"
        if count >> _LOW_BITS != self._many:
            self._many = count >> _LOW_BITS
            self._tail = f"{self._process}{_base32(self._many, 4)}"
        self._head = self._slow_head + _PAIRS[milli >> 10 & 1023] + _PAIRS[milli & 1023] + self._tail

    def chance(self) -> float:
        return self._random.random()
