"""Who may begin where not all may: the higher first, and none of them because of the lower ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.overload.quota import RANKS, Quota

LOW, NORMAL, HIGH = RANKS["low"], RANKS["normal"], RANKS["high"]


def beat(quota: Quota, came: list[int], window: int) -> dict[int, int]:
    """One span: who came, in this order; how many of each rank were let in."""
    let_in = dict.fromkeys((LOW, NORMAL, HIGH), 0)
    for rank in came:
        let_in[rank] += quota.take(rank, window)
    quota.beat()
    return let_in


@pytest.mark.parametrize("rank", [LOW, NORMAL, HIGH])
def test_alone_each_rank_fills_the_window(rank: int) -> None:
    quota = Quota()
    for _ in range(30):
        assert beat(quota, [rank] * 100, 40)[rank] == 40


def test_the_lower_ones_are_refused_first_though_they_come_first() -> None:
    quota = Quota()
    came = [LOW] * 30 + [NORMAL] * 30 + [HIGH] * 10
    for _ in range(30):
        let_in = beat(quota, came, 40)
    assert let_in == {LOW: 0, NORMAL: 30, HIGH: 10}
    for _ in range(30):
        let_in = beat(quota, came, 60)
    assert let_in == {LOW: 20, NORMAL: 30, HIGH: 10}


def test_what_was_left_free_for_those_who_no_longer_come_is_given_away() -> None:
    quota = Quota()
    for _ in range(30):
        beat(quota, [HIGH] * 40, 40)
    shares = [beat(quota, [LOW] * 100, 40)[LOW] for _ in range(20)]
    assert shares == sorted(shares)
    assert shares[-1] == 40


@given(
    st.lists(st.lists(st.sampled_from([LOW, NORMAL, HIGH]), max_size=120), min_size=1, max_size=12),
    st.integers(8, 60),
)
def test_the_highest_fills_the_window_whatever_else_comes(spans: list[list[int]], window: int) -> None:
    quota = Quota()
    for came in spans:
        let_in = beat(quota, came, window)
        assert let_in[HIGH] == min(window, came.count(HIGH))
        assert sum(let_in.values()) <= 2 * window
        assert sum(let_in.values()) - let_in[HIGH] <= window


@given(st.permutations([LOW] * 20 + [NORMAL] * 20 + [HIGH] * 5), st.integers(5, 60))
def test_once_it_is_known_what_comes_no_lower_one_takes_the_place_of_a_higher_one(came: list[int], window: int) -> None:
    quota = Quota()
    for _ in range(40):
        let_in = beat(quota, came, window)
    left = window
    for rank in (HIGH, NORMAL, LOW):
        expected = min(left, came.count(rank))
        assert abs(let_in[rank] - expected) <= 1
        left -= expected
