"""Carries commands out and brings events back: the loop top of an invocation's life. It decides nothing.

INVARIANT: facts are in the journal before the effect that they announce; if they cannot be written, the effect does not happen.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from orchvynt.decisions.routing.figures import Observed
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle import admission, commands, events
from orchvynt.lifecycle.courses import Courses
from orchvynt.lifecycle.settling import settle_unknown, take_back
from orchvynt.lifecycle.table import step
from orchvynt.model import facts
from orchvynt.model.faults import Fault
from orchvynt.ports.clock import Clock
from orchvynt.ports.journal import Journal, JournalUnavailableError
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.attempting import Attempting
from orchvynt.runtime.callers import KEEP_ALIVE_NS, Callers
from orchvynt.runtime.counting import Counting
from orchvynt.runtime.defects import fault_of
from orchvynt.runtime.giving import Giving
from orchvynt.runtime.group_write import GroupWrite
from orchvynt.runtime.judging import Judging
from orchvynt.runtime.judging_again import judge_again
from orchvynt.runtime.kept_ends import ENDS, KeptEnds
from orchvynt.runtime.life import Life
from orchvynt.runtime.limiting import Limiting
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.parking_lives import STREAM_OPEN_NS, ParkingLives
from orchvynt.runtime.releasing import Releasing

# Asked for each command and each fact: `isinstance` with a look-up in a module costs three times as much.
_RECORD: Final = commands.Record
_ADMIT: Final = commands.Admit
_ANSWER: Final = events.AnswerArrived
_MAY_WAIT: Final = frozenset({events.Admitted, events.AnswerArrived})
WAKE_SLACK_NS: Final = 2_000_000


class Carrier:
    """All lives of one process."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        parked: Parked,
        observed: Observed,
        admitting: Callable[["Carrier"], Admitting],
        attempting: Callable[["Carrier"], Attempting],
        wake_after: Callable[[int, Callable[[], None]], None],
        soon: Callable[[Callable[[], None]], object],
        in_force: Callable[[], Snapshot],
        look: Callable[["Carrier"], Callable[[Life, commands.LookInto], None]],
        limiting: Limiting,
    ) -> None:
        self.journal, self.clock, self.parked = journal, clock, parked
        self.observed, self.courses = observed, Courses()
        self.counting = Counting(parked, clock.monotonic)
        self.admitting = admitting(self)
        self.outage, self.attempting = self.admitting.outage, attempting(self)
        self.limiting = limiting
        self.callers = Callers(clock, self.admitting.ledger, self._callers_gone)
        self.lives: dict[str, Life] = {}
        self.release_ended = Releasing(self.admitting, journal, self.counting)
        self.parking = ParkingLives(clock, parked, self.admitting, self.callers, self.lives)
        self.kept = KeptEnds(journal, clock, self.counting, self.release_ended)
        self._wake_after, self.group = wake_after, GroupWrite(journal, soon, self._go_on)
        giving = Giving(self.callers)
        self._performers: Final[dict[type[commands.Command], Callable[[Life, Any], None]]] = {
            commands.Admit: self.admitting.admit,
            commands.Send: self.attempting.send,
            commands.CancelAttempt: lambda life, _: self.attempting.cancel(life),
            commands.LeaveQueue: lambda life, _: self.admitting.leave(life),
            commands.ForJudge: lambda life, command: self._judging.perform(life, command),
            commands.PutToRest: self.admitting.put_to_rest,
            commands.WakeAfter: self._wake,
            commands.Flow: giving.flow,
            commands.KeepAlive: lambda life, _: life.set_timer("keep_alive", self.clock.monotonic() + KEEP_ALIVE_NS),
            commands.Deliver: giving.deliver,
            commands.EndStream: giving.end_stream,
            commands.BreakStream: lambda life, command: self.callers.refuse(life, command.fault),
            commands.Refuse: lambda life, command: self.callers.refuse(life, command.fault),
            commands.Park: self.parking.park,
            commands.Escalate: self.parking.escalate,
            commands.GoOn: self.parking.go_on,
            commands.LookInto: look(self),
            commands.JudgeAgain: lambda life, _: self._perform(life, judge_again(life, in_force(), observed, self.admitting)),
            commands.ReviewLater: self.parking.review_later,
            commands.OpenHeldStream: lambda life, _: self.callers.open_held(life),
            commands.Close: self._close,
        }
        self._judging = Judging(self._performers, clock)

    def begin(self, life: Life, values: RequestValues, refused: Fault | None = None) -> None:
        """The first step of a life, at the end of this turn, or once its rate limits are known. `refused` is what its identity has against
        it: then it is the last, too."""
        self.lives[life.id] = life
        life.set_timer("deadline", life.arrived + life.snapshot.timeouts.invocation_ns)
        begin = partial(self._begin, life, values, refused)
        if refused is None and life.snapshot.rate_limits:
            life.ahead = begin
            self.limiting.arrives(life, values, partial(self.group.begins, life, begin))
        else:
            self.group.begins(life, begin)

    def _begin(self, life: Life, values: RequestValues, refused: Fault | None) -> None:
        try:
            now = self.clock.now()
            if refused is None and not life.callers:
                self.limiting.stays_out(life)
                self._perform(life, step(life.snapshot, life.state, events.CallerGone(now, life.arrived)))
                return
            received = events.Received(now, life.arrived, refused or self.limiting.enter(life, values), away=self.outage.why)
            subjects = self.admitting.subjects
            self._perform(life, admission.begin(life.snapshot, life.state, received, values, self.observed, subjects, self.courses))
        except Exception as error:  # noqa: BLE001 - the loop top: one invocation fails closed, the others go on
            self.failed(life, error)
        if life.state.invocation.ask.stream and not life.state.streams and life.state.phase != "done":
            life.set_timer("stream_open", life.arrived + STREAM_OPEN_NS)

    def feed(self, life: Life, event: events.AnyEvent) -> bool:
        """One event, its step, and the commands that follow. False if it failed: then the life was ended, closed. What happens to the
        question to a judge happens to its invocation.

        Answers, and what follows an admission, wait for the end of this turn of the loop; whatever else comes for a life catches it up.
        """
        if life.parent is not None:
            life = life.parent
        if life.ahead is not None or life.following is not None:
            self.catch_up(life)
        if type(event) is _ANSWER:
            self.group.answers(life, partial(self._step, life, event))
            return True
        return self._step(life, event)

    def catch_up(self, life: Life) -> None:
        """What waits for the end of this turn happens now."""
        if life.ahead is not None:
            life.take_ahead()
        if life.following is not None:
            self._go_on(life)

    def _step(self, life: Life, event: events.AnyEvent) -> bool:
        try:
            if self.outage.away:
                event = events.while_away(event, self.outage.why)
            self._perform(life, step(life.snapshot, life.state, event), type(event) in _MAY_WAIT)
        except Exception as error:  # noqa: BLE001 - the loop top: this invocation ends, closed, and no other
            self.failed(life, error)
            return False
        return True

    def _perform(self, life: Life, following: list[commands.AnyCommand], may_wait: bool = False) -> None:
        """Performs commands in order. Facts are written before the next effect; asking for the first candidate is none, so that
        what comes before the first send is one write (bench/: two writes an invocation instead of three)."""
        ahead = iter(following)
        for command in ahead:
            kind = type(command)
            if kind is _RECORD:
                life.unwritten += command.facts  # type: ignore[union-attr]  # as its type says
                continue
            if life.unwritten and (kind is not _ADMIT or life.state.attempt_count):
                if may_wait:
                    self.group.wait(life, [command, *ahead])
                    return
                self._write(life)
            self._performers[kind](life, command)
        if life.unwritten and life.following is None:
            self._write(life)

    def _go_on(self, life: Life, noted: Sequence[facts.AnyFact] = ()) -> None:
        """What waited for the facts of a life: `noted` are written already, what is unwritten is written now."""
        following, life.following = life.following, None
        try:
            if noted:
                self._written(life, noted)
            if life.unwritten:
                self._write(life)
            if following is not None:
                self._perform(life, following)
        except Exception as error:  # noqa: BLE001 - the loop top: this invocation ends, closed, and no other
            self.failed(life, error)

    def _write(self, life: Life) -> None:
        """What a life has to record goes into the journal; then the holds that it ends are released."""
        noted, life.unwritten = life.unwritten, []
        try:
            self.journal.append(noted)
        except JournalUnavailableError:
            self.counting.not_written()
            self._keep_for_later(life, noted)
            raise
        self._written(life, noted)

    def _written(self, life: Life, noted: Sequence[facts.AnyFact]) -> None:
        ends = self.counting.count(life, noted)
        if life.ticket is not None:
            self.limiting.written(life, noted)
        if ends:
            self.release_ended(ends)

    def _keep_for_later(self, life: Life, noted: list[facts.AnyFact]) -> None:
        """What could not be written: a hold that was never sent is returned, the end of one that was sent is written later."""
        ends: list[facts.AnyFact] = []
        for fact in noted:
            if isinstance(fact, facts.HoldPlaced):
                self.admitting.release(fact.attempt)
                (life.state.judging or life.state).placed = None
            elif isinstance(fact, ENDS):
                ends.append(fact)
        # An invocation that is not on record at all needs no end there; one that is parked has not ended.
        if not isinstance(noted[0], facts.InvocationReceived) and not self.parked.waits(life.id):
            self.kept.keep(life, ends)
            self.limiting.written(life, ends)

    def failed(self, life: Life, error: Exception) -> None:
        """What cannot be recorded does not happen, and a defect ends its invocation, closed."""
        life = life.parent or life
        self._abandon(life, fault_of(life.id, error))

    def _abandon(self, life: Life, fault: Fault) -> None:
        """Ends a life outside the machine, closed: its attempt is cancelled and settled at its bound, its callers are told."""
        life.unwritten = []
        life.following = life.ahead = None
        for one in (life, life.judge) if life.judge is not None else (life,):
            self.attempting.cancel(one)
            self.admitting.leave(one)
        state = life.state
        open_ = state.judging or state
        if open_.placed is not None:
            ended = events.ShutDown(self.clock.now(), self.clock.monotonic())
            ends = settle_unknown(life.snapshot, open_, ended, None, fault.code)
            self.kept.keep(life, ends)
            self.limiting.written(life, ends)
        elif state.owed and not self.parked.waits(life.id):
            # Whoever comes back is told this, once it can be written.
            self.kept.keep(life, ())
        state.phase, state.verdict = "done", fault
        self.counting.abandoned(fault.code)
        parked = self.parked.under_way(life.id)
        if parked is not None and parked.open:
            # The store still has it as it was: whoever comes back finds it parked.
            parked.left_at = self.clock.now()
        self.callers.refuse(life, fault)
        self._close(life, commands.Close())

    def _wake(self, life: Life, command: commands.WakeAfter) -> None:
        if command.retries:
            life.retries = True
            self.admitting.health.retries.retried(self.clock.monotonic())
        # Timers of the loop may be early by their resolution; a rest that is slept out must be over.
        self._wake_after(command.wait_ns + WAKE_SLACK_NS, partial(self._woken, life))

    def _woken(self, life: Life) -> None:
        if life.state.phase == "backing_off":
            self.feed(life, events.BackoffElapsed(self.clock.now(), self.clock.monotonic()))

    def _close(self, life: Life, command: commands.Close) -> None:
        self.lives.pop(life.id, None)
        # The exchange knows its life: without this only the garbage collector would end the two.
        life.exchange = None
        if life.judge is not None:
            self._judging.over(life)
        if life.ticket is not None:
            self.limiting.leave(life)
        self.parking.closed(life)
        self.admitting.forget_invocation(life)

    def _callers_gone(self, life: Life) -> None:
        """The last caller closed its connection."""
        if life.state.phase == "done":
            return
        if life.following is not None and not life.state.owed:
            self._take_back(life)
        seen, delivered_bytes = (life.exchange.seen, life.exchange.delivered_bytes) if life.exchange else (None, 0)
        self.feed(life, events.CallerGone(self.clock.now(), self.clock.monotonic(), seen, delivered_bytes))
        self.parking.left(life)

    def _take_back(self, life: Life) -> None:
        """INVARIANT: what is not on record yet was not sent. Nobody waits for it any more, so it is neither written nor sent."""
        following = life.following
        send = next((one for one in following or () if _is_send(one)), None)
        if send is None:
            return
        life.following = None
        attempt, life.unwritten = take_back(life.state, life.unwritten)
        (life.judge if life.judge is not None and isinstance(send, commands.ForJudge) else life).free_probe()
        self.admitting.release(attempt)


def _is_send(command: commands.AnyCommand) -> bool:
    return isinstance(command, commands.Send) or (isinstance(command, commands.ForJudge) and isinstance(command.command, commands.Send))
