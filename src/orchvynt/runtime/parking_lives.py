"""Performs `Park`, `Escalate`, `GoOn` and `ReviewLater`: a life leaves memory while people decide, and goes on when they let it."""

from typing import Final

from orchvynt.lifecycle.before_send import joinable
from orchvynt.lifecycle.commands import Escalate, GoOn, Park, ReviewLater
from orchvynt.lifecycle.join_keys import join_key, place
from orchvynt.lifecycle.state import State
from orchvynt.ports.clock import Clock
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.callers import Callers
from orchvynt.runtime.life import Life
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.parked_one import ParkedOne

STREAM_OPEN_NS: Final = 25_000_000_000


class ParkingLives:
    """Shares the index of parked invocations, the callers and the ledger with the carrier, whose `lives` are all of the process."""

    def __init__(self, clock: Clock, parked: Parked, admitting: Admitting, callers: Callers, lives: dict[str, Life]) -> None:
        self._clock = clock
        self._parked = parked
        self._admitting = admitting
        self._callers = callers
        self._lives = lives

    def joinable(self, state: State) -> ParkedOne | None:
        """What a caller that comes back with the same request joins."""
        made = state.invocation
        return self._parked.joinable(place(made), made.ask.body, made.at, made.retry_count > 0) if self._parked.count else None

    def park(self, life: Life, command: Park) -> None:
        state = life.state
        invocation = state.invocation
        life.stop_timer("deadline")
        before = self._parked.invocation(life.id)
        at, due = self._clock.now(), command.escalates_at
        one = ParkedOne(command.review, life.id, command.gate, invocation.caller, join_key(state), at, due, "open")
        one.life = life
        one.terms, one.reminds = self._parked.shared(command.terms), command.reminds
        one.claim_for_ns = command.claim_for_ns
        one.left_at = before.left_at if before is not None else None
        if one.left_at is None and not life.callers:
            one.left_at = at
        self._parked.add(one)
        life.exchange = None
        self._callers.hold(life, command.hold_ns)
        if invocation.ask.stream and not state.stream_opened:
            # An invocation that was to flow has no timer yet.
            life.set_timer("stream_open", life.arrived + STREAM_OPEN_NS)
        self.let_go(life)

    def review_later(self, life: Life, command: ReviewLater) -> None:
        """The life goes on to its end; its reviewers find a copy of it in the store."""
        invocation = life.state.invocation
        one = ParkedOne(command.review, life.id, command.gate, invocation.caller, "", self._clock.now(), command.escalates_at, "open")
        one.after_delivery = True
        one.terms, one.reminds = self._parked.shared(command.terms), command.reminds
        self._parked.add(one)

    def escalate(self, _life: Life, command: Escalate) -> None:
        one = self._parked.review(command.review)
        assert one is not None
        self._parked.escalated(one, command.due, command.to)

    def go_on(self, life: Life, command: GoOn) -> None:
        """The decision is in the journal: it counts, whatever becomes of the invocation."""
        one = self._parked.review(command.review)
        assert one is not None
        self._parked.decided(one, "approved", command.by, command.at, under_way=True)
        if command.given is not None:
            self._admitting.ledger.grants.add(command.given)
        # The time that people took is neither the invocation's nor ours.
        life.arrived = self._clock.monotonic()
        life.upstream_ns = 0
        life.set_timer("deadline", life.arrived + life.snapshot.timeouts.invocation_ns)

    def closed(self, life: Life) -> None:
        """The life is over: what was owed is there now."""
        if self._parked.count and (one := self._parked.under_way(life.id)) is not None:
            one.life = None
            if one.under_way:
                self._parked.concluded(one, joinable(life.state), self._clock.now())

    def left(self, life: Life) -> None:
        """The last caller of a life was told to come back, or is gone."""
        self._parked.left(life.id, self._clock.now())
        self.let_go(life)

    def let_go(self, life: Life) -> None:
        """A parked life with no caller needs no memory; the store has its state."""
        one = self._parked.under_way(life.id)
        if one is not None and one.open and not life.callers and one.life is life:
            one.life = None
            self._lives.pop(life.id, None)
