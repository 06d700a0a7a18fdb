"""Finds what a caller that comes back joins: by its request, at the place that it comes from, or by its idempotency key.

Most requests come from a place at which nothing is parked: those need no digest of their body. Whether a review is whole in memory or
folded makes no difference to what is known of places and callers.
"""

from orchvynt.lifecycle.join_keys import body_digest, raw_digest
from orchvynt.runtime.number_table import NumberTable, key_of
from orchvynt.runtime.parked_one import ParkedOne, digest


class JoinPoints:
    """Those of one process."""

    def __init__(self) -> None:
        self._equal: dict[bytes, tuple[ParkedOne, ...]] = {}
        # Those that came with an idempotency key, by its scope: the newest of each.
        self._keyed: dict[bytes, ParkedOne] = {}
        # How many there are at each place, and of each caller.
        self._at_place = NumberTable()
        self._of_caller: dict[str, int] = {}

    def add(self, one: ParkedOne) -> None:
        """In place of an earlier one of the same invocation."""
        if one.asks:
            self._keyed[one.joins] = one
        elif one.joins:
            equal = self._equal.get(one.joins, ())
            others = tuple([other for other in equal if other.inv != one.inv])
            self._equal[one.joins] = (*others, one)
            self._count(one, 1 - (len(equal) - len(others)))

    def remove(self, one: ParkedOne) -> None:
        """The same request does not find it any more."""
        if self.lift(one) and not one.asks:
            self._count(one, -1)

    def lift(self, one: ParkedOne) -> bool:
        """It is found elsewhere from now on. Whether it was found here."""
        if one.asks:
            found = self._keyed.get(one.joins) is one
            if found:
                del self._keyed[one.joins]
            return found
        equal = self._equal.get(one.joins, ())
        others = tuple([other for other in equal if other is not one])
        if others:
            self._equal[one.joins] = others
        else:
            self._equal.pop(one.joins, None)
        return len(others) < len(equal)

    def put_back(self, one: ParkedOne) -> None:
        """What was lifted is found here again."""
        if one.asks:
            self._keyed[one.joins] = one
        else:
            self._equal[one.joins] = (*self._equal.get(one.joins, ()), one)

    def _count(self, one: ParkedOne, more: int) -> None:
        if more:
            self._at_place.put(one.place, self._at_place.get(one.place) + more)
            count = self._of_caller.get(one.key_id, 0) + more
            if count:
                self._of_caller[one.key_id] = count
            else:
                del self._of_caller[one.key_id]

    def digests(self, place: str, body: bytes) -> tuple[bytes, ...]:
        """What a request from a place would join, as `ParkedOne.joins` has it; empty where nothing is parked at that place."""
        if not self._at_place.get(key_of(place)):
            return ()
        # What an older build parked is known by its bytes.
        return tuple([digest(f"{place}\n{told}") for told in dict.fromkeys((body_digest(body), raw_digest(body)))])

    def equal(self, joins: bytes) -> tuple[ParkedOne, ...]:
        return self._equal.get(joins, ())

    def keyed(self, joins: bytes) -> ParkedOne | None:
        return self._keyed.get(joins)

    def has_of(self, caller: str) -> bool:
        """Whether something of this caller is parked that its same request might join."""
        return caller in self._of_caller
