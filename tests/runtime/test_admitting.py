"""Admission to a candidate: health, price, hold, and the wait for holds in flight. Interleavings: test_waiting_properties.py."""

import msgspec
from tests.support.answers import WHOLE
from tests.support.carrying import FakeLine, Runtime
from tests.support.snapshots import OPENAI, SECOND, invocation, snapshot

from orchvynt.decisions.fallback.moves import Rest
from orchvynt.language.snapshot import Budget, Limits, Model, Snapshot
from orchvynt.model.facts import AnyFact, CandidateSkipped
from orchvynt.model.money import FREE, Price
from orchvynt.runtime.life import Life
from orchvynt.runtime.waiting import WAITERS_MAX

PRICE = Price(input=1_000_000_000, output=2_000_000_000, cached_input=0, source="policy")
ROOM_FOR_ONE = Budget("b", "global", None, "day", Limits(None, 150))


def priced(policy: Snapshot, **prices: Price | None) -> Snapshot:
    models: dict[str, Model] = {
        name: msgspec.structs.replace(model, price=prices.get(name, model.price)) for name, model in policy.models.items()
    }
    return msgspec.structs.replace(policy, models=models)


def ask(runtime: Runtime, name: str, model: str = "gpt") -> tuple[Life, FakeLine]:
    return runtime.ask(msgspec.structs.replace(invocation(model), id=name))


def noted(runtime: Runtime, kind: type[AnyFact]) -> list[AnyFact]:
    return [fact for frame in runtime.journal.frames for fact in frame if isinstance(fact, kind)]


def test_a_resting_candidate_is_skipped_with_its_reason() -> None:
    runtime = Runtime(snapshot())
    runtime.health.rest(OPENAI, "gpt", Rest(60 * SECOND, False, "rate_limit"), runtime.clock.monotonic())
    ask(runtime, "inv_1")
    assert runtime.last.address.port == 2
    skipped = noted(runtime, CandidateSkipped)[0]
    assert isinstance(skipped, CandidateSkipped)
    assert (skipped.model, skipped.why) == ("gpt", "resting")
    assert skipped.detail == {"rests_ms": 60_000, "because": "rate_limit"}


def test_a_money_budget_needs_a_price() -> None:
    budget = Budget("usd", "global", None, "day", Limits(10**9, None))
    runtime = Runtime(priced(snapshot(tiers=(), budgets=(budget,)), gpt=None))
    _, line = ask(runtime, "inv_1")
    assert runtime.upstream.arrivals == []
    assert (line.status, line.code) == (400, "unsupported")
    assert "gpt" in line.json["error"]["message"]


def test_a_budget_without_a_wait_refuses_at_once() -> None:
    runtime = Runtime(snapshot(tiers=(), budgets=(msgspec.structs.replace(ROOM_FOR_ONE, wait_for_holds_ns=0),)))
    ask(runtime, "inv_1")
    _, line = ask(runtime, "inv_2")
    assert (line.status, line.code) == (402, "budget_exceeded")
    assert line.json["error"]["held"] > 0


def test_who_waited_in_vain_is_told_the_numbers() -> None:
    runtime = Runtime(snapshot(tiers=(), budgets=(ROOM_FOR_ONE,)))
    ask(runtime, "inv_1")
    lines = [ask(runtime, f"inv_{number}")[1] for number in (2, 3)]
    runtime.later(30 * SECOND - 1)
    assert [line.status for line in lines] == [0, 0]
    runtime.later(1)
    for line in lines:
        error = line.json["error"]
        assert (line.status, error["code"], error["budget"], error["unit"], error["limit"]) == (402, "budget_exceeded", "b", "tokens", 150)
        assert error["held"] > 0, "also for the one that stood behind another"
        assert "Holds in flight stood in the way" in error["message"]
    assert runtime.carrier.admitting.queue.count == 0


def test_nobody_is_held_longer_than_it_waits_itself() -> None:
    runtime = Runtime(snapshot(tiers=(), budgets=(ROOM_FOR_ONE,)))
    ask(runtime, "inv_1")
    _, line = runtime.ask(msgspec.structs.replace(invocation(), id="inv_2", caller_timeout_ns=4 * SECOND))
    runtime.later(4 * SECOND)
    assert line.status == 402


