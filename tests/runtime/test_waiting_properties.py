"""Budgets under any interleaving of arrivals, settles, voids, departures and timeouts: never over a limit, first come first served,
nobody sleeps through a release, and nobody is refused who could be paid."""

from random import Random
from typing import Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clock import FakeClock
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.adapters.tokens.inline import InlineCounting
from orchvynt.decisions.budgets.application import applicable
from orchvynt.decisions.budgets.ledger import Account, AccountKey, Ledger, Line
from orchvynt.decisions.budgets.measured import OutputSizes
from orchvynt.decisions.budgets.reported import InputReports
from orchvynt.decisions.budgets.sizing import Short
from orchvynt.decisions.fallback.health import Health
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.language.snapshot import Budget, Limits, Scope, Snapshot
from orchvynt.lifecycle.commands import Admit
from orchvynt.lifecycle.events import Admitted, AnyEvent, HoldsAwaited, NotAdmitted
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.weighing import Weighed, weigh
from orchvynt.model.candidates import CandidateChosen
from orchvynt.model.facts import Reserved
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims
from orchvynt.model.money import Price
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.life import Life
from orchvynt.runtime.waiting import Waiter

WAIT_NS: Final = 30 * SECOND
PRICE: Final = Price(input=1_000_000_000, output=2_000_000_000, cached_input=0, source="policy")


class Bank:
    """Admitting with a feed that only remembers, and the checks that hold after every move."""

    def __init__(self, policy: Snapshot) -> None:
        self.policy = policy
        self.clock = FakeClock()
        self.ledger = Ledger()
        self.admitting = Admitting(
            self.ledger,
            Health(),
            OutputSizes(),
            Statistics(),
            self.clock,
            self.heard,
            self.broke,
            Subjects(),
            InputReports(),
            InlineCounting(),
        )
        self.held: dict[str, tuple[Life, Admitted]] = {}
        self.waiting: dict[str, Life] = {}
        self.since: dict[str, tuple[AccountKey, int]] = {}
        self.moves = 0

    def broke(self, life: Life, error: Exception) -> None:
        raise error

    def heard(self, life: Life, event: AnyEvent) -> bool:
        match event:
            case Admitted():
                self._first_come_first_served(life)
                self.held[f"att_{life.id}"] = (life, event)
                self.waiting.pop(life.id, None)
            case HoldsAwaited():
                assert life.id not in self.waiting
                self.waiting[life.id] = life
            case NotAdmitted():
                waited = self.waiting.pop(life.id, None) is not None
                self._refused_for_a_reason(life, event, waited)
        return True

    def _first_come_first_served(self, life: Life) -> None:
        """Nobody who waited longer on the same account is still there; a newcomer passes nobody at all.

        Only the last look at one whose time is up may pass others: see test_admitting.py.
        """
        since = self.since.get(life.id)
        if since is not None and self.time_is_up(life):
            return
        for other, (key, move) in self.since.items():
            queued = self.waiting[other].queued if other in self.waiting else None
            if other == life.id or not isinstance(queued, Waiter) or queued.key != key or self.time_is_up(self.waiting[other]):
                continue  # gone, about to be told so, or moved to another account meanwhile
            if since is None:
                assert key not in [line.key for line in life.lines], f"{life.id} passed {other}, who waits on {key}"
            else:
                assert key != since[0] or move >= since[1], f"{life.id} passed {other} on {key}"

    def _refused_for_a_reason(self, life: Life, event: NotAdmitted, waited: bool) -> None:
        assert event.why == "budget"
        assert event.short is not None
        if event.waited:
            assert waited
            assert self.time_is_up(life), "refused before its time was up"
            return
        weighed = weigh(life.snapshot, life.state, Settled(self.ledger), self.admitting.sizes, self.clock.now(), 0, self.admitting.reports)
        assert isinstance(weighed, Weighed)
        assert isinstance(weighed.result, Short), "refused, although it would fit with nothing in flight"

    def time_is_up(self, life: Life) -> bool:
        return self.clock.monotonic() - life.arrived >= min(WAIT_NS, life.state.invocation.caller_timeout_ns)

    def arrives(self, budgets: list[str], workflow: str, output: int | None, patience: int) -> None:
        self.moves += 1
        made = invocation(claims=Claims(workflow=workflow))
        ask = msgspec.structs.replace(made.ask, max_output_tokens=output)
        made = msgspec.structs.replace(made, id=f"inv_{self.moves}", ask=ask, caller_timeout_ns=patience)
        applied = applicable(self.policy.budgets, made, {})
        assert not isinstance(applied, Fault)
        applied = [one for one in applied if self.policy.budgets[one.number].name in budgets]
        state = State(made, "admitting", candidates=(CandidateChosen(1, "gpt", "openai", "asked for"),), tier=1, applied=applied)
        life = Life(self.policy, state, self.clock.monotonic())
        self.admitting.admit(life, Admit(1, "gpt", f"att_{life.id}"))
        self.check()

    def ends(self, attempt: str, share: float) -> None:
        """Settles at a share of the hold; at 0 it is voided."""
        self.moves += 1
        _, event = self.held.pop(attempt)
        used = tuple(
            Reserved(part.budget, part.subject, part.window, int(part.nanos * share), int(part.tokens * share)) for part in event.reserved
        )
        self.admitting.release(attempt, used if share else ())
        self.check()

    def leaves(self, life: Life) -> None:
        self.moves += 1
        del self.waiting[life.id]
        self.since.pop(life.id)
        self.admitting.leave(life)
        self.check()

    def passes(self, nanoseconds: int) -> None:
        self.moves += 1
        self.clock.advance(nanoseconds)
        self.admitting.sweep(self.clock.now(), self.clock.monotonic())
        self.check()

    def check(self) -> None:
        counts: dict[AccountKey, int] = {}
        since: dict[str, tuple[AccountKey, int]] = {}
        for life in self.waiting.values():
            waiter = life.queued
            assert isinstance(waiter, Waiter)
            for line in waiter.lines:
                counts[line.key] = counts.get(line.key, 0) + 1
            before = self.since.get(life.id)
            since[life.id] = before if before is not None and before[0] == waiter.key else (waiter.key, self.moves)
            account = dict(self.ledger.entries())[waiter.key]
            assert account.holds, f"{life.id} waits on {waiter.key}, where nothing is in flight"
            assert self.clock.monotonic() < waiter.due
        self.since = since
        assert self.admitting.queue.count == len(self.waiting)
        self._first_in_line_cannot_go()
        for key, account in dict(self.ledger.entries()).items():
            assert account.waiting == counts.get(key, 0)
            budget = next(budget for budget in self.policy.budgets if budget.name == key[0])
            assert budget.limits.tokens is None or account.settled_tokens + account.held_tokens <= budget.limits.tokens
            assert budget.limits.nanos is None or account.settled_nanos + account.held_nanos <= budget.limits.nanos

    def _first_in_line_cannot_go(self) -> None:
        """The first of each queue does not fit; whoever stands behind it may. Those who came in one move may stand in any order."""
        for account in {key for key, _ in self.since.values()}:
            earliest = min(move for key, move in self.since.values() if key == account)
            fronts = [self.waiting[one] for one, since in self.since.items() if since == (account, earliest)]
            weighed = [
                weigh(self.policy, life.state, self.ledger, self.admitting.sizes, self.clock.now(), 0, self.admitting.reports)
                for life in fronts
            ]
            assert any(isinstance(one, Weighed) and isinstance(one.result, Short) for one in weighed), f"{account}: nobody was woken"


