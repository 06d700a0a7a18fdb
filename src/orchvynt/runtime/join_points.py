"""Finds what a caller that comes back joins, of what is whole in memory: by its request, at the place that it comes from, or by its
idempotency key.

Most requests come from a place at which nothing is parked: those need no digest of their body.
"""

from orchvynt.lifecycle.join_keys import body_digest, raw_digest
from orchvynt.runtime.parked_one import ParkedOne, digest


class JoinPoints:
    """Those of one process."""

    def __init__(self) -> None:
        self._equal: dict[bytes, tuple[ParkedOne, ...]] = {}
        # Those that came with an idempotency key, by its scope: the newest of each.
        self._keyed: dict[bytes, ParkedOne] = {}
        # How many there are at each place, and of each caller.
        self._at_place: dict[int, int] = {}
        self._of_caller: dict[str, int] = {}

    def add(self, one: ParkedOne) -> None:
        """In place of an earlier one of the same invocation."""
        if one.asks:
            self._keyed[one.joins] = one
        elif one.joins:
            equal = self._equal.get(one.joins)
            if equal is None:
                self._equal[one.joins] = (one,)
                self._at_place[one.place] = self._at_place.get(one.place, 0) + 1
                self._of_caller[one.key_id] = self._of_caller.get(one.key_id, 0) + 1
            else:
                others = tuple([other for other in equal if other.inv != one.inv])
                self._equal[one.joins] = (*others, one)
                self._count(one, 1 + len(others) - len(equal))

    def remove(self, one: ParkedOne) -> bool:
        """The same request does not find it here any more. Whether it did."""
        if one.asks:
            found = self._keyed.get(one.joins) is one
            if found:
                del self._keyed[one.joins]
            return found
        equal = self._equal.get(one.joins, ())
        if one not in equal:
            return False
        self._count(one, -1)
        if len(equal) == 1:
            del self._equal[one.joins]
        else:
            self._equal[one.joins] = tuple([other for other in equal if other is not one])
        return True

    def _count(self, one: ParkedOne, more: int) -> None:
        at_place = self._at_place.pop(one.place, 0) + more
        if at_place:
            self._at_place[one.place] = at_place
        of_caller = self._of_caller.pop(one.key_id, 0) + more
        if of_caller:
            self._of_caller[one.key_id] = of_caller

    def is_at(self, place: int) -> bool:
        """Whether anything is parked at a place."""
        return place in self._at_place

    def equal(self, joins: bytes) -> tuple[ParkedOne, ...]:
        return self._equal.get(joins, ())

    def keyed(self, joins: bytes) -> ParkedOne | None:
        return self._keyed.get(joins)

    def has_of(self, caller: str) -> bool:
        """Whether something of this caller is parked that its same request might join."""
        return caller in self._of_caller


def digests(place: str, body: bytes) -> tuple[bytes, ...]:
    """What a request from a place would join, as `ParkedOne.joins` has it. What an older build parked is known by its bytes."""
    return tuple([digest(f"{place}\n{told}") for told in dict.fromkeys((body_digest(body), raw_digest(body)))])
