"""What is counted is what is on record: lives of every kind, counted again from their facts; and names that callers invent."""

from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.answers import ANTHROPIC_WHOLE, STREAM, WHOLE, refused
from tests.support.carrying import FakeLine, Runtime
from tests.support.recount import Counts, Entry, recount
from tests.support.snapshots import OPENAI, SECOND, invocation, snapshot

from orchvynt.language.snapshot import Budget, Gate, Limits, Model, Snapshot
from orchvynt.lifecycle import events
from orchvynt.model.faults import KINDS
from orchvynt.model.money import FREE, Price
from orchvynt.ports.upstream import UpstreamFailure
from orchvynt.runtime.counting import Counting, policy_name

PRICED = Price(2_500_000_000, 10_000_000_000, 1_250_000_000, "test")
TIGHT = Budget("tight", "run", None, "day", Limits(None, 400), wait_for_holds_ns=0)
GATE = Gate("looked-at", "output", None, "people", False, None)


def policy(budgets: tuple[Budget, ...] = (), gates: tuple[Gate, ...] = ()) -> Snapshot:
    plain = snapshot(budgets=budgets, gates=gates)
    models = {name: msgspec.structs.replace(model, price=PRICED) for name, model in plain.models.items()}
    return msgspec.structs.replace(plain, models=models, patterns=(("lab-*", Model("lab-*", OPENAI, "", FREE)),))


