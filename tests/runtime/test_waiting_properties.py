"""Nested budgets of every kind under any interleaving of arrivals, settles, voids, departures and timeouts: never over a limit, first
come first served, nobody sleeps through a release, and nobody is refused whose smallest hold could be paid with nothing in flight."""

from random import Random
from typing import Final

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clock import FakeClock
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.adapters.tokens.inline import InlineCounting
from orchvynt.catalog.bounds import input_tokens_bound
from orchvynt.decisions.budgets.application import applicable, lines
from orchvynt.decisions.budgets.ledger import AccountKey, Ledger, Line
from orchvynt.decisions.budgets.measured import OutputSizes
from orchvynt.decisions.budgets.needs import Fits
from orchvynt.decisions.budgets.overflow import used
from orchvynt.decisions.budgets.reported import InputReports
from orchvynt.decisions.budgets.sizing import binds
from orchvynt.decisions.fallback.health import Health
from orchvynt.decisions.identity.subjects import Subjects
from orchvynt.decisions.routing.statistics import Statistics
from orchvynt.language.compiled_budgets import UNLIMITED, Breach, BreachKind
from orchvynt.language.snapshot import Budget, Limits, Scope, Snapshot
from orchvynt.lifecycle.commands import Admit
from orchvynt.lifecycle.events import Admitted, AnyEvent, HoldsAwaited, NotAdmitted
from orchvynt.lifecycle.state import State
from orchvynt.lifecycle.tiers import candidate_of
from orchvynt.lifecycle.weighed import Weighed
from orchvynt.lifecycle.weighing import weigh
from orchvynt.model.candidates import CandidateChosen
from orchvynt.model.facts import Reserved
from orchvynt.model.faults import Fault
from orchvynt.model.invocation import Claims
from orchvynt.model.money import FREE, Price, cost_nanos
from orchvynt.runtime.admitting import Admitting
from orchvynt.runtime.life import Life
from orchvynt.runtime.waiting import Waiter

