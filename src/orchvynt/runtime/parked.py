"""Invocations in review: found by review, by invocation, and by what a retry of the same caller has in common with it.

Only a line of each is in memory; the whole state is in the store, and in a Life while a caller waits or somebody decides.
"""

import heapq
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from orchvynt.decisions.reviews.cases import Case
from orchvynt.lifecycle.join_keys import body_digest, keyed, raw_digest
from orchvynt.ports.store import ReviewStatus
from orchvynt.runtime.life import NEVER
from orchvynt.runtime.parked_one import ParkedOne

# An open review has at most two instants. Those of decided ones stay in their order, so many of them at least: taking one out means going
# through all.
DECIDED_INSTANTS: Final = 1_024


class Parked:
    """The index. Decided ones stay for 24 hours, so that a caller that comes back gets its answer."""

    def __init__(self) -> None:
        self._by_review: dict[str, ParkedOne] = {}
        self._by_invocation: dict[str, ParkedOne] = {}
        # By the place of a join key (all but its last line), and then by the digest of the body: most requests come from a place at which
        # nothing is parked, and need no digest.
        self._by_place: dict[str, dict[str, tuple[ParkedOne, ...]]] = {}
        # How many of these places each caller has: the first line of a place.
        self._places_of: dict[str, int] = {}
        # Those that came with an idempotency key, by its scope: the newest of each.
        self._by_scope: dict[str, ParkedOne] = {}
        self._escalations: list[tuple[int, str]] = []
        self._watchers: dict[str, list[Callable[[], None]]] = {}
        self._terms: dict[Case, Case] = {}
        # In the order of their opening.
        self._open: dict[str, ParkedOne] = {}
        self.open_by_gate: dict[str, int] = {}
        # Told of each decision made here, once there is an answer or why there is none.
        self.heard: Callable[[ParkedOne], None] = lambda _: None
        # Told when the store will have something new about one of them; whether somebody waits for it.
        self.changed: Callable[[bool], None] = lambda _: None

    def add(self, one: ParkedOne) -> None:
        """A further review of the same invocation takes the place of the one before it."""
        self._index(one)
        self._push(one)
        self.changed(False)

    def _push(self, one: ParkedOne) -> None:
        for due in one.instants:
            heapq.heappush(self._escalations, due)

    def follow(self, now: ParkedOne) -> None:
        """What the store says of one that another process decides about, or decided about; whoever watches it hears so."""
        known = self._by_review.get(now.review)
        if known is None:
            self._index(now)
            self._push(now)
        elif known.elsewhere:
            known.left_at, known.waits_at, known.elsewhere = now.left_at, now.waits_at, now.elsewhere or known.elsewhere
            if known.open and not now.open:
                self._close(known, now.status, now.by, now.decided_at)
            if not now.join_key and known.join_key:
                self._release(known)
        else:
            # It may have been joined at another process, and left there.
            known.waits_at, known.left_at = now.waits_at, max(now.left_at or 0, known.left_at or 0) or None
        self.tell(now.inv)

    def adopt(self, now: ParkedOne) -> None:
        """From now on this process decides about it; `now` is what the store says of it."""
        known = self._by_review.get(now.review)
        if known is None:
            self.add(now)
        elif known.elsewhere and known.open:
            known.elsewhere = ""
            known.left_at, known.waits_at = now.left_at, now.waits_at
            known.terms, known.votes, known.due, known.escalations = now.terms, now.votes, now.due, now.escalations
            known.claimed_by, known.claimed_until = now.claimed_by, now.claimed_until
            known.reminds, known.reminded = now.reminds, now.reminded
            self._push(known)

    def owners(self) -> set[str]:
        """The other processes that decide about open ones."""
        return {one.elsewhere for one in self._open.values() if one.elsewhere}

    def add_all(self, ones: Iterable[ParkedOne]) -> None:
        """The same of many, in the order of their opening; at a start, 100,000 (bench/open_reviews.py)."""
        for one in ones:
            self._index(one)
            self._escalations += one.instants
        heapq.heapify(self._escalations)

    def _index(self, one: ParkedOne) -> None:
        review = one.review
        self._by_review[review] = one
        if not one.after_delivery:
            self._add_joinable(one)
        if one.status == "open":
            if review not in self._open:
                self.open_by_gate[one.gate] = self.open_by_gate.get(one.gate, 0) + 1
            self._open[review] = one

    def shared(self, terms: Case) -> Case:
        """The one value of all that are equal to it."""
        return self._terms.setdefault(terms, terms)

    def _add_joinable(self, one: ParkedOne) -> None:
        if (before := self._by_invocation.get(one.inv)) is not None:
            before.under_way = False
        self._by_invocation[one.inv] = one
        place, _, body = one.join_key.rpartition("\n")
        here = self._by_place.get(place)
        if here is None:
            here = self._by_place[place] = {}
            caller = place.partition("\n")[0]
            self._places_of[caller] = self._places_of.get(caller, 0) + 1
        equals = here.get(body)
        here[body] = (one,) if equals is None else (*(other for other in equals if other.inv != one.inv), one)
        if (key := keyed(one.join_key)) is not None:
            self._by_scope[key.scope] = one

    def waits(self, inv: str) -> bool:
        """Whether the invocation waits for people now."""
        one = self._by_invocation.get(inv)
        return one is not None and one.open

    @property
    def count(self) -> int:
        return len(self._by_invocation)

    @property
    def open_count(self) -> int:
        return len(self._open)

    def oldest_open(self) -> ParkedOne | None:
        return next(iter(self._open.values()), None)

    def review(self, review: str) -> ParkedOne | None:
        return self._by_review.get(review)

    def invocation(self, inv: str) -> ParkedOne | None:
        return self._by_invocation.get(inv)

    def joinable(self, place: str, body: bytes, now: int, retried: bool) -> ParkedOne | None:
        """What a caller that comes back joins: one whose caller was told to, or was gone. `retried` says that its client calls this a
        retry; any other request must come within the time that the gate gives it. Never one with a live caller: equal calls that run side
        by side stay apart, and each comes back to its own."""
        equals = self.alike(place, body)
        free = [one for one in equals if one.left_at is not None and (one.kept(now) if retried else one.claimable(now)) and not one.waited]
        return min(free, key=lambda one: (one.claims, one.at), default=None)

    def alike(self, place: str, body: bytes) -> tuple[ParkedOne, ...]:
        """All that the same request made."""
        here = self._by_place.get(place)
        # What an older build parked is known by its bytes.
        return (*here.get(body_digest(body), ()), *here.get(raw_digest(body), ())) if here is not None else ()

    def has_of(self, caller: str) -> bool:
        """Whether something of this caller is parked that its same request might join."""
        return caller in self._places_of

    def left(self, inv: str, at: int) -> None:
        """The last caller of a parked invocation was told to come back, or went away."""
        if (one := self._by_invocation.get(inv)) is not None:
            one.left_at = at
            self.changed(False)

    def keyed(self, scope: str, now: int) -> ParkedOne | None:
        """What an idempotency key finds, whoever waits for it."""
        one = self._by_scope.get(scope)
        return one if one is not None and one.kept(now) else None

    def decided(self, one: ParkedOne, status: ReviewStatus, by: str, at: int, under_way: bool = False) -> None:
        """It is decided, once; whoever watches it hears so, unless there is no answer yet: it is `under_way`."""
        assert one.open
        self._close(one, status, by, at)
        one.under_way = under_way
        if not under_way:
            self.tell(one.inv)
            self.heard(one)
            self.changed(True)

    def _close(self, one: ParkedOne, status: ReviewStatus, by: str, at: int) -> None:
        one.status = status
        one.by = by
        one.decided_at = at
        one.votes, one.reminds = (), ()
        del self._open[one.review]
        self.open_by_gate[one.gate] -= 1
        if not self.open_by_gate[one.gate]:
            del self.open_by_gate[one.gate]

    def concluded(self, one: ParkedOne, joinable: bool, at: int) -> None:
        """What an approval let go on has come to its end; whoever watches it hears so."""
        one.under_way = False
        one.decided_at = at
        if not joinable:
            self._release(one)
        self.tell(one.inv)
        self.heard(one)
        self.changed(True)

    def _release(self, one: ParkedOne) -> None:
        """The same request does not find it any more."""
        place, _, body = one.join_key.rpartition("\n")
        here = self._by_place.get(place, {})
        others = tuple(other for other in here.get(body, ()) if other is not one)
        if others:
            here[body] = others
        else:
            here.pop(body, None)
        if not here and self._by_place.pop(place, None) is not None:
            caller = place.partition("\n")[0]
            self._places_of[caller] -= 1
            if not self._places_of[caller]:
                del self._places_of[caller]
        key = keyed(one.join_key)
        if key is not None and self._by_scope.get(key.scope) is one:
            del self._by_scope[key.scope]

    def decided_last(self, span_ns: int) -> list[ParkedOne]:
        """Those that were decided within so long before the last decision."""
        done = [one for one in self._by_review.values() if not one.open]
        newest = max((one.decided_at for one in done), default=0)
        return [one for one in done if newest - one.decided_at <= span_ns]

    def watch(self, inv: str, heard: Callable[[], None]) -> None:
        self._watchers.setdefault(inv, []).append(heard)

    def unwatch(self, inv: str, heard: Callable[[], None]) -> None:
        watchers = self._watchers.get(inv)
        if watchers and heard in watchers:
            watchers.remove(heard)
            if not watchers:
                del self._watchers[inv]

    def tell(self, inv: str) -> None:
        for heard in self._watchers.pop(inv, ()):
            heard()

    def next_due(self) -> int:
        return self._escalations[0][0] if self._escalations else NEVER

    def escalated(self, one: ParkedOne, due: int, to: str) -> None:
        """A step is done: `to` may decide, too. The next is due then, as the opening reckons, 0 for never."""
        one.escalations += 1
        due += one.moved if due else 0
        one.due = due
        if to not in one.terms.reviewers:
            one.terms = self.shared(replace(one.terms, reviewers=(*one.terms.reviewers, to)))
        if due:
            self.due_again(one, due)

    def was_reminded(self, one: ParkedOne, now: int) -> None:
        """All reminders that were due are one; the next is due later."""
        one.reminded += 1
        one.reminds = tuple([at for at in one.reminds if at > now])
        if one.reminds:
            self.due_again(one, one.reminds[0])

    def due_again(self, one: ParkedOne, at: int) -> None:
        """Something of it is due then, perhaps because it could not happen before."""
        heapq.heappush(self._escalations, (at, one.review))

    def clock_jumped(self, by: int) -> None:
        """The wall clock jumped by so much (ns). INVARIANT: no deadline comes sooner or later for it; after a restart the wall clock
        counts again, as nothing else is known."""
        for one in self._by_review.values():
            one.move(by)
        self._reckon()

    def _reckon(self) -> None:
        self._escalations = [instant for one in self._open.values() for instant in one.instants]
        heapq.heapify(self._escalations)

    def take_due(self, now: int, most: int) -> list[ParkedOne]:
        """At most so many open ones of which something is due at `now` (ns UTC): a reminder, or a step of its escalation."""
        found: list[ParkedOne] = []
        while self._escalations and self._escalations[0][0] <= now and len(found) < most:
            one = self._by_review.get(heapq.heappop(self._escalations)[1])
            if one is not None and one.open and not one.elsewhere and one not in found:
                found.append(one)
        return found

    def forget(self, now: int) -> None:
        """Drops what was decided and can no longer be joined, and the instants at which something of it would have been due."""
        if len(self._escalations) > 2 * (2 * len(self._open) + DECIDED_INSTANTS):
            self._reckon()
        old = [one for one in self._by_review.values() if not one.kept(now)]
        for one in old:
            del self._by_review[one.review]
            if self._by_invocation.get(one.inv) is one:
                del self._by_invocation[one.inv]
            self._release(one)