class Settled(Ledger):
    """What a ledger would be with nothing in flight."""

    __slots__ = ("_of",)

    def __init__(self, of: Ledger) -> None:
        super().__init__()
        self._of = of

    def account(self, line: Line) -> Account:
        found = self._of.account(line)
        return msgspec.structs.replace(found, held_nanos=0, held_tokens=0, holds=0)


def policy(chance: Random) -> Snapshot:
    """A budget for everybody and one for each workflow, in tokens, in money or in both. Lifetimes: windows have their own test."""

    def budget(name: str, scope: Scope) -> Budget:
        tokens = chance.choice([None, chance.randint(50, 2_000)])
        nanos = chance.choice([None, chance.randint(100_000, 3_000_000)]) if tokens is not None else chance.randint(100_000, 3_000_000)
        return Budget(name, scope, None, "lifetime", Limits(nanos, tokens), wait_for_holds_ns=WAIT_NS)

    made = snapshot(budgets=(budget("all", "global"), budget("team", "workflow")))
    return msgspec.structs.replace(made, models={name: msgspec.structs.replace(one, price=PRICE) for name, one in made.models.items()})


def move(bank: Bank, chance: Random) -> None:
    kind = chance.choices(["arrive", "end", "leave", "time"], [10, 7, 1, 1])[0]
    if kind == "arrive":
        budgets = chance.choice([["all"], ["team"], ["all", "team"]])
        output, patience = chance.choice([None, chance.randint(1, 400)]), chance.choice([600, 600, 7]) * SECOND
        bank.arrives(budgets, chance.choice(["docs", "mail"]), output, patience)
    elif kind == "end" and bank.held:
        bank.ends(chance.choice(sorted(bank.held)), chance.choice([0.0, 0.05, 0.3, 1.0]))
    elif kind == "leave" and bank.waiting:
        bank.leaves(bank.waiting[chance.choice(sorted(bank.waiting))])
    elif kind == "time":
        bank.passes(chance.randint(1, 8 * SECOND))


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**64), moves=st.integers(1, 60))
def test_any_interleaving_is_fair_complete_and_within_the_limits(seed: int, moves: int) -> None:
    chance = Random(seed)
    bank = Bank(policy(chance))
    for _ in range(moves):
        move(bank, chance)
    while bank.held:
        bank.ends(chance.choice(sorted(bank.held)), chance.choice([0.0, 0.05, 0.3, 1.0]))
    assert bank.waiting == {}, "nothing is in flight, and somebody still waits"
    assert bank.admitting.queue.count == 0
    for account in dict(bank.ledger.entries()).values():
        assert (account.waiting, account.holds, account.held_tokens, account.held_nanos) == (0, 0, 0, 0)
    assert bank.ledger.holds == {}
