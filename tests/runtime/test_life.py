"""A life's timers: the earliest decides, and each is taken once."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.snapshots import invocation, snapshot

from orchvynt.lifecycle.state import State
from orchvynt.runtime.life import NEVER, Life

NAMES = ("deadline", "answer", "stall", "caller_wait")


def life() -> Life:
    return Life(snapshot(), State(invocation()), 5)


def test_timers_that_are_due_come_once_and_earliest_first() -> None:
    one = life()
    one.set_timer("stall", 30)
    one.set_timer("answer", 20)
    one.set_timer("deadline", 90)
    assert one.due == 20
    assert one.take_due(19) == []
    assert one.take_due(30) == ["answer", "stall"]
    assert one.due == 90
    assert one.take_due(30) == []


def test_a_stopped_timer_never_comes_and_one_that_is_set_again_moves() -> None:
    one = life()
    one.set_timer("answer", 20)
    one.stop_timer("answer")
    one.stop_timer("never set")
    one.set_timer("stall", 30)
    one.set_timer("stall", 60)
    assert one.take_due(59) == []
    assert one.take_due(60) == ["stall"]
    assert one.due == NEVER


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.sampled_from(NAMES), st.integers(0, 50)),
            st.tuples(st.just("stop"), st.sampled_from(NAMES), st.just(0)),
            st.tuples(st.just("take"), st.just(""), st.integers(0, 50)),
        ),
        max_size=40,
    )
)
def test_due_is_never_later_than_the_earliest_timer(moves: list[tuple[str, str, int]]) -> None:
    one = life()
    for move, name, instant in moves:
        if move == "set":
            one.set_timer(name, instant)
        elif move == "stop":
            one.stop_timer(name)
        else:
            expected = {name for name, due in one.timers.items() if due <= instant}
            assert set(one.take_due(instant)) == expected
            assert one.due == min(one.timers.values(), default=NEVER)
        assert one.due <= min(one.timers.values(), default=NEVER)
