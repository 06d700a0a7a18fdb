"""Whatever may happen to an invocation, in any order: storing and reloading its state between two steps changes nothing, and what is
promised of a whole life holds."""

from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audit import Audit
from tests.support.lives import Now, next_event, policies, requests, todays

from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.routing.figures import nothing_observed
from orchvynt.dialects import registry
from orchvynt.language.scope import RequestValues
from orchvynt.language.snapshot import Snapshot
from orchvynt.lifecycle import admission, events
from orchvynt.lifecycle.commands import Admit, AnyCommand, Escalate, ForJudge, JudgeAgain, Record
from orchvynt.lifecycle.events import AnyEvent
from orchvynt.lifecycle.going_on import judged_again
from orchvynt.lifecycle.state import State, decode, encode
from orchvynt.lifecycle.table import LATE, TABLE, step
from orchvynt.model.facts import ReviewConcluded, ReviewDecided, ReviewOpened

STEPS_MAX = 30


def take(policy: Snapshot, state: State, event: AnyEvent, today: Snapshot | None = None) -> list[AnyCommand]:
    if not isinstance(event, (events.Received, events.JudgedAgain)):
        return step(policy, state, event)
    caller = registry.caller(state.invocation.dialect)
    values = RequestValues(state.invocation, event.at, lambda: caller.input_text(state.invocation.ask))
    if isinstance(event, events.JudgedAgain):
        todays = RequestValues(state.invocation, event.at, values.input_text)
        return judged_again(today or policy, policy, state, event, todays, values, nothing_observed(), Subjects())
    return admission.begin(policy, state, event, values, nothing_observed(), Subjects())


class Twins:
    """The same life twice: once kept in memory, once stored and reloaded before every step. The auditor watches it."""

    def __init__(self, policy: Snapshot, state: State, today: Snapshot) -> None:
        self.policy = policy
        self.today = today
        self.state = state
        self.stored = encode(state)
        self.audit = Audit(policy)
        self.now = Now()

    def take(self, event: AnyEvent) -> None:
        before = self.state.phase
        reloaded = decode(self.stored)
        commands = take(self.policy, self.state, event, self.today)
        assert commands == take(self.policy, reloaded, event, self.today), "a stored and reloaded state gives other commands"
        self.stored = encode(reloaded)
        assert self.stored == encode(self.state), "a stored and reloaded state became another"
        self.audit.see(event, commands, self.state)
        self.now.waiting = self.audit.waiting
        plain = [command.command if isinstance(command, ForJudge) else command for command in commands]
        asked = next((command for command in plain if isinstance(command, Admit)), None)
        self.now.asked = asked or self.now.asked
        self.now.queued = isinstance(event, events.HoldsAwaited) or (
            self.now.queued and asked is None and before in ("admitting", "judging")
        )
        if not isinstance(event, events.ShutDown):
            # A stop while a judge is asked parks the answer and sends the callers away in one step, the other process knows of none anyway.
            self._parked_as_another_process_finds_it(commands)
        if any(isinstance(command, JudgeAgain) for command in commands):
            self.audit.under(self.today)
            self.take(events.JudgedAgain(self.now.at, self.now.mono))

    def reviewed_later(self, chance: Random) -> set[tuple[str, type]]:
        """What was delivered is looked at: that is on record, and does nothing else. Gives the rows that were taken."""
        reached: set[tuple[str, type]] = set()
        for opened in self.audit.reviewed_later:
            copy = decode(opened.state)
            gate = next(gate for gate in self.policy.gates if gate.name == opened.gate)
            while copy.phase == "delivered":
                due = copy.escalations < len(gate.escalation) and chance.random() < 0.5
                vote = events.Voted(self.now.at, self.now.mono, chance.choice(["approve", "reject"]), "token:ana", "looked")
                event = events.EscalationDue(self.now.at, self.now.mono) if due else vote
                reached.add((copy.phase, type(event)))
                commands = step(self.policy, copy, event)
                assert {type(command) for command in commands} <= {Record, Escalate}, "somebody hears of it"
        return reached

    def _parked_as_another_process_finds_it(self, commands: list[AnyCommand]) -> None:
        """What ReviewOpened holds is enough: any decision on it has the same effects as in the process that parked it."""
        for fact in (fact for command in commands if isinstance(command, Record) for fact in command.facts):
            if isinstance(fact, ReviewOpened) and not fact.after_delivery:
                for decision in ("approve", "reject"):
                    grant = 500 if fact.wanted is not None else 0
                    vote = events.Voted(self.now.at, self.now.mono, decision, "token:ana", "looked", grant)
                    here = masked(take(self.policy, decode(self.stored), vote))
                    assert here == masked(take(self.policy, decode(fact.state), vote))


