"""How often somebody may try: a burst, then one each so often, with bounded memory whatever is tried."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.people.throttle import PER_ACCOUNT, PER_ACCOUNT_HERE, PER_ADDRESS, SECOND, Pace, Throttle, Tries

PACE = Pace(3, 10 * SECOND)


def test_a_burst_then_one_each_and_the_wait_is_right() -> None:
    throttle = Throttle(PACE)
    assert [throttle.take("ana", 0) for _ in range(5)] == [0, 0, 0, 10 * SECOND, 10 * SECOND]
    assert throttle.take("ben", 0) == 0
    assert throttle.take("ana", 10 * SECOND - 1) == 1
    assert [throttle.take("ana", 10 * SECOND) for _ in range(2)] == [0, 10 * SECOND]
    assert [throttle.take("ana", 100 * SECOND) for _ in range(4)] == [0, 0, 0, 10 * SECOND]


def test_what_is_given_back_was_not_taken() -> None:
    throttle = Throttle(PACE)
    for _ in range(20):
        assert throttle.take("ana", 0) == 0
        throttle.give_back("ana")
    throttle.give_back("nobody")


def test_memory_is_bounded_and_strangers_share_what_is_left() -> None:
    throttle = Throttle(PACE, keys_max=4)
    for name in "abcd":
        assert throttle.take(name, 0) == 0
    waits = [throttle.take(f"stranger {number}", 0) for number in range(10)]
    assert waits == [0, 0, 0, *[10 * SECOND] * 7]
    assert throttle.take("a", 0) == 0, "who is known has a place of their own"
    assert len(throttle) == 5
    assert throttle.take("late", 60 * SECOND) == 0
    assert len(throttle) == 1, "who has not tried for long is forgotten"


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 20 * SECOND)), max_size=80))
def test_nobody_ever_gets_more_than_the_pace(tries: list[tuple[str, int]]) -> None:
    throttle = Throttle(PACE, keys_max=3)
    now, passed = 0, 0
    first: int | None = None
    for key, later in tries:
        now += later
        wait = throttle.take(key, now)
        assert 0 <= wait <= PACE.each_ns
        assert len(throttle) <= 4
        if key == "a" and wait == 0:
            first = now if first is None else first
            passed += 1
            # Alone, or in the place of all that have none: never more than two bursts and two paces.
            assert passed <= 2 * (PACE.burst + (now - first) // PACE.each_ns)


def test_strangers_keep_nobody_out() -> None:
    tries = Tries()
    assert tries.take("ana", "home", 0) == 0
    tries.right("ana", "home")
    for number in range(PER_ACCOUNT.burst):
        assert tries.take("ana", f"stranger {number}", 0) == 0
    assert tries.take("ana", "a further one", 0) == PER_ACCOUNT.each_ns, "many places together are slowed down"
    assert [tries.take("ana", "home", 0) for _ in range(PER_ACCOUNT_HERE.burst)] == [0] * PER_ACCOUNT_HERE.burst
    assert tries.take("ana", "home", 0) == PER_ACCOUNT_HERE.each_ns, "at home one may not guess for ever, either"


def test_one_stranger_for_an_hour_leaves_the_account_to_others() -> None:
    tries = Tries()
    for second in range(3_600):
        tries.take("ana", "stranger", second * SECOND)
    assert tries.take("ana", "where ana never was", 3_600 * SECOND) == 0


def test_a_place_alone_is_counted_widely_and_what_it_is_refused_takes_nothing_from_an_account() -> None:
    tries = Tries()
    waits = [tries.take("", "proxy", 0) for _ in range(PER_ADDRESS.burst + 1)]
    assert waits == [0] * PER_ADDRESS.burst + [PER_ADDRESS.each_ns]
    for _ in range(1_000):
        assert tries.take("ana", "proxy", 0) > 0
    assert tries.take("ana", "home", 0) == 0


def test_places_that_are_known_are_bounded() -> None:
    tries = Tries(known_max=2)
    for place in "abc":
        assert tries.take("ana", place, 0) == 0
        tries.right("ana", place)
    for number in range(PER_ACCOUNT.burst):
        tries.take("ana", f"stranger {number}", 0)
    assert [bool(tries.take("ana", place, 0)) for place in "abc"] == [True, False, False], "the oldest was forgotten"
