"""Sliding windows: never less than what is in the window, never more than a slot or a look beyond it, in bounded memory."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.snapshots import SECOND

from orchvynt.decisions.alerts.sliding import SLOTS, Figures, Sliding, Window
from orchvynt.decisions.alerts.tallies import Tally

looks = st.lists(
    st.tuples(st.integers(SECOND // 2, 20 * SECOND), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=150
)  # time until the look, calls and activations before it


@settings(max_examples=60, deadline=None)
@given(looks, st.sampled_from([1, 5, 60, 300]))
def test_a_window_holds_what_came_within_it(steps: list[tuple[int, int, int]], seconds: int) -> None:
    window_ns = seconds * SECOND
    tally = Tally("default", "openai")
    sliding = Sliding(window_ns, 0, 0, 0)
    mono, gaps, came = 0, 0, []
    for wait, calls, activations in steps:
        mono, gaps = mono + wait, max(gaps, wait)
        tally.calls += calls
        tally.activations += activations
        came.append((mono, calls, activations))
        figures = sliding.figures(tally, mono)
        within = [one for one in came if one[0] > mono - window_ns]
        around = [one for one in came if one[0] > mono - window_ns - window_ns // SLOTS - gaps]
        assert sum(one[1] for one in within) <= figures.calls <= sum(one[1] for one in around)
        assert sum(one[2] for one in within) <= figures.activations <= sum(one[2] for one in around)
        assert 0 <= figures.activation_rate <= 1
        assert len(sliding) <= SLOTS + 2


def test_a_rate_of_nothing_is_none_and_of_more_than_all_is_all() -> None:
    assert Figures(0, 0).activation_rate == 0
    assert Figures(4, 1).activation_rate == 0.25
    assert Figures(0, 3).activation_rate == 1


def test_a_window_begins_where_it_is_opened_and_a_new_tally_is_all_news() -> None:
    old, fresh = Tally("default", "old"), Tally("default", "fresh")
    old.calls, fresh.calls = 10_000, 3
    window = Window(60 * SECOND, [old], SECOND)
    assert window.figures(old, SECOND).calls == 0
    assert window.figures(fresh, SECOND).calls == 3
    assert window.figures(fresh, 60 * SECOND).calls == 3
    window.figures(fresh, 61 * SECOND)
    assert window.figures(fresh, 125 * SECOND).calls == 0
    window.keep({fresh})
    assert len(window) == 1
