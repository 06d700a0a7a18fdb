"""Four processes on one store: what reaches the provider is never more than the budget, and all of it can be spent."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator

import msgspec
from tests.support.answers import WHOLE
from tests.support.carrying import BreakableStore, FakeLine, FakeUpstream, Runtime
from tests.support.clock import FakeClock
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.budgets.leased_ledger import LeasedLedger
from orchvynt.language.compiled_budgets import Breach
from orchvynt.language.snapshot import Budget, Limits, Snapshot
from orchvynt.model.facts import AttemptSettled, BudgetGranted, BudgetThresholdPassed
from orchvynt.model.invocation import Claims
from orchvynt.ports.processes import ProcessRow
from orchvynt.runtime.leased_admitting import LeasedAdmitting
from orchvynt.runtime.leasing import Leasing

PROCESSES = 4
DAY = 86_400 * SECOND


class SharedStore(BreakableStore):
    """`there` are so many processes."""

    there = PROCESSES

    async def processes(self) -> list[ProcessRow]:
        self._check_open()
        return [ProcessRow(f"prc_{number}", "", "", 0, "", 0, 0, "serving", 0) for number in range(self.there)]


class Machines:
    """Processes that share a store in memory, each with a clock of its own machine; one provider."""

    def __init__(self, policy: Snapshot, skews: tuple[int, ...] = (0,) * PROCESSES) -> None:
        self.clock = FakeClock()
        self.store = SharedStore(self.clock.now)
        self.upstream = FakeUpstream()
        self.all = [self.start(policy, f"prc_{number}", skew) for number, skew in enumerate(skews)]
        self.answered = 0
        self._names: Iterator[int] = itertools.count()

    def start(self, policy: Snapshot, process: str, skew: int = 0) -> Runtime:
        clock = FakeClock(self.clock.now() + skew)
        started = Runtime(policy, store=self.store, upstream=self.upstream, process=process, clock=clock)
        assert isinstance(started.carrier.admitting, LeasedAdmitting)
        started.carrier.admitting.leasing.peers = PROCESSES
        return started

    def leasing(self, number: int) -> Leasing:
        admitting = self.all[number].carrier.admitting
        assert isinstance(admitting, LeasedAdmitting)
        return admitting.leasing

    @property
    def turns(self) -> int:
        """To the store, of all processes."""
        return sum(self.leasing(number).turns for number in range(len(self.all)))

    def ask(self, number: int, output: int = 50, run: str = "", session: str = "") -> FakeLine:
        made = invocation("gpt", claims=Claims(run=run, session=session))
        asked = msgspec.structs.replace(made.ask, max_output_tokens=output)
        return self.all[number].ask(msgspec.structs.replace(made, id=f"inv_{next(self._names)}", ask=asked))[1]

    async def settle(self) -> None:
        """Turns to the store run, and what follows from them."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def pass_time(self, nanoseconds: int) -> None:
        self.clock.advance(nanoseconds)
        for one in self.all:
            one.later(nanoseconds)
            one.carrier.admitting.forget_accounts(one.instants.now())
        await self.settle()

    def answer_all(self, used: int = 60) -> int:
        """The provider answers what is open, each with so many tokens. Gives how many there were."""
        waiting, self.answered = self.upstream.arrivals[self.answered :], len(self.upstream.arrivals)
        for arrival in waiting:
            arrival.answers(
                WHOLE.replace(b'"completion_tokens":1,"total_tokens":10', b'"completion_tokens":%d,"total_tokens":%d' % (used - 9, used))
            )
        return len(waiting)

    def settled(self, budget: str = "b") -> int:
        facts = [fact for one in self.all for frame in one.journal.frames for fact in frame if isinstance(fact, AttemptSettled)]
        return sum(part.tokens for fact in facts for part in fact.reserved if part.budget == budget)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(asyncio.ensure_future(test()), 60)

    asyncio.run(bounded())


def policy(limit: int, *more: Budget, **terms: object) -> Snapshot:
    budget = msgspec.structs.replace(Budget("b", "global", None, "day", Limits(None, limit)), **terms)
    return snapshot(tiers=(), budgets=(budget, *more))


