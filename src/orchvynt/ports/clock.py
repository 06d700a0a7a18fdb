"""Time and identity, the two things a pure room may not make itself."""

from typing import Protocol


class Clock(Protocol):
    def now(self) -> int:
        """The instant in nanoseconds UTC. May jump; windows and records use it."""
        ...

    def monotonic(self) -> int:
        """Nanoseconds since an arbitrary start. Never jumps; deadlines use it."""
        ...


class Ids(Protocol):
    def new(self, prefix: str) -> str:
        """A new id `PREFIX_` + 26 characters: unique over processes and restarts, increasing in time within a process."""
        ...

    def chance(self) -> float:
        """A random number in [0, 1), for jitter."""
        ...
