"""Time and ids for tests: both move only when told to."""

from typing import Final

_START: Final = 1_700_000_000_000_000_000  # 2023-11-14T22:13:20Z in nanoseconds


class FakeClock:
    """Implements ports.clock.Clock. `advance` moves both clocks as time does, `jump` sets only the wall clock off."""

    def __init__(self, now: int = _START) -> None:
        self._now = now
        self._monotonic = 0

    def now(self) -> int:
        return self._now

    def monotonic(self) -> int:
        return self._monotonic

    def advance(self, nanoseconds: int) -> None:
        if nanoseconds < 0:
            raise ValueError("time does not run backwards; use jump")
        self._now += nanoseconds
        self._monotonic += nanoseconds

    def jump(self, nanoseconds: int) -> None:
        self._now += nanoseconds


class CountingIds:
    """Implements ports.clock.Ids: `PREFIX_` + 26 digits that count up; every chance is `always`."""

    def __init__(self, always: float = 0.5) -> None:
        self._count = 0
        self._always = always

    def new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._count:026d}"

    def chance(self) -> float:
        return self._always
