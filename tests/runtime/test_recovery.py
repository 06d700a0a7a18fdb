"""What an earlier process left: spend and holds are back, lost attempts settled at their bound, parked ones found, and all once."""

import asyncio

import msgspec
from tests.support.answers import WHOLE
from tests.support.carrying import BreakableStore, Runtime
from tests.support.snapshots import SECOND, invocation, snapshot

from orchvynt.decisions.reviews.cases import Voter
from orchvynt.language.snapshot import Budget, Escalation, Gate, Limits, Snapshot
from orchvynt.lifecycle.state import State
from orchvynt.model.facts import AttemptSettled, HoldPlaced, InvocationFinished
from orchvynt.model.money import Price
from orchvynt.runtime.parked_one import JOINABLE_NS
from orchvynt.runtime.recovery import Recovered, recover

DAILY = Budget("daily", "global", None, "day", Limits(None, 10_000))
GATE = Gate("g", "output", None, "people", False, None, (Escalation(60 * SECOND, ""),))


def restart(left: Runtime, policy: Snapshot) -> tuple[Runtime, Recovered]:
    """Another process over the same store; the first one is gone without a word."""
    later = Runtime(policy, store=left.store)
    later.clock.advance(left.clock.monotonic() + SECOND)
    found = asyncio.run(recover(later.store, later.journal, later.ledger, later.parked, later.clock, policy))
    return later, found


def test_an_empty_store_recovers_nothing() -> None:
    _, found = restart(Runtime(snapshot()), snapshot())
    assert found == Recovered(0, 0, 0, 0)


def test_spend_is_back_and_budgets_per_call_are_not() -> None:
    policy = snapshot(budgets=(DAILY, Budget("one-call", "invocation", None, "lifetime", Limits(None, 10_000))))
    left = Runtime(policy)
    left.ask(invocation())
    left.last.answers(WHOLE)
    later, found = restart(left, policy)
    assert found == Recovered(0, 0, 0, 0)
    assert [(key[0], account.settled_tokens) for key, account in dict(later.ledger.entries()).items()] == [("daily", 10)]


def test_an_attempt_without_an_outcome_is_settled_at_its_bound_and_its_invocation_ends_on_record() -> None:
    policy = snapshot(budgets=(DAILY,))
    left = Runtime(policy)
    life, _ = left.ask(invocation())
    held = left.held_tokens
    later, found = restart(left, policy)
    assert found == Recovered(1, 0, 1, 0)
    account = next(iter(dict(later.ledger.entries()).values()))
    assert (account.settled_tokens, account.held_tokens, account.holds) == (held, 0, 0)
    record = asyncio.run(later.store.facts(life.id))
    placed = next(fact for fact in record if isinstance(fact, HoldPlaced))
    receipt = next(fact for fact in record if isinstance(fact, AttemptSettled))
    assert receipt.usage.estimated
    assert receipt.usage.input_tokens >= placed.input_tokens_bound
    assert receipt.usage.output_tokens >= (placed.output_tokens_max or 0)
    assert [fact.outcome for fact in record if isinstance(fact, InvocationFinished)] == ["interrupted"]
    assert record[-1].__struct_config__.tag == "invocation_finished"


def test_an_attempt_that_nothing_bounded_is_settled_as_the_running_process_would() -> None:
    left, twin = Runtime(snapshot()), Runtime(snapshot())
    _life, _ = left.ask(invocation())
    _, line = twin.ask(invocation())
    line.leave()
    later, _ = restart(left, snapshot())
    lost, bounded = (
        next(fact for frame in one.journal.frames for fact in frame if isinstance(fact, AttemptSettled)) for one in (later, twin)
    )
    assert lost.usage == bounded.usage


def test_an_interrupted_invocation_says_what_it_came_to() -> None:
    made = snapshot(budgets=(Budget("usd", "global", None, "day", Limits(10**9, None)),))
    price = Price(input=10**9, output=10**9, cached_input=0, source="policy")
    policy = msgspec.structs.replace(made, models={name: msgspec.structs.replace(one, price=price) for name, one in made.models.items()})
    left = Runtime(policy)
    life, _ = left.ask(invocation())
    later, _ = restart(left, policy)
    record = asyncio.run(later.store.facts(life.id))
    receipt = next(fact for fact in record if isinstance(fact, AttemptSettled))
    finished = next(fact for fact in record if isinstance(fact, InvocationFinished))
    assert receipt.nanos > 0
    assert finished.nanos == receipt.nanos