def test_a_crowd_before_a_budget_spends_it_and_no_more() -> None:
    async def test() -> None:
        limit = 60 * 40
        machines = Machines(policy(limit))
        lines = [machines.ask(number % PROCESSES) for number in range(1_000)]
        await machines.settle()
        for _ in range(60):
            machines.answer_all()
            await machines.pass_time(SECOND // 2)
            assert machines.settled() <= limit
            if all(line.ended for line in lines):
                break
        assert all(line.ended for line in lines)
        assert {line.status for line in lines} == {200, 402}
        assert machines.settled() >= limit * 95 // 100
        assert len(machines.upstream.arrivals) == sum(line.status == 200 for line in lines) <= 40

    run(test)


def test_few_calls_wait_for_the_store_on_a_busy_budget() -> None:
    async def test() -> None:
        machines = Machines(policy(10**9, limits=Limits(None, 60 * 2_000)))
        for number in range(1_500):
            line = machines.ask(number % PROCESSES)
            await machines.settle()
            machines.answer_all()
            assert line.status == 200
            if number % 10 == 0:
                await machines.pass_time(SECOND)
        assert machines.turns <= 15

    run(test)


def test_a_new_subject_takes_one_turn_for_all_its_budgets() -> None:
    async def test() -> None:
        runs = Budget("runs", "run", None, "hour", Limits(None, 10**6))
        rolls = Budget("rolls", "session", None, "rolling", Limits(None, 10**6), rolls_ns=100 * SECOND)
        machines = Machines(policy(10**6, runs, rolls))
        for number in range(5):
            before = machines.turns
            lines = [machines.ask(0, run=f"run_{number}", session="s") for _ in range(20)]
            await machines.settle()
            machines.answer_all()
            assert {line.status for line in lines} == {200}
            assert machines.turns == before + 1, "twenty callers share one question"

    run(test)


def test_while_the_store_is_away_the_lease_is_spent_and_nothing_more() -> None:
    async def test() -> None:
        machines = Machines(policy(100 * 60))
        machines.ask(0)
        await machines.settle()
        leased = machines.all[0].ledger
        assert isinstance(leased, LeasedLedger)
        machines.store.away = True
        lines = [machines.ask(0) for _ in range(99)]
        await machines.settle()
        while machines.answer_all():
            await machines.settle()
        statuses = [line.status for line in lines]
        assert set(statuses) == {200, 503}
        refused = next(line for line in lines if line.status == 503)
        assert (refused.code, refused.headers["retry-after"]) == ("store_unavailable", "5")
        assert machines.leasing(0).problem
        (account,) = leased.leased.values()
        assert account.used[1] <= account.granted[1]
        machines.store.away = False
        line = machines.ask(0, 1_000)
        await machines.settle()
        machines.answer_all()
        assert (line.status, machines.leasing(0).problem) == (200, "")

    run(test)


def test_windows_are_the_stores_whatever_the_machines_clocks_say() -> None:
    async def test() -> None:
        minute = policy(60, window="minute", wait_for_holds_ns=0)
        machines = Machines(minute, (0, 240 * SECOND, -240 * SECOND, 86_400 * SECOND))
        # The store's clock stands at the twentieth second of a minute.
        lines = [machines.ask(number, output=11) for number in range(PROCESSES)]
        await machines.settle()
        machines.answer_all()
        await machines.settle()
        assert sorted(line.status for line in lines) == [200, 402, 402, 402]
        machines.all[1].clock.jump(86_400 * SECOND)
        await machines.pass_time(20 * SECOND)
        line = machines.ask(1)
        await machines.settle()
        assert line.status == 402
        await machines.pass_time(21 * SECOND)
        line = machines.ask(1, output=11)
        await machines.settle()
        machines.answer_all()
        assert line.status == 200

    run(test)


def test_what_a_dead_process_had_is_spent_until_its_journal_was_read() -> None:
    async def test() -> None:
        machines = Machines(policy(200, wait_for_holds_ns=0))
        for output in (60, 61):
            machines.ask(0, output)
        await machines.settle()
        line = machines.ask(1, 90)
        await machines.settle()
        assert (line.status, line.code) == (402, "budget_exceeded")
        await machines.store.end_leases("prc_0")
        await machines.pass_time(SECOND)
        machines.ask(1, 90)
        await machines.settle()
        assert len(machines.upstream.arrivals) == 3

    run(test)


def test_a_threshold_is_told_once_by_all_processes() -> None:
    async def test() -> None:
        machines = Machines(policy(20 * 60, alert_at=(5_000, 10_000)))
        for number in range(30):
            machines.ask(number % PROCESSES)
            await machines.settle()
            machines.answer_all()
            await machines.pass_time(SECOND)
        told = [
            fact.share for one in machines.all for frame in one.journal.frames for fact in frame if isinstance(fact, BudgetThresholdPassed)
        ]
        assert sorted(told) == [5_000, 10_000]

    run(test)


def test_a_grant_that_another_process_gave_is_found_before_a_refusal() -> None:
    async def test() -> None:
        machines = Machines(policy(60, wait_for_holds_ns=0))
        line = machines.ask(1, 100)
        await machines.settle()
        assert line.status == 402
        given = BudgetGranted("", machines.clock.now(), "grant_1", "b", "*", day(machines), 0, day(machines) + DAY, 0, 200, "ana")
        machines.all[0].journal.append([given])
        await machines.pass_time(SECOND)
        machines.ask(1, 100)
        await machines.settle()
        assert len(machines.upstream.arrivals) == 1

    run(test)


def day(machines: Machines) -> int:
    return machines.clock.now() - machines.clock.now() % DAY


def test_what_nobody_uses_goes_back_and_others_may_have_it() -> None:
    async def test() -> None:
        machines = Machines(policy(100 * 60, window="minute"))
        machines.ask(0)
        await machines.settle()
        machines.answer_all()
        (before,) = (lease for row in await machines.store.leases(0) for lease in row.leases)
        assert before.left[1] > 500
        await machines.pass_time(11 * SECOND)
        (after,) = (lease for row in await machines.store.leases(0) for lease in row.leases)
        assert after.left[1] == 0

    run(test)


def test_whoever_is_short_gets_what_others_do_not_use() -> None:
    async def test() -> None:
        machines = Machines(policy(20 * 60))
        for number in range(PROCESSES):
            machines.ask(number)
            await machines.settle()
            machines.answer_all()
        lines = [machines.ask(0) for _ in range(15)]
        for _ in range(30):
            await machines.pass_time(SECOND // 2)
            machines.answer_all()
        assert [line.status for line in lines] == [200] * 15

    run(test)


def test_a_model_that_a_budget_downgrades_to_is_not_stopped_by_a_lease() -> None:
    async def test() -> None:
        downgrades = policy(60, breach=Breach("downgrade", "gpt"))
        machines = Machines(downgrades)
        lines = [machines.ask(number % PROCESSES) for number in range(20)]
        await machines.settle()
        machines.answer_all()
        assert {line.status for line in lines} == {200}
        machines = Machines(policy(60, breach=Breach("downgrade", "gpt", Limits(None, 600)), wait_for_holds_ns=0))
        lines = []
        for number in range(20):
            lines.append(machines.ask(number % PROCESSES))
            await machines.settle()
            machines.answer_all()
            await machines.pass_time(SECOND)
        assert 8 <= sum(line.status == 200 for line in lines) <= 10
        assert machines.settled() <= 600

    run(test)


def test_a_lower_limit_binds_what_is_leased_already() -> None:
    async def test() -> None:
        machines = Machines(policy(100 * 60, wait_for_holds_ns=0))
        for number in range(PROCESSES):
            machines.ask(number)
            await machines.settle()
        machines.answer_all()
        for one in machines.all:
            one.policies.current = policy(6 * 60, wait_for_holds_ns=0)
        lines = [machines.ask(number % PROCESSES) for number in range(40)]
        await machines.settle()
        machines.answer_all()
        assert machines.settled() <= 6 * 60
        assert all(line.status in (200, 402) for line in lines)

    run(test)


def test_whoever_waited_in_vain_is_in_nobodys_way() -> None:
    async def test() -> None:
        machines = Machines(policy(330, wait_for_holds_ns=SECOND))
        machines.ask(0, 150)
        await machines.settle()
        waits = machines.ask(1, 150)
        await machines.settle()
        await machines.pass_time(SECOND // 2)
        assert machines.leasing(1).wants
        await machines.pass_time(SECOND)
        assert (waits.status, machines.leasing(1).wants) == (402, set())
        # There is room for this one, and the store knew of somebody who had come before it.
        machines.ask(2, 115)
        await machines.settle()
        assert len(machines.upstream.arrivals) == 2

    run(test)


def test_a_smaller_need_than_the_one_that_was_refused_is_asked_for_at_once() -> None:
    async def test() -> None:
        machines = Machines(policy(330))
        machines.ask(0, 150)
        await machines.settle()
        machines.ask(1, 150)
        await machines.settle()
        assert len(machines.upstream.arrivals) == 1
        machines.ask(1, 20)
        await machines.settle()
        assert len(machines.upstream.arrivals) == 1, "first come first served"
        machines = Machines(policy(330))
        machines.ask(0, 150)
        await machines.settle()
        line = machines.ask(1, 150)
        await machines.settle()
        line.leave()
        machines.ask(1, 20)
        await machines.settle()
        assert len(machines.upstream.arrivals) == 2

    run(test)


def test_a_wait_for_a_lease_in_vain_says_what_others_have() -> None:
    async def test() -> None:
        machines = Machines(policy(330, wait_for_holds_ns=SECOND))
        machines.ask(0, 150)
        await machines.settle()
        machines.ask(0, 50)
        line = machines.ask(1, 150)
        await machines.settle()
        await machines.pass_time(2 * SECOND)
        error = line.json["error"]
        assert (line.status, error["code"]) == (402, "budget_exceeded")
        assert error["leased"] > 0

    run(test)


def test_whoever_waits_while_the_store_is_away_is_not_told_that_the_budget_is_spent() -> None:
    async def test() -> None:
        machines = Machines(policy(330, wait_for_holds_ns=3 * SECOND))
        machines.ask(0, 150)
        await machines.settle()
        line = machines.ask(1, 150)
        await machines.settle()
        machines.store.away = True
        for _ in range(4):
            await machines.pass_time(SECOND)
        assert (line.status, line.code, line.headers["retry-after"]) == (503, "store_unavailable", "5")

    run(test)


def test_whoever_comes_later_is_counted_in_the_shares() -> None:
    async def test() -> None:
        machines = Machines(policy(100 * 60))
        machines.leasing(0).peers = 1
        await machines.pass_time(SECOND)
        machines.ask(0)
        await machines.settle()
        (lease,) = (lease for row in await machines.store.leases(0) for lease in row.leases)
        assert lease.granted[1] <= 100 * 60 // (PROCESSES + 1)

    run(test)
