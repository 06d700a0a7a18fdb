"""Ids and chance of a rehearsal: the same in every run of it."""

import random


class SeededIds:
    """Implements ports.clock.Ids."""

    def __init__(self, seed: int = 0) -> None:
        self._count = 0
        # Jitter and made-up ids, no secrets.
        self._random = random.Random(seed)  # noqa: S311

    def new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._count:026d}"

    def chance(self) -> float:
        return self._random.random()
