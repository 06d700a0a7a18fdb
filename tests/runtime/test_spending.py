"""What is spent over longer times: windows that roll, subjects that were idle, former names, and all of it over restarts."""

import asyncio

import msgspec
from tests.support.answers import WHOLE
from tests.support.carrying import FakeLine, Runtime
from tests.support.changing import changing
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.budgets.ledger import Ledger
from orchvynt.decisions.budgets.windows import placed_in
from orchvynt.language.snapshot import Budget, Limits, Snapshot
from orchvynt.model.facts import AttemptSettled, Reserved
from orchvynt.model.invocation import Claims
from orchvynt.model.usage import NO_USAGE
from orchvynt.ports.store import PolicyRow, SpendRow
from orchvynt.runtime.granting import Granting
from orchvynt.runtime.life import Life
from orchvynt.runtime.operations import Operations
from orchvynt.runtime.policies import carrying
from orchvynt.runtime.recovery import recover, restore_spend

# An answer costs 10 tokens, a hold without a limit of the caller all that is left of 150.
ROLLS = Budget("b", "global", None, "rolling", Limits(None, 150), wait_for_holds_ns=90 * SECOND, rolls_ns=100 * SECOND)
LIFE = Budget("b", "workflow", None, "lifetime", Limits(None, 150), idle_ns=60 * SECOND)


def under(*budgets: Budget) -> Snapshot:
    return snapshot(tiers=(), budgets=budgets)


def ask(runtime: Runtime, name: str, workflow: str = "w") -> tuple[Life, FakeLine]:
    return runtime.ask(msgspec.structs.replace(invocation(claims=Claims(workflow=workflow)), id=name))


def spend(runtime: Runtime, name: str, times: int) -> None:
    for number in range(times):
        ask(runtime, f"{name}{number}")
        runtime.last.answers(WHOLE)


def apply(runtime: Runtime, *budgets: Budget) -> None:
    """As runtime.changing does it, without the text."""
    after = msgspec.structs.replace(under(*budgets), version=runtime.policies.current.version + 1)
    moved = carrying(runtime.policies.current.budgets, after.budgets)
    assert asyncio.run(runtime.store.add_policy("y", "d", "", "x", 0, None, "", carried=moved)) is not None
    runtime.policies.put_in_force(after, PolicyRow(after.version, "d", "", "", "x", 0))


def restart(left: Runtime, *budgets: Budget) -> Runtime:
    later = Runtime(under(*budgets), store=left.store)
    later.clock.advance(left.clock.monotonic() + SECOND)
    asyncio.run(recover(later.store, later.journal, later.ledger, later.parked, later.clock, under(*budgets)))
    return later


def settled(runtime: Runtime) -> dict[tuple[str, str], int]:
    entries = runtime.ledger.entries(runtime.clock.now())
    return {key[:2]: account.settled_tokens for key, account in entries if account.settled_tokens}


def test_a_refusal_says_when_enough_has_rolled_out_and_then_there_is_room() -> None:
    runtime = Runtime(under(ROLLS))
    spend(runtime, "first", 7)
    runtime.clock.advance(50 * SECOND)
    spend(runtime, "second", 4)
    _, refused = ask(runtime, "third")
    said = refused.json["error"]
    assert (refused.status, said["spent"]) == (402, 110)
    assert said["resets"] is not None
    again = restart(runtime, ROLLS)
    assert settled(again) == {("b", "*"): 110}
    again.later(50 * SECOND)
    assert settled(again) == {("b", "*"): 40}
    _, line = ask(again, "fourth")
    assert line.status == 0


def test_who_waits_is_woken_when_slices_roll_out() -> None:
    runtime = Runtime(under(ROLLS))
    spend(runtime, "first", 7)
    runtime.clock.advance(50 * SECOND)
    ask(runtime, "holds")
    waiter, line = ask(runtime, "waits")
    assert waiter.queued is not None
    runtime.later(49 * SECOND)
    assert waiter.queued is not None
    runtime.later(3 * SECOND)
    assert waiter.queued is None
    runtime.last.answers(WHOLE)
    assert line.body == WHOLE


def test_the_views_show_what_counts_now_and_when_the_oldest_of_it_goes() -> None:
    runtime = Runtime(under(ROLLS))
    operations = Operations(
        runtime.carrier,
        runtime.deciding,
        changing(runtime),
        runtime.alerting,
        Granting(runtime.carrier, runtime.store, runtime.ids),
        runtime.shedding,
    )
    spend(runtime, "first", 2)
    began = runtime.clock.now()
    (line,) = operations.budgets()
    assert (line.window, line.settled_tokens) == ("rolling 100s", 20)
    assert began + 100 * SECOND < line.resets_at <= began + 101 * SECOND
    runtime.clock.advance(102 * SECOND)
    assert [line.settled_tokens for line in operations.budgets()] == [0]


def test_a_subject_that_was_idle_begins_anew_in_memory_and_in_the_store() -> None:
    runtime = Runtime(under(LIFE))
    spend(runtime, "first", 13)
    runtime.clock.advance(59 * SECOND)
    assert ask(runtime, "early")[1].status == 402
    runtime.clock.advance(SECOND)
    _, line = ask(runtime, "late")
    assert line.status == 0, "forgotten without waiting for any housekeeping"
    runtime.last.answers(WHOLE)
    assert settled(runtime) == {("b", "w"): 10}
    assert settled(restart(runtime, LIFE)) == {("b", "w"): 10}, "only the newest lifetime counts"
    asyncio.run(runtime.sweeping.forgetting.forget())
    assert [row.tokens for row in asyncio.run(runtime.store.spend())] == [10]


