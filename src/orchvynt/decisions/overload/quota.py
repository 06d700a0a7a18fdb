"""Who of those that come between two beats may begin, where not all may: the higher first, whoever comes first. Pure.

Nobody knows who still comes until the next beat. So what usually comes of the higher ranks is left free for them.
"""

from typing import Final, Literal

Priority = Literal["low", "normal", "high"]

RANKS: Final[dict[Priority, int]] = {"low": 0, "normal": 1, "high": 2}
_HIGHEST: Final = 2
_SCALE: Final = 16


class Quota:
    """What was asked for and let in since the last beat, by rank, and what is usual."""

    __slots__ = ("_asked", "_let_in", "_usual")

    def __init__(self) -> None:
        self._asked = [0, 0, 0]
        self._let_in = [0, 0, 0]
        self._usual = [0, 0, 0]

    def beat(self) -> None:
        """A new span begins. What is usual follows what came by a quarter."""
        self._usual = [-((-3 * usual - _SCALE * asked) // 4) for usual, asked in zip(self._usual, self._asked, strict=True)]
        self._asked = [0, 0, 0]
        self._let_in = [0, 0, 0]

    def take(self, rank: int, window: int) -> bool:
        """Whether one more of this rank may begin, of `window` in all. INVARIANT: the highest rank is bounded by itself alone: whatever
        the others have taken already, it is not refused before it fills the window."""
        self._asked[rank] += 1
        let_in = self._let_in
        taken = let_in[_HIGHEST]
        if rank != _HIGHEST:
            higher = sum(max(let_in[other], self._usual[other] // _SCALE) for other in range(rank + 1, _HIGHEST + 1))
            taken = higher + sum(let_in[: rank + 1])
        if taken >= window:
            return False
        let_in[rank] += 1
        return True
