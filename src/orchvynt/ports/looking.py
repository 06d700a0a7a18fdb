"""Who looks into texts with Presidio: slower than conditions may be, so it is asked apart and heard later."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from orchvynt.language.compiled_gates import Presidio

NOTHING: Mapping[str, int] = {}


class Looked(msgspec.Struct, frozen=True):
    """How many of each kind that was asked for the text holds. With a `problem` nothing is known of it, and no count means anything."""

    found: Mapping[str, int] = NOTHING
    problem: str = ""


class Looking(Protocol):
    def look(self, terms: Presidio, kinds: tuple[str, ...], text: str, looked: Callable[[Looked], None]) -> None:
        """Counts what Presidio finds of `kinds` (its own names). `looked` is called exactly once, before this returns or later on the
        event loop, within `terms.within_ns` of when the library is there; with a problem where it did not come to an end."""
        ...

    def prepare(self, terms: Presidio | None) -> None:
        """The policy in force will ask by these terms: the library may be loaded. None: nobody will ask."""
        ...


class NoLooking:
    """Implements Looking where nobody looks: in a rehearsal."""

    def look(self, terms: Presidio, kinds: tuple[str, ...], text: str, looked: Callable[[Looked], None]) -> None:  # noqa: ARG002 - the port
        looked(Looked(problem="a rehearsal does not ask Presidio"))

    def prepare(self, terms: Presidio | None) -> None:
        """There is nothing to prepare."""