def records(runtime: Runtime) -> list[list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for frame in runtime.journal.frames:
        for fact in frame:
            fields = msgspec.to_builtins(fact, builtin_types=(bytes,))
            found.setdefault(fact.inv, []).append((fields.pop("fact"), fields))
    return list(found.values())


def counted(counting: Counting) -> Counts:
    """The counts in the form of a recount, without those that are 0."""
    counts: Counts = Counter()
    for one in counting.sampled():
        name, labels = one.metric.name, [label.name for label in one.metric.labels]
        for values, number in one.numbers.items():
            said = tuple(value for label, value in sorted(zip(labels, values, strict=True)) if label != "reason" or "skipped" in name)
            counts[(name, *said)] += number
        if name.endswith("duration_seconds") and "review" not in name:
            for values, cell in one.buckets.items():
                counts[(name + "_count", *values)] += sum(cell[:-1])
    return +counts


def is_on_record(runtime: Runtime) -> None:
    expected = +recount(records(runtime), lambda model: policy_name(runtime.policies.current, model))
    expected_names = {key[0] for key in expected}
    found = counted(runtime.carrier.counting)
    assert {key: number for key, number in found.items() if key[0] in expected_names} == dict(expected)
    unexplained = {"orchvynt_journal_failures_total", "orchvynt_invocations_refused_total"}
    assert {key[0] for key in found} - expected_names <= unexplained


def live(runtime: Runtime, way: str, number: int) -> FakeLine:
    """One life of a kind, to its end; each model is rested out before."""
    runtime.later(120 * SECOND)
    stream = way in ("stream", "cut", "leaves-stream")
    made = msgspec.structs.replace(
        invocation("lab-7" if way == "pattern" else "nobody-knows" if way == "unknown" else "gpt", stream), id=f"inv_{number}"
    )
    _, line = runtime.ask(made)
    arrival = runtime.upstream.arrivals[-1] if runtime.upstream.arrivals else None
    if arrival is None or line.ended:
        return line
    match way:
        case "answer" | "pattern":
            arrival.answers(WHOLE)
        case "fallback":
            arrival.answers(refused(), 429)
            runtime.last.answers(ANTHROPIC_WHOLE)
        case "retry":
            arrival.answers(refused("oops", "server_error"), 500)
            runtime.woken.pop()[1]()
            runtime.last.answers(WHOLE)
        case "nobody":
            arrival.answers(refused(), 401)
            runtime.last.answers(refused(), 401)
        case "bad":
            arrival.answers(refused("no", "invalid_request_error"), 400)
        case "stream":
            arrival.begins()
            arrival.streams(*STREAM)
        case "cut":
            arrival.begins()
            arrival.streams(STREAM[0])
            arrival.listener.on_end()
        case "leaves":
            line.leave()
        case "leaves-stream":
            arrival.begins()
            arrival.streams(STREAM[0])
            line.leave()
    return line


WAYS = ("answer", "pattern", "unknown", "fallback", "retry", "nobody", "bad", "stream", "cut", "leaves", "leaves-stream")


@given(st.lists(st.sampled_from(WAYS), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_any_lives_are_counted_as_their_records_say(ways: list[str]) -> None:
    runtime = Runtime(policy())
    for number, way in enumerate(ways):
        live(runtime, way, number)
    is_on_record(runtime)
    assert sum(runtime.carrier.counting.invocations.numbers.values()) == len(ways)


def test_a_budget_that_refuses_is_counted_by_its_name() -> None:
    runtime = Runtime(policy(budgets=(TIGHT,)))
    for number in range(60):
        live(runtime, "answer", number)
    is_on_record(runtime)
    counting = runtime.carrier.counting
    assert counting.budget_refusals.numbers[("tight",)] == counting.refused.numbers[("budget_exceeded",)] > 0


def test_a_review_is_counted_under_its_gate_and_is_no_time_of_ours() -> None:
    second = msgspec.structs.replace(GATE, name="second")
    runtime = Runtime(policy(gates=(GATE, second)))
    live(runtime, "answer", 1)
    for gate in ("looked-at", "second"):
        assert runtime.parked.open_by_gate == {gate: 1}
        oldest = runtime.parked.oldest_open()
        assert oldest is not None
        runtime.clock.advance(90 * SECOND)
        life = runtime.carrier.lives["inv_1"]
        runtime.carrier.feed(life, events.Voted(runtime.clock.now(), runtime.clock.monotonic(), "approve", "token:ana", ""))
        runtime.parked.decided(oldest, "approved", "token:ana", runtime.clock.now())
    assert runtime.parked.oldest_open() is None
    is_on_record(runtime)
    counting = runtime.carrier.counting
    assert counting.reviews.duration.cells[("second",)][-1] == 90 * SECOND
    assert counting.duration.cells == {}
    assert counting.overhead.cells == {}


def test_overhead_is_ours_alone() -> None:
    runtime = Runtime(policy())
    live(runtime, "retry", 1)
    assert runtime.carrier.counting.overhead.cells == {}, "it waited"
    runtime.later(120 * SECOND)
    runtime.ask(invocation())
    runtime.clock.advance(3 * SECOND)
    runtime.last.answers(WHOLE)
    cell = runtime.carrier.counting.overhead.cells[()]
    assert (sum(cell[:-1]), cell[-1]) == (1, 0), "the provider's three seconds are not ours"


def test_the_first_token_of_a_stream_is_timed() -> None:
    runtime = Runtime(policy())
    runtime.ask(invocation(stream=True))
    runtime.clock.advance(SECOND)
    runtime.last.begins()
    runtime.last.streams(*STREAM)
    assert runtime.carrier.counting.first_token.cells[("gpt", "openai")][-1] == SECOND


def test_reasons_of_retries_are_words() -> None:
    runtime = Runtime(snapshot(tiers=()))
    live(runtime, "retry", 1)
    runtime.later(120 * SECOND)
    runtime.ask(invocation())
    runtime.last.listener.on_failure(UpstreamFailure("closed", "closed", bytes_seen=False, sent=True, stale=True))
    runtime.woken.pop()[1]()
    runtime.last.answers(refused(), 429, [(b"retry-after", b"1")])
    runtime.ask(msgspec.structs.replace(invocation(), id="inv_3"))
    words = {reason for _, reason in runtime.carrier.counting.retries.numbers}
    assert words == {"server_error", "stale_connection", "rest"}


def test_what_could_not_be_written_counts_once_it_is() -> None:
    runtime = Runtime(policy())
    _, line = runtime.ask(invocation())
    runtime.journal.broken = True
    runtime.last.answers(WHOLE)
    counting = runtime.carrier.counting
    assert line.code == "store_unavailable"
    assert (counting.journal_failures.numbers[()], counting.refused.numbers[("store_unavailable",)]) == (1, 1)
    assert counting.invocations.numbers == {}
    runtime.carrier.kept.write()
    runtime.journal.broken = False
    runtime.carrier.kept.write()
    assert counting.journal_failures.numbers[()] == 2
    is_on_record(runtime)
    assert [key[0] for key in counting.invocations.numbers] == ["interrupted"]


def sets_of_labels(counting: Counting) -> int:
    return sum(len(one.numbers) + len(one.buckets) for one in counting.sampled())


def test_ten_thousand_invented_names_make_no_series() -> None:
    runtime = Runtime(policy())
    for number in range(200):
        name = f"lab-{number}" if number % 2 else f"nobody-{number}"
        made = invocation(name)
        claims = msgspec.structs.replace(made.claims, workflow=name, agent=name, run=name, session=name, workload=name, flags=(name,))
        life, line = runtime.ask(msgspec.structs.replace(made, id=f"inv_{number}", claims=claims, endpoint=f"/@{name}/v1"))
        if not line.ended:
            runtime.last.answers(WHOLE)
    counting = runtime.carrier.counting
    before = sets_of_labels(counting)
    answered = [fact for frame in runtime.journal.frames[-2:] for fact in frame]
    assert {"attempt_sent", "attempt_settled", "invocation_finished"} <= set(runtime.journal.tags[-len(answered) :])
    for number in range(10_000):
        renamed = [msgspec.structs.replace(fact, model=f"lab-{number}x") if hasattr(fact, "model") else fact for fact in answered]
        counting.count(life, renamed)
    assert sum(counting.invocations.numbers.values()) == 10_200
    assert {key[1] for key in counting.invocations.numbers} == {"lab-*", ""}
    assert sets_of_labels(counting) == before <= len(KINDS) + 30


def test_names_of_superseded_policies_stay_until_there_are_too_many() -> None:
    runtime = Runtime(policy())
    for version in range(3):
        name = f"gpt-{version}"
        models = {name: Model(name, OPENAI, "gpt-4o", FREE)}
        runtime.policies.current = msgspec.structs.replace(policy(), version=version, models=models, chains={}, default=name)
        runtime.ask(msgspec.structs.replace(invocation(name), id=f"inv_{version}"))
        runtime.last.answers(WHOLE)
    assert {key[1] for key in runtime.carrier.counting.invocations.numbers} == {"gpt-0", "gpt-1", "gpt-2"}


def test_a_name_is_the_policys_own() -> None:
    known = policy()
    assert [policy_name(known, name) for name in ("gpt", "lab-1", "lab-", "else", "")] == ["gpt", "lab-*", "other", "other", "other"]