def test_recovering_twice_changes_nothing_more() -> None:
    policy = snapshot(budgets=(DAILY,))
    left = Runtime(policy)
    left.ask(invocation())
    first, _ = restart(left, policy)
    spent = {key: account.settled_tokens for key, account in dict(first.ledger.entries()).items()}
    second, found = restart(first, policy)
    assert found == Recovered(0, 0, 0, 0)
    assert {key: account.settled_tokens for key, account in dict(second.ledger.entries()).items()} == spent


def test_a_hold_that_was_never_sent_is_returned() -> None:
    store = BreakableStore()
    left = Runtime(snapshot(budgets=(DAILY,)), store=store)
    left.ask(invocation())
    facts = left.journal.frames[0]
    crashed = Runtime(snapshot(budgets=(DAILY,)))
    crashed.journal.append([fact for fact in facts if fact.__struct_config__.tag != "attempt_sent"])
    later, found = restart(crashed, snapshot(budgets=(DAILY,)))
    assert found == Recovered(0, 1, 1, 0)
    account = next(iter(dict(later.ledger.entries()).values()))
    assert (account.settled_tokens, account.held_tokens) == (0, 0)
    assert "hold_voided" in later.journal.tags


def test_a_lowered_limit_does_not_stop_the_recovery() -> None:
    left = Runtime(snapshot(budgets=(DAILY,)))
    left.ask(invocation())
    later, found = restart(left, snapshot(budgets=(Budget("daily", "global", None, "day", Limits(None, 1)),)))
    assert found.settled_at_bound == 1
    assert next(iter(dict(later.ledger.entries()).values())).settled_tokens > 1


def test_a_parked_invocation_is_found_joined_and_its_escalation_still_due() -> None:
    policy = snapshot(gates=(GATE,))
    left = Runtime(policy)
    life, _ = left.ask(invocation())
    left.last.answers(WHOLE)
    later, found = restart(left, policy)
    assert found == Recovered(0, 0, 0, 1)
    one = later.parked.invocation(life.id)
    assert one is not None
    assert one.open
    assert one.left_at == later.clock.now(), "whoever waited was cut off"
    assert later.carrier.parking.joinable(State(invocation())) is one
    assert later.parked.next_due() == one.due > later.clock.now()


def test_a_decided_one_is_kept_for_a_day_and_an_open_one_for_good() -> None:
    policy = snapshot(gates=(GATE,))
    left = Runtime(policy)
    life, _ = left.ask(invocation())
    left.last.answers(WHOLE)
    left.clock.advance(2 * JOINABLE_NS)
    later, _ = restart(left, policy)
    one = later.parked.invocation(life.id)
    assert one is not None
    row = asyncio.run(later.store.review(one.review))
    assert row is not None
    asyncio.run(later.voting.vote(one.review, "approve", Voter("token:ana"), ""))
    soon, _ = restart(later, policy)
    assert soon.parked.invocation(life.id) is not None, "decided a moment ago, although parked two days ago"
    soon.clock.advance(JOINABLE_NS)
    much_later, _ = restart(soon, policy)
    assert much_later.parked.invocation(life.id) is None


def test_when_a_caller_left_and_for_how_long_it_may_come_back_survive() -> None:
    policy = snapshot(gates=(msgspec.structs.replace(GATE, wait_up_to_ns=0, claim_for_ns=10 * SECOND),))
    left = Runtime(policy)
    life, line = left.ask(invocation())
    left.last.answers(WHOLE)
    left.later(0)
    assert line.code == "hitl_pending"
    told_at = left.clock.now()
    left.clock.advance(8 * SECOND)
    later, _ = restart(left, policy)
    one = later.parked.invocation(life.id)
    assert one is not None
    assert (one.left_at, one.claim_for_ns) == (told_at, 10 * SECOND)
    assert one.claimable(told_at + 10 * SECOND - 1)
    assert not one.claimable(told_at + 10 * SECOND)
