"""What people do with reviews, and what happens when they do nothing: votes, claims, reminders and escalations, decided in memory.

INVARIANT: between the vote on a case and the step that decides it, nothing is awaited: one decision wins. What counts is in the journal
before it counts.
"""

from typing import Final

from orchvynt.decisions.reviews.cases import Case, Counted, Voter, claim, release, vote
from orchvynt.decisions.reviews.granting import check_grant
from orchvynt.lifecycle import events
from orchvynt.model import facts
from orchvynt.model.faults import Fault
from orchvynt.ports.journal import JournalUnavailableError
from orchvynt.ports.store import ReviewStatus
from orchvynt.runtime.carrier import Carrier
from orchvynt.runtime.life import Life
from orchvynt.runtime.parked_one import ParkedOne
from orchvynt.runtime.reviewing import UNAVAILABLE, Reviewing

AGAIN_NS: Final = 1_000_000_000


class Voting:
    """The one place of a process where reviews are decided."""

    def __init__(self, carrier: Carrier, reviewing: Reviewing) -> None:
        self._carrier = carrier
        self._reviewing = reviewing

    async def vote(
        self,
        review: str,
        choice: facts.Choice,
        voter: Voter,
        reason: str,
        *,
        text: str = "",
        edition: str | None = None,
        amount: str | None = None,
    ) -> Fault | None:
        """One vote. None if it counts: then it is on record, and what it decided has happened. `text` is what an edit or a response
        says, `edition` what the voter has seen, `amount` what is granted, as it was written. Raises one of UNAVAILABLE, and then nothing
        is decided."""
        one = self._carrier.parked.review(review)
        if one is None:
            return unknown(review)

        def cast() -> Counted | Fault:
            return vote(one.case, voter, choice, reason, self._carrier.clock.now(), text, edition)

        found = cast()
        if not isinstance(found, Counted) or not found.decides:
            return found if isinstance(found, Fault) else self._voted(one, found)
        _, life = await self._reviewing.current(one)
        # Others may have voted while its state was read.
        found = cast()
        granted = check_grant(review, choice, amount, life.state.wanted) if isinstance(found, Counted) else found
        if isinstance(found, Fault) or isinstance(granted, Fault) or not found.decides:
            self._carrier.parking.let_go(life)
            refused = granted if isinstance(granted, Fault) else None
            return refused if refused is not None or isinstance(found, Fault) else self._voted(one, found)
        return self._decided(one, life, found, granted)

    def _decided(self, one: ParkedOne, life: Life, counted: Counted, granted: int) -> Fault | None:
        clock, cast, wanted = self._carrier.clock, counted.cast, life.state.wanted
        voted = events.Voted(clock.now(), clock.monotonic(), counted.decision, cast.by, cast.reason, granted, counted.text)
        if not self._step(one, life, voted, "rejected" if counted.decision == "reject" else "approved", cast.by):
            return _unwritten("vote")
        self._carrier.counting.reviews.voted(one.gate, cast.choice)
        if granted and wanted is not None:
            self._carrier.admitting.granted(wanted.budget, wanted.subject)
        return None

    def _voted(self, one: ParkedOne, counted: Counted) -> Fault | None:
        """It counts, and others have to vote."""
        cast = counted.cast
        if fault := self._note(one, facts.ReviewVoted(one.inv, cast.at, one.review, cast), counted.case, "vote"):
            return fault
        self._carrier.counting.reviews.voted(one.gate, cast.choice)
        return None

    def claim(self, review: str, voter: Voter) -> Fault | None:
        """Keeps others out for a while. None if it is claimed now."""
        one, now = self._carrier.parked.review(review), self._carrier.clock.now()
        if one is None:
            return unknown(review)
        case = claim(one.case, voter, now)
        if isinstance(case, Fault):
            return case
        fault = self._note(one, facts.ReviewClaimed(one.inv, now, review, voter.by, case.claimed_until), case, "claim")
        if fault is None:
            self._carrier.counting.reviews.claimed(one.gate)
        return fault

    def release(self, review: str, voter: Voter) -> Fault | None:
        """Gives a claim back. None if it is free now."""
        one, now = self._carrier.parked.review(review), self._carrier.clock.now()
        if one is None:
            return unknown(review)
        case = release(one.case, voter, now)
        if isinstance(case, Fault) or not one.claimed_by:
            return case if isinstance(case, Fault) else None
        return self._note(one, facts.ReviewReleased(one.inv, now, review, voter.by), case, "release")

    def _note(self, one: ParkedOne, fact: facts.AnyFact, case: Case, what: str) -> Fault | None:
        """INVARIANT: what cannot be written did not happen."""
        try:
            self._carrier.journal.append((fact,))
        except JournalUnavailableError:
            return _unwritten(what)
        one.became(case)
        return None

    def _step(self, one: ParkedOne, life: Life, event: events.Voted | events.EscalationDue, status: ReviewStatus, by: str) -> bool:
        """One step that decides the review, unless it only asks a further group; the index follows what was written. False if it could
        not be."""
        steps = one.escalations
        if not self._carrier.feed(life, event) and one.open:
            return False
        # A call that goes on is decided on the way.
        if one.open and one.escalations == steps:
            self._carrier.parked.decided(one, status, by, event.at)
        self._carrier.parking.let_go(life)
        return True

    async def fall_due(self, one: ParkedOne) -> None:
        """What is due of a review happens, now or, while it cannot be read or written, a second later."""
        now = self._carrier.clock.now()
        if one.open and one.reminds and one.reminds[0] <= now:
            self._remind(one, now)
        if one.due and one.due <= now:
            await self._escalate(one)

    def _remind(self, one: ParkedOne, now: int) -> None:
        try:
            self._carrier.journal.append((facts.ReviewReminded(one.inv, now, one.review, one.reminded + 1),))
        except JournalUnavailableError:
            self._carrier.parked.due_again(one, now + AGAIN_NS)
            return
        self._carrier.parked.was_reminded(one, now)
        self._carrier.counting.reviews.reminded(one.gate)

    async def _escalate(self, one: ParkedOne) -> None:
        clock = self._carrier.clock
        try:
            newest, life = await self._reviewing.current(one)
        except UNAVAILABLE:
            self._carrier.parked.due_again(one, clock.now() + AGAIN_NS)
            return
        # It may have been decided, or the step taken, while the state was read.
        if newest is not one or not one.open or not one.due or one.due > clock.now():
            self._carrier.parking.let_go(life)
            return
        if not self._step(one, life, events.EscalationDue(clock.now(), clock.monotonic()), "expired", "escalation"):
            self._carrier.parked.due_again(one, clock.now() + AGAIN_NS)


def unknown(review: str) -> Fault:
    """What whoever names a review that is not there is told."""
    return Fault("not_found", f"There is no review {review[:100]}.", "See `orchvynt reviews list`.", param="review")


def _unwritten(what: str) -> Fault:
    return Fault(
        "store_unavailable",
        f"The {what} could not be written, so it does not count; the review is still open.",
        "Make room or repair the disk, and do it again.",
        retry_after_seconds=5,
    )
