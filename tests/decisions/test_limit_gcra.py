"""The arithmetic of a rate limit against a naive count over sliding windows."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.limits.gcra import empty_in_ns, leaked, room, wait_ns

SECOND = 1_000_000_000
GAPS = st.lists(st.integers(0, 3 * SECOND) | st.just(0), min_size=1, max_size=60)


@given(most=st.integers(1, 9), window=st.integers(1, 5 * SECOND), gaps=GAPS)
def test_no_span_sees_more_than_the_limit_and_what_filled_up_in_it(most: int, window: int, gaps: list[int]) -> None:
    level, now, came = 0, 0, []
    for gap in gaps:
        now += gap
        level = leaked(level, most, gap)
        if not wait_ns(level, 1, most, window):
            level += window
            came.append(now)
    for first, since in enumerate(came):
        for last in range(first, len(came)):
            assert last - first + 1 <= most + most * (came[last] - since) // window


@given(most=st.integers(1, 9), window=st.integers(1, 5 * SECOND), gaps=GAPS)
def test_nobody_is_refused_while_the_naive_count_has_room(most: int, window: int, gaps: list[int]) -> None:
    """One that waits until the window before it is empty is never refused; and the first `most` come at once."""
    level, now, came = 0, 0, [-1 - window]
    for gap in gaps:
        now += gap
        level = leaked(level, most, gap)
        free = sum(one > now - window for one in came) == 0
        if not wait_ns(level, 1, most, window):
            level += window
            came.append(now)
        else:
            assert not free
    level = 0
    for _ in range(most):
        assert not wait_ns(level, 1, most, window)
        level += window
    assert wait_ns(level, 1, most, window)


@given(level=st.integers(0, 10**15), items=st.integers(1, 100), most=st.integers(1, 50), window=st.integers(1, 10**12))
def test_a_wait_is_true_and_not_longer_than_it_must_be(level: int, items: int, most: int, window: int) -> None:
    wait = wait_ns(level, items, most, window)
    assert not wait_ns(leaked(level, most, wait), items, most, window)
    if wait:
        assert wait_ns(leaked(level, most, wait - 1), items, most, window) == 1
    empty = empty_in_ns(level, most)
    assert wait <= empty
    assert leaked(level, most, empty) == 0
    assert (room(level, most, window) >= items) == (wait == 0) or items > most


def test_more_than_ever_fits_waits_for_an_empty_bucket_only() -> None:
    assert wait_ns(0, 1_000, 10, SECOND) == 0
    assert wait_ns(1, 1_000, 10, SECOND) == 1
    assert room(11 * SECOND, 10, SECOND) == 0, "a debt is no room"
