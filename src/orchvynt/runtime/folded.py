"""Decided reviews in few bytes: what a caller that comes back needs of each, until it may come back no more.

A review is either here or among the whole ones of `runtime.parked`, which has it back whole as soon as somebody asks for it.
"""

from array import array
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from orchvynt.model.ids import invocation_of, review_id
from orchvynt.ports.store import ReviewStatus
from orchvynt.runtime.life import NEVER
from orchvynt.runtime.number_table import KEY_BYTES, NumberTable, key_of
from orchvynt.runtime.parked_one import ParkedOne

NOWHERE: Final = 0
# What was decided so lately is often asked for, and stays whole.
WHOLE_NS: Final = 120_000_000_000
FOLDED_AT_ONCE: Final = 200
FORGOTTEN_AT_ONCE: Final = 2_000


class Places(msgspec.Struct, frozen=True):
    """Where the index finds a review: by its invocation, of which it is the newest, and by what the same request has in common with it."""

    newest: bool
    joins: bool


class _Line(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """As in ParkedOne. `number` is the review's among those of its invocation. Instants are those before all jumps of the clock."""

    inv: str
    number: int
    gate: str
    key_id: str
    by: str
    status: ReviewStatus
    at: int
    decided_at: int
    left_at: int | None
    claim_for_ns: int
    claims: int
    escalations: int
    after_delivery: bool
    elsewhere: str
    waits_at: str
    joins: bytes
    place: int
    asks: bytes
    newest: bool
    is_joined: bool


_DECODER: Final = msgspec.msgpack.Decoder(_Line)
_ENCODER: Final = msgspec.msgpack.Encoder()


class Folded:
    """Lines have numbers from 1; 0 is none. Those of one invocation, and those that one request joins, are chained from the youngest on."""

    def __init__(self) -> None:
        self.count = 0
        self._lines: list[bytes] = [b""]
        self._buffer = bytearray()
        self._until = array("q", [0])
        self._older = array("I", [NOWHERE])
        self._equal = array("I", [NOWHERE])
        self._free: list[int] = []
        self._by_invocation = NumberTable()
        self._by_joins = NumberTable()
        # How many the same request may join, at each place and of each caller.
        self._at_place = NumberTable()
        self._of_caller: dict[str, int] = {}
        # By how much the wall clock has jumped in all.
        self._moved = 0

    def put(self, one: ParkedOne, places: Places) -> None:
        line = _line(one, places, self._moved)
        self.count += 1
        number = self._free.pop() if self._free else len(self._lines)
        if number == len(self._lines):
            self._lines.append(b"")
            self._until.append(0)
            self._older.append(NOWHERE)
            self._equal.append(NOWHERE)
        # A copy, for what the encoder itself returns keeps up to a third more than it needs.
        _ENCODER.encode_into(line, self._buffer)
        self._lines[number] = bytes(self._buffer)
        self._until[number] = min(one.until - self._moved, NEVER)
        key = key_of(one.inv)
        self._older[number] = self._by_invocation.get(key)
        self._by_invocation.put(key, number)
        if _is_found_by_request(line):
            key = _joins_key(one.joins)
            self._equal[number] = self._by_joins.get(key)
            self._by_joins.put(key, number)
            self._count(line, 1)

    def take(self, number: int) -> tuple[ParkedOne, Places]:
        """The review, whole; it is not here any more."""
        line = _DECODER.decode(self._lines[number])
        _unchain(self._by_invocation, self._older, key_of(line.inv), number)
        if _is_found_by_request(line):
            _unchain(self._by_joins, self._equal, _joins_key(line.joins), number)
            self._count(line, -1)
        self._lines[number] = b""
        self._until[number] = 0
        self._free.append(number)
        self.count -= 1
        return _whole(line, self._moved), Places(line.newest, line.is_joined)

    def _count(self, line: _Line, more: int) -> None:
        if line.asks:
            return
        self._at_place.put(line.place, self._at_place.get(line.place) + more)
        of_caller = self._of_caller.pop(line.key_id, 0) + more
        if of_caller:
            self._of_caller[line.key_id] = of_caller

    def is_at(self, place: int) -> bool:
        """Whether anything that the same request may join was parked at a place."""
        return len(self._at_place) > 0 and self._at_place.get(place) > 0

    def has_of(self, caller: str) -> bool:
        """The same of a caller."""
        return caller in self._of_caller

    def of_review(self, review: str) -> int:
        inv = invocation_of(review)
        return next((number for number, line in self._of(inv) if review_id(inv, line.number) == review), NOWHERE)

    def of_invocation(self, inv: str) -> int:
        return next((number for number, line in self._of(inv) if line.newest), NOWHERE)

    def _of(self, inv: str) -> Iterator[tuple[int, _Line]]:
        number = self._by_invocation.get(key_of(inv))
        while number:
            line = _DECODER.decode(self._lines[number])
            if line.inv == inv:
                yield number, line
            number = self._older[number]

    def joined(self, joins: bytes) -> list[tuple[int, ParkedOne]]:
        """Copies of those that the same request joins, or that its idempotency key finds."""
        found = []
        number = self._by_joins.get(_joins_key(joins))
        while number:
            line = _DECODER.decode(self._lines[number])
            if line.joins == joins:
                found.append((number, _whole(line, self._moved)))
            number = self._equal[number]
        return found

    def clock_jumped(self, by: int) -> None:
        """All instants of all lines have moved with the wall clock."""
        self._moved += by

    def old(self, now: int) -> list[int]:
        """Those for which no caller may come back any more at `now`; so many at most that the loop does not stand still for them."""
        now -= self._moved
        return list(islice((number for number, until in enumerate(self._until) if until <= now and self._lines[number]), FORGOTTEN_AT_ONCE))


def foldable(one: ParkedOne, now: int) -> bool:
    """Whether it was decided a while ago, nothing of it is under way here, and its name says which invocation it is of."""
    idle = now - one.decided_at >= WHOLE_NS and not (one.open or one.under_way or one.waiting or one.life is not None)
    number = _number(one)
    return idle and number.isdecimal() and review_id(one.inv, int(number)) == one.review


def _is_found_by_request(line: _Line) -> bool:
    """Without an idempotency key nobody joins what has not been left."""
    return line.is_joined and (line.asks != b"" or line.left_at is not None)


def _joins_key(joins: bytes) -> int:
    return int.from_bytes(joins[:KEY_BYTES], "little")


def _unchain(heads: NumberTable, following: "array[int]", key: int, number: int) -> None:
    """Takes a line out of its chain."""
    head = heads.get(key)
    if head == number:
        heads.put(key, following[number])
    else:
        while following[head] != number:
            head = following[head]
        following[head] = following[number]
    following[number] = NOWHERE


def _number(one: ParkedOne) -> str:
    return one.review.rpartition(".")[2]


def _line(one: ParkedOne, places: Places, moved: int) -> _Line:
    return _Line(
        one.inv,
        int(_number(one)),
        one.gate,
        one.key_id,
        one.by,
        one.status,
        one.at,
        one.decided_at - moved,
        None if one.left_at is None else one.left_at - moved,
        one.claim_for_ns,
        one.claims,
        one.escalations,
        one.after_delivery,
        one.elsewhere,
        one.waits_at,
        one.joins,
        one.place,
        one.asks,
        places.newest,
        places.joins,
    )


def _whole(line: _Line, moved: int) -> ParkedOne:
    one = ParkedOne(review_id(line.inv, line.number), line.inv, line.gate, line.key_id, "", line.at, 0, line.status)
    one.joins, one.place, one.asks = line.joins, line.place, line.asks
    one.by, one.decided_at = line.by, line.decided_at + moved
    one.left_at = None if line.left_at is None else line.left_at + moved
    one.claim_for_ns, one.claims, one.escalations = line.claim_for_ns, line.claims, line.escalations
    one.after_delivery, one.elsewhere, one.waits_at = line.after_delivery, line.elsewhere, line.waits_at
    return one
