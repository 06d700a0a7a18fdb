"""Decided reviews take few bytes, and whoever asks for one finds what it would find if it were whole."""

import gc
import tracemalloc
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.carrying import FakeLine
from tests.support.snapshots import invocation, snapshot

from orchvynt.lifecycle.join_keys import body_digest, raw_digest
from orchvynt.lifecycle.state import State
from orchvynt.model.review_facts import CLAIM_FOR_NS
from orchvynt.runtime.folded import FOLDED_AT_ONCE, WHOLE_NS
from orchvynt.runtime.life import Caller, Life
from orchvynt.runtime.parked import Parked
from orchvynt.runtime.parked_one import JOINABLE_NS, ParkedOne

BODY: Final = b'{"a": 1}'
HOUR: Final = 3_600_000_000_000
BEGAN: Final = 1_000 * HOUR
SEEN: Final = (
    "after_delivery", "asks", "at", "by", "claim_for_ns", "claims", "decided_at", "elsewhere", "escalations", "gate", "inv", "joins",
    "key_id", "left_at", "place", "review", "status", "under_way", "waiting", "waits_at",
)  # fmt: skip


def place(number: int) -> str:
    return f"key:k\nrun {number % 2}\n\n/v1/chat/completions"


def one(number: int, review: int = 1, at: int = BEGAN, keyed: bool = False) -> ParkedOne:
    join_key = f"idempotency\nscope {number % 3}\nasks" if keyed else f"{place(number)}\n{body_digest(BODY)}"
    return ParkedOne(f"rev_{number}.{review}", f"inv_{number}", "gate", "key:k", join_key, at, 0, "open")


def seen(found: ParkedOne | None) -> dict[str, object] | None:
    return None if found is None else {name: getattr(found, name) for name in SEEN}


