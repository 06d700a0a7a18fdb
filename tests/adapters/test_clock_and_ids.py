"""Clocks tell the time; ids are unique, sorted and well-formed; their fakes keep the same promises."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clock import CountingIds, FakeClock

from orchvynt.adapters.clock import SystemClock
from orchvynt.adapters.ids import SystemIds
from orchvynt.ports.clock import Clock, Ids

SHAPE = re.compile(r"inv_[0-9A-HJKMNP-TV-Z]{26}")


@pytest.mark.parametrize("clock", [SystemClock(), FakeClock()])
def test_clocks_count_in_whole_nanoseconds_of_this_century(clock: Clock) -> None:
    assert isinstance(clock.now(), int)
    assert 1_600_000_000 < clock.now() // 1_000_000_000 < 4_000_000_000
    first = clock.monotonic()
    assert clock.monotonic() >= first


def test_the_fake_clock_moves_when_told() -> None:
    clock = FakeClock(now=100)
    clock.advance(5)
    clock.jump(-50)
    assert (clock.now(), clock.monotonic()) == (55, 5)
    with pytest.raises(ValueError, match="jump"):
        clock.advance(-1)


@pytest.mark.parametrize("ids", [SystemIds(SystemClock.now), CountingIds()])
def test_ids_are_unique_increasing_and_of_one_shape(ids: Ids) -> None:
    made = [ids.new("inv") for _ in range(5000)]
    assert made == sorted(set(made))
    assert all(SHAPE.fullmatch(each) for each in made)
    assert ids.new("att").startswith("att_")
    assert all(0 <= ids.chance() < 1 for _ in range(1000))


def test_processes_do_not_share_ids_even_in_the_same_instant() -> None:
    one, two = SystemIds(lambda: 5), SystemIds(lambda: 5)
    assert {one.new("x") for _ in range(100)}.isdisjoint(two.new("x") for _ in range(100))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, (1 << 48) - 1), min_size=2, max_size=30))
def test_ids_increase_whatever_the_clock_does(millis: list[int]) -> None:
    times = iter([milli * 1_000_000 for milli in millis])
    ids = SystemIds(lambda: next(times))
    made = [ids.new("x") for _ in millis]
    assert made == sorted(set(made))
    assert {len(each) for each in made} == {28}


def test_ids_sort_by_time_between_processes() -> None:
    earlier, later = SystemIds(lambda: 10**18), SystemIds(lambda: 10**18 + 1_000_000)
    assert earlier.new("x") < later.new("x")


def test_the_counter_carries_beyond_its_low_bits() -> None:
    ids = SystemIds(lambda: 7)
    made = [ids.new("x") for _ in range((1 << 20) + 3)]
    assert made[-6:] == sorted(set(made[-6:]))
    assert len(set(made)) == len(made)