def test_a_wait_ends_with_the_next_window() -> None:
    """What holds of the last minute stand in the way of is over; nobody is refused for them in the next."""
    runtime = Runtime(snapshot(tiers=(), budgets=(msgspec.structs.replace(ROOM_FOR_ONE, window="minute"),)))
    left = 60 * SECOND - runtime.clock.now() % (60 * SECOND)
    runtime.clock.advance(left - 5 * SECOND)
    ask(runtime, "inv_1")
    life, line = ask(runtime, "inv_2")
    assert life.queued is not None
    runtime.later(5 * SECOND)
    assert life.queued is None
    assert len(runtime.upstream.arrivals) == 2
    runtime.last.answers(WHOLE)
    assert line.body == WHOLE


def test_a_last_look_passes_nobody() -> None:
    """A stream of small, impatient callers would keep a large one waiting until its own time is up."""
    runtime = Runtime(snapshot(tiers=(), budgets=(msgspec.structs.replace(ROOM_FOR_ONE, limits=Limits(tokens=300)),)))

    def sized(name: str, output: int, patience: int) -> Life:
        made = invocation()
        ask_ = msgspec.structs.replace(made.ask, max_output_tokens=output)
        return runtime.ask(msgspec.structs.replace(made, id=name, ask=ask_, caller_timeout_ns=patience))[0]

    sized("inv_1", 150, 600 * SECOND)
    large, small = sized("inv_2", 200, 600 * SECOND), sized("inv_3", 50, 5 * SECOND)
    assert large.queued is not None
    assert small.queued is not None, "it stands behind the large one"
    runtime.later(5 * SECOND)
    assert len(runtime.upstream.arrivals) == 1


def test_money_keeps_nobody_from_a_free_model() -> None:
    budget = Budget("usd", "global", None, "day", Limits(500_000, None))
    runtime = Runtime(priced(snapshot(tiers=(), budgets=(budget,)), gpt=PRICE, claude=FREE))
    ask(runtime, "inv_1")
    waiting, _ = ask(runtime, "inv_2")
    assert waiting.queued is not None
    free, _ = ask(runtime, "inv_3", "claude")
    assert free.queued is None
    assert runtime.last.address.port == 2


def test_too_many_who_wait_are_turned_away() -> None:
    runtime = Runtime(snapshot(tiers=(), budgets=(ROOM_FOR_ONE,)))
    ask(runtime, "inv_1")
    ask(runtime, "inv_2")
    runtime.carrier.admitting.queue.count += WAITERS_MAX
    _, line = ask(runtime, "inv_3")
    assert (line.status, line.code, line.headers["retry-after"]) == (503, "overloaded", "5")


def test_a_waiter_is_not_sent_to_a_model_that_asked_for_peace_meanwhile() -> None:
    runtime = Runtime(snapshot(tiers=("gpt",), budgets=(ROOM_FOR_ONE,), max_retries=0))
    ask(runtime, "inv_1")
    first = runtime.last
    _, line = ask(runtime, "inv_2")
    first.answers(b'{"error":{"message":"slow down","type":"rate_limit_error"}}', 429, [(b"retry-after", b"300")])
    assert len(runtime.upstream.arrivals) == 1
    assert (line.status, line.headers["retry-after"]) == (503, "300")


def test_the_accounts_of_one_call_go_with_it_however_it_ends() -> None:
    per_call = Budget("one-call", "invocation", None, "lifetime", Limits(None, 10_000))
    runtime = Runtime(snapshot(tiers=(), budgets=(ROOM_FOR_ONE, per_call)))
    ask(runtime, "inv_1")
    first = runtime.last
    _, leaver = ask(runtime, "inv_2")
    _, late = ask(runtime, "inv_3")
    leaver.leave()
    runtime.later(30 * SECOND)
    assert late.status == 402
    first.answers(WHOLE)
    assert sorted(key[0] for key in dict(runtime.ledger.entries())) == ["b"]


def test_ended_windows_are_forgotten_unless_something_is_held() -> None:
    runtime = Runtime(snapshot(tiers=(), budgets=(Budget("b", "workflow", None, "minute", Limits(None, 10_000)),)))
    ask(runtime, "inv_1")
    runtime.clock.advance(40 * 86_400 * SECOND)
    admitting = runtime.carrier.admitting
    admitting.forget_accounts(runtime.clock.now())
    assert len(dict(runtime.ledger.entries())) == 1
    runtime.last.answers(WHOLE)
    admitting.forget_accounts(runtime.clock.now())
    assert dict(runtime.ledger.entries()) == {}
