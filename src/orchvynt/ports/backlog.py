"""How far the store is behind the journal. It answers at once, from memory, whatever the store does."""

from typing import Protocol

import msgspec


class Backlog(msgspec.Struct, frozen=True):
    """Places in the journal, of which later ones are greater: what is `written` there, and up to where it is `filed` in the store.
    `problem` is why the store takes nothing at present; empty while it does."""

    written: tuple[int, int]
    filed: tuple[int, int]
    problem: str = ""


class FilledBehind(Protocol):
    def backlog(self) -> Backlog: ...