def test_nobody_is_forgotten_while_something_is_held() -> None:
    runtime = Runtime(under(LIFE))
    spend(runtime, "first", 5)
    ask(runtime, "long")
    runtime.clock.advance(3_600 * SECOND)
    runtime.carrier.admitting.forget_accounts(runtime.clock.now())
    assert settled(runtime) == {("b", "w"): 50}
    runtime.last.answers(WHOLE)
    runtime.clock.advance(59 * SECOND)
    runtime.carrier.admitting.forget_accounts(runtime.clock.now())
    assert settled(runtime) == {("b", "w"): 60}
    runtime.clock.advance(SECOND)
    runtime.carrier.admitting.forget_accounts(runtime.clock.now())
    assert dict(runtime.ledger.entries()) == {}
    assert runtime.sweeping.forgetting.due
    ask(runtime, "back")
    runtime.last.answers(WHOLE)
    asyncio.run(runtime.sweeping.forgetting.forget())
    spend(runtime, "more", 1)
    assert settled(restart(runtime, LIFE)) == {("b", "w"): 20}, "who comes back before the rows are gone loses nothing"


def test_what_the_store_cannot_drop_now_is_dropped_later() -> None:
    runtime = Runtime(under(LIFE))
    spend(runtime, "first", 1)
    runtime.clock.advance(3_600 * SECOND)
    runtime.carrier.admitting.forget_accounts(runtime.clock.now())
    runtime.store.away = True
    asyncio.run(runtime.sweeping.forgetting.forget())
    assert runtime.sweeping.forgetting.due
    runtime.store.away = False
    asyncio.run(runtime.sweeping.forgetting.forget())
    assert not runtime.sweeping.forgetting.due
    assert asyncio.run(runtime.store.spend()) == []


def test_a_new_name_has_what_the_old_one_spent_also_of_calls_under_way() -> None:
    daily, new = Budget("old", "global", None, "day", Limits(None, 150)), Budget("new", "global", None, "day", Limits(None, 150), was="old")
    runtime = Runtime(under(daily))
    spend(runtime, "first", 3)
    ask(runtime, "under way")
    held = runtime.last
    waiter, line = ask(runtime, "waits")
    assert waiter.queued is not None
    apply(runtime, new)
    newcomer, _ = ask(runtime, "newcomer")
    assert newcomer.queued is not None, "it stands behind who waited under the old name"
    held.answers(WHOLE)
    assert waiter.queued is None
    for arrival in runtime.upstream.arrivals[-2:]:
        arrival.answers(WHOLE)
    assert line.body == WHOLE
    assert settled(runtime) == {("new", "*"): 60}
    forgetful = msgspec.structs.replace(new, was="")
    apply(runtime, forgetful)
    assert settled(restart(runtime, forgetful)) == {("new", "*"): 60}, "whatever becomes of `was`"
    apply(runtime, new)
    apply(runtime, daily)
    assert settled(runtime) == {("old", "*"): 60}, "a rollback carries it back"
    assert settled(restart(runtime, daily)) == {("old", "*"): 60}


def test_a_day_and_a_month_that_begin_together_share_nothing() -> None:
    daily, monthly = (Budget("b", "global", None, kind, Limits(None, 150)) for kind in ("day", "month"))
    runtime = Runtime(under(daily))
    runtime.clock.advance(-(runtime.clock.now() % (86_400 * SECOND)) % (86_400 * SECOND))
    while placed_in(monthly, runtime.clock.now())[0] != placed_in(daily, runtime.clock.now())[0]:
        runtime.clock.advance(86_400 * SECOND)
    spend(runtime, "first", 5)
    apply(runtime, monthly)
    ask(runtime, "second")
    runtime.last.answers(WHOLE)
    assert sorted(account.settled_tokens for _, account in runtime.ledger.entries()) == [10, 50]
    assert sorted(account.settled_tokens for _, account in restart(runtime, monthly).ledger.entries()) == [10, 50]


def test_what_older_builds_wrote_is_told_when_its_window_ends() -> None:
    daily = Budget("b", "global", None, "day", Limits(None, 150))
    runtime = Runtime(under(daily))
    spend(runtime, "first", 2)
    (row,) = asyncio.run(runtime.store.spend())
    old = SpendRow("b", "*", row.window, 0, 0, 70, 0, 0, row.touched_at, -1)
    other = SpendRow("b", "*", row.window - SECOND, 0, 0, 7, 0, 0, row.touched_at, -1)
    assert [restored(found, daily) for found in ([row, old, other], [old])] == [90, 70]


def restored(rows: list[SpendRow], budget: Budget) -> int:
    ledger = Ledger()
    restore_spend(ledger, rows, {budget.name: budget})
    return sum(account.settled_tokens for _, account in ledger.entries())


def test_of_an_unknown_budget_spend_is_kept() -> None:
    runtime = Runtime(under())
    runtime.journal.append([AttemptSettled("inv_1", 1, "att_1", NO_USAGE, 5, (Reserved("gone", "s", 0, 5, 5),), "policy")])
    assert settled(restart(runtime)) == {("gone", "s"): 5}