def fold_all(parked: Parked, now: int) -> None:
    for _ in range(1 + len(parked._decided) // FOLDED_AT_ONCE):
        parked.fold(now)


def decided(parked: Parked, made: ParkedOne, at: int) -> ParkedOne:
    parked.add(made)
    parked.decided(made, "approved", "person:ana", at)
    return made


STEP: Final = st.tuples(
    st.sampled_from(["park", "park keyed", "park again", "decide", "go on", "conclude", "leave", "join", "by key", "poll", "vote",
                     "told elsewhere", "jump", "forget"]),
    st.integers(0, 5),
    st.integers(0, 8),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_whether_they_are_folded_nobody_can_tell(steps: list[tuple[str, int, int]]) -> None:
    whole, folding = Parked(), Parked()
    now = BEGAN
    reviews = dict[int, int]()
    for what, number, hours in steps:
        now += hours * HOUR
        # All that may be folded is, before each step.
        fold_all(folding, now)
        told = [_step(parked, what, number, now, reviews.get(number, 0)) for parked in (whole, folding)]
        assert told[0] == told[1], what
        if what.startswith("park") and told[0] is not None:
            reviews[number] = reviews.get(number, 0) + 1
    fold_all(folding, now)
    assert folding.count >= whole.count
    assert whole.has_of("key:k") or not folding.has_of("key:k")
    for number in range(6):
        for review in range(1, reviews.get(number, 0) + 1):
            assert seen(folding.review(f"rev_{number}.{review}")) == seen(whole.review(f"rev_{number}.{review}"))
        assert seen(folding.invocation(f"inv_{number}")) == seen(whole.invocation(f"inv_{number}"))


def _step(parked: Parked, what: str, number: int, now: int, reviews: int) -> object:
    """What came of it."""
    newest = parked.invocation(f"inv_{number}") if what not in ("join", "by key", "jump", "forget") else None
    match what:
        case "park" | "park keyed" if newest is None and not reviews:
            parked.add(one(number, 1, now, what == "park keyed"))
            return True
        case "park again" if newest is not None and newest.under_way:
            again = one(number, reviews + 1, now, newest.asks != b"")
            again.left_at = newest.left_at
            parked.add(again)
            return True
        case "decide" | "go on" if newest is not None and newest.open:
            parked.decided(newest, "approved", "person:ana", now, under_way=what == "go on")
        case "conclude" if newest is not None and newest.under_way:
            parked.concluded(newest, number % 2 == 0, now)
        case "leave":
            parked.left(f"inv_{number}", now)
        case "join":
            found = parked.joinable(place(number), BODY, now, number > 2)
            if found is not None:
                found.claims += 1
            return seen(found)
        case "by key":
            return seen(parked.keyed(f"scope {number % 3}", now))
        case "poll":
            return seen(newest)
        case "vote":
            return seen(parked.review(f"rev_{number}.1"))
        case "told elsewhere" if newest is not None:
            told = one(number, reviews, newest.at, newest.asks != b"")
            told.status, told.waits_at, told.left_at = newest.status, "there", now
            parked.follow(told)
        case "jump":
            parked.clock_jumped(number * HOUR - 2 * HOUR)
        case "forget":
            parked.forget(now)
        case _:
            return None
    return None


def test_what_was_decided_lately_or_is_under_way_stays_whole() -> None:
    parked = Parked()
    first = decided(parked, one(1), BEGAN)
    parked.fold(BEGAN + WHOLE_NS - 1)
    assert parked.review("rev_1.1") is first
    goes_on, waited = one(2), decided(parked, one(3), BEGAN)
    parked.add(goes_on)
    parked.decided(goes_on, "approved", "person:ana", BEGAN, under_way=True)
    waited.life = Life(snapshot(), State(invocation()), 0)
    waited.life.callers.append(Caller(FakeLine(), "asked", "", 0))
    parked.fold(BEGAN + WHOLE_NS)
    assert parked.under_way("inv_1") is None
    assert (parked.under_way("inv_2"), parked.under_way("inv_3")) == (goes_on, waited)
    again = parked.invocation("inv_1")
    assert again is not first
    assert seen(again) == seen(first)
    assert parked.invocation("inv_1") is again, "one object, until it is folded again"


def test_what_a_start_reads_is_folded_a_part_at_a_time() -> None:
    count = 3 * FOLDED_AT_ONCE

    def read() -> list[ParkedOne]:
        made = [one(number, at=BEGAN + number) for number in range(count)]
        for each in made[:-1]:
            each.status, each.decided_at, each.left_at = "approved", each.at, each.at
        return made

    parked = Parked()
    parked.add_all(read())
    assert len(parked.decided_last(WHOLE_NS)) == count - 1
    assert [parked.fold(BEGAN + HOUR) for _ in range(3)] == [True, True, False]
    assert (parked.count, parked.open_count, parked._folded.count) == (count, 1, count - 1)
    for each in read():
        assert seen(parked.review(each.review)) == seen(parked.invocation(each.inv)) == seen(each)


def test_what_was_reviewed_after_its_delivery_is_found_by_its_review_alone() -> None:
    parked = Parked()
    before, later = one(1), one(1, review=2)
    later.after_delivery = True
    for made in (before, later):
        decided(parked, made, BEGAN)
    only = ParkedOne("rev_2.1", "inv_2", "gate", "key:k", "", BEGAN, 0, "open")
    only.after_delivery = True
    decided(parked, only, BEGAN)
    fold_all(parked, BEGAN + HOUR)
    assert parked._folded.count == 3
    assert parked.invocation("inv_2") is None
    assert (seen(parked.invocation("inv_1")), seen(parked.review("rev_1.2"))) == (seen(before), seen(later))
    assert seen(parked.review("rev_2.1")) == seen(only)


def test_what_is_old_is_forgotten_out_of_every_table() -> None:
    parked = Parked()
    for number in range(40):
        made = decided(parked, one(number, keyed=number % 4 == 0), BEGAN)
        made.left_at = BEGAN if number % 3 else None
    fold_all(parked, BEGAN + HOUR)
    parked.forget(BEGAN + JOINABLE_NS - 1)
    assert parked.count == 40
    parked.forget(BEGAN + JOINABLE_NS)
    assert (parked.count, parked.has_of("key:k"), parked._folded.count) == (0, False, 0)
    folded = parked._folded
    assert (len(folded._by_invocation), len(folded._by_joins), len(folded._at_place), folded._of_caller) == (0, 0, 0, {})
    assert (parked._joins._at_place, parked._joins._of_caller) == ({}, {})


def test_it_is_kept_as_long_as_its_gate_lets_the_same_request_join() -> None:
    parked = Parked()
    made = one(1)
    made.left_at, made.claim_for_ns = BEGAN, 3 * CLAIM_FOR_NS
    decided(parked, made, BEGAN)
    fold_all(parked, BEGAN + HOUR)
    parked.forget(BEGAN + 3 * CLAIM_FOR_NS - 1)
    assert parked.joinable(place(1), BODY, BEGAN + 3 * CLAIM_FOR_NS - 1, False) is not None
    parked.forget(BEGAN + 3 * CLAIM_FOR_NS)
    assert parked.count == 0


def test_a_decided_review_takes_less_than_three_hundred_bytes() -> None:
    """It was 1,140 to 1,590 of them. A day of 13,000 an hour has 312,000."""

    def many(parked: Parked, numbers: range) -> None:
        for number in numbers:
            name = f"01J8XK2M4N6P8Q0R2S4T{number:06}"
            key = f"key:agents\nrun-{number}\n\n/v1/chat/completions\n{raw_digest(b'%d' % number)}"
            made = ParkedOne(f"rev_{name}.1", f"inv_{name}", "no-secrets", "key:agents", key, BEGAN + number, 0, "open")
            made.left_at = BEGAN
            decided(parked, made, BEGAN + number)
            if number % 100 == 99:
                fold_all(parked, BEGAN + HOUR)
        parked.forget(BEGAN + HOUR)

    parked = Parked()
    many(parked, range(1_000))
    gc.collect()
    tracemalloc.start()
    try:
        many(parked, range(1_000, 4_000))
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] / 3_000 < 300
    finally:
        tracemalloc.stop()