def masked(commands: list[AnyCommand]) -> list[AnyCommand]:
    """Without the states in their facts: one has the request's body, which nobody needs any more."""

    def blank(command: AnyCommand) -> AnyCommand:
        if not isinstance(command, Record):
            return command
        held = (ReviewOpened, ReviewDecided, ReviewConcluded)
        return Record(tuple(msgspec.structs.replace(fact, state=b"") if isinstance(fact, held) else fact for fact in command.facts))

    return [blank(command) for command in commands]


@settings(max_examples=600, deadline=None)
@given(seed=st.integers(0, 2**64))
def test_any_life_survives_storing_and_keeps_every_promise(seed: int) -> None:
    chance = Random(seed)
    policy = policies(chance)
    twins = Twins(policy, State(requests(chance)), todays(chance, policy))
    twins.take(first_event(seed, twins.now))
    for _ in range(STEPS_MAX):
        if twins.state.phase == "done":
            break
        twins.take(next_event(chance, policy, twins.state, twins.now))
    finish(twins)
    twins.audit.check_over()
    twins.reviewed_later(chance)
    for event in too_late(twins.now):
        twins.take(event)


def first_event(seed: int, now: Now) -> events.Received | events.CallerGone:
    """Few callers leave before the first step."""
    return events.Received(now.at, now.mono) if seed % 50 else events.CallerGone(now.at, now.mono)


def too_late(now: Now) -> list[AnyEvent]:
    """All that may still come when a life is over; the auditor wants that nothing follows from it."""
    at, mono = now.at, now.mono
    return [
        events.CallerGone(at, mono),
        events.DeadlinePassed(at, mono),
        events.CallerWaitElapsed(at, mono),
        events.StreamOpenDue(at, mono),
        events.EscalationDue(at, mono),
        events.ShutDown(at, mono),
        events.BackoffElapsed(at, mono),
    ]


def test_all_that_may_come_too_late_is_tried() -> None:
    assert {type(event) for event in too_late(Now())} == {kind for phase, kind in LATE if phase == "done"}


def finish(twins: Twins) -> None:
    """Brings a life that went on for long to its end: the process stops, or the reviewers decide."""
    if twins.state.phase == "request_in_review":
        twins.take(events.Voted(twins.now.at, twins.now.mono, "reject", "token:ana", ""))
    if twins.state.phase not in ("done", "in_review"):
        twins.take(events.ShutDown(twins.now.at, twins.now.mono))
    while twins.state.phase == "in_review":
        twins.take(events.Voted(twins.now.at, twins.now.mono, "approve", "token:ana", ""))


def test_the_lives_reach_every_row_of_the_table() -> None:
    """A property over lives is worth what the lives are worth."""
    reached: set[tuple[str, type]] = set()
    for seed in range(5_000):
        chance = Random(seed)
        policy = policies(chance)
        twins = Twins(policy, State(requests(chance)), todays(chance, policy))
        first = first_event(seed, twins.now)
        reached |= {("new", type(first))} & set(TABLE)
        twins.take(first)
        for _ in range(STEPS_MAX):
            if twins.state.phase == "done":
                break
            event = next_event(chance, policy, twins.state, twins.now)
            reached.add((twins.state.phase, type(event)))
            twins.take(event)
        reached |= twins.reviewed_later(chance)
    assert set(TABLE) - reached == set()
