"""How often somebody may try: a burst, then one each so often, with bounded memory whatever is tried."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.people.throttle import SECOND, Pace, Throttle

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