WAIT_NS: Final = 30 * SECOND
PRICE: Final = Price(input=1_000_000_000, output=2_000_000_000, cached_input=0, source="policy")
CHEAP: Final = Price(input=100_000_000, output=200_000_000, cached_input=0, source="policy")


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
                self._within_what_bounds_it(life)
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
        for other, (key, _) in self.since.items():
            queued = self.waiting[other].queued if other in self.waiting else None
            if other == life.id or not isinstance(queued, Waiter) or queued.key != key or self.time_is_up(self.waiting[other]):
                continue  # gone, about to be told so, or moved to another account meanwhile
            if since is None:
                assert key not in [line.key for line in life.lines if self.queues(line, life)], (
                    f"{life.id} passed {other}, who waits on {key}"
                )
            else:
                assert key != since[0] or arrival(other) > arrival(life.id), f"{life.id} passed {other} on {key}"

    def queues(self, line: Line, life: Life) -> bool:
        """Whether it stands behind those who wait there: a model that a budget admits past its limit waits for nobody at that limit."""
        price = self.policy.models[candidate_of(life.state).model].price
        assert price is not None
        return not line.past and binds(line, price)

    def _within_what_bounds_it(self, life: Life) -> None:
        """A model that a budget does not admit past its limit stays below it, whoever is past it already."""
        for line in life.lines:
            for one in used(line.limits, self.ledger.account(line)):
                assert one.settled + one.held <= one.limit

    def _refused_for_a_reason(self, life: Life, event: NotAdmitted, waited: bool) -> None:
        assert event.why == "budget"
        assert event.short is not None
        if event.waited:
            assert waited
            assert self.time_is_up(life), "refused before its time was up"
            return
        assert not self.could_be_paid(life), "refused, although its smallest hold fits with nothing in flight"

    def could_be_paid(self, life: Life) -> bool:
        """The rule by itself, without a word of the code that sizes holds: a limit that nobody set may be lowered by every budget, a
        caller's own only by those that clamp, and only as far as they cannot pay it."""
        model, ask = candidate_of(life.state).model, life.state.invocation.ask
        bound = input_tokens_bound(ask, self.policy.models[model].provider.kind)
        stands_on = [line for line in lines(self.policy.budgets, life.state.applied, model, self.clock.now()) if line.limits != UNLIMITED]
        asked = ask.max_output_tokens
        lowering = [line for line in stands_on if self._bounds(line, model) and (asked is None or line.terms.breach.kind == "clamp")]
        least = max((line.terms.min_output_tokens for line in lowering), default=0)
        most = asked if asked is not None else least
        output = most
        for line in lowering:
            output = min(output, next((o for o in range(most, least, -1) if self._pays(line, model, bound, o)), min(least, most)))
        return all(self._pays(line, model, bound, output) for line in stands_on)

    def _pays(self, line: Line, model: str, bound: int, output: int) -> bool:
        price = self.policy.models[model].price
        assert price is not None
        nanos = cost_nanos(price, bound, output)
        needed = {"tokens": bound + output, "input_tokens": bound, "output_tokens": output, "usd": nanos}
        return all(
            one.settled + needed[one.unit] <= one.limit or (one.unit == "usd" and not nanos)
            for one in used(line.limits, self.ledger.account(line))
        )

    def _bounds(self, line: Line, model: str) -> bool:
        limits, free = line.limits, self.policy.models[model].price == FREE
        return limits.tokens is not None or limits.output_tokens is not None or (limits.nanos is not None and not free)

    def time_is_up(self, life: Life) -> bool:
        patience = life.state.invocation.caller_timeout_ns
        return self.clock.monotonic() - life.arrived >= min(WAIT_NS, patience - min(SECOND, patience // 10))

    def arrives(self, model: str, budgets: list[str], claims: Claims, output: int | None, patience: int) -> None:
        self.moves += 1
        made = invocation(model, claims=claims)
        ask = msgspec.structs.replace(made.ask, max_output_tokens=output)
        made = msgspec.structs.replace(made, id=f"inv_{self.moves}", ask=ask, caller_timeout_ns=patience)
        applied = applicable(self.policy.budgets, made, {})
        assert not isinstance(applied, Fault)
        applied = [one for one in applied if self.policy.budgets[one.number].name in budgets]
        state = State(
            made,
            "admitting",
            candidates=(CandidateChosen(1, model, self.policy.models[model].provider.name, "asked for"),),
            tier=1,
            applied=applied,
        )
        life = Life(self.policy, state, self.clock.monotonic())
        self.admitting.admit(life, Admit(1, model, f"att_{life.id}"))
        self.check()

    def ends(self, attempt: str, share: float) -> None:
        """Settles at a share of the hold; at 0 it is voided."""
        self.moves += 1
        _, event = self.held.pop(attempt)
        spent = tuple(
            Reserved(
                part.budget, part.subject, part.window, int(part.nanos * share), int(part.tokens * share), int(part.output_tokens * share)
            )
            for part in event.reserved
        )
        self.admitting.release(attempt, spent if share else ())
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
            hard = {"alert": UNLIMITED, "downgrade": budget.breach.ceiling}.get(budget.breach.kind, budget.limits)
            for one in used(hard, account):
                assert one.settled + one.held <= one.limit, f"{key} is over its limit"

    def _first_in_line_cannot_go(self) -> None:
        """The first of each queue does not fit; whoever stands behind it may."""
        for account in {key for key, _ in self.since.values()}:
            life = self.waiting[min((one for one, (key, _) in self.since.items() if key == account), key=arrival)]
            weighed = weigh(self.policy, life.state, self.ledger, self.admitting.sizes, self.clock.now(), 0, self.admitting.reports)
            assert isinstance(weighed, Weighed)
            if isinstance(weighed.result, Fits):
                # A budget that clamps may have got tighter meanwhile, and a smaller answer fits: the next release finds out.
                assert weighed.result.limited_by not in ("", account[0]), f"{account}: nobody woke {life.id}"


def arrival(life: str) -> int:
    return int(life.removeprefix("inv_"))


def policy(chance: Random) -> Snapshot:
    """A budget for everybody, one for each workflow and one for each agent: every kind, every unit. Lifetimes: windows have their own
    test. `claude` is the cheaper model, to which they downgrade."""

    def limits() -> Limits:
        units = chance.sample(["nanos", "tokens", "input_tokens", "output_tokens"], chance.choice([1, 1, 2, 4]))
        return Limits(
            chance.randint(100_000, 3_000_000) if "nanos" in units else None,
            chance.randint(50, 2_000) if "tokens" in units else None,
            chance.randint(30, 1_000) if "input_tokens" in units else None,
            chance.randint(10, 1_000) if "output_tokens" in units else None,
        )

    def above(limits: Limits) -> Limits:
        return Limits(limits.nanos and 2 * limits.nanos, limits.tokens and 2 * limits.tokens)

    def budget(name: str, scope: Scope) -> Budget:
        kind: BreachKind = chance.choice(["reject", "reject", "clamp", "downgrade", "alert", "review"])
        limit, downgrades = limits(), kind == "downgrade"
        breach = Breach(kind, "claude" if downgrades else "", above(limit) if downgrades and chance.random() < 0.5 else UNLIMITED)
        least = chance.choice([16, 16, 1, 200])
        return Budget(name, scope, None, "lifetime", limit, wait_for_holds_ns=WAIT_NS, min_output_tokens=least, breach=breach)

    made = snapshot(budgets=(budget("all", "global"), budget("team", "workflow"), budget("one", "agent")))
    prices = {"gpt": PRICE, "claude": chance.choice([CHEAP, FREE])}
    return msgspec.structs.replace(
        made, models={name: msgspec.structs.replace(one, price=prices[name]) for name, one in made.models.items()}
    )


def move(bank: Bank, chance: Random) -> None:
    kind = chance.choices(["arrive", "end", "leave", "time"], [10, 7, 1, 1])[0]
    if kind == "arrive":
        budgets = chance.choice([["all"], ["team"], ["all", "team"], ["all", "team", "one"], ["one"]])
        output, patience = chance.choice([None, chance.randint(1, 400)]), chance.choice([600, 600, 7]) * SECOND
        claims = Claims(workflow=chance.choice(["docs", "mail"]), agent=chance.choice(["a", "b"]))
        bank.arrives(chance.choice(["gpt", "gpt", "claude"]), budgets, claims, output, patience)
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
