"""When the queue stands, how many may begin then, and that a turn of the loop stays as long as it is meant to be; in virtual time."""

from hypothesis import given
from hypothesis import strategies as st

from orchvynt.decisions.overload.queue import BEAT_NS, CALM_NS, CROWD, LATE_NS, SECOND, SELDOM_NS, STANDS_NS, TURN_NS, WINDOW_MIN, Queue

US = 1_000


class Loop:
    """An event loop in virtual time: `cost_us` for each that begins, `refusal_us` for each that is turned away."""

    def __init__(self, cost_us: int, refusal_us: int = 10) -> None:
        self.queue = Queue()
        self.now = 0
        self.cost = cost_us * US
        self.refusal = refusal_us * US
        self.begun = self.refused = 0
        self.turns: list[int] = []

    def turn(self, came: int) -> None:
        """One turn, in which so many have come."""
        queue = self.queue
        let_in = came if queue.since is None else min(came, queue.window)
        while let_in < came and queue.takes_crowd():
            let_in += 1
        busy = let_in * self.cost + (came - let_in) * self.refusal
        elapsed = max(queue.beat_ns, busy)
        self.now += elapsed
        self.turns.append(elapsed)
        self.begun += let_in
        self.refused += came - let_in
        self.queue.beat(self.now, elapsed, busy, let_in, let_in, came - let_in)

    def run(self, per_second: int, seconds: float) -> None:
        """As many come within a turn as the one before it lasted for, of an open loop of callers."""
        until = self.now + int(seconds * SECOND)
        while self.now < until:
            self.turn(per_second * (self.turns[-1] if self.turns else BEAT_NS) // SECOND)


def test_a_load_that_it_can_carry_never_stands() -> None:
    loop = Loop(cost_us=100)
    loop.run(per_second=9_000, seconds=30)
    assert loop.queue.since is None
    assert loop.refused == 0


def test_a_burst_goes_by() -> None:
    loop = Loop(cost_us=100)
    loop.run(per_second=1_000, seconds=3)
    loop.turn(8_000)
    loop.run(per_second=1_000, seconds=3)
    assert loop.refused == 0, "eight tenths of a second of work, and nobody was refused"


def test_overload_stands_after_a_second_and_most_of_it_is_refused() -> None:
    loop = Loop(cost_us=100)
    loop.run(per_second=50_000, seconds=20)
    assert loop.queue.since is not None
    begun, now = loop.begun, loop.now
    loop.run(per_second=50_000, seconds=10)
    done = (loop.begun - begun) * loop.cost
    # What is not spent on who begins is spent on refusals alone: it is never idle.
    assert done + (loop.refused * loop.refusal) > 0
    spent = loop.now - now
    assert done * 100 >= spent * 50, "refusing costs a tenth of an answer, and four of five are refused"
    assert max(loop.turns[-20:]) < 4 * TURN_NS


def test_where_refusals_cost_little_a_turn_is_as_long_as_it_should_be() -> None:
    loop = Loop(cost_us=100, refusal_us=0)
    loop.run(per_second=50_000, seconds=20)
    for turn in loop.turns[-20:]:
        assert TURN_NS * 9 // 10 <= turn <= TURN_NS * 11 // 10


def test_it_ends_when_for_a_while_nobody_had_to_be_refused() -> None:
    loop = Loop(cost_us=100)
    loop.run(per_second=50_000, seconds=10)
    assert loop.queue.since is not None
    loop.run(per_second=1_000, seconds=CALM_NS / SECOND - 0.5)
    assert loop.queue.since is not None
    loop.run(per_second=1_000, seconds=1)
    assert loop.queue.since is None


def test_one_very_late_beat_is_enough() -> None:
    queue = Queue()
    queue.beat(5 * SECOND, STANDS_NS + SELDOM_NS, STANDS_NS, 2_500, 2_500, 0)
    assert queue.since == 5 * SECOND


def test_a_thousand_are_let_in_beside_the_window_until_it_is_over() -> None:
    queue = Queue()
    assert sum(queue.takes_crowd() for _ in range(5 * CROWD)) == CROWD
    queue.beat(0, 2 * STANDS_NS, STANDS_NS, 50, 50, 0)
    assert queue.since is not None
    assert not queue.takes_crowd()
    queue.beat(3 * CALM_NS, BEAT_NS, 0, 0, 0, 0)
    assert queue.since is None
    assert queue.takes_crowd(), "the next crowd is another one"


def test_one_beat_in_time_ends_what_would_have_stood() -> None:
    queue = Queue()
    late = LATE_NS + BEAT_NS
    now = 0
    for _ in range(3):
        while now % STANDS_NS < STANDS_NS - 2 * late:
            now += late
            queue.beat(now, late, late, 500, 500, 0)
        now = (now // STANDS_NS + 1) * STANDS_NS
        queue.beat(now, BEAT_NS, 0, 1, 0, 0)
        assert queue.delay_ns == 0
    assert queue.since is None


def test_what_neighbours_take_of_the_time_makes_no_window_smaller() -> None:
    alone, beside = Loop(cost_us=100, refusal_us=0), Queue()
    alone.run(per_second=50_000, seconds=10)
    for number in range(1, 200):
        beside.beat(number * SECOND, 4 * TURN_NS, TURN_NS, 400, 400, 10)
    assert alone.queue.window == beside.window


def test_a_neighbour_that_holds_it_up_now_and_then_makes_no_overload_of_a_load_that_it_can_carry() -> None:
    loop = Loop(cost_us=100)
    loop.run(per_second=50_000, seconds=5)
    assert loop.queue.since is not None
    for _ in range(20):
        loop.run(per_second=5_000, seconds=0.5)
        loop.now += 3 * TURN_NS
        loop.turns.append(3 * TURN_NS)
    assert loop.queue.since is None


def test_there_is_room_only_after_a_while_with_time_left() -> None:
    queue = Queue()
    for _ in range(200):
        queue.beat(0, TURN_NS, TURN_NS, 400, 400, 0)
    assert queue.room == 0
    queue.beat(0, BEAT_NS, 0, 0, 0, 0)
    assert queue.room < queue.window // 50
    for _ in range(200):
        queue.beat(0, BEAT_NS, 0, 0, 0, 0)
    expected = queue.window * BEAT_NS // TURN_NS
    assert expected * 9 // 10 <= queue.room <= expected


@given(
    st.lists(
        st.tuples(st.integers(0, 5 * SECOND), st.integers(0, 5 * SECOND), *[st.integers(0, 50_000)] * 3),
        max_size=60,
    )
)
def test_whatever_happens_some_may_begin(beats: list[tuple[int, int, int, int, int]]) -> None:
    queue, now = Queue(), 0
    for elapsed, spent, taken, ended, refused in beats:
        now += elapsed
        queue.beat(now, elapsed, spent, taken, ended, refused)
        assert queue.window >= WINDOW_MIN
        assert queue.room >= 0
        assert queue.delay_ns >= 0


@given(st.integers(20, 5_000), st.integers(20, 5_000))
def test_the_window_follows_what_the_process_can_do(before_us: int, after_us: int) -> None:
    loop = Loop(cost_us=before_us, refusal_us=0)
    loop.run(per_second=10 * SECOND // (before_us * US), seconds=10)
    loop.cost = after_us * US
    loop.run(per_second=10 * SECOND // (after_us * US), seconds=60)
    assert TURN_NS * 4 // 5 <= loop.turns[-1] <= max(TURN_NS * 6 // 5, (WINDOW_MIN + 1) * loop.cost)
