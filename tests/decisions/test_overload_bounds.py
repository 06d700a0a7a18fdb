"""The bounds of what a process takes on, and the words and seconds of a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.overload.bounds import FREE_BYTES, MIB, OPEN_MAX, Backlog, open_bound, unfiled_bound
from orchvynt.decisions.overload.pacing import FREE_NS, REST_MAX_NS, REST_MIN_NS, TAKEN_PER_REFUSAL, Pacing
from orchvynt.decisions.overload.quota import RANKS, Priority
from orchvynt.decisions.overload.refusals import REASONS, SPREAD_MAX, Reason, overloaded, seconds

GIB = 1024 * MIB
BEAT = 50_000_000


@pytest.mark.parametrize(("priority", "bound"), [("low", 70), ("normal", 90), ("high", 100)])
def test_room_is_left_for_a_higher_priority_that_the_policy_knows(priority: Priority, bound: int) -> None:
    assert open_bound(100, priority, {"low", "normal", "high"}) == bound
    assert open_bound(1, priority, {"low", "normal", "high"}) == 1, "one may always be open"


def test_nothing_is_left_free_for_nobody() -> None:
    assert open_bound(100, "normal", {"normal"}) == 100
    assert open_bound(100, "normal", ()) == 100
    assert open_bound(100, "normal", {"low", "normal"}) == 100
    assert open_bound(100, "low", {"low"}) == 100
    assert open_bound(100, "low", {"low", "normal"}) == 70


@given(st.integers(1, OPEN_MAX))
def test_a_lower_priority_never_has_the_wider_bound(most: int) -> None:
    assert open_bound(most, "low", RANKS) <= open_bound(most, "normal", RANKS) <= open_bound(most, "high", RANKS) == most
    assert unfiled_bound(most, "low") <= unfiled_bound(most, "normal") <= unfiled_bound(most, "high") == most


@pytest.mark.parametrize(
    ("free", "disk", "full"),
    [
        (FREE_BYTES, 100 * GIB, False),
        (FREE_BYTES - 1, 100 * GIB, True),
        (4 * MIB, 40 * MIB, False),
        (MIB, 40 * MIB, True),
        (0, 0, False),
    ],
)
def test_a_disk_is_full_before_it_is(free: int, disk: int, full: bool) -> None:
    assert Backlog(0, False, free, disk).disk_full is full


@pytest.mark.parametrize("reason", REASONS)
def test_a_refusal_says_why_and_when_to_come_back(reason: Reason) -> None:
    fault = overloaded(reason, "low", 3)
    code = "store_unavailable" if reason == "disk" else "overloaded"
    assert (fault.code, fault.status, fault.should_retry, fault.retry_after_seconds) == (code, 503, True, 3)
    assert fault.detail == {"reason": reason, "priority": "low"}
    assert fault.message.endswith(".")
    assert fault.help.endswith(".")


@given(st.sampled_from(REASONS), st.integers(0, 10**9), st.integers(0, 10**6))
def test_the_seconds_are_spread_and_no_client_gives_up_for_them(reason: Reason, number: int, times: int) -> None:
    soonest = min(seconds(reason, one, 1, REST_MIN_NS) for one in range(20))
    assert soonest <= seconds(reason, number, times, REST_MIN_NS) < soonest + SPREAD_MAX <= 60
    assert REST_MAX_NS <= seconds(reason, number, times, REST_MAX_NS) * 10**9 <= 60 * 10**9
    spread = {seconds(reason, one, 5, REST_MIN_NS) for one in range(20)}
    assert spread == set(range(soonest, soonest + 5))


def test_who_is_refused_rests_until_those_before_it_were_refused_again() -> None:
    pacing = Pacing()
    assert pacing.rest_ns == REST_MIN_NS
    for _ in range(100):
        pacing.beat(BEAT, TAKEN_PER_REFUSAL * 14, 1_000)
    each = BEAT // (1 + 14 + BEAT // FREE_NS)
    assert 900 * each <= pacing.rest_ns <= 1_000 * each, "one for sixteen that were taken, and a few whatever is taken"
    for _ in range(500):
        pacing.refused()
    assert 1_350 * each <= pacing.rest_ns <= 1_500 * each
    pacing.beat(BEAT, 0, 1_000_000)
    assert pacing.rest_ns == REST_MAX_NS


@given(st.lists(st.tuples(st.integers(0, 10 * BEAT), *[st.integers(0, 10_000)] * 2, st.integers(0, 100)), max_size=60))
def test_whatever_happens_nobody_rests_for_longer_than_the_most(beats: list[tuple[int, int, int, int]]) -> None:
    pacing = Pacing()
    for elapsed, taken, resting, refused in beats:
        pacing.beat(elapsed, taken, resting)
        for _ in range(refused):
            pacing.refused()
        assert REST_MIN_NS <= pacing.rest_ns <= REST_MAX_NS
