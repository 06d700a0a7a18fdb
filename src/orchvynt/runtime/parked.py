"""Invocations in review: found by review, by invocation, and by what a retry of the same caller has in common with it.

Only a line of each is in memory, in few bytes once it is decided; the whole state is in the store, and in a Life while somebody waits.
"""

from collections.abc import Callable, Iterable
from itertools import islice

from msgspec.structs import replace

from orchvynt.decisions.reviews.cases import Case
from orchvynt.ports.store import ReviewStatus
from orchvynt.runtime.due_instants import DueInstants
from orchvynt.runtime.folded import FOLDED_AT_ONCE, NOWHERE, Folded, Places, foldable
from orchvynt.runtime.join_points import JoinPoints, digests
from orchvynt.runtime.number_table import key_of
from orchvynt.runtime.parked_one import ParkedOne, digest
from orchvynt.runtime.watchers import Watchers


class Parked:
    """The index. Decided ones stay for 24 hours, so that a caller that comes back gets its answer."""

    def __init__(self) -> None:
        self._by_review: dict[str, ParkedOne] = {}
        self._by_invocation: dict[str, ParkedOne] = {}
        self._joins = JoinPoints()
        # The decided ones among them, and all others that are decided.
        self._decided: dict[str, ParkedOne] = {}
        self._folded = Folded()
        self._due = DueInstants()
        self.watchers = Watchers()
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
        self._due.add_of(one)
        self.changed(False)

    def follow(self, now: ParkedOne) -> None:
        """What the store says of one that another process decides about, or decided about; whoever watches it hears so."""
        known = self.review(now.review)
        if known is None:
            self._index(now)
            self._due.add_of(now)
        elif known.elsewhere:
            known.left_at, known.waits_at, known.elsewhere = now.left_at, now.waits_at, now.elsewhere or known.elsewhere
            if known.open and not now.open:
                self._close(known, now.status, now.by, now.decided_at)
            if not now.joins and known.joins:
                self._joins.remove(known)
        else:
            # It may have been joined at another process, and left there.
            known.waits_at, known.left_at = now.waits_at, max(now.left_at or 0, known.left_at or 0) or None
        self.watchers.tell(now.inv)

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
            self._due.add_of(known)

    def owners(self) -> set[str]:
        """The other processes that decide about open ones."""
        return {one.elsewhere for one in self._open.values() if one.elsewhere}

    def add_all(self, ones: Iterable[ParkedOne]) -> None:
        """The same of many, in the order of their opening; at a start, 100,000 (bench/open_reviews.py)."""
        for one in ones:
            self._index(one)
        self._due.reckon(self._open.values())

    def _index(self, one: ParkedOne) -> None:
        review = one.review
        self._by_review[review] = one
        if not one.after_delivery:
            self._add_joinable(one)
        if one.status == "open":
            if review not in self._open:
                self.open_by_gate[one.gate] = self.open_by_gate.get(one.gate, 0) + 1
            self._open[review] = one
        else:
            self._decided[review] = one

    def shared(self, terms: Case) -> Case:
        """The one value of all that are equal to it."""
        return self._terms.setdefault(terms, terms)

    def _add_joinable(self, one: ParkedOne) -> None:
        if (before := self.invocation(one.inv)) is not None:
            before.under_way = False
        self._by_invocation[one.inv] = one
        if one.asks:
            self._keyed(one.joins)
        self._joins.add(one)

    def waits(self, inv: str) -> bool:
        """Whether the invocation waits for people now."""
        one = self._by_invocation.get(inv)
        return one is not None and one.open

    @property
    def count(self) -> int:
        return len(self._by_invocation) + self._folded.count

    @property
    def open_count(self) -> int:
        return len(self._open)

    def oldest_open(self) -> ParkedOne | None:
        return next(iter(self._open.values()), None)

    def review(self, review: str) -> ParkedOne | None:
        one = self._by_review.get(review)
        return one if one is not None or not self._folded.count else self._unfolded(self._folded.of_review(review))

    def invocation(self, inv: str) -> ParkedOne | None:
        one = self._by_invocation.get(inv)
        return one if one is not None or not self._folded.count else self._unfolded(self._folded.of_invocation(inv))

    def under_way(self, inv: str) -> ParkedOne | None:
        """The same of one that has not come to its end; the others may be there, too."""
        return self._by_invocation.get(inv)

    def joinable(self, place: str, body: bytes, now: int, retried: bool) -> ParkedOne | None:
        """What a caller that comes back joins: one whose caller was told to, or was gone. `retried` says that its client calls this a
        retry; any other request must come within the time that the gate gives it. Never one with a live caller: equal calls that run side
        by side stay apart, and each comes back to its own."""
        best: ParkedOne | None = None
        folded = NOWHERE
        for joins in self._sought(place, body):
            for number, one in (*((NOWHERE, one) for one in self._joins.equal(joins)), *self._folded.joined(joins)):
                free = one.left_at is not None and (one.kept(now) if retried else one.claimable(now)) and not one.waited
                if free and (best is None or (one.claims, one.at) < (best.claims, best.at)):
                    best, folded = one, number
        return self._unfolded(folded) if folded else best

    def open_alike(self, place: str, body: bytes) -> list[ParkedOne]:
        """All open ones that the same request made."""
        return [one for joins in self._sought(place, body) for one in self._joins.equal(joins) if one.open]

    def _sought(self, place: str, body: bytes) -> tuple[bytes, ...]:
        here = key_of(place)
        return digests(place, body) if self._joins.is_at(here) or self._folded.is_at(here) else ()

    def has_of(self, caller: str) -> bool:
        """Whether something of this caller is parked that its same request might join."""
        return self._joins.has_of(caller) or self._folded.has_of(caller)

    def left(self, inv: str, at: int) -> None:
        """The last caller of a parked invocation was told to come back, or went away."""
        if (one := self.invocation(inv)) is not None:
            one.left_at = at
            self.changed(False)

    def keyed(self, scope: str, now: int) -> ParkedOne | None:
        """What an idempotency key finds, whoever waits for it."""
        one = self._keyed(digest(scope)) if self.count else None
        return one if one is not None and one.kept(now) else None

    def _keyed(self, joins: bytes) -> ParkedOne | None:
        one = self._joins.keyed(joins)
        return one if one is not None else self._unfolded(next((number for number, _ in self._folded.joined(joins)), NOWHERE))

    def decided(self, one: ParkedOne, status: ReviewStatus, by: str, at: int, under_way: bool = False) -> None:
        """It is decided, once; whoever watches it hears so, unless there is no answer yet: it is `under_way`."""
        assert one.open
        self._close(one, status, by, at)
        one.under_way = under_way
        if not under_way:
            self.watchers.tell(one.inv)
            self.heard(one)
            self.changed(True)

    def _close(self, one: ParkedOne, status: ReviewStatus, by: str, at: int) -> None:
        one.status = status
        one.by = by
        one.decided_at = at
        one.votes, one.reminds = (), ()
        del self._open[one.review]
        self._decided[one.review] = one
        self.open_by_gate[one.gate] -= 1
        if not self.open_by_gate[one.gate]:
            del self.open_by_gate[one.gate]

    def concluded(self, one: ParkedOne, joinable: bool, at: int) -> None:
        """What an approval let go on has come to its end; whoever watches it hears so."""
        one.under_way = False
        one.decided_at = at
        if not joinable:
            self._joins.remove(one)
        self.watchers.tell(one.inv)
        self.heard(one)
        self.changed(True)

    def decided_last(self, span_ns: int) -> list[ParkedOne]:
        """Those that were decided within so long, at most WHOLE_NS of runtime.folded, before the last decision."""
        newest = max((one.decided_at for one in self._decided.values()), default=0)
        return [one for one in self._decided.values() if newest - one.decided_at <= span_ns]

    def fold(self, now: int) -> bool:
        """What was decided a while ago takes few bytes from now on; some of them at once, those that have waited longest. Whether there
        may be more."""
        some = list(islice(self._decided.values(), FOLDED_AT_ONCE))
        more = len(some) == FOLDED_AT_ONCE
        for one in some:
            if foldable(one, now):
                self._fold(one)
            else:
                # It waits for its next turn, behind all others.
                more = False
                del self._decided[one.review]
                self._decided[one.review] = one
        return more

    def _fold(self, one: ParkedOne) -> None:
        newest = self._by_invocation.get(one.inv) is one
        self._folded.put(one, Places(newest, self._joins.remove(one)))
        del self._by_review[one.review], self._decided[one.review]
        if newest:
            del self._by_invocation[one.inv]

    def _unfolded(self, number: int) -> ParkedOne | None:
        """From its number among the folded ones, it is whole again: somebody asks for it."""
        if not number:
            return None
        one, places = self._folded.take(number)
        self._by_review[one.review] = self._decided[one.review] = one
        if places.newest:
            self._by_invocation[one.inv] = one
        if places.joins:
            self._joins.add(one)
        return one

    def next_due(self) -> int:
        return self._due.next()

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
        self._due.add(at, one.review)

    def clock_jumped(self, by: int) -> None:
        """The wall clock jumped by so much (ns). INVARIANT: no deadline comes sooner or later for it; after a restart the wall clock
        counts again, as nothing else is known."""
        for one in self._by_review.values():
            one.move(by)
        self._folded.clock_jumped(by)
        self._due.reckon(self._open.values())

    def take_due(self, now: int, most: int) -> list[ParkedOne]:
        """At most so many open ones of which something is due at `now` (ns UTC): a reminder, or a step of its escalation."""
        found: list[ParkedOne] = []
        while self._due and self._due.next() <= now and len(found) < most:
            one = self._open.get(self._due.take())
            if one is not None and not one.elsewhere and one not in found:
                found.append(one)
        return found

    def forget(self, now: int) -> None:
        """Drops what was decided and can no longer be joined, and the instants at which something of it would have been due."""
        self._due.trim(self._open.values())
        for number in self._folded.old(now):
            self._unfolded(number)
        for one in [one for one in self._decided.values() if not one.kept(now)]:
            del self._by_review[one.review], self._decided[one.review]
            if self._by_invocation.get(one.inv) is one:
                del self._by_invocation[one.inv]
            self._joins.remove(one)
