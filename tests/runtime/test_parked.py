"""The index of parked invocations: found by review, invocation and retry; each escalation once; forgotten after a day."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.carrying import FakeLine
from tests.support.snapshots import invocation, snapshot

from orchvynt.lifecycle.join_keys import body_digest, raw_digest
from orchvynt.lifecycle.state import State
from orchvynt.model.review_facts import CLAIM_FOR_NS
from orchvynt.ports.store import ReviewStatus
from orchvynt.runtime.due_instants import DECIDED_INSTANTS
from orchvynt.runtime.life import NEVER, Caller, Life
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.parked_one import JOINABLE_NS, ParkedOne

BODY = b'{"model": "m"}'
SAME = f"place\n{body_digest(BODY)}"


def joined(parked: Parked, now: int, body: bytes = BODY, retried: bool = False) -> ParkedOne | None:
    return parked.joinable("place", body, now, retried)


def one(number: int, at: int = 0, due: int = 0, join_key: str = SAME, status: ReviewStatus = "open") -> ParkedOne:
    made = ParkedOne(f"rev_{number}.1", f"inv_{number}", "gate", "k", join_key, at, due, status)
    made.left_at = at
    return made


def test_it_is_found_by_its_review_and_its_invocation() -> None:
    parked = Parked()
    first = one(1)
    parked.add(first)
    assert parked.review("rev_1.1") is parked.invocation("inv_1") is first
    assert (parked.count, parked.open_count) == (1, 1)
    assert parked.review("rev_2.1") is parked.invocation("inv_2") is None


def test_a_further_review_takes_the_place_of_the_one_before_it() -> None:
    parked = Parked()
    first, second = one(1), ParkedOne("rev_1.2", "inv_1", "gate", "k", SAME, 5, 0, "open")
    second.left_at = 5
    parked.add(first)
    parked.add(second)
    parked.decided(first, "approved", "token:ana", 6)
    assert parked.invocation("inv_1") is second
    assert parked.review("rev_1.1") is first
    assert joined(parked, 10) is second
    assert parked.open_count == 1


def test_those_who_come_back_are_spread_over_equal_ones() -> None:
    parked = Parked()
    for number in (1, 2, 3):
        parked.add(one(number, at=number))
    found_in_turn = []
    for _ in range(3):
        found = joined(parked, 10)
        assert found is not None
        found.claims += 1
        found_in_turn.append(found.inv)
    assert found_in_turn == ["inv_1", "inv_2", "inv_3"]


def test_only_what_was_left_alone_is_joined_for_as_long_as_its_gate_gives() -> None:
    parked = Parked()
    kept = one(1)
    kept.left_at = None
    parked.add(kept)
    assert joined(parked, 1) is None
    parked.left("inv_2", 7)
    parked.left("inv_1", 7)
    assert joined(parked, 6 + CLAIM_FOR_NS) is kept
    assert joined(parked, 7 + CLAIM_FOR_NS) is None
    assert joined(parked, 1, b'{"model": "other"}') is None
    assert parked.joinable("elsewhere", BODY, 1, True) is None
    kept.claim_for_ns = 3
    assert (joined(parked, 9), joined(parked, 10)) == (kept, None)


def test_what_its_client_calls_a_retry_joins_until_a_day_after_the_decision() -> None:
    parked = Parked()
    kept = one(1)
    kept.claim_for_ns = 3
    parked.add(kept)
    assert joined(parked, 9 * JOINABLE_NS, retried=True) is kept, "as long as it is open"
    parked.decided(kept, "approved", "a", 5)
    assert joined(parked, 4 + JOINABLE_NS, retried=True) is kept
    assert joined(parked, 5 + JOINABLE_NS, retried=True) is None


def test_a_long_claim_keeps_what_was_decided_long_ago() -> None:
    parked = Parked()
    kept = one(1)
    kept.claim_for_ns = 3 * JOINABLE_NS
    parked.add(kept)
    parked.decided(kept, "approved", "a", 5)
    parked.forget(3 * JOINABLE_NS - 1)
    assert joined(parked, 3 * JOINABLE_NS - 1) is kept
    parked.forget(3 * JOINABLE_NS)
    assert parked.review("rev_1.1") is None


def test_a_body_is_known_by_what_it_says_and_an_older_builds_by_its_bytes() -> None:
    parked = Parked()
    first = one(1)
    parked.add(first)
    assert joined(parked, 1, b'{ "model":"m" }') is first
    older = one(2, join_key=f"old\n{raw_digest(b'[1, 2]')}")
    parked.add(older)
    assert parked.joinable("old", b"[1, 2]", 1, False) is older
    assert parked.joinable("old", b"[1,2]", 1, False) is None


def test_nobody_joins_what_has_a_live_caller() -> None:
    parked = Parked()
    first = one(1)
    first.life = Life(snapshot(), State(invocation()), 0)
    parked.add(first)
    assert joined(parked, 1) is first
    first.life.callers.append(Caller(FakeLine(), "asked", "", 0))
    assert joined(parked, 1) is None


def test_watchers_hear_of_a_decision_once() -> None:
    parked = Parked()
    first = one(1)
    parked.add(first)
    heard: list[str] = []

    def stays() -> None:
        heard.append("stays")

    def left() -> None:
        heard.append("left")

    parked.watchers.watch("inv_1", stays)
    parked.watchers.watch("inv_1", left)
    parked.watchers.unwatch("inv_1", left)
    parked.watchers.unwatch("inv_2", left)
    parked.decided(first, "rejected", "token:ana", 7)
    parked.watchers.tell("inv_1")
    assert heard == ["stays"]
    assert (first.status, first.by, parked.open_count) == ("rejected", "token:ana", 0)


def test_what_is_decided_and_old_is_forgotten_whole() -> None:
    parked = Parked()
    old, open_one, fresh = one(1, at=0), one(2, at=0), one(3, at=JOINABLE_NS)
    for each in (old, open_one, fresh):
        parked.add(each)
    parked.decided(old, "approved", "a", 0)
    parked.decided(fresh, "approved", "a", JOINABLE_NS)
    parked.forget(JOINABLE_NS)
    assert parked.review("rev_1.1") is parked.invocation("inv_1") is None
    assert parked.review("rev_2.1") is open_one
    assert parked.review("rev_3.1") is fresh


@settings(max_examples=100)
@given(
    dues=st.lists(st.integers(0, 30), max_size=12),
    steps=st.lists(st.tuples(st.integers(0, 10), st.integers(0, 11)), max_size=12),
)
def test_each_escalation_falls_due_once_and_never_after_a_decision(dues: list[int], steps: list[tuple[int, int]]) -> None:
    parked = Parked()
    ones = [one(number, due=due) for number, due in enumerate(dues)]
    for each in ones:
        parked.add(each)
    taken: list[ParkedOne] = []
    now = 0
    for passed, decided in steps:
        now += passed
        if decided < len(ones) and ones[decided].open:
            parked.decided(ones[decided], "approved", "a", now)
        found = parked.take_due(now, 100)
        assert all(each.open and 0 < each.due <= now for each in found)
        assert not set(map(id, found)) & set(map(id, taken))
        taken += found
        waiting = [each.due for each in ones if each.open and each.due and each not in taken]
        assert parked.next_due() <= min(waiting, default=NEVER)
        assert all(due > now for due in waiting)


def test_an_idempotency_key_finds_its_newest_whoever_waits_until_a_day_after_its_decision() -> None:
    parked = Parked()
    first, second, plain = one(1, join_key="idempotency\nscope\nbody"), one(2, join_key="idempotency\nscope\nother"), one(3)
    first.left_at = None
    for each in (first, plain):
        parked.add(each)
    assert parked.keyed("scope", 1) is first
    assert parked.keyed("other", 1) is None
    parked.decided(first, "approved", "token:ana", 5)
    assert parked.keyed("scope", 4 + JOINABLE_NS) is first
    assert parked.keyed("scope", 5 + JOINABLE_NS) is None
    parked.add(second)
    parked.forget(5 + JOINABLE_NS)
    assert parked.keyed("scope", 6 + JOINABLE_NS) is second
    parked.decided(second, "approved", "token:ana", 6 + JOINABLE_NS)
    parked.forget(6 + 2 * JOINABLE_NS)
    assert (parked.keyed("scope", 0), parked.joinable("idempotency\nscope", BODY, 0, True)) == (None, None)


ONES = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 9), st.sampled_from(["open", "approved"]), st.booleans()), max_size=12)


@given(ONES, st.integers(1, 12))
@settings(max_examples=50)
def test_many_at_once_are_as_one_by_one(made: list[tuple[int, int, ReviewStatus, bool]], now: int) -> None:
    """The same is found, and falls due in the same order: by its instant, whatever the order of the openings."""

    def ones() -> list[ParkedOne]:
        found = [one(number, at=at, due=(at * 7) % 10, status=status) for at, (number, _, status, _) in enumerate(made)]
        for each, (_, remind, _, after_delivery) in zip(found, made, strict=True):
            each.review += f".{each.at}"
            each.reminds = (remind,) if remind else ()
            each.after_delivery = after_delivery
        return found

    by_one, at_once = Parked(), Parked()
    for each in ones():
        by_one.add(each)
    at_once.add_all(ones())
    assert (at_once.count, at_once.open_count, at_once.open_by_gate) == (by_one.count, by_one.open_count, by_one.open_by_gate)
    assert at_once.next_due() == by_one.next_due()
    assert [each.review for each in at_once.take_due(now, 99)] == [each.review for each in by_one.take_due(now, 99)]
    first, second = joined(at_once, 10, retried=True), joined(by_one, 10, retried=True)
    assert (first and first.at) == (second and second.at)


def test_the_instants_of_what_was_decided_are_not_kept_until_they_come() -> None:
    parked = Parked()
    for number in range(3 * DECIDED_INSTANTS):
        made = one(number, at=number, due=NEVER - 1, join_key=f"place {number}\nbody")
        parked.add(made)
        if number:
            parked.decided(made, "approved", "token:ana", number)
    assert len(parked._due) == 3 * DECIDED_INSTANTS
    parked.forget(10)
    assert len(parked._due) == 1
    assert parked.take_due(NEVER, 5) == [parked.review("rev_0.1")]
